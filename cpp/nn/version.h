// One version of a network's parameters and of its scaling: immutable, shared by all calls that use it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/data/samples.h"
#include "nn/modules/chain.h"
#include "nn/network_config.h"
#include "runtime/aligned.h"

namespace fastgru {

template <class S>
class NetworkParams {
 public:
  // Copies and packs layout->total() values.
  static Status make(std::shared_ptr<const NetworkLayout> layout, const S* flat,
                     std::shared_ptr<const NetworkParams>& result);

  const NetworkLayout& layout() const { return *layout_; }
  const S* flat() const { return flat_.data(); }
  Parameters<S> view() const { return {flat_.data(), &packed_}; }

  explicit NetworkParams(std::shared_ptr<const NetworkLayout> layout);

 private:
  std::shared_ptr<const NetworkLayout> layout_;
  AlignedBuffer<S> flat_;
  std::vector<std::unique_ptr<PackedParameters<S>>> packed_;
};

template <class S>
struct NetworkVersion {
  std::shared_ptr<const NetworkParams<S>> params;
  std::shared_ptr<const Scaling> scaling;

  const NetworkConfig& config() const { return params->layout().config(); }
};

// Packs the parameters of the modules that need it.
template <class S>
Status assign_packed(const std::vector<std::unique_ptr<PackedParameters<S>>>& packed, const S* flat) {
  for (const auto& each : packed) {
    if (each != nullptr) FASTGRU_RETURN_IF_ERROR(each->assign(flat));
  }
  return {};
}

extern template class NetworkParams<float>;
extern template class NetworkParams<double>;

}  // namespace fastgru
