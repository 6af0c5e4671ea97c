// The pinball loss of each quantile q: max(-q e, (1 - q) e). Each output has rising quantiles that cannot
// cross: the middle one is free, and each next one is further out by a softplus.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/losses/loss.h"
#include "nn/losses/scalar_math.h"
#include "nn/network_config.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

std::int64_t count_of(const NetworkConfig& config) {
  return static_cast<std::int64_t>(config.quantiles.size());
}

// quantiles[q] from the `count` logits of one output.
template <class S>
void quantiles_of(const S* logits, std::int64_t count, double* quantiles) {
  const std::int64_t middle = count / 2;
  quantiles[middle] = static_cast<double>(logits[middle]);
  for (std::int64_t q = middle + 1; q < count; ++q) {
    quantiles[q] = quantiles[q - 1] + softplus(static_cast<double>(logits[q]));
  }
  for (std::int64_t q = middle - 1; q >= 0; --q) {
    quantiles[q] = quantiles[q + 1] - softplus(static_cast<double>(logits[q]));
  }
}

// The chain rule from the quantiles back to the logits: a logit moves its own quantile and all further out.
template <class S>
void quantile_gradient(const S* logits, const double* slopes, std::int64_t count, double factor,
                       S* gradient) {
  const std::int64_t middle = count / 2;
  double outwards = 0, all = slopes[middle];
  for (std::int64_t q = count - 1; q > middle; --q) {
    outwards += slopes[q];
    gradient[q] = static_cast<S>(factor * outwards * sigmoid(static_cast<double>(logits[q])));
  }
  all += outwards;
  outwards = 0;
  for (std::int64_t q = 0; q < middle; ++q) {
    outwards += slopes[q];
    gradient[q] = static_cast<S>(-factor * outwards * sigmoid(static_cast<double>(logits[q])));
  }
  gradient[middle] = static_cast<S>(factor * (all + outwards));
}

class Quantile final : public LossOf<Quantile> {
 public:
  const char* name() const override { return "quantile"; }
  std::int64_t logits(const NetworkConfig& config) const override {
    return config.output_size * count_of(config);
  }
  Status check(const NetworkConfig& config) const override;
  void describe(const NetworkConfig& config, std::vector<SummaryLine>& lines) const override {
    if (count_of(config) < 2) return;
    std::vector<std::string> shape = summary_shape(config.sequence, config.output_size);
    shape.push_back(std::to_string(count_of(config)));
    lines.push_back({"rising quantiles", std::move(shape), 0});
  }

  template <class S>
  void add_rows(const NetworkConfig& config, const LossRows<S>& rows, double& sum) const {
    const std::int64_t width = logits(config), outputs = config.output_size;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      S* gradient = rows.gradient == nullptr ? nullptr : rows.gradient + i * width;
      sum += weight * row(config, rows.logits + i * width, rows.targets + i * outputs,
                          weight / rows.denominator, gradient);
    }
  }

  // Each of these operations is monotone, so rounding keeps the order.
  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling& scaling, const S* logits, std::int64_t rows,
                    S* out) const {
    const std::int64_t count = count_of(config);
    double quantiles[kMaxQuantiles];
    for (std::int64_t i = 0; i < rows * config.output_size; ++i) {
      const auto o = static_cast<std::size_t>(i % config.output_size);
      quantiles_of(logits + i * count, count, quantiles);
      for (std::int64_t q = 0; q < count; ++q) {
        out[i * count + q] = static_cast<S>(quantiles[q] * scaling.y_scale[o] + scaling.y_mean[o]);
      }
    }
  }

 private:
  template <class S>
  static double row(const NetworkConfig& config, const S* logits, const S* target, double factor,
                    S* gradient) {
    const std::int64_t count = count_of(config);
    double quantiles[kMaxQuantiles], slopes[kMaxQuantiles], sum = 0;
    for (std::int64_t o = 0; o < config.output_size; ++o) {
      if (no_target(target[o])) {
        if (gradient != nullptr) std::fill_n(gradient + o * count, count, S(0));
        continue;
      }
      quantiles_of(logits + o * count, count, quantiles);
      for (std::int64_t q = 0; q < count; ++q) {
        const double level = config.quantiles[static_cast<std::size_t>(q)];
        const double error = quantiles[q] - static_cast<double>(target[o]);
        slopes[q] = error > 0 ? 1.0 - level : (error < 0 ? -level : 0.0);
        sum += slopes[q] * error;
      }
      if (gradient != nullptr) {
        quantile_gradient(logits + o * count, slopes, count, factor, gradient + o * count);
      }
    }
    return sum;
  }
};

Status Quantile::check(const NetworkConfig& config) const {
  const std::int64_t count = count_of(config);
  if ((config.loss == this) != (count > 0) || count > kMaxQuantiles) {
    return Status::invalid("quantiles has " + std::to_string(count) + " values, wanted 1 to " +
                           std::to_string(kMaxQuantiles) + " for loss='quantile', none for other losses");
  }
  double before = 0;
  for (const double quantile : config.quantiles) {
    if (!(quantile > before && quantile < 1)) {
      return Status::invalid("quantiles must rise between 0 and 1, got " + number_text(quantile) + " after " +
                             number_text(before));
    }
    before = quantile;
  }
  return {};
}

}  // namespace

const Loss& quantile() {
  static const Quantile loss;
  return loss;
}

}  // namespace fastgru
