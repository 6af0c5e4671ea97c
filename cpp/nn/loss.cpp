#include "nn/loss.h"

namespace fastgru {

template <class S>
void add_squared_error(const S* out, const S* target, const double* weights, std::int64_t rows,
                       std::int64_t outputs, double& sum) {
  for (std::int64_t i = 0; i < rows; ++i) {
    double row = 0;
    for (std::int64_t o = 0; o < outputs; ++o) {
      const double error =
          static_cast<double>(out[i * outputs + o]) - static_cast<double>(target[i * outputs + o]);
      row += error * error;
    }
    sum += weights == nullptr ? row : weights[i] * row;
  }
}

template <class S>
void squared_error_gradient(const S* out, const S* target, const double* weights, std::int64_t rows,
                            std::int64_t outputs, double denominator, S* gradient) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const double factor = 2.0 * (weights == nullptr ? 1.0 : weights[i]) / denominator;
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t at = i * outputs + o;
      gradient[at] =
          static_cast<S>(factor * (static_cast<double>(out[at]) - static_cast<double>(target[at])));
    }
  }
}

template void add_squared_error(const float*, const float*, const double*, std::int64_t, std::int64_t,
                                double&);
template void add_squared_error(const double*, const double*, const double*, std::int64_t, std::int64_t,
                                double&);
template void squared_error_gradient(const float*, const float*, const double*, std::int64_t, std::int64_t,
                                     double, float*);
template void squared_error_gradient(const double*, const double*, const double*, std::int64_t, std::int64_t,
                                     double, double*);

}  // namespace fastgru
