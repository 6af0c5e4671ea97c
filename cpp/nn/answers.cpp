#include "nn/answers.h"

#include <algorithm>

#include "runtime/denormals.h"

namespace fastgru {
namespace {

template <class S>
void values(const NetworkConfig& config, const Scaling& scaling, const S* head, S* out) {
  for (std::int64_t o = 0; o < config.output_size; ++o) {
    const auto at = static_cast<std::size_t>(o);
    out[o] = static_cast<S>(static_cast<double>(head[o]) * scaling.y_scale[at] + scaling.y_mean[at]);
  }
}

// Rounding keeps the order: each of the steps here is monotone.
template <class S>
void rising_quantiles(const NetworkConfig& config, const Scaling& scaling, const S* head, S* out) {
  const auto count = static_cast<std::int64_t>(config.quantiles.size());
  double quantiles[kMaxQuantiles];
  for (std::int64_t o = 0; o < config.output_size; ++o) {
    const auto at = static_cast<std::size_t>(o);
    quantiles_of(head + o * count, count, quantiles);
    for (std::int64_t q = 0; q < count; ++q) {
      out[o * count + q] = static_cast<S>(quantiles[q] * scaling.y_scale[at] + scaling.y_mean[at]);
    }
  }
}

template <class S>
void probabilities(const NetworkConfig& config, const S* head, S* out) {
  const std::int64_t count = config.output_size;
  if (config.loss == Loss::binary_cross_entropy) {
    for (std::int64_t k = 0; k < count; ++k) out[k] = static_cast<S>(sigmoid(static_cast<double>(head[k])));
    return;
  }
  const double total = log_sum_exp(head, count);
  for (std::int64_t k = 0; k < count; ++k) {
    out[k] = static_cast<S>(std::exp(static_cast<double>(head[k]) - total));
  }
}

}  // namespace

template <class S>
void answers_of(const NetworkConfig& config, const Scaling& scaling, const S* head, std::int64_t rows,
                bool raw, S* out) {
  const FlushDenormals flush;
  const std::int64_t width = config.answers();
  for (std::int64_t b = 0; b < rows; ++b, head += width, out += width) {
    if (config.loss == Loss::quantile) {
      rising_quantiles(config, scaling, head, out);
    } else if (!config.classifies()) {
      values(config, scaling, head, out);
    } else if (raw) {
      std::copy_n(head, width, out);
    } else {
      probabilities(config, head, out);
    }
  }
}

template void answers_of(const NetworkConfig&, const Scaling&, const float*, std::int64_t, bool, float*);
template void answers_of(const NetworkConfig&, const Scaling&, const double*, std::int64_t, bool, double*);

}  // namespace fastgru
