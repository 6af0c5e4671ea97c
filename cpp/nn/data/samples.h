// The caller's samples, in raw units, of any float type and at any strides; gathering them into mini-batches.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "nn/data/frames.h"
#include "runtime/status.h"

namespace fastgru {

struct NetworkConfig;

enum class SampleType { float32, float64, int64 };  // int64: tokens

template <class X>
constexpr SampleType sample_type() {
  if (std::is_same_v<X, std::int64_t>) return SampleType::int64;
  return std::is_same_v<X, double> ? SampleType::float64 : SampleType::float32;
}

// Samples (samples, steps, features). Features are contiguous; the other strides are free (in elements).
// Targets have one step, or as many as their x if the network predicts every step. A float64 array may feed a
// float32 network: it is standardised before it is rounded. The samples are one array, or, with `starts`, lie
// at separate addresses: a list of sequences, or some samples of an array. Nothing is read beyond the length
// of a sequence.
struct SampleArray {
  const void* data = nullptr;
  SampleType type = SampleType::float32;
  std::int64_t samples = 0, steps = 0, features = 0;
  std::int64_t sample_stride = 0, step_stride = 0;
  const void* const* starts = nullptr;         // (samples): used instead of data and sample_stride
  const std::int64_t* step_strides = nullptr;  // (samples): instead of step_stride, if not null

  bool has_data() const { return data != nullptr || starts != nullptr; }
  template <class T>
  const T* start(std::int64_t sample) const {
    if (starts != nullptr) return static_cast<const T*>(starts[sample]);
    return static_cast<const T*>(data) + sample * sample_stride;
  }
  std::int64_t stride(std::int64_t sample) const {
    return step_strides == nullptr ? step_stride : step_strides[sample];
  }
};

// The samples of a block. Row b holds sample order[first + b] (first + b if `order` is null): lengths[b]
// steps (all if null) beginning at step skip[b] (0 if null), then zeros. With `framing`, the steps of the
// block are frames.
struct BlockRows {
  const std::int64_t* order = nullptr;
  std::int64_t first = 0, rows = 0, steps = 0;
  const std::int64_t* lengths = nullptr;
  const std::int64_t* skip = nullptr;
  const Framing* framing = nullptr;

  std::int64_t sample(std::int64_t b) const { return order == nullptr ? first + b : order[first + b]; }
  std::int64_t length(std::int64_t b) const { return lengths == nullptr ? steps : lengths[b]; }
};

struct TrainingData {
  SampleArray x;                          // (N, T, I)
  SampleArray y;                          // (N, 1 or T, targets). NaN: there is no target
  const double* sample_weight = nullptr;  // (N), null: ones
  const std::int64_t* lengths = nullptr;  // (N), null: all T
  const double* class_weight = nullptr;   // (classes), of a loss over classes; null: ones
  SampleArray step_weight = {};           // (N, T, 1), float64, instead of sample_weight if it has data
  // Of a loss that aligns labels (nn/data/labels.h): y is (N, any number, 1), of which sample i has so many.
  const std::int64_t* label_counts = nullptr;  // (N), null: all of them

  bool weighted() const { return sample_weight != nullptr || step_weight.has_data(); }
  // The weight of the prediction at step t of a sample, without that of its class.
  double weight(std::int64_t sample, std::int64_t t) const {
    if (step_weight.has_data()) return step_weight.start<double>(sample)[t * step_weight.stride(sample)];
    return sample_weight == nullptr ? 1.0 : sample_weight[sample];
  }
};

// Standardisation: (value - mean) / scale for each feature and each output.
struct Scaling {
  std::vector<double> x_mean, x_scale, y_mean, y_scale;

  static Scaling identity(const NetworkConfig& config);
};

// Checks that sizes fit the network, all values are finite and every scale is above 0.
Status validate(const Scaling& scaling, const NetworkConfig& config);

// N may be 0 here.
Status validate_inputs(const SampleArray& x, const std::int64_t* lengths, const NetworkConfig& config);

// Checks the sizes, for at least one sample, and the targets (see nn/data/targets.h).
Status validate(const TrainingData& data, const NetworkConfig& config);

// to = (from - mean) / scale for `rows` dense rows, computed in double.
template <class X, class S>
void scale_rows(const X* from, std::int64_t rows, std::int64_t features, const double* mean,
                const double* scale, S* to) {
  for (std::int64_t b = 0; b < rows; ++b, from += features, to += features) {
    for (std::int64_t f = 0; f < features; ++f) {
      to[f] = static_cast<S>((static_cast<double>(from[f]) - mean[f]) / scale[f]);
    }
  }
}

// out (block.steps, block.rows, features), dense: (value - mean) / scale.
template <class S>
void gather_scaled(const SampleArray& source, const BlockRows& block, const std::vector<double>& mean,
                   const std::vector<double>& scale, S* out, int threads);

extern template void gather_scaled(const SampleArray&, const BlockRows&, const std::vector<double>&,
                                   const std::vector<double>&, float*, int);
extern template void gather_scaled(const SampleArray&, const BlockRows&, const std::vector<double>&,
                                   const std::vector<double>&, double*, int);

}  // namespace fastgru
