// Squared error. Sums are in double, in the order of the rows, whatever the blocks they come in.
#pragma once

#include <cstdint>

namespace fastgru {

// sum += w_i * (out_io - target_io)^2 over rows i and outputs o. Null weights: ones.
template <class S>
void add_squared_error(const S* out, const S* target, const double* weights, std::int64_t rows,
                       std::int64_t outputs, double& sum);

// gradient_io = 2 * w_i * (out_io - target_io) / denominator: that of the sum above over `denominator`.
template <class S>
void squared_error_gradient(const S* out, const S* target, const double* weights, std::int64_t rows,
                            std::int64_t outputs, double denominator, S* gradient);

extern template void add_squared_error(const float*, const float*, const double*, std::int64_t, std::int64_t,
                                       double&);
extern template void add_squared_error(const double*, const double*, const double*, std::int64_t,
                                       std::int64_t, double&);
extern template void squared_error_gradient(const float*, const float*, const double*, std::int64_t,
                                            std::int64_t, double, float*);
extern template void squared_error_gradient(const double*, const double*, const double*, std::int64_t,
                                            std::int64_t, double, double*);

}  // namespace fastgru
