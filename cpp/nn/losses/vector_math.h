// Vector functions that losses share: float32 uses the dispatched kernels, double uses plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/dispatch.h"
#include "kernels/softmax.h"
#include "nn/losses/scalar_math.h"

namespace fastgru {

// log(sum(exp(logits)))
inline double log_sum_exp(const float* logits, std::int64_t count) {
  return log_sum_exp(active_kernels(), logits, count);
}
inline double log_sum_exp(const double* logits, std::int64_t count) {
  const double largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (std::int64_t k = 0; k < count; ++k) sum += std::exp(logits[k] - largest);
  return largest + std::log(sum);
}

// out = softmax(logits). Both may be the same array.
inline void softmax(const float* logits, std::int64_t count, float* out) {
  softmax(active_kernels(), logits, count, out);
}
inline void softmax(const double* logits, std::int64_t count, double* out) {
  const double total = log_sum_exp(logits, count);
  for (std::int64_t k = 0; k < count; ++k) out[k] = std::exp(logits[k] - total);
}

// The loss of one row. `gradient`, if not null, becomes factor * (softmax - onehot(target)).
inline double cross_entropy(const float* logits, std::int64_t classes, std::int64_t target, double factor,
                            float* gradient) {
  CrossEntropyArgs args;
  args.logits = logits;
  args.classes = classes;
  args.target = target;
  args.factor = factor;
  args.gradient = gradient;
  return cross_entropy(active_kernels(), args);
}

inline double cross_entropy(const double* logits, std::int64_t classes, std::int64_t target, double factor,
                            double* gradient) {
  const double loss = log_sum_exp(logits, classes) - logits[target];
  if (gradient == nullptr) return loss;
  const double largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    gradient[k] = std::exp(logits[k] - largest);
    sum += gradient[k];
  }
  for (std::int64_t k = 0; k < classes; ++k) {
    gradient[k] = factor * (gradient[k] / sum - (k == target ? 1.0 : 0.0));
  }
  return loss;
}

// The float32 functions limit their arguments: exp(x) is at least 1.6e-38, log(x) at least -87.
inline void exponential(const float* in, std::int64_t count, float* out) {
  active_kernels().map_exp(in, out, count);
}
inline void exponential(const double* in, std::int64_t count, double* out) {
  for (std::int64_t k = 0; k < count; ++k) out[k] = std::exp(in[k]);
}

inline void logarithm(const float* in, std::int64_t count, float* out) {
  active_kernels().map_log(in, out, count);
}
inline void logarithm(const double* in, std::int64_t count, double* out) {
  for (std::int64_t k = 0; k < count; ++k) out[k] = std::log(in[k]);
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
