// One version of a network's parameters and one of its scaling: immutable, shared by every call that runs on
// them.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "nn/head.h"
#include "nn/inputs.h"
#include "nn/layout.h"
#include "nn/data/samples.h"
#include "runtime/aligned.h"

namespace fastgru {

template <class S>
class NetworkParams {
 public:
  // Copies layout->total() values and packs them.
  static Status make(std::shared_ptr<const NetworkLayout> layout, const S* flat,
                     std::shared_ptr<const NetworkParams>& result);

  const NetworkLayout& layout() const { return *layout_; }
  const S* flat() const { return flat_.data(); }
  const Weights<S>& gru() const { return gru_; }
  HeadView<S> head() const { return head_view(*layout_, flat()); }
  const S* embedding() const {
    return layout_->config().vocabulary_size == 0 ? nullptr : flat() + layout_->embedding();
  }

  explicit NetworkParams(std::shared_ptr<const NetworkLayout> layout)
      : layout_(std::move(layout)), gru_(layout_->config().gru) {}

 private:
  std::shared_ptr<const NetworkLayout> layout_;
  Weights<S> gru_;
  AlignedBuffer<S> flat_;
};

template <class S>
struct NetworkVersion {
  std::shared_ptr<const NetworkParams<S>> params;
  std::shared_ptr<const Scaling> scaling;

  InputEncoder<S> encoder() const { return {params->layout().config(), *scaling, params->embedding()}; }
};

extern template class NetworkParams<float>;
extern template class NetworkParams<double>;

}  // namespace fastgru
