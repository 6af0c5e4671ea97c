// Scalar functions that losses share, in double and without overflow.
#pragma once

#include <cmath>

namespace fastgru {

// log(1 + e^x)
inline double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }

// The derivative of softplus, 1 / (1 + e^-x).
inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x >= 0 ? 1.0 : e) / (1.0 + e);
}

}  // namespace fastgru
