// The gradient of the whole network against central differences of its loss, in float64; the loss against
// plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn/training_step.h"
#include "nn/version.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::NetworkCase;

// The loss of one mini-batch with all samples of a case, as a function of the parameters.
struct BatchLoss {
  const NetworkCase<double>& problem;
  bool weighted, with_lengths;
  NetworkLayout layout{problem.config};
  TrainingStep<double> step{layout};
  std::vector<std::unique_ptr<PackedParameters<double>>> packed = step.chain().make_packed();
  std::vector<double> gradient = std::vector<double>(static_cast<std::size_t>(layout.total()));

  double operator()(const std::vector<double>& params) {
    const TrainingData data = problem.data(weighted, with_lengths);
    std::vector<std::int64_t> order(static_cast<std::size_t>(problem.samples));
    std::iota(order.rbegin(), order.rend(), 0);  // reversed, so that row and sample numbers differ
    step.choose(data, problem.scaling, order.data(), 0, problem.samples);
    REQUIRE(assign_packed(packed, params.data()).ok());
    double loss = 0;
    REQUIRE(step.loss_and_gradient({params.data(), &packed}, mean_weight(data, problem.config), 11,
                                   RunOptions(), loss)
                .ok());
    std::copy_n(step.gradient(), gradient.size(), gradient.begin());
    return loss;
  }
};

double worst_relative_error(BatchLoss& loss, std::vector<double> params) {
  loss(params);
  const std::vector<double> gradient = loss.gradient;
  double largest = 0, worst = 0;
  for (const double g : gradient) largest = std::max(largest, std::abs(g));
  for (std::size_t i = 0; i < params.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double value = params[i];
    params[i] = value + kStep;
    const double above = loss(params);
    params[i] = value - kStep;
    const double below = loss(params);
    params[i] = value;
    worst = std::max(worst, std::abs((above - below) / (2 * kStep) - gradient[i]));
  }
  return worst / largest;
}

TEST_CASE("the network's gradient is that of its loss") {
  for (const bool bidirectional : {false, true}) {
    for (const std::int64_t layers : {1, 2}) {
      for (const bool dropout : {false, true}) {
        for (const bool with_lengths : {false, true}) {
          NetworkConfig config = testing::network_config(2, 3, layers, bidirectional, 2);
          config.gru.reset_after = !dropout;  // both variants, both with and without biases
          config.gru.bias = with_lengths;
          config.gru.dropout = dropout ? 0.3 : 0.0;
          config.head_dropout = dropout ? 0.4 : 0.0;
          const NetworkCase<double> problem(config, 5, 4);
          BatchLoss loss{problem, with_lengths, with_lengths};
          CAPTURE(bidirectional);
          CAPTURE(layers);
          CAPTURE(dropout);
          CAPTURE(with_lengths);
          CHECK(worst_relative_error(loss, problem.params) < 1e-7);
        }
      }
    }
  }
}

TEST_CASE("the gradient of a network that reads frames is that of its loss") {
  for (const bool sequence : {false, true}) {
    for (const bool with_lengths : {false, true}) {
      for (const std::int64_t frame_step : {1, 2, 4}) {
        NetworkConfig config = testing::network_config(12, 3, 2, true, 2);
        config.frame_length = 3;
        config.frame_step = frame_step;
        config.missing_mask = with_lengths;
        config.sequence = sequence;
        const NetworkCase<double> problem(config, 5, 9);
        BatchLoss loss{problem, with_lengths, with_lengths};
        CAPTURE(sequence);
        CAPTURE(with_lengths);
        CAPTURE(frame_step);
        CHECK(worst_relative_error(loss, problem.params) < 1e-7);
      }
    }
  }
}

NetworkConfig loss_config(const Loss* loss, std::int64_t outputs) {
  NetworkConfig config = testing::network_config(2, 3, 2, true, outputs);
  config.loss = loss;
  config.huber_delta = 0.7;
  if (loss == find_loss("quantile")) config.quantiles = {0.1, 0.4, 0.5, 0.95};
  return config;
}

TEST_CASE("every loss and every head has the gradient of its loss") {
  for (const Loss* loss : all_losses()) {
    if (loss->aligns()) continue;  // tests of their own: losses/test_ctc.cpp
    for (const Pooling pooling : {Pooling::last, Pooling::mean, Pooling::max}) {
      for (const bool sequence : {false, true}) {
        for (const bool with_lengths : {false, true}) {
          NetworkConfig config = loss_config(loss, 3);
          config.sequence = sequence;
          config.pooling = sequence ? Pooling::last : pooling;
          config.head_dropout = pooling == Pooling::mean ? 0.3 : 0.0;
          const NetworkCase<double> problem(config, 5, 4);
          BatchLoss batch{problem, with_lengths, with_lengths};
          CAPTURE(loss->name());
          CAPTURE(static_cast<int>(pooling));
          CAPTURE(sequence);
          CAPTURE(with_lengths);
          CHECK(worst_relative_error(batch, problem.params) < 1e-7);
        }
      }
    }
  }
}

TEST_CASE("embeddings and masks of missing values: the gradients too") {
  for (const bool tokens : {false, true}) {
    for (const bool with_lengths : {false, true}) {
      NetworkConfig config = testing::network_config(4, 3, 2, true, 2);
      config.missing_mask = !tokens;
      config.vocabulary_size = tokens ? 6 : 0;
      config.sequence = true;
      config.input_dropout = 0.3;
      const NetworkCase<double> problem(config, 5, 4);
      BatchLoss batch{problem, with_lengths, with_lengths};
      CAPTURE(tokens);
      CAPTURE(with_lengths);
      CHECK(worst_relative_error(batch, problem.params) < 1e-7);
      if (!tokens) continue;
      // Padding is never read, so its gradient is zero.
      const double* padding = batch.gradient.data() + testing::offset_of(batch.layout, "embedding.weight");
      CHECK(std::all_of(padding, padding + 4, [](double g) { return g == 0; }));
      CHECK(std::any_of(padding + 4, padding + 8, [](double g) { return g != 0; }));
    }
  }
}

// The gradient of one step of plain gradient descent, and the loss before it.
std::pair<std::vector<double>, double> descent(const NetworkCase<double>& problem,
                                               const std::vector<double>& params, TrainerOptions options) {
  options.optimizer.solver = Solver::sgd;
  options.optimizer.momentum = 0;
  options.optimizer.clip_norm = 0;
  options.optimizer.learning_rate = 1;
  options.batch_size = problem.samples;
  const auto network = problem.fresh_network();
  REQUIRE(network->set_parameters(params.data()).ok());
  const auto trainer = testing::make_trainer(network, options);
  const double loss = testing::run_epoch(*trainer, problem.data(true, true));
  std::vector<double> gradient = testing::parameters(*network);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = params[i] - gradient[i];
  return {gradient, loss};
}

TEST_CASE("recurrent weights that a step leaves out have no gradient, the others that of the loss") {
  const NetworkCase<double> problem(testing::network_config(2, 3, 2, true, 2), 5, 4);
  TrainerOptions options;
  options.recurrent_dropout = 0.4;
  std::vector<double> params = problem.params;
  const std::vector<double> gradient = descent(problem, params, options).first;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const double value = params[i];
    params[i] = value + 1e-5;
    const double above = descent(problem, params, options).second;
    params[i] = value - 1e-5;
    const double below = descent(problem, params, options).second;
    params[i] = value;
    CHECK(std::abs((above - below) / 2e-5 - gradient[i]) < 1e-8);
    zeros += gradient[i] == 0 ? 1 : 0;
  }
  CHECK(zeros > 20);  // of the 4 * 27 recurrent weights
}

TEST_CASE("truncation leaves the loss alone, and nothing changes where it does not bite") {
  for (const bool sequence : {false, true}) {
    NetworkConfig config = testing::network_config(2, 3, 2, false, 2);
    config.sequence = sequence;
    const NetworkCase<double> problem(config, 7, 11);
    TrainerOptions options;
    const auto [whole, loss] = descent(problem, problem.params, options);
    for (const std::int64_t bptt : {1, 3, 4, 10, 11, 50}) {
      options.bptt = bptt;
      const auto [gradient, cut_loss] = descent(problem, problem.params, options);
      CHECK(cut_loss == doctest::Approx(loss).epsilon(1e-13));
      CHECK((gradient == whole) == (bptt >= 11));
    }
  }
}

TEST_CASE("one quantile, one label, many quantiles: the gradients too") {
  for (const std::vector<double>& quantiles :
       {std::vector<double>{0.3}, {0.2, 0.7}, {0.05, 0.2, 0.3, 0.6, 0.9}}) {
    NetworkConfig config = loss_config(find_loss("quantile"), 1);
    config.quantiles = quantiles;
    const NetworkCase<double> problem(config, 5, 4);
    BatchLoss batch{problem, true, true};
    CHECK(worst_relative_error(batch, problem.params) < 1e-7);
  }
  const NetworkCase<double> problem(loss_config(find_loss("binary_cross_entropy"), 1), 5, 4);
  BatchLoss batch{problem, true, true};
  CHECK(worst_relative_error(batch, problem.params) < 1e-7);
}

// The loss of one prediction of predict(), by the formulae of nn/losses.
double answer_loss(const NetworkConfig& config, const double* answer, const double* target,
                   const Scaling& scaling) {
  double sum = 0;
  if (config.loss == find_loss("cross_entropy"))
    return -std::log(answer[static_cast<std::size_t>(target[0])]);
  const auto quantiles = std::max<std::size_t>(1, config.quantiles.size());
  const auto outputs = static_cast<std::size_t>(config.output_size);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t q = 0; q < quantiles; ++q) {
      const double given = answer[o * quantiles + q];
      const double e = (given - target[o]) / scaling.y_scale[o], size = std::abs(e);
      if (config.loss == find_loss("squared_error")) sum += e * e;
      if (config.loss == find_loss("absolute_error")) sum += size;
      if (config.loss == find_loss("huber")) sum += size < 0.7 ? e * e / 2 : 0.7 * (size - 0.35);
      if (config.loss == find_loss("quantile"))
        sum += std::max(-config.quantiles[q] * e, (1 - config.quantiles[q]) * e);
      if (config.loss == find_loss("binary_cross_entropy"))
        sum -= std::log(target[o] > 0 ? given : 1 - given);
    }
  }
  return sum / static_cast<double>(outputs * quantiles);
}

TEST_CASE("the loss of a mini-batch and of evaluate is that of the answers, weighted") {
  const double class_weight[] = {0.5, 2.0, 3.0};
  for (const Loss* loss : all_losses()) {
    if (loss->aligns()) continue;
    for (const bool sequence : {false, true}) {
      NetworkConfig config = loss_config(loss, 3);
      config.sequence = sequence;
      NetworkCase<double> problem(config, 7, 5);
      TrainingData data = problem.data(true, true);
      if (loss == find_loss("cross_entropy")) data.class_weight = class_weight;
      const std::vector<double> answers = [&] {
        std::vector<double> out(static_cast<std::size_t>(7 * 5 * config.logits()));
        REQUIRE(problem.network->predict(data.x, data.lengths, false, out.data(), RunOptions()).ok());
        return out;
      }();
      double sum = 0, weights = 0;
      const double* answer = answers.data();
      for (std::size_t i = 0; i < 7; ++i) {
        const std::int64_t steps = sequence ? problem.lengths[i] : 1;
        for (std::int64_t t = 0; t < steps; ++t, answer += config.logits()) {
          const double* target =
              problem.y.data() + (static_cast<std::int64_t>(i) * (sequence ? 5 : 1) + t) * config.targets();
          double weight = problem.weight[i];
          if (data.class_weight != nullptr) weight *= class_weight[static_cast<std::size_t>(target[0])];
          sum += weight * answer_loss(config, answer, target, problem.scaling);
          weights += weight;
        }
      }
      CAPTURE(loss->name());
      CAPTURE(sequence);
      double evaluated = 0;
      REQUIRE(problem.network->evaluate(data, RunOptions(), evaluated).ok());
      CHECK(evaluated == doctest::Approx(sum / weights).epsilon(1e-12));
      TrainerOptions options;
      options.batch_size = 7;
      options.optimizer.solver = Solver::sgd;
      options.optimizer.learning_rate = 1e-300;
      const auto trainer = testing::make_trainer(problem.fresh_network(), options);
      CHECK(testing::run_epoch(*trainer, data) == doctest::Approx(sum / weights).epsilon(1e-12));
    }
  }
}

TEST_CASE("without dropout the loss is the weighted mean of squared errors in scaled units") {
  const NetworkCase<double> problem(testing::network_config(2, 3, 1, false, 3), 6, 4);
  const std::vector<double> predicted = problem.predict(1);
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t o = 0; o < 3; ++o) {
      const double error = (predicted[3 * i + o] - problem.y[3 * i + o]) / problem.scaling.y_scale[o];
      sum += problem.weight[i] * error * error / 3;
    }
    weights += problem.weight[i];
  }
  BatchLoss loss{problem, true, true};
  CHECK(loss(problem.params) == doctest::Approx(sum / weights).epsilon(1e-13));
  double evaluated = 0;
  REQUIRE(problem.network->evaluate(problem.data(true, true), RunOptions(), evaluated).ok());
  CHECK(evaluated == doctest::Approx(sum / weights).epsilon(1e-13));
}

}  // namespace
}  // namespace fastgru
