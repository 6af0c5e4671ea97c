// The dense head's products.
#include "nn/modules/dense.h"

#include <algorithm>
#include <string>

#include "engine/checks.h"
#include "nn/network_config.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

template <class S>
struct View {
  const S* weight = nullptr;  // (outputs, inputs)
  const S* bias = nullptr;    // (outputs)
  std::int64_t inputs = 0, outputs = 0;
};

// R rows by C outputs: their chains are independent, so that one does not wait for the other.
template <int R, int C, class S>
void tile(const S* x, const S* weight, const S* bias, std::int64_t inputs, std::int64_t outputs, S* y) {
  S sum[R][C];
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) sum[r][c] = bias[c];
  }
  for (std::int64_t k = 0; k < inputs; ++k) {
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) sum[r][c] += x[r * inputs + k] * weight[c * inputs + k];
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) y[r * outputs + c] = sum[r][c];
  }
}

template <int R, class S>
void row_block(const View<S>& head, const S* x, std::int64_t width, S* y) {
  std::int64_t o = 0;
  for (; o + 4 <= head.outputs; o += 4) {
    tile<R, 4>(x, head.weight + o * head.inputs, head.bias + o, head.inputs, width, y + o);
  }
  for (; o < head.outputs; ++o) {
    tile<R, 1>(x, head.weight + o * head.inputs, head.bias + o, head.inputs, width, y + o);
  }
}

constexpr std::int64_t kWide = 8;              // outputs that are computed side by side, in vectors
constexpr std::int64_t kMostInputs = 1 << 10;  // their weights lie on the stack

// Four rows by kWide outputs: the same chains as tile(), and so the same bits. `weight` (inputs, kWide).
template <class S>
void wide_tile(const S* x, const S* weight, const S* bias, std::int64_t inputs, std::int64_t outputs, S* y) {
  S sum[4][kWide];
  for (int r = 0; r < 4; ++r) std::copy_n(bias, kWide, sum[r]);
  for (std::int64_t k = 0; k < inputs; ++k) {
    for (int r = 0; r < 4; ++r) {
      const S value = x[r * inputs + k];
      for (int c = 0; c < kWide; ++c) sum[r][c] += value * weight[k * kWide + c];
    }
  }
  for (int r = 0; r < 4; ++r) std::copy_n(sum[r], kWide, y + r * outputs);
}

// The first outputs, as many as come in eights, of rows that come in fours.
template <class S>
void wide_block(const View<S>& head, const S* x, std::int64_t rows, std::int64_t outputs, S* y) {
  S turned[kWide * kMostInputs];
  for (std::int64_t o = 0; o < outputs; o += kWide) {
    for (std::int64_t k = 0; k < head.inputs; ++k) {
      for (std::int64_t c = 0; c < kWide; ++c) {
        turned[k * kWide + c] = head.weight[(o + c) * head.inputs + k];
      }
    }
    for (std::int64_t b = 0; b < rows; b += 4) {
      wide_tile(x + b * head.inputs, turned, head.bias + o, head.inputs, head.outputs,
                y + b * head.outputs + o);
    }
  }
}

// to += factor[0] * from + factor[step] * (from + stride) + ..., N terms, one after the other.
template <int N, class S>
void add_scaled(const S* from, std::int64_t stride, const S* factor, std::int64_t step, std::int64_t count,
                S* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    S sum = to[i];
    for (int n = 0; n < N; ++n) sum += factor[n * step] * from[n * stride + i];
    to[i] = sum;
  }
}

template <class S>
void add_all_scaled(const S* from, std::int64_t terms, const S* factor, std::int64_t step, std::int64_t count,
                    S* to) {
  std::int64_t n = 0;
  for (; n + 4 <= terms; n += 4) add_scaled<4>(from + n * count, count, factor + n * step, step, count, to);
  for (; n < terms; ++n) add_scaled<1>(from + n * count, count, factor + n * step, step, count, to);
}

template <class S>
void dense_forward(const View<S>& head, const S* x, std::int64_t rows, S* y) {
  // Turning the weights must pay.
  const bool wide = rows >= 64 && head.outputs >= kWide && head.inputs <= kMostInputs;
  const std::int64_t whole = rows / 4 * 4, outputs = wide ? head.outputs / kWide * kWide : 0;
  if (wide) wide_block(head, x, whole, outputs, y);
  const View<S> others{head.weight + outputs * head.inputs, head.bias + outputs, head.inputs,
                       head.outputs - outputs};
  std::int64_t b = 0;
  for (; b < whole; b += 4) {
    row_block<4>(others, x + b * head.inputs, head.outputs, y + b * head.outputs + outputs);
  }
  for (; b < rows; ++b) row_block<1>(head, x + b * head.inputs, head.outputs, y + b * head.outputs);
}

template <class S>
void dense_backward(const View<S>& head, const S* x, const S* dy, std::int64_t rows, S* dx, S* dweight,
                    S* dbias) {
  const std::int64_t inputs = head.inputs, outputs = head.outputs;
  std::fill_n(dx, rows * inputs, S(0));
  std::fill_n(dweight, outputs * inputs, S(0));
  std::fill_n(dbias, outputs, S(0));
  for (std::int64_t b = 0; b < rows; ++b) {
    add_all_scaled(head.weight, outputs, dy + b * outputs, 1, inputs, dx + b * inputs);
    for (std::int64_t o = 0; o < outputs; ++o) dbias[o] += dy[b * outputs + o];
  }
  constexpr std::int64_t kRows = 64;  // whose inputs stay in the cache over all outputs
  for (std::int64_t first = 0; first < rows; first += kRows) {
    const std::int64_t count = std::min(kRows, rows - first);
    for (std::int64_t o = 0; o < outputs; ++o) {
      add_all_scaled(x + first * inputs, count, dy + first * outputs + o, outputs, inputs,
                     dweight + o * inputs);
    }
  }
}

}  // namespace

Status HeadOptions::check_head() const {
  if (output_size >= 1) return {};
  return Status::invalid("output_size must be at least 1, got " + std::to_string(output_size));
}

template <class S>
Dense<S>::Dense(const NetworkConfig& config)
    : inputs_(config.head_inputs()), outputs_(config.logits()), every_step_(config.sequence) {}

template <class S>
std::vector<ParamSlot> Dense<S>::parameters() const {
  return {{"head.weight", outputs_, inputs_, 0}, {"head.bias", outputs_, 0, outputs_ * inputs_}};
}

template <class S>
Status Dense<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  const std::int64_t vectors = every_step_ ? steps * rows : rows;
  if (!product_fits({vectors, outputs_, sizeof(S)})) return out_of_memory();
  const bool fits = logits_.reserve(vectors * outputs_) && d_x_.reserve(training ? vectors * inputs_ : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status Dense<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  const FlushDenormals flush;
  x_ = in;
  out = in;
  out.width = outputs_;
  out.values = logits_.data();
  dense_forward<S>({weight(call), bias(call), inputs_, outputs_}, in.values, in.count(), logits_.data());
  return {};
}

template <class S>
Status Dense<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                          S* gradient) {
  const FlushDenormals flush;
  S* d_weight = gradient + this->offset();
  dense_backward<S>({weight(call), bias(call), inputs_, outputs_}, x_.values, out.values.data, x_.count(),
                    d_x_.data(), d_weight, d_weight + outputs_ * inputs_);
  if (in != nullptr) in->values = dense_view(d_x_.data(), x_.steps, x_.rows, inputs_);
  return {};
}

template <class S>
void Dense<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  dense_forward<S>({weight(call), bias(call), inputs_, outputs_}, signal.values, call.rows, logits_.data());
  signal.values = logits_.data();
}

template class Dense<float>;
template class Dense<double>;

}  // namespace fastgru
