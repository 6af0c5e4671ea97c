// From a time step as the caller has it to what the GRU reads: the one place that knows, for training,
// prediction and streams.
//
// - numbers: (value - mean) / scale, in double, so that an offset far larger than the signal costs nothing
// - mask: the same where a value is there, 0 where it is NaN; then, for each feature, 1 or 0: was it there
// - tokens: a row of the embedding. kUnknownToken stands for whatever is no id of the vocabulary, NaN
//   included; id 0 is padding, which callers leave out: where it is stepped all the same, it is unknown
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/layout.h"
#include "nn/data/samples.h"

namespace fastgru {

constexpr std::int64_t kUnknownToken = 1;

template <class S>
struct InputEncoder {
  const NetworkConfig& config;
  const Scaling& scaling;
  const S* embedding;  // (vocabulary_size, input_size); null without tokens

  template <class X>
  std::int64_t token(X id) const {
    const bool known = id >= X(1) && id < static_cast<X>(config.vocabulary_size);
    return known ? static_cast<std::int64_t>(id) : kUnknownToken;
  }

  // One step: from config.features() values to config.gru.input_size.
  template <class X>
  void operator()(const X* from, S* to) const {
    const std::int64_t features = config.features();
    const double* mean = scaling.x_mean.data();
    const double* scale = scaling.x_scale.data();
    if (config.vocabulary_size > 0) {
      const std::int64_t size = config.gru.input_size;
      std::copy_n(embedding + token(from[0]) * size, size, to);
    } else if (config.missing_mask) {
      for (std::int64_t f = 0; f < features; ++f) {
        const bool there = from[f] == from[f];
        to[f] = there ? static_cast<S>((static_cast<double>(from[f]) - mean[f]) / scale[f]) : S(0);
        to[features + f] = there ? S(1) : S(0);
      }
    } else {
      scale_rows(from, 1, features, mean, scale, to);
    }
  }
};

// out (block.steps, block.rows, input_size), dense: the encoded steps, zeros beyond a row's length.
template <class S>
void gather_inputs(const SampleArray& source, const BlockRows& block, const InputEncoder<S>& encoder, S* out,
                   int threads);

extern template void gather_inputs(const SampleArray&, const BlockRows&, const InputEncoder<float>&, float*,
                                   int);
extern template void gather_inputs(const SampleArray&, const BlockRows&, const InputEncoder<double>&, double*,
                                   int);

}  // namespace fastgru
