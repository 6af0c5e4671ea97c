// Targets that are missing (NaN), and weights of single steps: gradients against central differences in
// float64, losses against plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "nn/training_step.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::NetworkCase;

constexpr std::int64_t kRows = 6, kSteps = 5;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

NetworkConfig config_of(const Loss* loss, bool sequence) {
  NetworkConfig config = testing::network_config(2, 3, 1, true, 3);
  config.loss = loss;
  config.sequence = sequence;
  if (loss == find_loss("quantile")) config.quantiles = {0.1, 0.5, 0.8};
  return config;
}

// Some targets of a case are missing; every step has a weight.
struct Gaps {
  NetworkCase<double> problem;
  std::vector<double> step_weight;
  TrainingData data;

  Gaps(const NetworkConfig& config, bool weighted, bool with_lengths) : problem(config, kRows, kSteps) {
    for (std::size_t i = 0; i < problem.y.size(); ++i) {
      if (i % 4 == 1) problem.y[i] = kNone;
    }
    for (std::int64_t i = 0; i < kRows * kSteps; ++i)
      step_weight.push_back(0.25 * static_cast<double>(i % 5));
    data = problem.data(weighted && !config.sequence, with_lengths);
    if (!weighted || !config.sequence) return;
    data.step_weight = testing::sample_array(step_weight, kRows, kSteps, 1);
  }
  // The time steps to which predict() gives an answer.
  std::int64_t answers(std::int64_t sample) const {
    if (!problem.config.sequence) return 1;
    return data.lengths == nullptr ? kSteps : data.lengths[sample];
  }
};

struct MiniBatch {
  const Gaps& gaps;
  NetworkLayout layout{gaps.problem.config};
  TrainingStep<double> step{layout};
  std::vector<std::unique_ptr<PackedParameters<double>>> packed = step.chain().make_packed();

  double operator()(const std::vector<double>& params) {
    std::vector<std::int64_t> order(kRows);
    std::iota(order.rbegin(), order.rend(), 0);
    step.choose(gaps.data, gaps.problem.scaling, order.data(), 0, kRows);
    REQUIRE(assign_packed(packed, params.data()).ok());
    double loss = 0;
    const double weight = mean_weight(gaps.data, gaps.problem.config);
    REQUIRE(step.loss_and_gradient({params.data(), &packed}, weight, 1, RunOptions(), loss).ok());
    return loss;
  }
};

// The weighted mean of the loss over the targets that are there, one network prediction at a time.
double mean_over_present(const Gaps& gaps) {
  const NetworkConfig& config = gaps.problem.config;
  const std::int64_t targets = config.targets(), width = config.logits();
  std::vector<double> logits(static_cast<std::size_t>(kRows * kSteps * width));
  const NetworkCase<double>& p = gaps.problem;
  REQUIRE(p.network->predict(gaps.data.x, gaps.data.lengths, true, logits.data(), RunOptions()).ok());
  double sum = 0, weights = 0;
  const double* first = logits.data();
  for (std::int64_t i = 0; i < kRows; first += gaps.answers(i) * width, ++i) {
    const AnswerSteps steps = answer_steps(gaps.data, config, i);
    for (std::int64_t s = 0; s < steps.count; ++s) {
      const std::int64_t t = steps[s];
      const double weight = gaps.data.weight(i, t);
      const double* answer = first + t * width;
      for (std::int64_t k = 0; k < targets; ++k) {
        const double y =
            p.y[static_cast<std::size_t>((i * (config.sequence ? kSteps : 1) + t) * targets + k)];
        if (std::isnan(y)) continue;
        const auto o = static_cast<std::size_t>(k);
        double term = 0;
        if (config.loss->classifies()) {
          LossRows<double> one;  // every other target of the row is missing
          std::vector<double> target(static_cast<std::size_t>(targets), kNone);
          target[o] = y;
          one.logits = answer;
          one.targets = target.data();
          one.rows = 1;
          config.loss->add(config, one, term);
        } else {
          // Values: what predict() gives for errors and quantiles, in units of y.
          const std::int64_t count = width / targets;
          for (std::int64_t q = 0; q < count; ++q) {
            const double e = (answer[k * count + q] - y) / p.scaling.y_scale[o], size = std::abs(e);
            if (config.loss == find_loss("squared_error")) term += e * e;
            if (config.loss == find_loss("absolute_error")) term += size;
            if (config.loss == find_loss("huber")) term += size < 1 ? e * e / 2 : size - 0.5;
            if (config.loss == find_loss("quantile")) {
              const double level = config.quantiles[static_cast<std::size_t>(q)];
              term += std::max(-level * e, (1 - level) * e);
            }
          }
          term /= static_cast<double>(count);
        }
        sum += weight * term;
        weights += weight;
      }
    }
  }
  return sum / weights;
}

void check(const Gaps& gaps) {
  MiniBatch batch{gaps};
  std::vector<double> params = gaps.problem.params;
  const double value = batch(params), wanted = mean_over_present(gaps);
  CHECK(value == doctest::Approx(wanted).epsilon(1e-12));
  double evaluated = 0;
  REQUIRE(gaps.problem.network->evaluate(gaps.data, RunOptions(), evaluated).ok());
  CHECK(evaluated == doctest::Approx(wanted).epsilon(1e-12));
  const std::vector<double> gradient(batch.step.gradient(), batch.step.gradient() + params.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const double here = params[i];
    params[i] = here + 1e-5;
    const double above = batch(params);
    params[i] = here - 1e-5;
    const double below = batch(params);
    params[i] = here;
    worst = std::max(worst, std::abs((above - below) / 2e-5 - gradient[i]));
    largest = std::max(largest, std::abs(gradient[i]));
  }
  CHECK(worst < 1e-7 * largest);
}

TEST_CASE("every loss leaves missing targets out, in its value and its gradient") {
  for (const Loss* loss : all_losses()) {
    if (loss->aligns()) continue;  // their targets are not missing, but none
    for (const bool sequence : {false, true}) {
      for (const bool weighted : {false, true}) {
        for (const bool with_lengths : {false, true}) {
          CAPTURE(loss->name());
          CAPTURE(sequence);
          CAPTURE(weighted);
          CAPTURE(with_lengths);
          check(Gaps(config_of(loss, sequence), weighted, with_lengths));
        }
      }
    }
  }
}

TEST_CASE("a row with one of three targets has the whole loss of that target") {
  const Gaps gaps(config_of(find_loss("squared_error"), false), false, false);
  NetworkCase<double> one = gaps.problem;
  one.y = {kNone, 0.7, kNone};
  one.samples = 1;
  const TrainingData data = one.data(false, false);
  const NetworkLayout layout(one.config);
  TrainingStep<double> step(layout);
  const auto packed = step.chain().make_packed();
  REQUIRE(assign_packed(packed, one.params.data()).ok());
  const std::int64_t order[] = {0};
  step.choose(data, one.scaling, order, 0, 1);
  double loss = 0;
  REQUIRE(step.loss_and_gradient({one.params.data(), &packed}, 1, 1, RunOptions(), loss).ok());
  const double e = (one.predict(1, false)[1] - 0.7) / one.scaling.y_scale[1];
  CHECK(loss == doctest::Approx(e * e).epsilon(1e-12));
  CHECK(step.count() == doctest::Approx(1.0 / 3));
}

TEST_CASE("with frames, the targets and the weights are those of the frames' last time steps") {
  for (const bool sequence : {false, true}) {
    for (const bool with_lengths : {false, true}) {
      NetworkConfig config = config_of(find_loss("squared_error"), sequence);
      config.gru.bidirectional = false;
      config.frame_length = config.frame_step = 2;
      config.gru.input_size = 4;
      CAPTURE(sequence);
      CAPTURE(with_lengths);
      check(Gaps(config, true, with_lengths));
    }
  }
}

TEST_CASE("classes of missing targets have no weight, and a class weight none of their number") {
  const double class_weight[] = {0.5, 2.0, 3.0};
  Gaps gaps(config_of(find_loss("cross_entropy"), true), true, true);
  gaps.data.class_weight = class_weight;
  double sum = 0, count = 0;
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t t = 0; t < gaps.answers(i); ++t) {
      const double y = gaps.problem.y[static_cast<std::size_t>(i * kSteps + t)];
      if (std::isnan(y)) continue;
      sum += gaps.data.weight(i, t) * class_weight[static_cast<std::size_t>(y)];
      count += 1;
    }
  }
  CHECK(mean_weight(gaps.data, gaps.problem.config) == doctest::Approx(sum / count).epsilon(1e-14));
  double evaluated = 0;
  REQUIRE(gaps.problem.network->evaluate(gaps.data, RunOptions(), evaluated).ok());
  MiniBatch batch{gaps};
  CHECK(batch(gaps.problem.params) == doctest::Approx(evaluated).epsilon(1e-12));
}

TEST_CASE("truncated backpropagation reads the weights of its own steps") {
  Gaps gaps(config_of(find_loss("squared_error"), true), true, true);
  gaps.problem.config.gru.bidirectional = false;
  const Gaps one(gaps.problem.config, true, true);
  const NetworkLayout layout(one.problem.config);
  double losses[2];
  for (const std::int64_t bptt : {0, 2}) {
    TrainingStep<double> step(layout, bptt);
    const auto packed = step.chain().make_packed();
    REQUIRE(assign_packed(packed, one.problem.params.data()).ok());
    const std::int64_t order[] = {3, 1, 5, 0, 2, 4};
    step.choose(one.data, one.problem.scaling, order, 0, kRows);
    REQUIRE(step.loss_and_gradient({one.problem.params.data(), &packed}, 1, 1, RunOptions(), losses[bptt / 2])
                .ok());
  }
  CHECK(losses[0] == doctest::Approx(losses[1]).epsilon(1e-13));
}

TEST_CASE("data without a target, and bad weights of steps, are refused") {
  const auto refused = [](const Gaps& gaps, const char* text) {
    const Status status = validate(gaps.data, gaps.problem.config);
    CHECK(status.message().find(text) != std::string::npos);
  };
  for (const char* name : {"squared_error", "cross_entropy"}) {
    Gaps gaps(config_of(find_loss(name), true), true, false);
    CHECK(validate(gaps.data, gaps.problem.config).ok());
    std::fill(gaps.problem.y.begin(), gaps.problem.y.end(), kNone);
    refused(gaps, "y has no target");
  }
  Gaps gaps(config_of(find_loss("squared_error"), true), true, false);
  gaps.step_weight[7] = -1;
  refused(gaps, "sample_weight[1] is -1 at step 2");
  std::fill(gaps.step_weight.begin(), gaps.step_weight.end(), 0.0);
  refused(gaps, "sample_weight is 0");
  gaps.data.step_weight.steps = 4;
  refused(gaps, "step_weight has shape (6, 4, 1), wanted (6, 5, 1)");
  Gaps last(config_of(find_loss("squared_error"), false), false, false);
  last.data.step_weight = testing::sample_array(last.step_weight, kRows, kSteps, 1);
  refused(last, "step_weight");
}

}  // namespace
}  // namespace fastgru
