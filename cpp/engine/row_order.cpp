// Sorts rows by length, and moves sequences and states into that order and back.
#include "engine/row_order.h"

#include <algorithm>
#include <numeric>

namespace fastgru {

void RowOrder::set(const std::int64_t* lengths, std::int64_t steps, std::int64_t rows) {
  steps_ = steps;
  rows_ = rows;
  identity_ = true;
  ragged_ =
      lengths != nullptr && std::any_of(lengths, lengths + rows, [=](std::int64_t n) { return n != steps; });
  if (!ragged_) return;
  identity_ = std::is_sorted(lengths, lengths + rows, [](std::int64_t a, std::int64_t b) { return a > b; });
  order_.resize(static_cast<std::size_t>(rows));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  if (!identity_) {
    // Ties by row number: a stable order without the memory std::stable_sort asks for.
    std::sort(order_.begin(), order_.end(), [=](std::int64_t a, std::int64_t b) {
      return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
    });
  }
  // active_[t] = rows longer than t: count the rows that end at each step, then sum from the end.
  active_.assign(static_cast<std::size_t>(steps) + 2, 0);
  for (std::int64_t b = 0; b < rows; ++b) ++active_[static_cast<std::size_t>(lengths[b])];
  std::int64_t longer = 0;
  for (std::int64_t t = steps; t >= 0; --t) {
    const std::int64_t ending = active_[static_cast<std::size_t>(t)];
    active_[static_cast<std::size_t>(t)] = longer;
    longer += ending;
  }
}

void RowOrder::gather(SequenceView<const float> from, float* to) const {
  for (std::int64_t t = 0; t < steps_; ++t) {
    for (std::int64_t i = 0; i < active(t); ++i) {
      std::copy_n(from.at(t, source(i)), from.features, to + (t * rows_ + i) * from.features);
    }
  }
}

void RowOrder::scatter(const float* from, SequenceView<float> to) const {
  for (std::int64_t t = 0; t < steps_; ++t) {
    for (std::int64_t i = 0; i < active(t); ++i) {
      std::copy_n(from + (t * rows_ + i) * to.features, to.features, to.at(t, source(i)));
    }
  }
}

void RowOrder::gather_states(const float* from, std::int64_t groups, std::int64_t width, float* to) const {
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < rows_; ++i) {
      std::copy_n(from + (g * rows_ + source(i)) * width, width, to + (g * rows_ + i) * width);
    }
  }
}

void RowOrder::scatter_states(const float* from, std::int64_t groups, std::int64_t width, float* to) const {
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < rows_; ++i) {
      std::copy_n(from + (g * rows_ + i) * width, width, to + (g * rows_ + source(i)) * width);
    }
  }
}

void RowOrder::zero_padding(SequenceView<float> view, bool sorted) const {
  for (std::int64_t t = 0; t < steps_ && ragged_; ++t) {
    for (std::int64_t i = active(t); i < rows_; ++i) {
      std::fill_n(view.at(t, sorted ? i : source(i)), view.features, 0.0f);
    }
  }
}

}  // namespace fastgru
