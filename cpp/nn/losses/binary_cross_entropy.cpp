// Binary cross entropy of each output: -log sigmoid(logit) where the target is 1, -log(1 - sigmoid(logit))
// where it is 0. Predictions are the sigmoids.
#include <cstdint>

#include "nn/losses/loss.h"
#include "nn/losses/scalar_math.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

class BinaryCrossEntropy final : public LossOf<BinaryCrossEntropy> {
 public:
  const char* name() const override { return "binary_cross_entropy"; }
  bool classifies() const override { return true; }

  template <class S>
  void add_rows(const NetworkConfig& config, const LossRows<S>& rows, double& sum) const {
    const std::int64_t outputs = config.output_size;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      const double factor = weight / rows.denominator;
      double row_sum = 0;
      for (std::int64_t o = i * outputs; o < (i + 1) * outputs; ++o) {
        const double logit = static_cast<double>(rows.logits[o]);
        const double target = static_cast<double>(rows.targets[o]);
        row_sum += softplus(logit) - target * logit;
        if (rows.gradient != nullptr) rows.gradient[o] = static_cast<S>(factor * (sigmoid(logit) - target));
      }
      sum += weight * row_sum;
    }
  }

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling&, const S* logits, std::int64_t rows,
                    S* out) const {
    for (std::int64_t i = 0; i < rows * config.output_size; ++i) {
      out[i] = static_cast<S>(sigmoid(static_cast<double>(logits[i])));
    }
  }
};

}  // namespace

const Loss& binary_cross_entropy() {
  static const BinaryCrossEntropy loss;
  return loss;
}

}  // namespace fastgru
