// The rows of a ragged batch, longest first: the rows still running at a step are then a prefix.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace fastgru {

class RowOrder {
 public:
  // lengths null: all `steps`. The lengths must have been checked.
  void set(const std::int64_t* lengths, std::int64_t steps, std::int64_t rows);

  // True when the sorted order is the caller's own, so that nothing need be moved.
  bool identity() const { return identity_; }
  bool ragged() const { return ragged_; }
  std::int64_t steps() const { return steps_; }
  std::int64_t rows() const { return rows_; }

  // The caller's row at sorted position i.
  std::int64_t source(std::int64_t i) const { return identity_ ? i : order_[static_cast<std::size_t>(i)]; }
  // How many rows run at step t, 0 <= t <= steps.
  std::int64_t active(std::int64_t t) const {
    if (!ragged_) return t < steps_ ? rows_ : 0;
    return active_[static_cast<std::size_t>(t)];
  }
  // The same within rows [first, last), counted from `first`.
  std::int64_t active_in(std::int64_t t, std::int64_t first, std::int64_t last) const {
    const std::int64_t n = active(t);
    return n <= first ? 0 : (n < last ? n : last) - first;
  }

  // Row gathering and scattering, (T, B, F) and (groups, B, F). Padding is neither read nor written.
  void gather(SequenceView<const float> from, float* to) const;
  void scatter(const float* from, SequenceView<float> to) const;
  void gather_states(const float* from, std::int64_t groups, std::int64_t width, float* to) const;
  void scatter_states(const float* from, std::int64_t groups, std::int64_t width, float* to) const;
  // Zeros the padding beyond each row's end; `view` is in the caller's order, or in the sorted one.
  void zero_padding(SequenceView<float> view, bool sorted) const;

 private:
  std::int64_t steps_ = 0, rows_ = 0;
  bool identity_ = true, ragged_ = false;
  std::vector<std::int64_t> order_, active_;
};

}  // namespace fastgru
