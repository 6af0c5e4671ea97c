// Labels: the targets of a loss that aligns them with the predictions of every step (CTC). Their number is
// their own, up to that of the predictions.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/samples.h"
#include "nn/losses/loss.h"

namespace fastgru {

// The labels of some rows, as whole numbers.
class LabelRows {
 public:
  // Reads the labels of samples order[0] ... order[rows - 1] (first ... if `order` is null), and their
  // weights.
  void set(const TrainingData& data, const std::int64_t* order, std::int64_t first, std::int64_t rows);

  // The rows as a loss takes them, with logits (steps, rows, classes) and the steps of each row.
  template <class S>
  LossSequences<S> of(const S* logits, std::int64_t steps, const std::int64_t* lengths) {
    LossSequences<S> sequences;
    sequences.logits = logits;
    sequences.steps = steps;
    sequences.rows = static_cast<std::int64_t>(weights_.size());
    sequences.lengths = lengths;
    sequences.labels = labels_.data();
    sequences.ends = ends_.data();
    sequences.weights = weights_.data();
    sequences.losses = losses_.data();
    return sequences;
  }

  const std::int64_t* labels() const { return labels_.data(); }
  const std::int64_t* ends() const { return ends_.data(); }
  std::int64_t most() const { return most_; }  // labels of a row

 private:
  std::vector<std::int64_t> labels_, ends_;
  std::vector<double> weights_, losses_;  // the latter: room for one of each row
  std::int64_t most_ = 0;
};

// The least number of predictions that can spell `count` labels: a blank stands between two that are equal.
std::int64_t least_predictions(const std::int64_t* labels, std::int64_t count);

// Checks the shape of y, the weights, that every label is a class above 0, which is the blank, and that every
// sample has predictions enough for its labels.
Status check_labels(const TrainingData& data, const NetworkConfig& config);

}  // namespace fastgru
