// Softmax and cross entropy of a row, from the kernels' sums of exponentials.
#include "kernels/softmax.h"

#include <cmath>

namespace fastgru {
namespace {

ExpSumArgs exp_sum(const KernelTable& kernels, const float* x, std::int64_t n, float* e) {
  ExpSumArgs args;
  args.n = n;
  args.x = x;
  args.e = e;
  args.largest = 0;
  args.sum = 0;
  kernels.exp_sum(args);
  return args;
}

double log_of(const ExpSumArgs& sum) { return std::log(sum.sum) + static_cast<double>(sum.largest); }

}  // namespace

double log_sum_exp(const KernelTable& kernels, const float* x, std::int64_t n) {
  return log_of(exp_sum(kernels, x, n, nullptr));
}

void softmax(const KernelTable& kernels, const float* x, std::int64_t n, float* p) {
  const ExpSumArgs sum = exp_sum(kernels, x, n, p);
  kernels.scale(p, static_cast<float>(1.0 / sum.sum), n);
}

double cross_entropy(const KernelTable& kernels, const CrossEntropyArgs& args) {
  const double logit = static_cast<double>(args.logits[args.target]);
  const ExpSumArgs sum = exp_sum(kernels, args.logits, args.classes, args.gradient);
  if (args.gradient != nullptr) {
    // The target's own entry in double: near one, the probability loses what the gradient is made of.
    const double share = static_cast<double>(args.gradient[args.target]) / sum.sum;
    kernels.scale(args.gradient, static_cast<float>(args.factor / sum.sum), args.classes);
    args.gradient[args.target] = static_cast<float>(args.factor * (share - 1.0));
  }
  return log_of(sum) - logit;
}

}  // namespace fastgru
