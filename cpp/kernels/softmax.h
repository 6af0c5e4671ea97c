// Softmax and cross entropy of one row of logits. A NaN among them makes every result a NaN, as does
// a largest logit that is infinite. Probabilities below 1.6e-38 of the largest count as that.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace fastgru {

// log(sum of exp(x[i])), n >= 1
double log_sum_exp(const KernelTable& kernels, const float* x, std::int64_t n);

// p[i] = exp(x[i]) / sum; p may be x.
void softmax(const KernelTable& kernels, const float* x, std::int64_t n, float* p);

struct CrossEntropyArgs {
  std::int64_t classes = 0, target = 0;
  const float* logits = nullptr;
  double factor = 1.0;        // of the gradient
  float* gradient = nullptr;  // factor * (softmax - one at the target); null: not wanted; may be logits
};

// The row's loss: log_sum_exp(logits) - logits[target].
double cross_entropy(const KernelTable& kernels, const CrossEntropyArgs& args);

}  // namespace fastgru
