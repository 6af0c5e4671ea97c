// Checks of samples and scaling, and mini-batches gathered from them.
#include "nn/data/samples.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/checks.h"
#include "nn/data/gather.h"
#include "nn/data/labels.h"
#include "nn/data/targets.h"
#include "nn/network_config.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

Status check_values(const char* name, const std::vector<double>& values, std::int64_t size, bool positive) {
  if (static_cast<std::int64_t>(values.size()) != size) {
    return Status::invalid(std::string(name) + " has " + std::to_string(values.size()) + " values, wanted " +
                           std::to_string(size));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && (!positive || values[i] > 0)) continue;
    return Status::invalid(std::string(name) + "[" + std::to_string(i) + "] is " + number_text(values[i]) +
                           ", wanted a finite number" + (positive ? " above 0" : ""));
  }
  return {};
}

}  // namespace

Scaling Scaling::identity(const NetworkConfig& config) {
  const auto inputs = static_cast<std::size_t>(config.features());
  const auto outputs = static_cast<std::size_t>(config.output_size);
  return {std::vector<double>(inputs, 0.0), std::vector<double>(inputs, 1.0),
          std::vector<double>(outputs, 0.0), std::vector<double>(outputs, 1.0)};
}

Status validate(const Scaling& scaling, const NetworkConfig& config) {
  const std::int64_t inputs = config.features(), outputs = config.output_size;
  FASTGRU_RETURN_IF_ERROR(check_values("x_mean", scaling.x_mean, inputs, false));
  FASTGRU_RETURN_IF_ERROR(check_values("x_scale", scaling.x_scale, inputs, true));
  FASTGRU_RETURN_IF_ERROR(check_values("y_mean", scaling.y_mean, outputs, false));
  FASTGRU_RETURN_IF_ERROR(check_values("y_scale", scaling.y_scale, outputs, true));
  const auto all = [](const std::vector<double>& values, double wanted) {
    return std::all_of(values.begin(), values.end(), [wanted](double value) { return value == wanted; });
  };
  if (!config.loss->classifies() || (all(scaling.y_mean, 0.0) && all(scaling.y_scale, 1.0))) return {};
  return Status::invalid("y_mean must be 0 and y_scale 1 for a network that answers with probabilities");
}

Status validate_inputs(const SampleArray& x, const std::int64_t* lengths, const NetworkConfig& config) {
  if ((x.type == SampleType::int64) != (config.vocabulary_size > 0)) {
    return Status::invalid(config.vocabulary_size > 0 ? "x must hold tokens, of type int64"
                                                      : "x must hold numbers, of type float32 or float64");
  }
  if (x.features != config.features() || x.steps < 1 || x.samples < 0) {
    return Status::invalid(
        "x has shape " + shape_text(x.samples, x.steps, x.features) +
        ", wanted (samples, steps, features) with at least one step and features = input_size = " +
        std::to_string(config.features()));
  }
  if (!x.has_data() && x.samples > 0) return Status::invalid("x has no data");
  return check_lengths(lengths, x.samples, x.steps);
}

Status validate(const TrainingData& data, const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(validate_inputs(data.x, data.lengths, config));
  if (data.x.samples == 0) return Status::invalid("x has no samples, wanted at least one");
  if (config.loss->aligns()) return check_labels(data, config);
  const std::int64_t steps = config.sequence ? data.x.steps : 1;
  if (data.y.samples != data.x.samples || data.y.steps != steps || data.y.features != config.targets() ||
      !data.y.has_data()) {
    return Status::invalid("y has shape " + shape_text(data.y.samples, data.y.steps, data.y.features) +
                           ", wanted " + shape_text(data.x.samples, steps, config.targets()) +
                           ": the samples of x, steps to answer, and targets");
  }
  return check_targets(data, config);
}

template <class S>
void gather_scaled(const SampleArray& source, const BlockRows& block, const std::vector<double>& mean,
                   const std::vector<double>& scale, S* out, int threads) {
  const std::int64_t features = source.features;
  const double* m = mean.data();
  const double* s = scale.data();
  const auto encode = [=](const auto* from, S* to) { scale_rows(from, 1, features, m, s, to); };
  gather_steps(source, block, features, encode, out, threads);
}

template void gather_scaled(const SampleArray&, const BlockRows&, const std::vector<double>&,
                            const std::vector<double>&, float*, int);
template void gather_scaled(const SampleArray&, const BlockRows&, const std::vector<double>&,
                            const std::vector<double>&, double*, int);

}  // namespace fastgru
