#include "nn/loss.h"

#include <algorithm>
#include <cmath>

#include "nn/answers.h"

namespace fastgru {
namespace {

// A loss of one number: value(e, target) and slope(e, target), its derivative by the output.
struct SquaredError {
  double value(double e) const { return e * e; }
  double slope(double e) const { return 2.0 * e; }
};

struct AbsoluteError {
  double value(double e) const { return std::abs(e); }
  double slope(double e) const { return e > 0 ? 1.0 : (e < 0 ? -1.0 : 0.0); }
};

struct Huber {
  double delta;
  double value(double e) const {
    const double size = std::abs(e);
    return size <= delta ? 0.5 * e * e : delta * (size - 0.5 * delta);
  }
  double slope(double e) const { return std::clamp(e, -delta, delta); }
};

// `factor` scales the gradient; null: not wanted. Returns the row's sum.
template <class S, class Of>
double error_row(const Of& loss, const S* out, const S* target, std::int64_t outputs, double factor,
                 S* gradient) {
  double sum = 0;
  for (std::int64_t o = 0; o < outputs; ++o) {
    const double error = static_cast<double>(out[o]) - static_cast<double>(target[o]);
    sum += loss.value(error);
    if (gradient != nullptr) gradient[o] = static_cast<S>(factor * loss.slope(error));
  }
  return sum;
}

// The chain from each quantile back to the head: a number of the head moves all quantiles from its own
// outwards.
template <class S>
void quantile_gradient(const S* raw, const double* slopes, std::int64_t count, double factor, S* gradient) {
  const std::int64_t middle = count / 2;
  double outwards = 0, all = slopes[middle];
  for (std::int64_t q = count - 1; q > middle; --q) {
    outwards += slopes[q];
    gradient[q] = static_cast<S>(factor * outwards * sigmoid(static_cast<double>(raw[q])));
  }
  all += outwards;
  outwards = 0;
  for (std::int64_t q = 0; q < middle; ++q) {
    outwards += slopes[q];
    gradient[q] = static_cast<S>(-factor * outwards * sigmoid(static_cast<double>(raw[q])));
  }
  gradient[middle] = static_cast<S>(factor * (all + outwards));
}

template <class S>
double quantile_row(const NetworkConfig& config, const S* out, const S* target, double factor, S* gradient) {
  const auto count = static_cast<std::int64_t>(config.quantiles.size());
  double quantiles[kMaxQuantiles], slopes[kMaxQuantiles], sum = 0;
  for (std::int64_t o = 0; o < config.output_size; ++o) {
    quantiles_of(out + o * count, count, quantiles);
    for (std::int64_t q = 0; q < count; ++q) {
      const double level = config.quantiles[static_cast<std::size_t>(q)];
      const double error = quantiles[q] - static_cast<double>(target[o]);
      slopes[q] = error > 0 ? 1.0 - level : (error < 0 ? -level : 0.0);
      sum += slopes[q] * error;
    }
    if (gradient != nullptr) {
      quantile_gradient(out + o * count, slopes, count, factor, gradient + o * count);
    }
  }
  return sum;
}

template <class S>
double cross_entropy_row(const S* out, std::int64_t classes, std::int64_t target, double factor,
                         S* gradient) {
  if (gradient == nullptr) return log_sum_exp(out, classes) - static_cast<double>(out[target]);
  const double largest = static_cast<double>(*std::max_element(out, out + classes));
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {  // each exponential is taken once
    const double share = std::exp(static_cast<double>(out[k]) - largest);
    sum += share;
    gradient[k] = static_cast<S>(share);
  }
  for (std::int64_t k = 0; k < classes; ++k) {
    const double probability = static_cast<double>(gradient[k]) / sum;
    gradient[k] = static_cast<S>(factor * (probability - (k == target ? 1.0 : 0.0)));
  }
  return largest + std::log(sum) - static_cast<double>(out[target]);
}

template <class S>
double binary_row(const S* out, const S* target, std::int64_t outputs, double factor, S* gradient) {
  double sum = 0;
  for (std::int64_t o = 0; o < outputs; ++o) {
    const double score = static_cast<double>(out[o]), wanted = static_cast<double>(target[o]);
    sum += softplus(score) - wanted * score;
    if (gradient != nullptr) gradient[o] = static_cast<S>(factor * (sigmoid(score) - wanted));
  }
  return sum;
}

template <class S>
double loss_row(const NetworkConfig& config, const S* out, const S* target, double factor, S* gradient) {
  const std::int64_t outputs = config.output_size;
  switch (config.loss) {
    case Loss::squared_error:
      return error_row(SquaredError{}, out, target, outputs, factor, gradient);
    case Loss::absolute_error:
      return error_row(AbsoluteError{}, out, target, outputs, factor, gradient);
    case Loss::huber:
      return error_row(Huber{config.huber_delta}, out, target, outputs, factor, gradient);
    case Loss::quantile:
      return quantile_row(config, out, target, factor, gradient);
    case Loss::cross_entropy:
      return cross_entropy_row(out, outputs, static_cast<std::int64_t>(target[0]), factor, gradient);
    case Loss::binary_cross_entropy:
      break;
  }
  return binary_row(out, target, outputs, factor, gradient);
}

}  // namespace

std::int64_t loss_terms(const NetworkConfig& config) {
  return config.loss == Loss::cross_entropy ? 1 : config.answers();
}

template <class S>
void add_loss(const NetworkConfig& config, const S* out, const S* target, const double* weights,
              std::int64_t rows, double denominator, double& sum, S* gradient) {
  const std::int64_t width = config.answers(), columns = config.targets();
  for (std::int64_t i = 0; i < rows; ++i) {
    const double weight = weights == nullptr ? 1.0 : weights[i];
    S* row_gradient = gradient == nullptr ? nullptr : gradient + i * width;
    sum +=
        weight * loss_row(config, out + i * width, target + i * columns, weight / denominator, row_gradient);
  }
}

template void add_loss(const NetworkConfig&, const float*, const float*, const double*, std::int64_t, double,
                       double&, float*);
template void add_loss(const NetworkConfig&, const double*, const double*, const double*, std::int64_t,
                       double, double&, double*);

}  // namespace fastgru
