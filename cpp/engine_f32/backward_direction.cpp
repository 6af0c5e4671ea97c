// One direction of one layer back in time: the loop that turns the tape's slots into gradients.
#include <algorithm>

#include "engine_f32/recurrence.h"
#include "kernels/pack.h"

namespace fastgru {
namespace {

// carry [row][padded] holds dL/dh on its way back: at each step the product of the step after is summed into
// it, the step's own output gradient is added, and what passes the update gate stays.
class BackwardLoop {
 public:
  BackwardLoop(const BackwardDirection& d, RowRange rows, TeamMember& member, float* scratch)
      : d_(d),
        rows_(rows),
        member_(member),
        padded_(padded_width(d.hidden, d.kernels->lanes)),
        panels_(member.share(padded_ / d.kernels->lanes)),
        carry_(scratch),
        zeros_(carry_ + rows.size() * padded_),
        digits_(reinterpret_cast<char*>(zeros_ + padded_) + member.thread() * digit_bytes(d, rows.size())) {}

  // Of one thread, for the rows of a product in digits.
  static std::int64_t digit_bytes(const BackwardDirection& d, std::int64_t rows) {
    return d.cell->u_digits == nullptr ? 0 : padded_width(d.cell->u_digits->row_bytes(rows) + 64, 64);
  }

  bool run(StopSignal& stop) {
    if (member_.thread() == 0) begin();
    member_.wait();
    if (!through_steps(stop)) return false;
    member_.wait();
    if (member_.thread() == 0) finish();
    return true;
  }

 private:
  void begin() const {
    std::fill_n(zeros_, padded_, 0.0f);
    if (!d_.begins()) return;
    std::fill_n(carry_, rows_.size() * padded_, 0.0f);
    for (std::int64_t row = 0; row < rows_.size() && d_.dh_n != nullptr; ++row) {
      std::copy_n(d_.dh_n + (rows_.first + row) * d_.hidden, d_.hidden, carry(row));
    }
  }

  void finish() const {
    if (!d_.ends() || d_.dh0 == nullptr) return;
    for (std::int64_t row = 0; row < rows_.size(); ++row) {
      std::copy_n(carry(row), d_.hidden, d_.dh0 + (rows_.first + row) * d_.hidden);
    }
  }

  bool through_steps(StopSignal& stop) {
    const auto [first, last] = d_.steps;
    for (std::int64_t i = 0; i < last - first; ++i) {
      if (d_.reverse) {
        through_reverse(first + i);
      } else {
        through_forward(last - 1 - i);
      }
      const Next next = member_.finish_step(i, stop);
      if (next == Next::kLeave) return false;
      if (next == Next::kAlone) panels_ = member_.share(padded_ / d_.kernels->lanes);
    }
    // Into the initial state, or at once into what the next range begins with: it has other slots.
    if (d_.reverse) {
      product(last - 1, 0, active(last - 1));
    } else {
      product(first, 0, active(first));
    }
    return true;
  }

  std::int64_t active(std::int64_t t) const { return d_.order->active_in(t, rows_.first, rows_.last); }
  float* carry(std::int64_t row) const { return carry_ + row * padded_; }

  // Rows that also ran at t + 1 have its gradients to bring back; the others end at t, or have them already.
  void through_forward(std::int64_t t) const {
    const std::int64_t running = active(t), after = t + 1 < d_.steps.last ? active(t + 1) : 0;
    if (after > 0) step(t, t + 1, 0, after);
    if (running > after) step(t, -1, after, running - after);
  }

  // The reverse direction ran from its rows' ends down to 0: its gradients go up, and rows leave at their
  // ends.
  void through_reverse(std::int64_t t) const {
    const std::int64_t running = active(t);
    const bool follows = t > d_.steps.first;
    if (running > 0) step(t, follows ? t - 1 : -1, 0, running);
    if (follows && active(t - 1) > running) product(t - 1, running, active(t - 1) - running);
  }

  // The state that step t started from, for rows from `row` on: they must agree on where it is.
  void previous_state(std::int64_t t, std::int64_t row, CellBackwardArgs& a) const {
    const std::int64_t b = rows_.first + row;
    const bool first = d_.reverse ? active(t + 1) <= row : t == 0;
    if (!first) {
      a.h_prev = d_.h.at(d_.reverse ? t + 1 : t - 1, b);
      a.h_prev_stride = d_.h.row_stride;
    } else {
      a.h_prev = d_.h0 == nullptr ? zeros_ : d_.h0 + b * d_.hidden;
      a.h_prev_stride = d_.h0 == nullptr ? 0 : d_.hidden;
    }
  }

  // The product of the gradients at step `from` with U, into the rows' carry; from < 0: none.
  CellBackwardArgs product_args(std::int64_t from, std::int64_t row, std::int64_t count) const {
    CellBackwardArgs a{};
    a.panels = panels_;
    a.rows = count;
    a.hidden = d_.hidden;
    a.carry = carry(row);
    a.carry_stride = padded_;
    if (from < 0) return a;
    a.a = d_.slots.at(from, rows_.first + row) + (d_.reset_after ? 0 : d_.hidden);
    a.a_stride = d_.slots.stride();
    a.depth = d_.hidden * (d_.reset_after ? 3 : 2);
    a.weights = d_.cell->u;
    return a;
  }

  void product(std::int64_t from, std::int64_t row, std::int64_t count) const {
    if (count <= 0) return;
    const CellBackwardArgs a = product_args(from, row, count);
    if (d_.cell->u_digits != nullptr) return digit_product(a);
    const std::int64_t column = panels_.first * d_.kernels->lanes;
    GemmArgs g{};
    g.rows = count;
    g.depth = a.depth;
    g.width = panels_.last * d_.kernels->lanes - column;
    g.a = a.a;
    g.a_stride = a.a_stride;
    g.weights = a.weights + column * a.depth;
    g.c = a.carry + column;
    g.c_stride = padded_;
    d_.kernels->gemm(g);
  }

  // carry += a u
  void digit_product(const CellBackwardArgs& a) const {
    const ThreeDigitWeights& u = *d_.cell->u_digits;
    ThreeDigitProductArgs p{};
    p.vectors = a.panels;
    p.vectors.weights_exceed_l2 = exceeds_l2(u.bytes());
    p.rows = a.rows;
    p.width = padded_;
    p.a = u.split(*d_.three_digits, a.rows, a.a, a.a_stride, next_line(digits_));
    p.w = u.digits();
    p.out = a.carry;
    p.out_stride = a.carry_stride;
    d_.three_digits->product(p);
  }

  void step(std::int64_t t, std::int64_t from, std::int64_t row, std::int64_t count) const {
    // In the reverse direction the rows of one call may have started at different places: split where they
    // do.
    const std::int64_t later = d_.reverse ? std::clamp(active(t + 1) - row, std::int64_t{0}, count) : count;
    if (later > 0) step_rows(t, from, row, later);
    if (later < count) step_rows(t, from, row + later, count - later);
  }

  void step_rows(std::int64_t t, std::int64_t from, std::int64_t row, std::int64_t count) const {
    CellBackwardArgs a = product_args(from, row, count);
    const std::int64_t b = rows_.first + row;
    if (d_.dy.data != nullptr) {
      a.dy = d_.dy.at(t, b);
      a.dy_stride = d_.dy.row_stride;
    }
    previous_state(t, row, a);
    a.slots = d_.slots.at(t, b);
    a.slots_stride = d_.slots.stride();
    if (a.depth > 0 && d_.cell->u_digits != nullptr) {
      digit_product(a);
      a.depth = 0;
    }
    if (d_.reset_after) {
      d_.kernels->backward_reset_after(a);
      return;
    }
    d_.kernels->backward_reset_before(a);
    member_.wait();
    a.a = a.slots + 3 * d_.hidden;
    a.a_stride = a.slots_stride;
    a.depth = d_.hidden;
    a.weights = d_.cell->u_n;
    d_.kernels->backward_reset_before_pass2(a);
  }

  const BackwardDirection& d_;
  const RowRange rows_;
  TeamMember& member_;
  const std::int64_t padded_;
  PanelRange panels_;
  float *const carry_, *const zeros_;
  char* const digits_;
};

}  // namespace

std::int64_t backward_scratch_size(const BackwardDirection& d, std::int64_t rows, int slices) {
  const std::int64_t digits = slices * BackwardLoop::digit_bytes(d, rows);
  return (rows + 1) * padded_width(d.hidden, d.kernels->lanes) +
         digits / static_cast<std::int64_t>(sizeof(float));
}

bool run_backward(const BackwardDirection& direction, RowRange rows, TeamMember& member, float* scratch,
                  StopSignal& stop) {
  return BackwardLoop(direction, rows, member, scratch).run(stop);
}

}  // namespace fastgru
