// From the head's numbers to what the network answers: the one place that knows, for prediction, streams and
// losses.
//
// - squared_error, absolute_error, huber: the value, in units of y
// - quantile: output_size times the quantiles, rising. The middle one is free, each next one is further out
//   by a softplus, so that none can cross
// - cross_entropy: probabilities of the classes (softmax)
// - binary_cross_entropy: probability of each output (sigmoid)
#pragma once

#include <cmath>
#include <cstdint>

#include "nn/layout.h"
#include "nn/data/samples.h"

namespace fastgru {

// log(1 + e^x) and its derivative, without overflow.
inline double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }
inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x >= 0 ? 1.0 : e) / (1.0 + e);
}

// quantiles[q] from the head's `count` numbers for one output.
template <class S>
void quantiles_of(const S* raw, std::int64_t count, double* quantiles) {
  const std::int64_t middle = count / 2;
  quantiles[middle] = static_cast<double>(raw[middle]);
  for (std::int64_t q = middle + 1; q < count; ++q) {
    quantiles[q] = quantiles[q - 1] + softplus(static_cast<double>(raw[q]));
  }
  for (std::int64_t q = middle - 1; q >= 0; --q) {
    quantiles[q] = quantiles[q + 1] - softplus(static_cast<double>(raw[q]));
  }
}

// log(sum(exp(raw)))
template <class S>
double log_sum_exp(const S* raw, std::int64_t count) {
  double largest = static_cast<double>(raw[0]), sum = 0;
  for (std::int64_t k = 1; k < count; ++k) {
    if (static_cast<double>(raw[k]) > largest) largest = static_cast<double>(raw[k]);
  }
  for (std::int64_t k = 0; k < count; ++k) sum += std::exp(static_cast<double>(raw[k]) - largest);
  return largest + std::log(sum);
}

// out = the answers for `rows` rows of the head's numbers, (rows, answers) both; they may be one array.
// `raw`: the classifiers' scores instead of their probabilities; of the others, the same as without.
template <class S>
void answers_of(const NetworkConfig& config, const Scaling& scaling, const S* head, std::int64_t rows,
                bool raw, S* out);

extern template void answers_of(const NetworkConfig&, const Scaling&, const float*, std::int64_t, bool,
                                float*);
extern template void answers_of(const NetworkConfig&, const Scaling&, const double*, std::int64_t, bool,
                                double*);

}  // namespace fastgru
