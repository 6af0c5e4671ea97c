// Which targets and weights the predictions of a sample have.
#pragma once

#include <cstdint>

#include "nn/data/samples.h"

namespace fastgru {

// The time steps of a sample's predictions: `first`, then every `step`-th. With frames, a prediction belongs
// to the last time step of its frame; with one prediction per sequence, targets have a single step.
struct AnswerSteps {
  std::int64_t count = 1, first = 0, step = 1;

  std::int64_t operator[](std::int64_t k) const { return first + k * step; }
};
AnswerSteps answer_steps(const TrainingData& data, const NetworkConfig& config, std::int64_t sample);

// The number of a sample's targets that are not NaN; 1 for a loss that aligns labels.
std::int64_t targets_present(const TrainingData& data, const NetworkConfig& config, std::int64_t sample);
// Of the sample's predictions number `first` to `last` - 1, where it has so many.
std::int64_t targets_present(const TrainingData& data, const NetworkConfig& config, std::int64_t sample,
                             std::int64_t first, std::int64_t last);

// The weight of a sample's k-th prediction, whose first target is `target`, with that of its class.
template <class S>
double answer_weight(const TrainingData& data, const NetworkConfig& config, std::int64_t sample,
                     std::int64_t k, S target) {
  const std::int64_t t = data.step_weight.has_data() ? answer_steps(data, config, sample)[k] : 0;
  const double weight = data.weight(sample, t);
  if (data.class_weight == nullptr || target != target) return weight;
  return weight * data.class_weight[static_cast<std::int64_t>(target)];
}

// The mean weight of the predictions (one for each row, or for each step of each row), summed in the order of
// the samples; 1 without weights. A prediction counts by the share of its targets that are present.
double mean_weight(const TrainingData& data, const NetworkConfig& config);

// Checks that weights are finite, not negative and not all 0.
Status check_weights(const TrainingData& data, const NetworkConfig& config);

// Checks the weights, and for a target and legal classes.
Status check_targets(const TrainingData& data, const NetworkConfig& config);

}  // namespace fastgru
