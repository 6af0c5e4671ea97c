// Pooling over time (last, mean, max), for blocks and step by step.
#include "nn/modules/pooling.h"

#include <algorithm>
#include <array>

#include "engine/checks.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

constexpr std::int64_t kUnitsAtOnce = 64;

// Adds one step to a running sum or maximum of `count` units; `first`: it is the first step.
template <class S>
void add_step(Pooling pooling, const S* h, std::int64_t count, bool first, S* running) {
  if (first) {
    std::copy_n(h, count, running);
  } else if (pooling == Pooling::mean) {
    for (std::int64_t k = 0; k < count; ++k) running[k] += h[k];
  } else {
    for (std::int64_t k = 0; k < count; ++k) running[k] = std::max(running[k], h[k]);
  }
}

template <class S>
S divisor(std::int64_t length) {
  return static_cast<S>(std::max<std::int64_t>(1, length));
}

}  // namespace

Status PoolingOptions::check_steps() const {
  if (!sequence || pooling == Pooling::last) return {};
  return Status::invalid("pooling must be 'last' when the network answers every step");
}

template <class S>
PoolingModule<S>::PoolingModule(const NetworkConfig& config)
    : options_(config),
      layers_(config.gru.num_layers),
      directions_(config.gru.directions()),
      hidden_(config.gru.hidden_size),
      width_(config.head_inputs()) {}

template <class S>
std::int64_t PoolingModule<S>::gradient_steps(std::int64_t steps) const {
  if (options_.sequence || options_.pooling == Pooling::last) return 0;
  return options_.pooling == Pooling::mean ? 1 : steps;
}

template <class S>
void PoolingModule<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  constexpr const char* kNames[] = {"last state", "mean over time", "largest over time"};
  if (options_.sequence) return;
  lines.push_back({kNames[static_cast<std::size_t>(options_.pooling)], summary_shape(false, width_), 0});
}

template <class S>
Status PoolingModule<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  const bool last = !options_.reads_all_steps();
  const bool fits = pooled_.reserve(options_.sequence ? 0 : rows * width_) &&
                    d_y_.reserve(training ? gradient_steps(steps) * rows * width_ : 0) &&
                    d_last_.reserve(training && last ? layers_ * rows * width_ : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
void PoolingModule<S>::pool(const ModuleCall<S>& call, const S* y) {
  S* const pooled = pooled_.data();
  std::fill_n(pooled, call.rows * width_, S(0));
  for (std::int64_t t = 0; t < call.steps; ++t) {
    for (std::int64_t b = 0; b < call.rows; ++b) {
      if (t >= call.length(b)) continue;
      add_step(options_.pooling, y + (t * call.rows + b) * width_, width_, t == 0, pooled + b * width_);
    }
  }
  if (options_.pooling == Pooling::max) return;
  for (std::int64_t b = 0; b < call.rows; ++b) {
    const S count = divisor<S>(call.length(b));
    for (std::int64_t k = 0; k < width_; ++k) pooled[b * width_ + k] /= count;
  }
}

template <class S>
Status PoolingModule<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  out = in;
  y_ = in.values;
  if (options_.sequence) return {};
  out.steps = 1;
  out.values = pooled_.data();
  if (options_.reads_all_steps()) {
    pool(call, in.values);
    return {};
  }
  // The engine stores last states as (layer, direction, row); the head reads the top one as (row, direction).
  const S* top = in.last + (layers_ - 1) * call.rows * width_;
  for (std::int64_t d = 0; d < directions_; ++d) {
    for (std::int64_t b = 0; b < call.rows; ++b) {
      std::copy_n(top + (d * call.rows + b) * hidden_, hidden_,
                  pooled_.data() + (b * directions_ + d) * hidden_);
    }
  }
  return {};
}

// The gradient of a mean is the same at every step, so it is materialised for one step. Written for every
// step, it took 8 % of an epoch of 150 steps.
template <class S>
void PoolingModule<S>::mean_gradient(const ModuleCall<S>& call, const S* d_pooled, SequenceView<S>& dy) {
  for (std::int64_t b = 0; b < call.rows; ++b) {
    const S count = divisor<S>(call.length(b));
    for (std::int64_t k = b * width_; k < (b + 1) * width_; ++k) d_y_.data()[k] = d_pooled[k] / count;
  }
  dy = {d_y_.data(), call.steps, call.rows, width_, 0, width_};
}

template <class S>
void PoolingModule<S>::max_gradient_row(const ModuleCall<S>& call, std::int64_t b, std::int64_t first,
                                        const S* d_pooled) {
  const std::int64_t length = call.length(b), count = std::min(kUnitsAtOnce, width_ - first);
  if (length == 0) return;
  std::array<S, kUnitsAtOnce> value;
  std::array<std::int64_t, kUnitsAtOnce> step{};
  const auto at = [&](std::int64_t t) { return (t * call.rows + b) * width_ + first; };
  std::copy_n(y_ + at(0), count, value.data());
  for (std::int64_t t = 1; t < length; ++t) {
    const S* y = y_ + at(t);
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
      if (!(y[k] > value[k])) continue;
      value[k] = y[k];
      step[k] = t;
    }
  }
  for (std::int64_t k = 0; k < count; ++k) {
    d_y_.data()[at(step[static_cast<std::size_t>(k)]) + k] = d_pooled[first + k];
  }
}

template <class S>
void PoolingModule<S>::max_gradient(const ModuleCall<S>& call, const S* d_pooled, SequenceView<S>& dy) {
  std::fill_n(d_y_.data(), call.steps * call.rows * width_, S(0));
  for (std::int64_t b = 0; b < call.rows; ++b) {
    for (std::int64_t first = 0; first < width_; first += kUnitsAtOnce) {
      max_gradient_row(call, b, first, d_pooled + b * width_);
    }
  }
  dy = dense_view(d_y_.data(), call.steps, call.rows, width_);
}

template <class S>
Status PoolingModule<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out,
                                  SignalGradient<S>* in, S* /*gradient*/) {
  if (in == nullptr) return {};
  const S* d_pooled = out.values.data;
  if (options_.sequence) {
    *in = out;
  } else if (options_.pooling == Pooling::mean) {
    mean_gradient(call, d_pooled, in->values);
  } else if (options_.pooling == Pooling::max) {
    max_gradient(call, d_pooled, in->values);
  } else {
    const std::int64_t below = (layers_ - 1) * call.rows * width_;
    std::fill_n(d_last_.data(), below, S(0));
    S* top = d_last_.data() + below;
    for (std::int64_t d = 0; d < directions_; ++d) {
      for (std::int64_t b = 0; b < call.rows; ++b) {
        std::copy_n(d_pooled + (b * directions_ + d) * hidden_, hidden_, top + (d * call.rows + b) * hidden_);
      }
    }
    in->last = d_last_.data();
  }
  return {};
}

// The state of a stream is the running sum or maximum.
template <class S>
Status PoolingModule<S>::reserve_stream(const Parameters<S>& /*params*/,
                                        const std::shared_ptr<const void>& /*owner*/, std::int64_t rows) {
  if (step_is_identity()) return {};
  if (!pooled_.reserve(rows * width_)) return out_of_memory();
  stream_rows_ = rows;
  reset();
  return {};
}

template <class S>
void PoolingModule<S>::reset() noexcept {
  std::fill_n(pooled_.data(), pooled_size(), S(0));
}

template <class S>
void PoolingModule<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  for (std::int64_t b = 0; b < call.rows; ++b) {
    const std::int64_t steps = call.step_of(b);
    S *const pooled = pooled_.data() + b * width_, *const values = signal.values + b * width_;
    add_step(options_.pooling, values, width_, steps == 1, pooled);
    const S divisor = options_.pooling == Pooling::mean ? static_cast<S>(steps) : S(1);
    for (std::int64_t k = 0; k < width_; ++k) values[k] = pooled[k] / divisor;
  }
}

template class PoolingModule<float>;
template class PoolingModule<double>;

}  // namespace fastgru
