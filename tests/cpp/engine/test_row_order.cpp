// RowOrder against counts made row by row; which values it moves, and which it must not touch.
#include "engine/row_order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "random.h"

namespace {

using fastgru::RowOrder;
using fastgru::SequenceView;
using Lengths = std::vector<std::int64_t>;

constexpr float kUntouched = -7.0f;

RowOrder ordered(const Lengths& lengths, std::int64_t steps) {
  RowOrder order;
  order.set(lengths.data(), steps, static_cast<std::int64_t>(lengths.size()));
  return order;
}

std::int64_t longer_than(const Lengths& lengths, std::int64_t t) {
  return std::count_if(lengths.begin(), lengths.end(), [t](std::int64_t n) { return n > t; });
}

// Checks RowOrder's counts, for lengths that are not all `steps`.
void check_order(const RowOrder& order, const Lengths& lengths, std::int64_t steps) {
  const auto rows = static_cast<std::int64_t>(lengths.size());
  REQUIRE(order.rows() == rows);
  REQUIRE(order.steps() == steps);
  Lengths wanted(lengths.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<std::int64_t>(i);
  std::stable_sort(wanted.begin(), wanted.end(), [&](std::int64_t a, std::int64_t b) {
    return lengths[static_cast<std::size_t>(a)] > lengths[static_cast<std::size_t>(b)];
  });
  bool same = true;
  for (std::int64_t i = 0; i < rows; ++i) {
    CHECK(order.source(i) == wanted[static_cast<std::size_t>(i)]);
    same = same && order.source(i) == i;
  }
  CHECK(order.identity() == same);
  for (std::int64_t t = 0; t <= steps; ++t) CHECK(order.active(t) == longer_than(lengths, t));
}

const std::vector<Lengths>& many_lengths() {
  static const std::vector<Lengths> all = [] {
    std::vector<Lengths> made = {{0},          {3},          {0, 0, 0},          {1, 0, 6},
                                 {6, 6, 5, 0}, {5, 6, 6, 5}, {2, 5, 2, 5, 2, 5}, {0, 1, 2, 3, 4, 5, 6}};
    fastgru::testing::Random random(3);
    for (std::size_t rows = 1; rows < 40; ++rows) {
      Lengths lengths;
      for (std::size_t i = 0; i < rows; ++i) lengths.push_back(static_cast<std::int64_t>(random.below(7)));
      made.push_back(lengths);
    }
    return made;
  }();
  return all;
}

float number(std::int64_t t, std::int64_t b, std::int64_t f) {
  return static_cast<float>((t * 64 + b) * 8 + f);
}

// (6, rows, 3) with gaps between the rows; NaN in the gaps and beyond each row's end.
struct Strided {
  std::int64_t rows;
  std::vector<float> values;

  Strided(std::int64_t row_count, float fill)
      : rows(row_count), values(static_cast<std::size_t>(6 * (row_count * 5 + 2)), fill) {}

  SequenceView<float> view() { return {values.data(), 6, rows, 3, rows * 5 + 2, 5}; }
  SequenceView<const float> view() const { return {values.data(), 6, rows, 3, rows * 5 + 2, 5}; }
};

}  // namespace

TEST_CASE("row order: rows by falling length, ties by their number, and how many run at each step") {
  for (const Lengths& lengths : many_lengths()) {
    CAPTURE(lengths.size());
    const RowOrder order = ordered(lengths, 6);
    const bool all = std::all_of(lengths.begin(), lengths.end(), [](std::int64_t n) { return n == 6; });
    CHECK(order.ragged() == !all);
    check_order(order, lengths, 6);
  }
}

TEST_CASE("row order: without lengths, or with full ones, nothing moves and all rows run") {
  const Lengths full(4, 6);
  for (const std::int64_t* lengths : {static_cast<const std::int64_t*>(nullptr), full.data()}) {
    RowOrder order;
    order.set(lengths, 6, 4);
    CHECK(order.identity());
    CHECK_FALSE(order.ragged());
    for (std::int64_t i = 0; i < 4; ++i) CHECK(order.source(i) == i);
    for (std::int64_t t = 0; t < 6; ++t) CHECK(order.active(t) == 4);
    CHECK(order.active(6) == 0);
  }
}

TEST_CASE("row order: one object serves batch after batch") {
  RowOrder order;
  for (const Lengths& lengths : many_lengths()) {
    order.set(lengths.data(), 6, static_cast<std::int64_t>(lengths.size()));
    check_order(order, lengths, 6);
    order.set(nullptr, 2, 3);
    check_order(order, {2, 2, 2}, 2);
  }
}

TEST_CASE("row order: running rows within a block of rows") {
  const Lengths lengths = {4, 1, 6, 0, 3, 3, 2};
  const RowOrder order = ordered(lengths, 6);
  for (std::int64_t t = 0; t <= 6; ++t) {
    for (std::int64_t first = 0; first <= 7; ++first) {
      for (std::int64_t last = first; last <= 7; ++last) {
        std::int64_t running = 0;
        for (std::int64_t i = first; i < last; ++i) {
          running += lengths[static_cast<std::size_t>(order.source(i))] > t ? 1 : 0;
        }
        CHECK(order.active_in(t, first, last) == running);
      }
    }
  }
}

TEST_CASE("row order: gather reads and scatter writes real steps alone") {
  for (const Lengths& lengths : many_lengths()) {
    const auto rows = static_cast<std::int64_t>(lengths.size());
    CAPTURE(rows);
    const RowOrder order = ordered(lengths, 6);
    const auto real = [&](std::int64_t t, std::int64_t b) {
      return t < lengths[static_cast<std::size_t>(b)];
    };
    Strided from(rows, std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t t = 0; t < 6; ++t) {
      for (std::int64_t b = 0; b < rows; ++b) {
        for (std::int64_t f = 0; f < 3 && real(t, b); ++f) from.view().at(t, b)[f] = number(t, b, f);
      }
    }
    std::vector<float> sorted(static_cast<std::size_t>(6 * rows * 3), kUntouched);
    order.gather(static_cast<const Strided&>(from).view(), sorted.data());
    for (std::int64_t t = 0; t < 6; ++t) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t f = 0; f < 3; ++f) {
          const std::int64_t b = order.source(i);
          const float wanted = real(t, b) ? number(t, b, f) : kUntouched;
          CHECK(sorted[static_cast<std::size_t>((t * rows + i) * 3 + f)] == wanted);
        }
      }
    }
    Strided back(rows, kUntouched);
    order.scatter(sorted.data(), back.view());
    std::int64_t written = 0;
    for (std::size_t i = 0; i < back.values.size(); ++i) {
      const float wanted = std::isnan(from.values[i]) ? kUntouched : from.values[i];
      CHECK(back.values[i] == wanted);
      written += back.values[i] != kUntouched ? 1 : 0;
    }
    std::int64_t steps = 0;
    for (const std::int64_t n : lengths) steps += n;
    CHECK(written == 3 * steps);
  }
}

TEST_CASE("row order: states move with their rows, group by group, and back") {
  const Lengths lengths = {2, 6, 0, 3, 6};
  const RowOrder order = ordered(lengths, 6);
  const std::int64_t groups = 3, width = 4;
  std::vector<float> states, sorted(60, kUntouched), back(60, kUntouched);
  for (int i = 0; i < 60; ++i) states.push_back(static_cast<float>(i));
  order.gather_states(states.data(), groups, width, sorted.data());
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < 5; ++i) {
      for (std::int64_t f = 0; f < width; ++f) {
        const auto at = [&](std::int64_t row) { return static_cast<std::size_t>((g * 5 + row) * width + f); };
        CHECK(sorted[at(i)] == states[at(order.source(i))]);
      }
    }
  }
  order.scatter_states(sorted.data(), groups, width, back.data());
  CHECK(back == states);
}

TEST_CASE("row order: zeros beyond each row's end and nowhere else, in either order") {
  for (const Lengths& lengths : many_lengths()) {
    const auto rows = static_cast<std::int64_t>(lengths.size());
    const RowOrder order = ordered(lengths, 6);
    for (const bool sorted : {false, true}) {
      Strided padded(rows, kUntouched);
      std::vector<float> wanted = padded.values;
      order.zero_padding(padded.view(), sorted);
      for (std::int64_t t = 0; t < 6; ++t) {
        for (std::int64_t i = 0; i < rows; ++i) {
          if (t < lengths[static_cast<std::size_t>(order.source(i))]) continue;
          const std::int64_t b = sorted ? i : order.source(i);
          std::fill_n(wanted.begin() + t * (rows * 5 + 2) + b * 5, 3, 0.0f);
        }
      }
      CHECK(padded.values == wanted);
    }
  }
}
