// Language models: a head that shares the embedding's weight, and training on streams of tokens.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn/training_step.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::NetworkCase;

NetworkConfig language_model(std::int64_t vocabulary, std::int64_t hidden, bool tied) {
  NetworkConfig config = testing::network_config(hidden, hidden, 2, false, vocabulary);
  config.vocabulary_size = vocabulary;
  config.sequence = true;
  config.loss = find_loss("cross_entropy");
  config.tied_embedding = tied;
  return config;
}

// A training step over all samples of a case.
template <class S>
struct Step {
  const NetworkCase<S>& problem;
  TrainingData data;
  NetworkLayout layout{problem.config};
  TrainingStep<S> step;
  std::vector<std::unique_ptr<PackedParameters<S>>> packed = step.chain().make_packed();
  std::vector<std::int64_t> order;

  Step(const NetworkCase<S>& p, std::int64_t bptt, bool with_lengths)
      : problem(p), data(p.data(false, with_lengths)), step(layout, bptt) {
    order.resize(static_cast<std::size_t>(p.samples));
    std::iota(order.begin(), order.end(), 0);
    choose();
  }
  void choose() { step.choose(data, problem.scaling, order.data(), 0, problem.samples); }

  double run(const std::vector<S>& params, int threads = 1) {
    REQUIRE(assign_packed(packed, params.data()).ok());
    RunOptions options;
    options.num_threads = threads;
    double loss = 0;
    REQUIRE(step.loss_and_gradient({params.data(), &packed}, 1.0, 11, options, loss).ok());
    return loss;
  }
  std::vector<S> gradient() { return {step.gradient(), step.gradient() + layout.total()}; }
};

TEST_CASE("a tied embedding: the gradient against central differences") {
  const NetworkCase<double> problem(language_model(7, 4, true), 3, 5);
  Step<double> step(problem, 0, true);
  CHECK(step.layout.slots().back().name == "embedding.weight");
  for (const ParamSlot& slot : step.layout.slots()) CHECK(slot.name != "head.weight");
  std::vector<double> params = problem.params;
  step.run(params);
  step.run(params);  // a second call must not keep anything of the first
  const std::vector<double> gradient = step.gradient();
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double value = params[i];
    params[i] = value + kStep;
    const double above = step.run(params);
    params[i] = value - kStep;
    const double below = step.run(params);
    params[i] = value;
    worst = std::max(worst, std::abs((above - below) / (2 * kStep) - gradient[i]));
    largest = std::max(largest, std::abs(gradient[i]));
  }
  CHECK(worst / largest < 1e-8);
}

TEST_CASE("a tied embedding must fit the head") {
  NetworkConfig config = language_model(7, 4, true);
  config.output_size = 8;
  CHECK(validate(config).message().find("tied_embedding needs one logit for each token") == 0);
  config = language_model(7, 4, true);
  config.gru.input_size = 5;
  CHECK(validate(config).message().find("input_size=5 and 4 inputs of the head") != std::string::npos);
}

TEST_CASE_TEMPLATE("a stream's stretches add up to truncated backpropagation", S, float, double) {
  const NetworkCase<S> problem(language_model(9, 6, false), 5, 17);
  const double bound = sizeof(S) == 4 ? 2e-6 : 1e-14;
  for (const bool with_lengths : {false, true}) {
    Step<S> whole(problem, 4, with_lengths), stretches(problem, 4, with_lengths);
    const double wanted = whole.run(problem.params);
    const std::vector<S> gradient = whole.gradient();
    std::vector<double> sums(gradient.size());
    double loss = 0, count = 0;
    while (stretches.step.next_stretch()) {
      const double answers = stretches.step.count();
      loss += answers * stretches.run(problem.params);
      const std::vector<S> part = stretches.gradient();
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += answers * static_cast<double>(part[i]);
      count += answers;
    }
    CHECK(count == whole.step.count());
    CHECK(std::abs(loss / count - wanted) < bound);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      CHECK(std::abs(sums[i] / count - static_cast<double>(gradient[i])) < bound);
    }
  }
}

TEST_CASE_TEMPLATE("training on streams: threads do not change a bit, and neither do pieces of the head", S,
                   float, double) {
  const NetworkCase<S> problem(language_model(17000, 4, true), 30, 11);
  const auto train = [&](int threads) {
    TrainerOptions options;
    options.batch_size = 30;
    options.bptt = 10;
    options.stateful = true;
    options.num_threads = threads;
    const auto network = problem.fresh_network();
    const auto trainer = testing::make_trainer(network, options);
    const double loss = testing::run_epoch(*trainer, problem.data(false, false));
    CHECK(trainer->batch_losses().size() == 2);  // ten steps and one
    return std::make_pair(testing::parameters(*network), loss);
  };
  CHECK(train(1) == train(2));
}

TEST_CASE("training on streams needs predictions at every step and one direction") {
  TrainerOptions options;
  options.stateful = true;
  NetworkConfig config = language_model(9, 6, false);
  config.gru.bidirectional = true;
  const NetworkCase<float> both(config, 2, 3);
  const NetworkCase<float> last(testing::network_config(2, 3, 1, false, 1), 2, 3);
  for (const NetworkCase<float>* problem : {&both, &last}) {
    std::unique_ptr<Trainer<float>> trainer;
    const Status status = Trainer<float>::make(problem->network, options, trainer);
    CHECK(status.message() == "stateful training needs a loss of each step, and one direction");
  }
}

}  // namespace
}  // namespace fastgru
