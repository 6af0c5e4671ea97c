// Counts and checks of targets, some of which may be missing, and of weights.
#include "nn/data/targets.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/checks.h"
#include "nn/network_config.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

template <class T>
std::int64_t present(const SampleArray& y, std::int64_t sample, const AnswerSteps& steps) {
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < steps.count; ++k) {
    const T* targets = y.start<T>(sample) + steps[k] * y.stride(sample);
    count += std::count_if(targets, targets + y.features, [](T target) { return target == target; });
  }
  return count;
}

std::int64_t present_at(const TrainingData& data, std::int64_t sample, const AnswerSteps& steps) {
  return data.y.type == SampleType::float32 ? present<float>(data.y, sample, steps)
                                            : present<double>(data.y, sample, steps);
}

// Calls visit(sample, t, target) for every target that is a class number, not NaN.
template <class Visit>
void for_classes(const TrainingData& data, const NetworkConfig& config, Visit visit) {
  for (std::int64_t i = 0; i < data.y.samples; ++i) {
    const AnswerSteps steps = answer_steps(data, config, i);
    for (std::int64_t k = 0; k < steps.count; ++k) {
      const std::int64_t t = steps[k], at = t * data.y.stride(i);
      const double target = data.y.type == SampleType::float32
                                ? static_cast<double>(data.y.start<float>(i)[at])
                                : data.y.start<double>(i)[at];
      if (target == target && !visit(i, t, target)) return;
    }
  }
}

Status check_classes(const TrainingData& data, const NetworkConfig& config) {
  Status status;
  const std::int64_t count = config.loss->classes(config);
  const double classes = static_cast<double>(count);
  for_classes(data, config, [&](std::int64_t i, std::int64_t t, double target) {
    if (target >= 0 && target < classes && target == std::floor(target)) return true;
    status =
        Status::invalid("y[" + std::to_string(i) + "] has the class " + number_text(target) + " at step " +
                        std::to_string(t) + ", wanted a whole number from 0 to " + std::to_string(count - 1));
    return false;
  });
  return status;
}

Status check_each_weight(const TrainingData& data, const NetworkConfig& config) {
  double largest = 0;
  const bool each = data.step_weight.has_data();
  for (std::int64_t i = 0; i < data.x.samples; ++i) {
    const AnswerSteps steps = each ? answer_steps(data, config, i) : AnswerSteps();
    for (std::int64_t k = 0; k < steps.count; ++k) {
      const double weight = data.weight(i, steps[k]);
      if (!std::isfinite(weight) || weight < 0) {
        return Status::invalid("sample_weight[" + std::to_string(i) + "] is " + number_text(weight) +
                               (each ? " at step " + std::to_string(steps[k]) : "") +
                               ", wanted a finite number, at least 0");
      }
      largest = std::max(largest, weight);
    }
  }
  if (largest > 0) return {};
  return Status::invalid("sample_weight is 0 for every sample, wanted at least one above 0");
}

Status check_step_weight(const TrainingData& data, const NetworkConfig& config) {
  const SampleArray& weight = data.step_weight;
  if (!weight.has_data()) return {};
  if (config.sequence && !config.loss->aligns() && data.sample_weight == nullptr &&
      weight.type == SampleType::float64 && weight.samples == data.x.samples &&
      weight.steps == data.x.steps && weight.features == 1) {
    return {};
  }
  return Status::invalid("step_weight has shape " +
                         shape_text(weight.samples, weight.steps, weight.features) + ", wanted " +
                         shape_text(data.x.samples, data.x.steps, 1) +
                         " of type float64, for a network that answers every step, and no sample_weight");
}

Status check_present(const TrainingData& data, const NetworkConfig& config) {
  std::int64_t predictions = 0;
  for (std::int64_t i = 0; i < data.y.samples; ++i) {
    if (targets_present(data, config, i) > 0) return {};
    predictions += answer_steps(data, config, i).count;
  }
  return predictions == 0 ? Status() : Status::invalid("y has no target: every value is NaN");
}

}  // namespace

AnswerSteps answer_steps(const TrainingData& data, const NetworkConfig& config, std::int64_t sample) {
  if (!config.sequence) return {};
  const Framing ends{config, true, true, data.x.steps, data.lengths};
  return {config.frames(ends.length(sample)), ends.first(sample), config.frame_step};
}

std::int64_t targets_present(const TrainingData& data, const NetworkConfig& config, std::int64_t sample) {
  if (config.loss->aligns()) return 1;
  return present_at(data, sample, answer_steps(data, config, sample));
}

std::int64_t targets_present(const TrainingData& data, const NetworkConfig& config, std::int64_t sample,
                             std::int64_t first, std::int64_t last) {
  const AnswerSteps all = answer_steps(data, config, sample);
  const std::int64_t count = std::clamp<std::int64_t>(std::min(last, all.count) - first, 0, all.count);
  return present_at(data, sample, {count, all[first], all.step});
}

double mean_weight(const TrainingData& data, const NetworkConfig& config) {
  double sum = 0, count = 0;
  const auto add = [&](double weight, double predictions) {
    sum += weight * predictions;
    count += predictions;
  };
  const auto targets = static_cast<double>(config.targets());
  if (data.class_weight != nullptr) {
    for_classes(data, config, [&](std::int64_t i, std::int64_t t, double target) {
      add(data.weight(i, t) * data.class_weight[static_cast<std::int64_t>(target)], 1);
      return true;
    });
    return sum / count;
  }
  if (!data.weighted()) return 1.0;
  for (std::int64_t i = 0; i < data.x.samples; ++i) {
    if (!data.step_weight.has_data()) {
      add(data.weight(i, 0), static_cast<double>(targets_present(data, config, i)) / targets);
      continue;
    }
    const AnswerSteps steps = answer_steps(data, config, i);
    for (std::int64_t k = 0; k < steps.count; ++k) {
      const std::int64_t there = present_at(data, i, {1, steps[k], 1});
      add(data.weight(i, steps[k]), static_cast<double>(there) / targets);
    }
  }
  return sum / count;
}

Status check_weights(const TrainingData& data, const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(check_step_weight(data, config));
  return data.weighted() ? check_each_weight(data, config) : Status();
}

Status check_targets(const TrainingData& data, const NetworkConfig& config) {
  if (config.loss->classes(config) > 0) FASTGRU_RETURN_IF_ERROR(check_classes(data, config));
  FASTGRU_RETURN_IF_ERROR(check_present(data, config));
  return check_weights(data, config);
}

}  // namespace fastgru
