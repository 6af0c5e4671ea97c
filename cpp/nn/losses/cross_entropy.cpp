// Cross entropy over classes: -log softmax(logits)[class]. Predictions are the softmax.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "nn/losses/loss.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

// log(sum(exp(logits)))
template <class S>
double log_sum_exp(const S* logits, std::int64_t count) {
  double largest = static_cast<double>(logits[0]), sum = 0;
  for (std::int64_t k = 1; k < count; ++k) {
    if (static_cast<double>(logits[k]) > largest) largest = static_cast<double>(logits[k]);
  }
  for (std::int64_t k = 0; k < count; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
  return largest + std::log(sum);
}

template <class S>
double row(const S* logits, std::int64_t classes, std::int64_t target, double factor, S* gradient) {
  if (gradient == nullptr) return log_sum_exp(logits, classes) - static_cast<double>(logits[target]);
  const double largest = static_cast<double>(*std::max_element(logits, logits + classes));
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {  // each exponential is taken once
    const double share = std::exp(static_cast<double>(logits[k]) - largest);
    sum += share;
    gradient[k] = static_cast<S>(share);
  }
  for (std::int64_t k = 0; k < classes; ++k) {
    const double probability = static_cast<double>(gradient[k]) / sum;
    gradient[k] = static_cast<S>(factor * (probability - (k == target ? 1.0 : 0.0)));
  }
  return largest + std::log(sum) - static_cast<double>(logits[target]);
}

class CrossEntropy final : public LossOf<CrossEntropy> {
 public:
  const char* name() const override { return "cross_entropy"; }
  bool classifies() const override { return true; }
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
      sum += weight * row(rows.logits + i * classes, classes, static_cast<std::int64_t>(rows.targets[i]),
                          weight / rows.denominator, gradient);
    }
  }

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling&, const S* logits, std::int64_t rows,
                    S* out) const {
    const std::int64_t classes = config.output_size;
    for (std::int64_t i = 0; i < rows; ++i, logits += classes, out += classes) {
      const double total = log_sum_exp(logits, classes);
      for (std::int64_t k = 0; k < classes; ++k) {
        out[k] = static_cast<S>(std::exp(static_cast<double>(logits[k]) - total));
      }
    }
  }
};

}  // namespace

const Loss& cross_entropy() {
  static const CrossEntropy loss;
  return loss;
}

}  // namespace fastgru
