// Cross entropy over classes: -log softmax(logits)[class]. Predictions are the softmax.
#include <algorithm>
#include <cstdint>
#include <string>

#include "nn/losses/loss.h"
#include "nn/losses/vector_math.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

class CrossEntropy final : public LossOf<CrossEntropy> {
 public:
  const char* name() const override { return "cross_entropy"; }
  bool classifies() const override { return true; }
  void describe(const NetworkConfig& config, std::vector<SummaryLine>& lines) const override {
    lines.push_back({"softmax", summary_shape(config.sequence, config.output_size), 0});
  }
  std::int64_t targets(const NetworkConfig&) const override { return 1; }
  std::int64_t terms(const NetworkConfig&) const override { return 1; }
  std::int64_t classes(const NetworkConfig& config) const override { return config.output_size; }

  Status check(const NetworkConfig& config) const override {
    if (config.loss != this || config.output_size >= 2) return {};
    return Status::invalid("output_size must be at least 2 classes for loss='cross_entropy', got " +
                           std::to_string(config.output_size));
  }

  template <class S>
  void add_rows(const NetworkConfig& config, const LossRows<S>& rows, double& sum) const {
    const std::int64_t classes = config.output_size;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      S* gradient = rows.gradient == nullptr ? nullptr : rows.gradient + i * classes;
      if (no_target(rows.targets[i])) {
        if (gradient != nullptr) std::fill_n(gradient, classes, S(0));
        continue;
      }
      sum += weight * fastgru::cross_entropy(rows.logits + i * classes, classes,
                                             static_cast<std::int64_t>(rows.targets[i]),
                                             weight / rows.denominator, gradient);
    }
  }

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling&, const S* logits, std::int64_t rows,
                    S* out) const {
    const std::int64_t classes = config.output_size;
    for (std::int64_t i = 0; i < rows; ++i, logits += classes, out += classes) {
      softmax(logits, classes, out);
    }
  }
};

}  // namespace

const Loss& cross_entropy() {
  static const CrossEntropy loss;
  return loss;
}

}  // namespace fastgru
