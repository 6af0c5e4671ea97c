// Reads and checks sequences of labels.
#include "nn/data/labels.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/checks.h"
#include "nn/data/targets.h"
#include "nn/network_config.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

std::int64_t label_count(const TrainingData& data, std::int64_t sample) {
  return data.label_counts == nullptr ? data.y.steps : data.label_counts[sample];
}

double label(const TrainingData& data, std::int64_t sample, std::int64_t k) {
  const std::int64_t at = k * data.y.stride(sample);
  return data.y.type == SampleType::float32 ? static_cast<double>(data.y.start<float>(sample)[at])
                                            : data.y.start<double>(sample)[at];
}

Status check_shape(const TrainingData& data) {
  const SampleArray& y = data.y;
  const bool fits = y.samples == data.x.samples && y.features == 1 && y.has_data() && y.steps >= 0 &&
                    y.type != SampleType::int64;
  if (!fits) {
    return Status::invalid("y has shape " + shape_text(y.samples, y.steps, y.features) + ", wanted (" +
                           std::to_string(data.x.samples) +
                           ", labels, 1): the samples of x, and labels as float32 or float64");
  }
  for (std::int64_t i = 0; data.label_counts != nullptr && i < y.samples; ++i) {
    if (data.label_counts[i] >= 0 && data.label_counts[i] <= y.steps) continue;
    return Status::invalid("label_counts[" + std::to_string(i) + "] is " +
                           std::to_string(data.label_counts[i]) + ", wanted 0 to " + std::to_string(y.steps));
  }
  return {};
}

Status check_classes(const TrainingData& data, std::int64_t classes) {
  for (std::int64_t i = 0; i < data.y.samples; ++i) {
    for (std::int64_t k = 0; k < label_count(data, i); ++k) {
      const double value = label(data, i, k);
      if (value >= 1 && value < static_cast<double>(classes) && value == std::floor(value)) continue;
      return Status::invalid("y[" + std::to_string(i) + "] has the label " + number_text(value) +
                             " at place " + std::to_string(k) + ", wanted a whole number from 1 to " +
                             std::to_string(classes - 1) + "; 0 is the blank");
    }
  }
  return {};
}

Status check_predictions(const TrainingData& data, const NetworkConfig& config) {
  LabelRows rows;
  for (std::int64_t i = 0; i < data.x.samples; ++i) {
    rows.set(data, nullptr, i, 1);
    const std::int64_t count = rows.ends()[1], wanted = least_predictions(rows.labels(), count);
    const std::int64_t got = config.frames(data.lengths == nullptr ? data.x.steps : data.lengths[i]);
    if (got >= wanted) continue;
    return Status::invalid("x[" + std::to_string(i) + "] has " + std::to_string(got) +
                           " frames, too few for its " + std::to_string(count) + " labels, " +
                           std::to_string(wanted - count) + " of them like the one before: wanted at least " +
                           std::to_string(wanted));
  }
  return {};
}

}  // namespace

void LabelRows::set(const TrainingData& data, const std::int64_t* order, std::int64_t first,
                    std::int64_t rows) {
  const auto size = static_cast<std::size_t>(rows);
  if (losses_.size() < size) losses_.resize(size);
  labels_.clear();
  ends_.assign(1, 0);
  weights_.clear();
  most_ = 0;
  for (std::int64_t b = 0; b < rows; ++b) {
    const std::int64_t sample = order == nullptr ? first + b : order[first + b];
    const std::int64_t count = label_count(data, sample);
    for (std::int64_t k = 0; k < count; ++k) {
      labels_.push_back(static_cast<std::int64_t>(label(data, sample, k)));
    }
    ends_.push_back(static_cast<std::int64_t>(labels_.size()));
    weights_.push_back(data.weight(sample, 0));
    most_ = std::max(most_, count);
  }
}

std::int64_t least_predictions(const std::int64_t* labels, std::int64_t count) {
  std::int64_t least = count;
  for (std::int64_t k = 1; k < count; ++k) least += labels[k] == labels[k - 1] ? 1 : 0;
  return least;
}

Status check_labels(const TrainingData& data, const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(check_shape(data));
  FASTGRU_RETURN_IF_ERROR(check_classes(data, config.output_size));
  FASTGRU_RETURN_IF_ERROR(check_predictions(data, config));
  return check_weights(data, config);
}

}  // namespace fastgru
