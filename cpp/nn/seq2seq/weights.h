// The parameters of an encoder-decoder network, packed for the kernels, and one version of them that is
// shared.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "nn/modules/dense_layer.h"
#include "nn/seq2seq/config.h"
#include "nn/seq2seq/products.h"
#include "runtime/aligned.h"
#include "runtime/status.h"

namespace fastgru {

template <class S>
class Seq2SeqWeights {
 public:
  explicit Seq2SeqWeights(const Seq2SeqLayout& layout);

  // Packs from the flat vector, which must stay in place; allocates on the first call only.
  Status assign(const S* flat);

  const S* flat() const { return flat_; }
  const Weights<S>& encoder() const { return encoder_; }
  const Weights<S>& decoder() const { return decoder_; }
  const DenseLayer<S>& head() const { return head_; }
  const Products<S>& products() const { return products_; }
  const S* combine() const { return combine_.data(); }  // packed

 private:
  std::int64_t hidden_, encoder_at_, decoder_at_, combine_at_;
  const S* flat_ = nullptr;
  Weights<S> encoder_, decoder_;
  DenseLayer<S> head_;
  Products<S> products_;
  AlignedBuffer<S> combine_;
};

// Immutable; shared by all calls that use it.
template <class S>
class Seq2SeqParams {
 public:
  // Copies and packs layout->total() values.
  static Status make(std::shared_ptr<const Seq2SeqLayout> layout, const S* flat,
                     std::shared_ptr<const Seq2SeqParams>& result);

  const Seq2SeqLayout& layout() const { return *layout_; }
  const Seq2SeqWeights<S>& weights() const { return weights_; }
  const S* flat() const { return flat_.data(); }

 private:
  explicit Seq2SeqParams(std::shared_ptr<const Seq2SeqLayout> layout)
      : layout_(std::move(layout)), weights_(*layout_) {}

  std::shared_ptr<const Seq2SeqLayout> layout_;
  AlignedBuffer<S> flat_;
  Seq2SeqWeights<S> weights_;
};

extern template class Seq2SeqWeights<float>;
extern template class Seq2SeqWeights<double>;
extern template class Seq2SeqParams<float>;
extern template class Seq2SeqParams<double>;

}  // namespace fastgru
