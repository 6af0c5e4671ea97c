// The losses, of the head's numbers against scaled targets. Sums are in double, in the order of the rows,
// whatever the blocks they come in. With error e = output - target:
//
// - squared_error: e^2
// - absolute_error: |e|
// - huber: e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)
// - quantile: max(-q e, (1 - q) e), the pinball loss of each quantile q
// - cross_entropy: -log softmax(outputs)[class]
// - binary_cross_entropy: -log sigmoid(output) where the target is 1, -log(1 - sigmoid(output)) where it is 0
#pragma once

#include <cstdint>

#include "nn/layout.h"

namespace fastgru {

// How many numbers the mean of a row's loss is taken over.
std::int64_t loss_terms(const NetworkConfig& config);

// sum += w_i * (the terms of row i), for rows of outputs (rows, answers) and targets (rows, targets). Null
// weights: ones. `gradient` (rows, answers), if not null, becomes that of the sum over `denominator`.
template <class S>
void add_loss(const NetworkConfig& config, const S* out, const S* target, const double* weights,
              std::int64_t rows, double denominator, double& sum, S* gradient);

extern template void add_loss(const NetworkConfig&, const float*, const float*, const double*, std::int64_t,
                              double, double&, float*);
extern template void add_loss(const NetworkConfig&, const double*, const double*, const double*, std::int64_t,
                              double, double&, double*);

}  // namespace fastgru
