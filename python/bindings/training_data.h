// What a training call is given, as the core takes it: sequences, their targets, weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bindings/samples.h"
#include "nn/data/samples.h"

namespace fastgru::bindings {

// The lengths of a call: those of a list's sequences, or the caller's, for an array.
inline Column<std::int64_t> lengths_of(const Sequences& x, py::handle lengths) {
  if (x.lengths() != nullptr && !lengths.is_none()) {
    raise_value_error("lengths must be None when x is a list: its sequences have their own");
  }
  return {read_lengths(lengths, x.total()), x.rows()};
}

// Checks that `given` has as many sequences as x, and as many steps in each.
inline void check_steps(const Sequences& x, const Sequences& given, const char* name) {
  const SampleArray &a = x.view(), &b = given.view();
  if (given.total() != x.total()) {
    raise_value_error(std::string(name) + " must have as many sequences as x, " + std::to_string(x.total()) +
                      ", got " + std::to_string(given.total()));
  }
  for (std::int64_t i = 0; i < a.samples; ++i) {
    const std::int64_t wanted = x.lengths() == nullptr ? a.steps : x.lengths()[i];
    const std::int64_t got = given.lengths() == nullptr ? b.steps : given.lengths()[i];
    if (got == wanted) continue;
    raise_value_error(std::string(name) + " has " + std::to_string(got) + " steps where x has " +
                      std::to_string(wanted) + ", in sequence " + std::to_string(x.rows()[i]));
  }
}

// The targets of a call, kept alive: one row per sample, sequences as long as those of x, or labels.
class PyTargets {
 public:
  PyTargets(const NetworkConfig& config, const Sequences& x, py::handle y, py::handle rows) {
    if (config.loss->aligns()) {
      sequences_.emplace(y, "y", config.targets(), rows);
      if (sequences_->total() != x.total()) {
        raise_value_error("y must have the labels of as many sequences as x, " + std::to_string(x.total()) +
                          ", got " + std::to_string(sequences_->total()));
      }
      view_ = sequences_->view();
      return;
    }
    if (config.sequence) {
      sequences_.emplace(y, "y", config.targets(), rows);
      check_steps(x, *sequences_, "y");
      view_ = sequences_->view();
      view_.steps = x.view().steps;
      return;
    }
    flat_ = read_numbers(y, "y", "(N, output_size)", false);
    view_ = targets_of(flat_, x.total(), config.targets());
    if (!x.rows().all()) choose(x.rows());
  }
  PyTargets(const PyTargets&) = delete;
  PyTargets& operator=(const PyTargets&) = delete;

  const SampleArray& view() const { return view_; }
  // Of labels in a list: the number of each sample's.
  const std::int64_t* counts() const { return sequences_ ? sequences_->lengths() : nullptr; }

 private:
  void choose(const Rows& rows) {
    for (std::int64_t i = 0; i < rows.count(0); ++i) {
      starts_.push_back(sample_start(view_, rows[i]));
    }
    view_.starts = starts_.data();
    view_.samples = rows.count(0);
  }

  std::optional<Sequences> sequences_;
  Numbers flat_;
  std::vector<const void*> starts_;
  SampleArray view_;
};

// The samples of a call, kept alive.
struct PyTrainingData {
  Sequences x;
  PyTargets y;
  Column<double> sample_weight;
  Column<std::int64_t> lengths;
  std::vector<double> class_weight;
  std::optional<Sequences> step_weight;
  TrainingData view;

  PyTrainingData(const NetworkConfig& config, py::handle x_in, py::handle y_in, py::handle weight_in,
                 py::handle lengths_in, py::handle rows_in, py::handle class_weight_in,
                 py::handle step_weight_in)
      : x(x_in, "x", config.features(), rows_in, config.vocabulary_size > 0),
        y(config, x, y_in, rows_in),
        sample_weight(read_weights(weight_in, x.total()), x.rows()),
        lengths(lengths_of(x, lengths_in)) {
    view.x = x.view();
    view.y = y.view();
    if (config.loss->aligns()) view.label_counts = y.counts();
    view.sample_weight = sample_weight.data();
    view.lengths = x.lengths() != nullptr ? x.lengths() : lengths.data();
    if (!step_weight_in.is_none()) {
      step_weight.emplace(step_weight_in, "step_weight", 1, rows_in);
      check_steps(x, *step_weight, "step_weight");
      view.step_weight = step_weight->view();
      view.step_weight.steps = x.view().steps;
    }
    if (class_weight_in.is_none()) return;
    if (config.loss->classes(config) == 0) raise_value_error("class_weight goes with loss='cross_entropy'");
    class_weight = read_column(class_weight_in, "class_weight", config.output_size);
    for (const double weight : class_weight) {
      if (!(weight >= 0)) raise_value_error("class_weight must not be negative");
    }
    view.class_weight = class_weight.data();
  }
};

}  // namespace fastgru::bindings
