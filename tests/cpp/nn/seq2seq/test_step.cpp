// The loss and gradients of encoder-decoder networks: finite differences, float32 against float64, threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "nn/seq2seq/step.h"
#include "seq2seq_case.h"

namespace fastgru {
namespace {

using testing::seq2seq_config;
using testing::Seq2SeqCase;

const AttentionKind kKinds[] = {AttentionKind::none, AttentionKind::dot, AttentionKind::general};

// The loss of all pairs of a case, as a function of the parameters.
template <class S>
struct PairsLoss {
  const Seq2SeqCase<S>& problem;
  double smoothing = 0.1;
  int threads = 1;
  Seq2SeqLayout layout{problem.config};
  Seq2SeqWeights<S> weights{layout};
  Seq2SeqStep<S> step{layout};

  double operator()(const std::vector<S>& params) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(problem.sources.rows().rows));
    std::iota(order.rbegin(), order.rend(), std::int64_t{0});
    REQUIRE(weights.assign(params.data()).ok());
    step.choose(problem.pairs(), order.data(), static_cast<std::int64_t>(order.size()));
    PassOptions pass;
    pass.drops = true;
    pass.seed = 5;
    pass.options.num_threads = threads;
    double loss = -1;
    REQUIRE(step.loss_and_gradient(weights, smoothing, pass, loss).ok());
    return loss;
  }
  std::vector<S> gradient() { return {step.gradient(), step.gradient() + layout.total()}; }
};

TEST_CASE("every gradient of an encoder-decoder network is that of finite differences") {
  for (const AttentionKind attention : kKinds) {
    for (const bool bidirectional : {false, true}) {
      Seq2SeqConfig config = seq2seq_config(attention, bidirectional, 2);
      config.dropout = bidirectional ? 0.3 : 0.0;
      config.reset_after = bidirectional;
      Seq2SeqCase<double> problem(config, 5);
      PairsLoss<double> loss{problem};
      loss(problem.params);
      const std::vector<double> gradient = loss.gradient();
      for (const ParamSlot& slot : loss.layout.slots()) {
        CAPTURE(slot.name);
        for (std::int64_t i = 0; i < slot.size(); ++i) {
          const auto at = static_cast<std::size_t>(slot.offset + i);
          std::vector<double> params = problem.params;
          params[at] += 1e-5;
          const double above = loss(params);
          params[at] -= 2e-5;
          const double below = loss(params);
          REQUIRE(std::abs((above - below) / 2e-5 - gradient[at]) < 1e-8);
        }
      }
    }
  }
}

TEST_CASE("float32 follows float64, and no number of threads changes a bit") {
  for (const AttentionKind attention : kKinds) {
    Seq2SeqConfig config = seq2seq_config(attention, true);
    config.hidden_size = 34;
    config.embedding_size = 19;
    config.target_vocabulary = 45;
    config.dropout = 0.2;
    const Seq2SeqCase<double> exact(config, 23, 20);
    const Seq2SeqCase<float> problem(config, 23, 20);
    PairsLoss<double> exact_loss{exact};
    PairsLoss<float> loss{problem};
    CHECK(loss(problem.params) == doctest::Approx(exact_loss(exact.params)).epsilon(1e-6));
    const std::vector<float> gradient = loss.gradient();
    const std::vector<double> wanted = exact_loss.gradient();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      REQUIRE(std::abs(static_cast<double>(gradient[i]) - wanted[i]) < 2e-6);
    }
    for (const int threads : {2, 3}) {
      PairsLoss<float> other{problem, 0.1, threads};
      CHECK(other(problem.params) == loss(problem.params));
      CHECK(other.gradient() == gradient);
    }
  }
}

TEST_CASE("a mini-batch of very different lengths runs in groups, with the same gradient") {
  Seq2SeqConfig config = seq2seq_config(AttentionKind::general, true);
  Seq2SeqCase<double> problem(config, 3);
  testing::Sentences& sources = problem.sources;
  sources.add(std::vector<std::int64_t>(60000, 4));
  problem.targets.add({3, 4, 5});
  for (int i = 0; i < 8; ++i) {
    sources.add({3, 5});
    problem.targets.add({6});
  }
  PairsLoss<double> all{problem};
  const double loss = all(problem.params);
  std::vector<double> sum(static_cast<std::size_t>(all.layout.total()));
  double loss_sum = 0, count = 0;
  for (std::int64_t i = 0; i < sources.rows().rows; ++i) {
    PairsLoss<double> one{problem};
    REQUIRE(one.weights.assign(problem.params.data()).ok());
    one.step.choose(problem.pairs(), &i, 1);
    double each = 0;
    REQUIRE(one.step.loss_and_gradient(one.weights, 0.1, PassOptions(), each).ok());
    const auto symbols = static_cast<double>(one.step.count());
    count += symbols;
    loss_sum += each * symbols;
    const std::vector<double> gradient = one.gradient();
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += gradient[k] * symbols;
  }
  CHECK(loss == doctest::Approx(loss_sum / count).epsilon(1e-12));
  const std::vector<double> gradient = all.gradient();
  for (std::size_t k = 0; k < sum.size(); ++k) REQUIRE(std::abs(gradient[k] - sum[k] / count) < 1e-10);
}

TEST_CASE("scores and attention of pairs are the same alone and together") {
  const Seq2SeqCase<float> problem(seq2seq_config(AttentionKind::general, true), 70, 9);
  const TokenPairs pairs = problem.pairs();
  std::vector<double> all(70);
  std::size_t size = 0;
  for (std::int64_t i = 0; i < 70; ++i) {
    size += static_cast<std::size_t>((pairs.sources.length(i) + 1) * (pairs.targets.length(i) + 1));
  }
  std::vector<float> weights(size), alone(size);
  REQUIRE(problem.network->score(pairs, RunOptions(), all.data()).ok());
  REQUIRE(problem.network->attend(pairs, RunOptions(), weights.data()).ok());
  float* at = alone.data();
  for (std::int64_t i = 0; i < 70; ++i) {
    const TokenPairs pair{{pairs.sources.symbols, pairs.sources.starts + i, 1},
                          {pairs.targets.symbols, pairs.targets.starts + i, 1}};
    double one = 0;
    REQUIRE(problem.network->score(pair, RunOptions(), &one).ok());
    CHECK(one == all[static_cast<std::size_t>(i)]);
    REQUIRE(problem.network->attend(pair, RunOptions(), at).ok());
    for (std::int64_t t = 0; t <= pairs.targets.length(i); ++t) {
      const float* row = at + t * (pairs.sources.length(i) + 1);
      CHECK(std::accumulate(row, row + pairs.sources.length(i) + 1, 0.0f) == doctest::Approx(1.0));
    }
    at += (pairs.sources.length(i) + 1) * (pairs.targets.length(i) + 1);
  }
  CHECK(alone == weights);
}

TEST_CASE("training lowers the loss, takes the same course at any number of threads, and stops on request") {
  const Seq2SeqCase<float> problem(seq2seq_config(AttentionKind::general, true, 2), 40);
  std::vector<std::vector<float>> ends;
  for (const int threads : {1, 2}) {
    Seq2SeqCase<float> own(problem.config, 40);
    Seq2SeqTrainerOptions options;
    options.batch_size = 7;
    options.num_threads = threads;
    options.optimizer.learning_rate = 0.05;
    std::unique_ptr<Seq2SeqTrainer<float>> trainer;
    REQUIRE(Seq2SeqTrainer<float>::make(own.network, options, trainer).ok());
    double before = 0, after = 0, loss = 0;
    REQUIRE(trainer->evaluate(own.pairs(), nullptr, before).ok());
    for (int epoch = 0; epoch < 20; ++epoch) REQUIRE(trainer->run_epoch(own.pairs(), nullptr, loss).ok());
    REQUIRE(trainer->evaluate(own.pairs(), nullptr, after).ok());
    CHECK(after < 0.8 * before);
    CHECK(trainer->batch_losses().size() == 6);
    CHECK(trainer->epoch() == 20);
    const float* flat = own.network->params()->flat();
    ends.emplace_back(flat, flat + own.network->layout().total());
    Interrupt stop([](void*) { return true; });
    while (!stop.check()) continue;
    CHECK(trainer->run_epoch(own.pairs(), &stop, loss).code() == ErrorCode::interrupted);
  }
  CHECK(ends[0] == ends[1]);
}

TEST_CASE("symbols, sizes and options out of range are refused") {
  Seq2SeqCase<float> problem(seq2seq_config(AttentionKind::none, false), 2);
  const auto refused = [](const Status& status, const char* what) {
    CHECK(status.code() == ErrorCode::invalid_argument);
    CHECK(status.message().find(what) != std::string::npos);
  };
  Seq2SeqConfig config = problem.config;
  config.bidirectional = true;
  config.hidden_size = 5;
  refused(validate(config), "hidden_size must be even");
  config = problem.config;
  config.target_vocabulary = 2;
  refused(validate(config), "target_vocabulary must be at least 3");
  config.target_vocabulary = std::int64_t{1} << 60;
  refused(validate(config), "more parameters than can be counted");
  for (const std::int64_t symbol : {0, 2, 9, -1}) {
    testing::Sentences bad;
    bad.add({3, symbol});
    std::vector<double> out(1);
    refused(problem.network->score({bad.rows(), bad.rows()}, RunOptions(), out.data()), "sources[0]");
  }
  float weight = 0;
  refused(problem.network->attend(problem.pairs(), RunOptions(), &weight), "without attention");
  Seq2SeqTrainerOptions options;
  options.label_smoothing = 1.0;
  refused(validate(options), "label_smoothing must be in [0, 1), got 1");
}

}  // namespace
}  // namespace fastgru
