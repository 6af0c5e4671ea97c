// Encodes raw time steps for the network: standardisation, missing-value mask, token ids.
//
// - numbers: (value - mean) / scale, in double, so that a large offset costs no accuracy
// - missing_mask: the same where a value is present, 0 where it is NaN; then, for each feature, 1 if its
//   value was present, else 0
// - tokens: ids of the vocabulary. Any value that is not an id, NaN included, becomes kUnknownToken. Id 0 is
//   padding, which callers leave out; a padding token in a step counts as unknown
//
// Encoded steps are then stacked into frames (nn/data/frames.h), one after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

constexpr std::int64_t kUnknownToken = 1;

// gru.input_size is the features, times two with a mask, times frame_length.
struct InputOptions : FrameOptions {
  bool missing_mask = false;  // NaN means missing

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("missing_mask", self.missing_mask, field::Flag{}, field::kLater);
    FrameOptions::visit(self, visit);
  }

  std::int64_t raw_features(std::int64_t input_size, std::int64_t vocabulary_size) const;
  Status check_inputs(std::int64_t input_size, std::int64_t vocabulary_size) const;
};

// Encodes one time step.
struct StepEncoder {
  std::int64_t features = 0;         // raw values of a step
  std::int64_t vocabulary_size = 0;  // above 0: tokens
  bool missing_mask = false;
  const double* mean = nullptr;  // (features)
  const double* scale = nullptr;

  StepEncoder(const NetworkConfig& config, const Scaling& scaling);

  template <class X>
  std::int64_t token(X id) const {
    const bool known = id >= X(1) && id < static_cast<X>(vocabulary_size);
    return known ? static_cast<std::int64_t>(id) : kUnknownToken;
  }

  // Maps `features` values to `features` values, or to twice as many with a mask.
  template <class X, class S>
  void operator()(const X* from, S* to) const {
    if (!missing_mask) {
      scale_rows(from, 1, features, mean, scale, to);
      return;
    }
    for (std::int64_t f = 0; f < features; ++f) {
      const bool there = from[f] == from[f];
      to[f] = there ? static_cast<S>((static_cast<double>(from[f]) - mean[f]) / scale[f]) : S(0);
      to[features + f] = there ? S(1) : S(0);
    }
  }
};

template <class S>
class InputEncoder final : public Module<S> {
 public:
  explicit InputEncoder(const NetworkConfig& config);

  void describe(bool standardized, std::vector<SummaryLine>& lines) const override;
  Status reserve(std::int64_t steps, std::int64_t rows, bool training) override;
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override;
  Status backward(const ModuleCall<S>&, const SignalGradient<S>&, SignalGradient<S>*, S*) override {
    return {};
  }
  Status reserve_stream(const Parameters<S>&, const std::shared_ptr<const void>&, std::int64_t rows) override;
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept override;
  void reset() noexcept override;
  // With frames: the time steps until the next one ends, and the last frame_length time steps.
  std::size_t state_bytes() const noexcept override;
  void save(char* to) const noexcept override;
  void restore(const char* from) noexcept override;
  // Rows that are stepped together end their frames together.
  std::size_t row_bytes() const noexcept override { return state_bytes_of(1); }
  void save_row(std::int64_t row, char* to) const noexcept override;
  void restore_row(std::int64_t row, const char* from) noexcept override;

 private:
  std::size_t state_bytes_of(std::int64_t rows) const noexcept;
  template <class X>
  void encode_rows(const StepEncoder& encode, const X* x, std::int64_t rows) noexcept;

  const NetworkConfig& config_;
  std::int64_t width_;  // values of an encoded frame; 0: tokens
  std::int64_t each_;   // of them, those of one time step
  std::int64_t stream_rows_ = 0, until_;
  AlignedBuffer<S> x_;
  AlignedBuffer<std::int64_t> tokens_;
};

extern template class InputEncoder<float>;
extern template class InputEncoder<double>;

}  // namespace fastgru
