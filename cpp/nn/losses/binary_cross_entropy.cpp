// Binary cross entropy of each output: -log sigmoid(logit) where the target is 1, -log(1 - sigmoid(logit))
// where it is 0. Predictions are the sigmoids.
#include <algorithm>
#include <cstdint>

#include "nn/losses/loss.h"
#include "nn/losses/vector_math.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

class BinaryCrossEntropy final : public LossOf<BinaryCrossEntropy> {
 public:
  const char* name() const override { return "binary_cross_entropy"; }
  bool classifies() const override { return true; }
  void describe(const NetworkConfig& config, std::vector<SummaryLine>& lines) const override {
    lines.push_back({"sigmoid", summary_shape(config.sequence, config.output_size), 0});
  }

  template <class S>
  void add_rows(const NetworkConfig& config, const LossRows<S>& rows, double& sum) const {
    const std::int64_t outputs = config.output_size;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      double row_sum = 0;
      for (std::int64_t o = 0; o < outputs; o += kAtOnce) {
        const std::int64_t at = i * outputs + o, count = std::min(kAtOnce, outputs - o);
        S* gradient = rows.gradient == nullptr ? nullptr : rows.gradient + at;
        row_sum += some(rows.logits + at, rows.targets + at, count, weight / rows.denominator, gradient);
      }
      sum += weight * row_sum;
    }
  }

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling&, const S* logits, std::int64_t rows,
                    S* out) const {
    sigmoid(logits, rows * config.output_size, out);
  }

 private:
  static constexpr std::int64_t kAtOnce = 256;

  // softplus(logit) - target * logit, summed in the order of the outputs.
  template <class S>
  static double some(const S* logits, const S* targets, std::int64_t count, double factor, S* gradient) {
    S values[kAtOnce];
    softplus(logits, count, values);
    double sum = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      if (no_target(targets[k])) continue;
      sum +=
          static_cast<double>(values[k]) - static_cast<double>(targets[k]) * static_cast<double>(logits[k]);
    }
    if (gradient == nullptr) return sum;
    sigmoid(logits, count, values);
    for (std::int64_t k = 0; k < count; ++k) {
      const double error = static_cast<double>(values[k]) - static_cast<double>(targets[k]);
      gradient[k] = no_target(targets[k]) ? S(0) : static_cast<S>(factor * error);
    }
    return sum;
  }
};

}  // namespace

const Loss& binary_cross_entropy() {
  static const BinaryCrossEntropy loss;
  return loss;
}

}  // namespace fastgru
