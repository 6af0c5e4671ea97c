// Mini-batches whose lengths differ widely are cut into groups of rows: which ones, and that neither
// gradients nor predictions change.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn/data/row_groups.h"
#include "nn/training_step.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using Lengths = std::vector<std::int64_t>;
using testing::NetworkCase;

// A network of so many units: its steps have 8 values for each, and 3 of input.
std::vector<Lengths> cut(const Lengths& lengths, std::int64_t most_steps, std::int64_t hidden) {
  Lengths order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  RowGroups groups;
  const auto rows = static_cast<std::int64_t>(lengths.size());
  const NetworkConfig config = testing::network_config(3, hidden, 1, false, 1);
  groups.set(config, order.data(), rows, lengths.data(), 9, most_steps);
  std::vector<Lengths> found;
  for (const RowGroup& group : groups.all()) {
    found.emplace_back(group.lengths, group.lengths + group.rows);
    for (std::int64_t b = 0; b < group.rows; ++b) {
      CHECK(group.lengths[b] == lengths[static_cast<std::size_t>(group.order[b])]);
    }
    CHECK(group.steps ==
          std::max<std::int64_t>(1, *std::max_element(found.back().begin(), found.back().end())));
  }
  return found;
}

TEST_CASE("rows are cut where a block would be mostly padding, and stay as they are elsewhere") {
  const std::int64_t wide = 131000;  // eight steps of padding have less than 8 Mi values
  CHECK(cut({4, 9, 8, 7}, 0, wide) == std::vector<Lengths>{{4, 9, 8, 7}});
  CHECK(cut({3, 20, 12, 0, 2}, 0, wide) == std::vector<Lengths>{{20, 12}, {3, 2, 0}});
  CHECK(cut({100, 2, 40, 10}, 0, wide) == std::vector<Lengths>{{100}, {40}, {10, 2}});
  CHECK(cut({100, 60, 50}, 0, wide) == std::vector<Lengths>{{100, 60, 50}});  // half as long is long enough
  CHECK(cut({100, 60, 49}, 0, wide) == std::vector<Lengths>{{100, 60}, {49}});
  CHECK(cut({100, 1, 40, 10}, 0, 64) == std::vector<Lengths>{{100, 1, 40, 10}});    // an ordinary batch
  CHECK(cut({100, 1, 40, 10}, 5, wide) == std::vector<Lengths>{{100, 1, 40, 10}});  // bptt: blocks are short
  CHECK(cut({0, 0}, 0, wide) == std::vector<Lengths>{{0, 0}});
  RowGroups groups;
  const std::int64_t order[] = {4, 2};
  NetworkConfig config = testing::network_config(3, wide, 1, false, 1);
  groups.set(config, order, 2, nullptr, 7, 0);
  REQUIRE(groups.all().size() == 1);
  CHECK(groups.all()[0].steps == 7);
  CHECK(groups.all()[0].lengths == nullptr);
  config.frame_length = 4;
  config.frame_step = 2;
  const std::int64_t lengths[] = {0, 0, 3, 0, 20};  // frames: 1 and 9
  groups.set(config, order, 2, lengths, 20, 0);
  REQUIRE(groups.all().size() == 1);
  CHECK(groups.all()[0].steps == 9);
  CHECK(groups.all()[0].lengths[1] == 1);
}

// Two long sequences among forty.
constexpr std::int64_t kRows = 40, kSteps = 400;
Lengths wide_lengths() {
  Lengths lengths;
  for (std::int64_t i = 0; i < kRows; ++i) lengths.push_back(i % 7);
  lengths[11] = kSteps;
  lengths[30] = 350;
  return lengths;
}

struct Widely {
  NetworkCase<double> problem;
  NetworkLayout layout;
  std::int64_t bptt;
  Lengths order;

  Widely(const NetworkConfig& config, std::int64_t most)
      : problem(config, kRows, kSteps), layout(config), bptt(most) {
    problem.lengths = wide_lengths();
    for (std::int64_t i = 0; i < kRows; ++i) order.push_back(i * 7 % kRows);
    RowGroups groups;
    groups.set(config, order.data(), kRows, problem.lengths.data(), kSteps, most);
    REQUIRE(groups.all().size() == 2);
  }

  // The gradient of rows of `order`, times the number of their predictions, is added; so is the loss.
  void add(std::int64_t first, std::int64_t rows, std::vector<double>& sum, double& loss,
           double& count) const {
    const TrainingData data = problem.data(true, true);
    TrainingStep<double> step(layout, bptt);
    const auto packed = step.chain().make_packed();
    REQUIRE(assign_packed(packed, problem.params.data()).ok());
    step.choose(data, problem.scaling, order.data(), first, rows);
    double part = 0;
    const Parameters<double> params{problem.params.data(), &packed};
    REQUIRE(step.loss_and_gradient(params, 1.7, 3, RunOptions(), part).ok());
    const auto weight = static_cast<double>(step.count());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * step.gradient()[i];
    loss += weight * part;
    count += weight;
  }
};

TEST_CASE("the gradient of a mini-batch cut into groups is the sum of its rows' gradients") {
  for (const bool sequence : {false, true}) {
    for (const std::int64_t bptt : {0, 330}) {
      for (const bool tokens : {false, true}) {
        NetworkConfig config = testing::network_config(3, 32, bptt == 0 ? 2 : 4, bptt == 0, 2);
        config.sequence = sequence;
        config.pooling = sequence || bptt > 0 ? Pooling::last : Pooling::max;
        config.vocabulary_size = tokens ? 11 : 0;
        const Widely widely(config, bptt);
        const auto total = static_cast<std::size_t>(widely.layout.total());
        std::vector<double> whole(total), rows(total);
        double whole_loss = 0, rows_loss = 0, whole_count = 0, rows_count = 0;
        widely.add(0, kRows, whole, whole_loss, whole_count);
        for (std::int64_t b = 0; b < kRows; ++b) widely.add(b, 1, rows, rows_loss, rows_count);
        CAPTURE(sequence);
        CAPTURE(bptt);
        CAPTURE(tokens);
        // A sequence without steps counts as one prediction if it is alone; there are six.
        CHECK(whole_count == (sequence ? rows_count - 6 : rows_count));
        CHECK(whole_loss == doctest::Approx(rows_loss).epsilon(1e-12));
        double largest = 0, worst = 0;
        for (std::size_t i = 0; i < total; ++i) {
          largest = std::max(largest, std::abs(rows[i]));
          worst = std::max(worst, std::abs(whole[i] - rows[i]));
        }
        CHECK(largest > 0);
        CHECK(worst < 1e-12 * largest);
      }
    }
  }
}

TEST_CASE("training and evaluation of widely different lengths: the same bits at every number of threads") {
  NetworkConfig config = testing::network_config(3, 32, 2, true, 2);
  config.gru.dropout = config.input_dropout = 0.2;
  NetworkCase<float> problem(config, kRows, kSteps);
  problem.lengths = wide_lengths();
  std::vector<std::vector<float>> found;
  for (const int threads : {1, 2}) {
    const auto network = problem.fresh_network();
    TrainerOptions options;
    options.num_threads = threads;
    const auto trainer = testing::make_trainer(network, options);
    for (int epoch = 0; epoch < 2; ++epoch) testing::run_epoch(*trainer, problem.data(true, true));
    found.push_back(testing::parameters(*network));
  }
  CHECK(found[0] == found[1]);
}

TEST_CASE_TEMPLATE("a prediction does not depend on the group of its row", S, float, double) {
  for (const bool sequence : {false, true}) {
    NetworkConfig config = testing::network_config(3, 32, 2, true, 2);
    config.sequence = sequence;
    NetworkCase<S> problem(config, kRows, kSteps);
    problem.lengths = wide_lengths();
    const std::vector<S> together = problem.predict(1);
    const TrainingData data = problem.data(false, true);
    std::size_t at = 0;
    for (std::size_t i = 0; i < kRows; ++i) {
      SampleArray one = data.x;
      one.data = problem.x.data() + static_cast<std::int64_t>(i) * data.x.sample_stride;
      one.samples = 1;
      const std::int64_t answers = (sequence ? problem.lengths[i] : 1) * config.logits();
      std::vector<S> alone(static_cast<std::size_t>(answers) + 1);
      REQUIRE(problem.network->predict(one, &problem.lengths[i], false, alone.data(), RunOptions()).ok());
      CHECK(std::equal(alone.begin(), alone.end() - 1, together.begin() + static_cast<std::ptrdiff_t>(at)));
      at += static_cast<std::size_t>(answers);
    }
  }
}

}  // namespace
}  // namespace fastgru
