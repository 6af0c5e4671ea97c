// The CTC loss against the sum over all paths, against differences, and in float32 against float64.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/data/labels.h"
#include "nn/training_step.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using Labels = std::vector<std::int64_t>;

NetworkConfig ctc_config(std::int64_t classes) {
  NetworkConfig config = testing::network_config(2, 3, 1, false, classes);
  config.sequence = true;
  config.loss = find_loss("ctc");
  return config;
}

// Some rows of logits (steps, rows, classes) with their labels.
template <class S>
struct Rows {
  NetworkConfig config;
  std::int64_t steps;
  std::vector<Labels> labels;
  std::vector<std::int64_t> lengths;
  std::vector<S> logits;
  std::vector<S> gradient = std::vector<S>(logits.size(), std::numeric_limits<S>::quiet_NaN());
  std::vector<double> losses = std::vector<double>(labels.size(), -1);
  std::vector<double> weights = {};
  int threads = 1;

  double loss(double denominator = 1) {
    Labels all, ends = {0};
    std::int64_t most = 0;
    for (const Labels& each : labels) {
      all.insert(all.end(), each.begin(), each.end());
      ends.push_back(static_cast<std::int64_t>(all.size()));
      most = std::max(most, static_cast<std::int64_t>(each.size()));
    }
    std::vector<S> scratch(
        static_cast<std::size_t>(threads * config.loss->sequence_scratch(config, steps, most)));
    LossSequences<S> in;
    in.logits = logits.data();
    in.steps = steps;
    in.rows = static_cast<std::int64_t>(labels.size());
    in.lengths = lengths.empty() ? nullptr : lengths.data();
    in.labels = all.data();
    in.ends = ends.data();
    in.weights = weights.empty() ? nullptr : weights.data();
    in.denominator = denominator;
    in.gradient = gradient.data();
    in.scratch = scratch.data();
    in.losses = losses.data();
    in.threads = threads;
    double sum = 0;
    config.loss->add_sequences(config, in, sum);
    return sum;
  }
};

template <class S>
Rows<S> random_rows(std::int64_t classes, std::int64_t steps, std::vector<Labels> labels,
                    std::vector<std::int64_t> lengths = {}, double spread = 2.0) {
  testing::Random random(5);
  const auto count = static_cast<std::int64_t>(labels.size()) * steps * classes;
  const std::vector<float> drawn = testing::random_vector<float>(random, count, spread);
  return {ctc_config(classes), steps, std::move(labels), std::move(lengths), {drawn.begin(), drawn.end()}};
}

// -log of the sum of the probabilities of all paths that spell the labels, over the number of labels.
double by_all_paths(const Rows<double>& rows) {
  const std::int64_t classes = rows.config.output_size, steps = rows.steps;
  double sum = 0;
  std::vector<std::int64_t> path(static_cast<std::size_t>(steps));
  for (;;) {
    double probability = 1;
    Labels spelt;
    for (std::int64_t t = 0; t < steps; ++t) {
      const double* logits = rows.logits.data() + t * classes;
      double total = 0;
      for (std::int64_t k = 0; k < classes; ++k) total += std::exp(logits[k]);
      const std::int64_t k = path[static_cast<std::size_t>(t)];
      probability *= std::exp(logits[k]) / total;
      if (k != 0 && (t == 0 || k != path[static_cast<std::size_t>(t - 1)])) spelt.push_back(k);
    }
    if (spelt == rows.labels[0]) sum += probability;
    auto digit = path.begin();
    while (digit != path.end() && ++*digit == classes) *digit++ = 0;
    if (digit == path.end()) break;
  }
  return -std::log(sum) / static_cast<double>(std::max<std::size_t>(1, rows.labels[0].size()));
}

TEST_CASE("the CTC loss is that of all paths") {
  // Among them repeated labels, no label, exactly enough steps, and a single step.
  const std::vector<std::pair<std::int64_t, Labels>> cases = {
      {6, {1, 2}}, {6, {1, 1}}, {6, {2, 2, 1}}, {6, {}}, {3, {1, 2, 1}}, {3, {2, 2}}, {1, {2}}, {1, {}}};
  for (const auto& [steps, labels] : cases) {
    Rows<double> rows = random_rows<double>(3, steps, {labels});
    const double wanted = by_all_paths(rows);
    CHECK(rows.loss() == doctest::Approx(wanted).epsilon(1e-12));
    Rows<float> narrow = random_rows<float>(3, steps, {labels});
    CHECK(narrow.loss() == doctest::Approx(wanted).epsilon(1e-6));
  }
}

TEST_CASE("the gradient of the CTC loss is that of its values, and zero beyond a row's end") {
  Rows<double> rows = random_rows<double>(4, 7, {{1, 2, 2}, {}, {3}, {1, 1, 1}, {2}}, {7, 6, 1, 5, 4});
  rows.weights = {1, 0.5, 2, 3, 0};
  rows.loss(2.5);
  const std::vector<double> gradient = rows.gradient;
  for (std::size_t i = 0; i < rows.logits.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double value = rows.logits[i];
    rows.logits[i] = value + kStep;
    const double above = rows.loss();
    rows.logits[i] = value - kStep;
    const double below = rows.loss();
    rows.logits[i] = value;
    CHECK(std::abs(gradient[i] - (above - below) / (2 * kStep) / 2.5) < 1e-9);
  }
  const std::size_t beyond = 6 * 5 * 4 + 1 * 4;  // step 6 of row 1
  CHECK(gradient[beyond] == 0.0);
}

TEST_CASE("float32 follows float64 over long sequences and extreme logits") {
  Labels labels;
  for (int i = 0; i < 150; ++i) labels.push_back(1 + i * 7 % 29);
  for (const double spread : {1.0, 10.0, 60.0}) {
    Rows<double> wide = random_rows<double>(30, 600, {labels}, {}, spread);
    Rows<float> narrow = random_rows<float>(30, 600, {labels}, {}, spread);
    CHECK(narrow.loss() == doctest::Approx(wide.loss()).epsilon(1e-6));
    double worst = 0;
    for (std::size_t i = 0; i < wide.gradient.size(); ++i) {
      worst = std::max(worst, std::abs(wide.gradient[i] - static_cast<double>(narrow.gradient[i])));
    }
    CAPTURE(spread);
    CHECK(worst * 150 < 1e-4);  // of -log p; measured: 4e-5, where the paths that count lie far below others
  }
}

TEST_CASE("a row's loss and gradient do not depend on other rows or threads") {
  const std::vector<Labels> labels = {{1, 2, 3}, {}, {4, 4}, {1, 2, 3, 4, 1, 2}};
  Rows<float> all = random_rows<float>(5, 12, labels, {12, 9, 3, 10});
  const double sum = all.loss();
  Rows<float> threaded = all;
  threaded.threads = 2;
  CHECK(threaded.loss() == sum);
  CHECK(threaded.gradient == all.gradient);
  for (std::size_t b = 0; b < labels.size(); ++b) {
    Rows<float> one = random_rows<float>(5, all.lengths[b], {labels[b]});
    for (std::int64_t t = 0; t < one.steps; ++t) {
      std::copy_n(all.logits.data() + (t * 4 + static_cast<std::int64_t>(b)) * 5, 5,
                  one.logits.data() + t * 5);
    }
    one.loss();
    CHECK(one.losses[0] == all.losses[b]);
    for (std::int64_t t = 0; t < one.steps; ++t) {
      const float* wanted = all.gradient.data() + (t * 4 + static_cast<std::int64_t>(b)) * 5;
      CHECK(std::equal(wanted, wanted + 5, one.gradient.data() + t * 5));
    }
  }
}

// A network with samples of 9 steps, whose labels are {1, 1, 2, 3}.
struct LabelCase {
  NetworkConfig config = ctc_config(4);
  testing::NetworkCase<float> problem;
  std::vector<float> labels;
  std::vector<std::int64_t> lengths = {9, 5, 9, 9, 7};
  std::vector<std::int64_t> counts = {4, 4, 0, 2, 1};
  TrainingData data;

  explicit LabelCase(bool framed = false) : problem(framed_config(framed), 5, 9) {
    config = problem.config;
    for (int i = 0; i < 5; ++i) labels.insert(labels.end(), {1, 1, 2, 3});
    data = problem.data(false, false);
    data.y = testing::sample_array(labels, 5, 4, 1);
    data.lengths = lengths.data();
    data.label_counts = counts.data();
  }
  static NetworkConfig framed_config(bool framed) {
    NetworkConfig config = ctc_config(4);
    if (!framed) return config;
    config.gru.input_size = 4;
    config.frame_length = 2;
    return config;
  }
};

TEST_CASE("evaluation and training agree, with frames as well") {
  for (const bool framed : {false, true}) {
    LabelCase one(framed);
    if (framed) one.lengths[1] = 6;  // five frames
    TrainerOptions options;
    options.batch_size = 5;
    const auto trainer = testing::make_trainer(one.problem.network, options);
    double before = 0, after = 0;
    REQUIRE(trainer->evaluate(one.data, nullptr, before).ok());
    CHECK(testing::run_epoch(*trainer, one.data) == doctest::Approx(before).epsilon(1e-6));
    for (int epoch = 0; epoch < 20; ++epoch) testing::run_epoch(*trainer, one.data);
    REQUIRE(trainer->evaluate(one.data, nullptr, after).ok());
    CHECK(after < before);
  }
}

TEST_CASE("what CTC cannot learn from is refused before training") {
  LabelCase one;
  const auto refused = [&](const char* text) {
    const Status status = validate(one.data, one.config);
    CHECK(!status.ok());
    CHECK(std::string(status.message()).find(text) != std::string::npos);
  };
  CHECK(validate(one.data, one.config).ok());
  one.lengths[1] = 4;
  refused("x[1] has 4 frames, too few for its 4 labels, 1 of them like the one before: wanted at least 5");
  one.lengths[1] = 5;
  one.labels[2] = 4;
  refused("y[0] has the label 4 at place 2, wanted a whole number from 1 to 3; 0 is the blank");
  one.labels[2] = 0;
  refused("the label 0");
  one.labels[2] = std::numeric_limits<float>::quiet_NaN();
  refused("the label nan");
  one.labels[2] = 2;
  one.counts[3] = 5;
  refused("label_counts[3] is 5, wanted 0 to 4");
  one.counts[3] = 2;
  one.data.y.features = 2;
  refused("wanted (5, labels, 1)");

  TrainerOptions options;
  options.bptt = 3;
  std::unique_ptr<Trainer<float>> trainer;
  const Status status = Trainer<float>::make(one.problem.network, options, trainer);
  CHECK(std::string(status.message()).find("bptt is not possible") != std::string::npos);
  NetworkConfig config = ctc_config(4);
  config.sequence = false;
  CHECK(std::string(validate(config).message()).find("needs sequence=True") != std::string::npos);
  CHECK(std::string(validate(ctc_config(1)).message()).find("at least 2") != std::string::npos);
}

}  // namespace
}  // namespace fastgru
