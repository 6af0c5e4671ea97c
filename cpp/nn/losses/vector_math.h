// Functions of many numbers that losses share: float32 by the dispatched kernels, double by plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/dispatch.h"
#include "nn/losses/scalar_math.h"

namespace fastgru {

struct Softmax {
  double largest, sum;
  double log_sum_exp() const { return largest + std::log(sum); }
};

// shares[k] = exp(logits[k] - largest), and their sum, in a fixed order. shares null: not wanted.
inline Softmax softmax(const float* logits, std::int64_t count, float* shares) {
  SoftmaxArgs args{};
  args.count = count;
  args.x = logits;
  args.shares = shares;
  active_kernels().softmax(args);
  return {static_cast<double>(args.largest), args.sum};
}

inline Softmax softmax(const double* logits, std::int64_t count, double* shares) {
  Softmax result{*std::max_element(logits, logits + count), 0};
  for (std::int64_t k = 0; k < count; ++k) {
    const double share = std::exp(logits[k] - result.largest);
    if (shares != nullptr) shares[k] = share;
    result.sum += share;
  }
  return result;
}

// From the shares of a row, in place, to factor * (softmax - 1 at the target).
inline void cross_entropy_gradient(const Softmax& found, std::int64_t target, double factor,
                                   std::int64_t count, float* shares) {
  const double share = static_cast<double>(shares[target]) / found.sum;
  active_kernels().scale(shares, static_cast<float>(factor / found.sum), shares, count);
  shares[target] = static_cast<float>(factor * (share - 1.0));
}
inline void cross_entropy_gradient(const Softmax& found, std::int64_t target, double factor,
                                   std::int64_t count, double* shares) {
  for (std::int64_t k = 0; k < count; ++k) {
    shares[k] = factor * (shares[k] / found.sum - (k == target ? 1.0 : 0.0));
  }
}

// out = softmax(logits); they may be one array.
inline void probabilities(const float* logits, std::int64_t count, float* out) {
  const Softmax found = softmax(logits, count, out);
  active_kernels().scale(out, static_cast<float>(1.0 / found.sum), out, count);
}
inline void probabilities(const double* logits, std::int64_t count, double* out) {
  const double total = softmax(logits, count, nullptr).log_sum_exp();
  for (std::int64_t k = 0; k < count; ++k) out[k] = std::exp(logits[k] - total);
}

inline void softplus(const float* in, std::int64_t count, float* out) {
  active_kernels().map_softplus(in, out, count);
}
inline void softplus(const double* in, std::int64_t count, double* out) {
  for (std::int64_t k = 0; k < count; ++k) out[k] = softplus(in[k]);
}

inline void sigmoid(const float* in, std::int64_t count, float* out) {
  active_kernels().map_sigmoid(in, out, count);
}
inline void sigmoid(const double* in, std::int64_t count, double* out) {
  for (std::int64_t k = 0; k < count; ++k) out[k] = sigmoid(in[k]);
}

}  // namespace fastgru
