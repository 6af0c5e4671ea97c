// Lists of sequences of different lengths: their memory and their order; a row does not depend on the others.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "nn/data/batch_order.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::network_config;
using testing::NetworkCase;

// The sequences of a case as a list, each in its own memory without room behind it.
template <class S>
struct List {
  std::vector<std::vector<S>> memory;
  std::vector<const void*> starts;
  std::vector<std::int64_t> strides;
  TrainingData data;

  explicit List(const NetworkCase<S>& problem) : data(problem.data(true, true)) {
    const std::int64_t inputs = problem.config.gru.input_size;
    for (std::int64_t n = 0; n < problem.samples; ++n) {
      const auto first = problem.x.begin() + n * problem.steps * inputs;
      memory.emplace_back(first, first + problem.lengths[static_cast<std::size_t>(n)] * inputs);
    }
    for (const std::vector<S>& sequence : memory) starts.push_back(sequence.data());
    strides.assign(memory.size(), inputs);
    data.x.data = nullptr;
    data.x.sample_stride = data.x.step_stride = 0;
    data.x.starts = starts.data();
    data.x.step_strides = strides.data();
  }
};

TEST_CASE_TEMPLATE("a list and a padded array are trained on and answered alike, to the bit", S, float,
                   double) {
  const NetworkCase<S> problem(network_config(2, 12, 2, true, 2), 41, 9);
  const List<S> list(problem);
  const auto train = [&problem](const TrainingData& data) {
    TrainerOptions options;
    options.batch_size = 8;
    const auto network = problem.fresh_network();
    const auto trainer = testing::make_trainer(network, options);
    for (int epoch = 0; epoch < 3; ++epoch) testing::run_epoch(*trainer, data);
    double loss = 0;
    REQUIRE(trainer->evaluate(data, nullptr, loss).ok());
    std::vector<S> answers(82);
    REQUIRE(network->predict(data.x, data.lengths, false, answers.data(), RunOptions()).ok());
    return std::make_tuple(testing::parameters(*network), answers, loss);
  };
  CHECK(train(list.data) == train(problem.data(true, true)));
}

std::vector<std::int64_t> order(const std::vector<std::int64_t>& lengths, std::int64_t batch_size,
                                std::uint64_t seed, std::uint64_t epoch) {
  BatchOrder result;
  const auto samples = static_cast<std::int64_t>(lengths.size());
  REQUIRE(result.set(samples, batch_size, lengths.data(), true, seed, epoch, nullptr));
  return {result.data(), result.data() + samples};
}

TEST_CASE("mini-batches hold samples of like length, in an order that seed and epoch decide") {
  std::vector<std::int64_t> lengths;
  testing::Random random(4);
  for (int i = 0; i < 5003; ++i)
    lengths.push_back(1 + static_cast<std::int64_t>(50 * std::abs(random.uniform())));
  const std::vector<std::int64_t> found = order(lengths, 16, 7, 2);
  CHECK(order(lengths, 16, 7, 2) == found);
  CHECK(order(lengths, 16, 7, 3) != found);
  CHECK(order(lengths, 16, 8, 2) != found);
  std::vector<std::int64_t> sorted = found;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) CHECK(sorted[i] == static_cast<std::int64_t>(i));

  std::int64_t valid = 0, computed = 0, falling = 0, batches = 0, last_longest = 0;
  for (std::size_t first = 0; first + 16 <= found.size(); first += 16, ++batches) {
    const std::int64_t longest = lengths[static_cast<std::size_t>(found[first])];
    for (std::size_t i = first; i < first + 16; ++i) {
      const std::int64_t length = lengths[static_cast<std::size_t>(found[i])];
      CHECK(length <= longest);  // sorted: the engine need not move them
      valid += length;
    }
    computed += 16 * longest;
    falling += longest <= last_longest ? 1 : 0;
    last_longest = longest;
  }
  CHECK(10 * computed < 11 * valid);
  CHECK(falling > batches / 4);
  CHECK(falling < 3 * batches / 4);  // not from the longest to the shortest
}

TEST_CASE("samples of one length are shuffled as without lengths") {
  const std::vector<std::int64_t> lengths(101, 6);
  BatchOrder plain;
  REQUIRE(plain.set(101, 8, nullptr, true, 5, 1, nullptr));
  CHECK(order(lengths, 8, 5, 1) == std::vector<std::int64_t>(plain.data(), plain.data() + 101));
}

}  // namespace
}  // namespace fastgru
