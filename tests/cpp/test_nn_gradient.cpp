// The gradient of the whole network against central differences of its loss, in float64; the loss by straight
// loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn/batch_pass.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::NetworkCase;

// The loss of one mini-batch with all samples of a case, as a function of the parameters.
struct BatchLoss {
  const NetworkCase<double>& problem;
  bool weighted, with_lengths;
  NetworkLayout layout{problem.config};
  BatchPass<double> pass{layout};
  Weights<double> gru{problem.config.gru};
  std::vector<double> gradient = std::vector<double>(static_cast<std::size_t>(layout.total()));

  double operator()(const std::vector<double>& params) {
    const TrainingData data = problem.data(weighted, with_lengths);
    std::vector<std::int64_t> order(static_cast<std::size_t>(problem.samples));
    std::iota(order.rbegin(), order.rend(), 0);  // backwards: rows are not samples
    REQUIRE(pass.reserve(problem.steps, problem.samples).ok());
    pass.gather(data, problem.scaling, order.data(), 0, problem.samples, 1);
    REQUIRE(gru.assign(params.data()).ok());
    double loss = 0;
    REQUIRE(
        pass.loss_and_gradient(gru, params.data(), mean_weight(data), 11, RunOptions(), loss, gradient.data())
            .ok());
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
