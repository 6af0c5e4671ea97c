// Losses that are a sum of functions of the error e = logit - target. Derived provides value(config, e) and
// its derivative slope(config, e). Predictions are values in units of y.
#pragma once

#include <cstdint>

#include "nn/losses/loss.h"
#include "nn/network_config.h"

namespace fastgru {

template <class Derived>
class ErrorLoss : public LossOf<Derived> {
 public:
  template <class S>
  void add_rows(const NetworkConfig& config, const LossRows<S>& rows, double& sum) const {
    const auto& loss = static_cast<const Derived&>(*this);
    const std::int64_t outputs = config.output_size;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      const double factor = weight / rows.denominator;
      double row_sum = 0;
      for (std::int64_t o = i * outputs; o < (i + 1) * outputs; ++o) {
        const double error = static_cast<double>(rows.logits[o]) - static_cast<double>(rows.targets[o]);
        if (no_target(rows.targets[o])) {
          if (rows.gradient != nullptr) rows.gradient[o] = S(0);
          continue;
        }
        row_sum += loss.value(config, error);
        if (rows.gradient != nullptr) rows.gradient[o] = static_cast<S>(factor * loss.slope(config, error));
      }
      sum += weight * row_sum;
    }
  }

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling& scaling, const S* logits, std::int64_t rows,
                    S* out) const {
    const std::int64_t outputs = config.output_size;
    for (std::int64_t i = 0; i < rows * outputs; ++i) {
      const auto o = static_cast<std::size_t>(i % outputs);
      out[i] = static_cast<S>(static_cast<double>(logits[i]) * scaling.y_scale[o] + scaling.y_mean[o]);
    }
  }
};

}  // namespace fastgru
