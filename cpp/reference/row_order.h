// Rows of a batch, longest first, and where each (step, row) lies when only real steps are kept.
//
// Sorted by length, the rows that are alive at step t are a prefix of `active[t]` rows, in both directions: a
// row of length n takes part at steps 0 ... n-1. All arrays inside the reference are packed this way: step
// t's block of active[t] rows starts at packed row offset[t]. Padding is never read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "engine/engine.h"

namespace fastgru::reference {

struct RowOrder {
  std::int64_t steps = 0, rows = 0;
  std::vector<std::int64_t> row;     // sorted position -> row of the batch
  std::vector<std::int64_t> active;  // (steps)
  std::vector<std::int64_t> offset;  // (steps + 1); the last is the number of packed rows

  std::int64_t packed_rows() const { return offset.back(); }

  void assign(std::int64_t new_steps, std::int64_t new_rows, const std::int64_t* lengths) {
    steps = new_steps;
    rows = new_rows;
    row.resize(static_cast<std::size_t>(rows));
    std::iota(row.begin(), row.end(), std::int64_t{0});
    active.assign(static_cast<std::size_t>(steps), rows);
    if (lengths != nullptr) {
      std::stable_sort(row.begin(), row.end(),
                       [lengths](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
      std::int64_t alive = rows;
      for (std::int64_t t = 0; t < steps; ++t) {
        while (alive > 0 && lengths[row[static_cast<std::size_t>(alive - 1)]] <= t) --alive;
        active[static_cast<std::size_t>(t)] = alive;
      }
    }
    offset.assign(static_cast<std::size_t>(steps + 1), 0);
    std::partial_sum(active.begin(), active.end(), offset.begin() + 1);
  }

  std::int64_t active_at(std::int64_t t) const { return active[static_cast<std::size_t>(t)]; }
  std::int64_t offset_at(std::int64_t t) const { return offset[static_cast<std::size_t>(t)]; }
  std::int64_t row_at(std::int64_t position) const { return row[static_cast<std::size_t>(position)]; }
};

// Step t of a strided sequence into its packed rows. A null source is zero.
template <class S>
void gather_step(const RowOrder& order, const SequenceView<const S>& from, std::int64_t t,
                 std::int64_t features, S* packed) {
  for (std::int64_t i = 0; i < order.active_at(t); ++i) {
    S* to = packed + (order.offset_at(t) + i) * features;
    if (from.data == nullptr) {
      std::fill_n(to, features, S(0));
    } else {
      std::copy_n(from.at(t, order.row_at(i)), features, to);
    }
  }
}

// Step t of packed rows into a strided sequence; zero where there is no real step.
template <class S>
void scatter_step(const RowOrder& order, const S* packed, std::int64_t t, const SequenceView<S>& to) {
  for (std::int64_t i = 0; i < order.rows; ++i) {
    S* row = to.at(t, order.row_at(i));
    if (i < order.active_at(t)) {
      std::copy_n(packed + (order.offset_at(t) + i) * to.features, to.features, row);
    } else {
      std::fill_n(row, to.features, S(0));
    }
  }
}

// States (rows, width) in the batch's order into sorted order, and back. A null source is zero.
template <class S>
void gather_states(const RowOrder& order, const S* from, std::int64_t width, S* sorted) {
  for (std::int64_t i = 0; i < order.rows; ++i) {
    if (from == nullptr) {
      std::fill_n(sorted + i * width, width, S(0));
    } else {
      std::copy_n(from + order.row_at(i) * width, width, sorted + i * width);
    }
  }
}

template <class S>
void scatter_states(const RowOrder& order, const S* sorted, std::int64_t width, S* to) {
  for (std::int64_t i = 0; i < order.rows; ++i) {
    std::copy_n(sorted + i * width, width, to + order.row_at(i) * width);
  }
}

}  // namespace fastgru::reference
