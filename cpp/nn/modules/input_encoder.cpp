// The input encoder: encodes blocks of the caller's samples, and single steps of a stream.
#include "nn/modules/input_encoder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "engine/checks.h"
#include "nn/data/gather.h"
#include "nn/network_config.h"

namespace fastgru {

std::int64_t InputOptions::raw_features(std::int64_t input_size, std::int64_t vocabulary_size) const {
  if (vocabulary_size > 0) return 1;
  return input_size / frame_length / (missing_mask ? 2 : 1);
}

Status InputOptions::check_inputs(std::int64_t input_size, std::int64_t vocabulary_size) const {
  FASTGRU_RETURN_IF_ERROR(check_frames(input_size, vocabulary_size));
  if (!missing_mask || (vocabulary_size == 0 && input_size / frame_length % 2 == 0)) return {};
  return Status::invalid("missing_mask wants an even input_size, half of it masks, and no tokens; got " +
                         std::to_string(input_size / frame_length) + " and vocabulary_size " +
                         std::to_string(vocabulary_size));
}

StepEncoder::StepEncoder(const NetworkConfig& config, const Scaling& scaling)
    : features(config.features()),
      vocabulary_size(config.vocabulary_size),
      missing_mask(config.missing_mask),
      mean(scaling.x_mean.data()),
      scale(scaling.x_scale.data()) {}

template <class S>
InputEncoder<S>::InputEncoder(const NetworkConfig& config)
    : config_(config),
      width_(config.vocabulary_size > 0 ? 0 : config.gru.input_size),
      each_(width_ / config.frame_length),
      until_(config.frame_length) {}

template <class S>
void InputEncoder<S>::describe(bool standardized, std::vector<SummaryLine>& lines) const {
  if (width_ == 0) {
    lines.push_back({"tokens", {"N", "T"}, 0});
    return;
  }
  const std::vector<std::string> given = summary_shape(true, config_.features());
  lines.push_back({"input", given, 0});
  if (standardized) lines.push_back({"standardization", given, 0});
  if (config_.missing_mask) lines.push_back({"values and mask", summary_shape(true, each_), 0});
  if (config_.framed()) lines.push_back({"frames of time steps", summary_shape(true, width_), 0});
}

template <class S>
Status InputEncoder<S>::reserve(std::int64_t steps, std::int64_t rows, bool /*training*/) {
  const bool fits = width_ > 0 ? x_.reserve(steps * rows * width_) : tokens_.reserve(steps * rows);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status InputEncoder<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  const StepEncoder encode(config_, *call.scaling);
  out.steps = call.steps;
  out.rows = call.rows;
  out.width = width_;
  if (width_ > 0) {
    gather_steps(*in.samples, *in.block, width_, encode, x_.data(), call.options.num_threads);
    out.values = x_.data();
    return {};
  }
  const auto known = [&encode](const auto* from, std::int64_t* to) { *to = encode.token(*from); };
  gather_steps(*in.samples, *in.block, 1, known, tokens_.data(), 1);
  out.tokens = tokens_.data();
  return {};
}

template <class S>
Status InputEncoder<S>::reserve_stream(const Parameters<S>& /*params*/,
                                       const std::shared_ptr<const void>& /*owner*/, std::int64_t rows) {
  stream_rows_ = rows;
  FASTGRU_RETURN_IF_ERROR(reserve(1, rows, false));
  std::fill_n(x_.data(), rows * width_, S(0));
  return {};
}

template <class S>
void InputEncoder<S>::reset() noexcept {
  until_ = config_.frame_length;
}

template <class S>
std::size_t InputEncoder<S>::state_bytes_of(std::int64_t rows) const noexcept {
  if (!config_.framed()) return 0;
  return sizeof(until_) + static_cast<std::size_t>(rows * width_) * sizeof(S);
}

template <class S>
std::size_t InputEncoder<S>::state_bytes() const noexcept {
  return state_bytes_of(stream_rows_);
}

template <class S>
void InputEncoder<S>::save_row(std::int64_t row, char* to) const noexcept {
  if (!config_.framed()) return;
  std::memcpy(to, &until_, sizeof(until_));
  std::memcpy(to + sizeof(until_), x_.data() + row * width_, row_bytes() - sizeof(until_));
}

template <class S>
void InputEncoder<S>::restore_row(std::int64_t row, const char* from) noexcept {
  if (!config_.framed()) return;
  std::memcpy(&until_, from, sizeof(until_));
  std::memcpy(x_.data() + row * width_, from + sizeof(until_), row_bytes() - sizeof(until_));
}

template <class S>
void InputEncoder<S>::save(char* to) const noexcept {
  if (!config_.framed()) return;
  std::memcpy(to, &until_, sizeof(until_));
  std::memcpy(to + sizeof(until_), x_.data(), state_bytes() - sizeof(until_));
}

template <class S>
void InputEncoder<S>::restore(const char* from) noexcept {
  if (!config_.framed()) return;
  std::memcpy(&until_, from, sizeof(until_));
  std::memcpy(x_.data(), from + sizeof(until_), state_bytes() - sizeof(until_));
}

// The last time steps of a row lie one after the other: each step moves them to the front by one.
template <class S>
template <class X>
void InputEncoder<S>::encode_rows(const StepEncoder& encode, const X* x, std::int64_t rows) noexcept {
  for (std::int64_t b = 0; b < rows; ++b) {
    if (width_ > 0) {
      S* const frame = x_.data() + b * width_;
      std::memmove(frame, frame + each_, static_cast<std::size_t>(width_ - each_) * sizeof(S));
      encode(x + b * encode.features, frame + width_ - each_);
    } else {
      tokens_.data()[b] = encode.token(x[b]);
    }
  }
}

template <class S>
void InputEncoder<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  const StepEncoder encode(config_, *call.scaling);
  if (signal.type == SampleType::float32) {
    encode_rows(encode, static_cast<const float*>(signal.raw), call.rows);
  } else if (signal.type == SampleType::float64) {
    encode_rows(encode, static_cast<const double*>(signal.raw), call.rows);
  } else {
    encode_rows(encode, static_cast<const std::int64_t*>(signal.raw), call.rows);
  }
  signal.pending = --until_ > 0;
  if (!signal.pending) until_ = config_.frame_step;
  signal.values = x_.data();
  signal.tokens = tokens_.data();
}

template class InputEncoder<float>;
template class InputEncoder<double>;

}  // namespace fastgru
