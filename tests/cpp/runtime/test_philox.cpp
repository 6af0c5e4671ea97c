// Random numbers: the published test vectors of Philox, and the shuffling and seeds of training.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "nn/data/shuffle.h"
#include "runtime/philox.h"

namespace fastgru {
namespace {

std::uint64_t pair(std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; }

// The lines "philox4x32 10" of Random123's tests/kat_vectors: four words of counter, two of key, four of
// result.
TEST_CASE("philox gives the known answers of Random123") {
  struct Line {
    std::uint32_t counter[4], key[2];
    PhiloxBlock wanted;
  };
  constexpr std::uint32_t kOnes = 0xffffffff;
  const Line lines[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Line& line : lines) {
    const PhiloxBlock got = philox(pair(line.key[0], line.key[1]), pair(line.counter[0], line.counter[1]),
                                   pair(line.counter[2], line.counter[3]));
    CHECK(got == line.wanted);
  }
}

TEST_CASE("scale_to is the high half of a 128-bit product") {
  constexpr std::uint64_t kMax = ~std::uint64_t{0};
  CHECK(scale_to(kMax, kMax) == kMax - 1);  // (2^64 - 1)^2 = 2^64 (2^64 - 2) + 1
  CHECK(scale_to(kMax, 1) == 0);
  CHECK(scale_to(0, kMax) == 0);
  CHECK(scale_to(std::uint64_t{1} << 63, 7) == 3);
  CHECK(scale_to(0x123456789abcdef0u, 0xfedcba9876543210u) == 0x121fa00ad77d7422u);  // from Python's integers
  for (std::uint64_t n = 1; n < 50; ++n) CHECK(scale_to(kMax, n) == n - 1);
}

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  REQUIRE(shuffle_order(order.data(), count, seed, epoch, nullptr));
  return order;
}

TEST_CASE("shuffle_order is a permutation, a pure function of seed and epoch") {
  for (const std::int64_t count : {0, 1, 2, 3, 100, 1001}) {
    std::vector<std::int64_t> order = shuffled(count, 5, 3);
    CHECK(order == shuffled(count, 5, 3));
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < count; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  }
  CHECK(shuffled(100, 5, 3) != shuffled(100, 5, 4));
  CHECK(shuffled(100, 5, 3) != shuffled(100, 6, 3));
}

TEST_CASE("shuffle_order takes every permutation equally often") {
  constexpr std::uint64_t kEpochs = 24000;
  std::vector<int> counts(256, 0);
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<std::int64_t> order = shuffled(4, 9, epoch);
    ++counts[static_cast<std::size_t>(order[0] + 4 * order[1] + 16 * order[2] + 64 * order[3])];
  }
  double chi_square = 0;
  int seen = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++seen;
    chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  CHECK(seen == 24);
  CHECK(chi_square < 49.7);  // 23 degrees of freedom: exceeded once in a thousand seeds
}

TEST_CASE("step_seed differs from step to step and from seed to seed") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (std::uint64_t step = 0; step < 100; ++step) seen.insert(step_seed(seed, step));
  }
  CHECK(seen.size() == 1000);
}

}  // namespace
}  // namespace fastgru
