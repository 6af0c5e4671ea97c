// The training loop: losses, bits, continuing, interruption, divergence.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn_case.h"

namespace fastgru {
namespace {

using testing::make_trainer;
using testing::network_config;
using testing::NetworkCase;
using testing::parameters;
using testing::run_epoch;

NetworkConfig dropping_config() {
  NetworkConfig config = network_config(2, 12, 2, true, 2);
  config.gru.dropout = 0.2;
  config.head_dropout = 0.1;
  return config;
}

TEST_CASE_TEMPLATE("training has the same bits at any thread count", S, float, double) {
  const NetworkCase<S> problem(dropping_config(), 41, 6);
  const auto train = [&problem](int threads) {
    TrainerOptions options;
    options.num_threads = threads;
    options.batch_size = 16;
    const auto network = problem.fresh_network();
    const auto trainer = make_trainer(network, options);
    for (int epoch = 0; epoch < 3; ++epoch) run_epoch(*trainer, problem.data(true, true));
    return std::make_pair(parameters(*network), trainer->batch_losses());
  };
  const auto wanted = train(1);
  for (const int threads : {2, 3, 5}) CHECK(train(threads) == wanted);
}

TEST_CASE_TEMPLATE("a trainer continues exactly where another one stopped", S, float, double) {
  for (const Solver solver : {Solver::adam, Solver::sgd}) {
    const NetworkCase<S> problem(dropping_config(), 20, 5);
    TrainerOptions options;
    options.optimizer.solver = solver;
    options.batch_size = 8;
    const auto whole = problem.fresh_network(), parts = problem.fresh_network();
    const auto trainer = make_trainer(whole, options);
    const auto first = make_trainer(parts, options);
    for (int epoch = 0; epoch < 4; ++epoch) run_epoch(*trainer, problem.data(false, false));
    for (int epoch = 0; epoch < 2; ++epoch) run_epoch(*first, problem.data(false, false));
    CHECK(first->epoch() == 2);
    CHECK(first->optimizer().step_count() == 6);
    const auto second = make_trainer(parts, options);
    REQUIRE(second
                ->restore(first->epoch(), first->optimizer().step_count(), first->optimizer().first_moment(),
                          first->optimizer().second_moment())
                .ok());
    for (int epoch = 0; epoch < 2; ++epoch) run_epoch(*second, problem.data(false, false));
    CHECK(parameters(*parts) == parameters(*whole));
    CHECK(second->batch_losses() == trainer->batch_losses());
  }
}

TEST_CASE("mean loss, batch losses and evaluate agree when nothing moves") {
  const NetworkCase<double> problem(network_config(2, 5, 1, false, 3), 11, 4);
  TrainerOptions options;
  options.optimizer.solver = Solver::sgd;
  options.optimizer.learning_rate = 1e-300;
  options.batch_size = 4;
  const auto network = problem.fresh_network();
  const auto trainer = make_trainer(network, options);
  double evaluated = 0;
  REQUIRE(trainer->evaluate(problem.data(true, true), nullptr, evaluated).ok());
  CHECK(run_epoch(*trainer, problem.data(true, true)) == doctest::Approx(evaluated).epsilon(1e-13));
  const std::vector<double>& losses = trainer->batch_losses();
  REQUIRE(losses.size() == 3);
  CHECK((4 * losses[0] + 4 * losses[1] + 3 * losses[2]) / 11 == doctest::Approx(evaluated).epsilon(1e-13));
}

TEST_CASE("a mini-batch with weights is one with repeated samples") {
  NetworkCase<double> problem(network_config(2, 5, 1, false, 1), 4, 4);
  problem.weight = {1, 2, 1, 3};
  TrainerOptions options;
  options.batch_size = 100;
  const auto weighted = problem.fresh_network(), repeated = problem.fresh_network();
  const double loss = run_epoch(*make_trainer(weighted, options), problem.data(true, false));
  std::vector<double> x, y;
  for (const std::ptrdiff_t i : {0, 1, 1, 2, 3, 3, 3}) {
    x.insert(x.end(), problem.x.begin() + i * 8, problem.x.begin() + (i + 1) * 8);
    y.push_back(problem.y[static_cast<std::size_t>(i)]);
  }
  const TrainingData data{testing::sample_array(x, 7, 4, 2), testing::sample_array(y, 7, 1, 1), nullptr,
                          nullptr};
  CHECK(run_epoch(*make_trainer(repeated, options), data) == doctest::Approx(loss).epsilon(1e-13));
  const std::vector<double> a = parameters(*weighted), b = parameters(*repeated);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-9));
}

TEST_CASE_TEMPLATE("training learns the mean of the inputs", S, float, double) {
  NetworkCase<S> problem(network_config(1, 16, 1, false, 1), 200, 6);
  for (std::size_t i = 0; i < 200; ++i) {
    S sum = 0;
    for (std::size_t t = 0; t < 6; ++t) sum += problem.x[i * 6 + t];
    problem.y[i] = sum / 6;
  }
  const auto trainer = make_trainer(problem.fresh_network(), TrainerOptions());
  const double before = run_epoch(*trainer, problem.data(false, false));
  double after = before;
  for (int epoch = 0; epoch < 60; ++epoch) after = run_epoch(*trainer, problem.data(false, false));
  CHECK(after < before / 100);
}

// One sample repeated N times, for any N without memory.
TrainingData endless(const NetworkCase<float>& problem, std::int64_t samples) {
  TrainingData data = problem.data(false, false);
  data.x.samples = data.y.samples = samples;
  data.x.sample_stride = data.y.sample_stride = 0;
  return data;
}

TEST_CASE("an interrupt leaves the parameters of the last whole mini-batch") {
  const NetworkCase<float> problem(network_config(2, 8, 1, false, 1), 1, 5);
  TrainerOptions options;
  options.batch_size = 1;
  options.shuffle = false;
  const auto stopped = problem.fresh_network(), wanted = problem.fresh_network();
  const auto trainer = make_trainer(stopped, options);
  int polls = 0;  // the first may come before the first mini-batch
  Interrupt interrupt([](void* count) { return ++*static_cast<int*>(count) == 2; }, &polls);
  double loss = -1;
  const Status status = trainer->run_epoch(endless(problem, 20000000), &interrupt, loss);
  CHECK(status.code() == ErrorCode::interrupted);
  CHECK(loss == -1);
  CHECK(trainer->epoch() == 0);
  const std::int64_t steps = trainer->optimizer().step_count();
  REQUIRE(steps > 0);
  REQUIRE(steps < 20000000);
  CHECK(trainer->batch_losses().size() == static_cast<std::size_t>(steps));
  run_epoch(*make_trainer(wanted, options), endless(problem, steps));
  CHECK(parameters(*stopped) == parameters(*wanted));
}

TEST_CASE_TEMPLATE("divergence is an error that names the remedy and keeps finite parameters", S, float,
                   double) {
  NetworkCase<S> problem(network_config(2, 8, 1, false, 1), 40, 5);
  TrainerOptions options;
  options.batch_size = 8;
  options.optimizer.solver = Solver::sgd;
  options.optimizer.clip_norm = 0;
  const S infinity = std::numeric_limits<S>::infinity();
  SUBCASE("the loss") {
    options.shuffle = false;
    problem.y[17] = infinity;  // in the third mini-batch
  }
  SUBCASE("the parameters") { options.optimizer.learning_rate = sizeof(S) == 4 ? 1e38 : 1e308; }
  const auto network = problem.fresh_network();
  const auto trainer = make_trainer(network, options);
  double loss = 0;
  const Status status = trainer->run_epoch(problem.data(false, false), nullptr, loss);
  CHECK(status.code() == ErrorCode::invalid_argument);
  CHECK(status.message().rfind("training diverged", 0) == 0);
  CHECK(status.message().find("learning_rate") != std::string::npos);
  CHECK(status.message().find("clip_norm") != std::string::npos);
  const std::vector<S> kept = parameters(*network);
  CHECK(std::all_of(kept.begin(), kept.end(), [](S value) { return std::isfinite(value); }));
  if (!options.shuffle) {  // the two good mini-batches count
    TrainingData good = problem.data(false, false);
    good.x.samples = good.y.samples = 16;
    const auto wanted = problem.fresh_network();
    run_epoch(*make_trainer(wanted, options), good);
    CHECK(kept == parameters(*wanted));
  }
}

TEST_CASE("a trainer starts each epoch from the network's own parameters") {
  const NetworkCase<float> problem(network_config(2, 8, 1, false, 1), 10, 5);
  const auto network = problem.fresh_network();
  TrainerOptions options;
  options.optimizer.solver = Solver::sgd;
  options.optimizer.momentum = 0;
  options.shuffle = false;
  const auto trainer = make_trainer(network, options);
  run_epoch(*trainer, problem.data(false, false));
  const std::vector<float> once = parameters(*network);
  REQUIRE(network->set_parameters(problem.params.data()).ok());
  run_epoch(*trainer, problem.data(false, false));
  CHECK(parameters(*network) == once);
}

TEST_CASE("bad training data are refused by name") {
  const NetworkCase<float> problem(network_config(2, 3, 1, false, 1), 4, 3);
  const auto trainer = make_trainer(problem.network, TrainerOptions());
  const auto refused = [&trainer](const TrainingData& data, const char* beginning) {
    double loss = 0;
    const Status status = trainer->run_epoch(data, nullptr, loss);
    CHECK(status.code() == ErrorCode::invalid_argument);
    INFO(status.message());
    CHECK(status.message().rfind(beginning, 0) == 0);
    CHECK(trainer->evaluate(data, nullptr, loss).message() == status.message());
  };
  TrainingData data = problem.data(false, false);
  data.y.samples = 3;
  refused(data, "y has shape (3, 1, 1), wanted (4, 1, 1)");
  data = problem.data(false, false);
  data.x.samples = data.y.samples = 0;
  refused(data, "x has no samples");
  data = problem.data(false, false);
  std::vector<double> weight(4, 0.0);
  data.sample_weight = weight.data();
  refused(data, "sample_weight is 0 for every sample");
  weight[3] = -1;
  refused(data, "sample_weight[3] is -1");
}

TEST_CASE("bad trainer options are refused by name") {
  TrainerOptions options;
  options.batch_size = 0;
  CHECK(validate(options).message().rfind("batch_size must be at least 1, got 0", 0) == 0);
  options = TrainerOptions();
  options.num_threads = -1;
  CHECK(validate(options).message().rfind("num_threads must be at least 0", 0) == 0);
}

}  // namespace
}  // namespace fastgru
