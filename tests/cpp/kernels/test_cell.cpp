// One step of the cell, forward and backward, on every instruction set: against the formulae in double, and
// bit by bit between the code paths.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "each_isa.h"
#include "gru_case.h"
#include "kernels/pack.h"

namespace {

using namespace fastgru::testing;
using Floats = std::vector<float>;

constexpr float kUntouched = -7.0f;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
double wide(const Floats& values, std::int64_t i) { return static_cast<double>(values[index(i)]); }

// |got - wanted|; NaN counts as infinite.
double distance(float got, double wanted) {
  const double off = std::fabs(static_cast<double>(got) - wanted);
  return off <= 1e30 ? off : 1e30;
}

// Weights, inputs and states of one step.
struct Cell {
  std::int64_t rows, input, hidden, lanes, panels, gx_stride, h_stride, slots_stride;
  bool reset_after;
  Floats w, u, bias_ih, bias_hh, x, h;
  Floats packed_w, packed_u, packed_rz, packed_n, packed_bias, gx;

  Cell(std::int64_t row_count, std::int64_t i, std::int64_t units, bool after)
      : rows(row_count), input(i), hidden(units), lanes(fastgru::active_kernels().lanes), reset_after(after) {
    Random random(static_cast<std::uint64_t>(rows * 100 + hidden));
    panels = fastgru::panel_count(hidden, lanes);
    gx_stride = panels * 3 * lanes;
    h_stride = hidden + 3;
    slots_stride = 4 * hidden + 2;
    const double scale = 1 / std::sqrt(static_cast<double>(hidden));
    w = random_vector<float>(random, 3 * hidden * input, scale);
    u = random_vector<float>(random, 3 * hidden * hidden, scale);
    bias_ih = random_vector<float>(random, 3 * hidden);
    bias_hh = random_vector<float>(random, 3 * hidden);
    x = random_vector<float>(random, rows * input);
    h = random_vector<float>(random, rows * h_stride);
    packed_w = gates(w, input, 0, 3, reset_after);
    packed_u = gates(u, hidden, 0, 3, reset_after);
    packed_rz = gates(u, hidden, 0, 2, false);
    packed_n = gates(u, hidden, 2, 1, false);
    packed_bias.resize(index(panels * 4 * lanes));
    fastgru::pack_bias(bias_ih.data(), bias_hh.data(), hidden, reset_after, lanes, packed_bias.data());
    gx.resize(index(rows * gx_stride));
    fastgru::InputGemmArgs args{};
    args.panels = {0, panels, false, false};
    args.shared_tail = reset_after;
    args.rows = rows;
    args.input = input;
    args.hidden = hidden;
    args.x = x.data();
    args.x_stride = input;
    args.w = packed_w.data();
    args.bias = packed_bias.data();
    args.gx = gx.data();
    args.gx_stride = gx_stride;
    fastgru::active_kernels().input_gemm(args);
  }

  Floats gates(const Floats& weight, std::int64_t depth, std::int64_t first, std::int64_t count,
               bool share) const {
    Floats packed(index(fastgru::packed_size(depth, hidden, count, lanes)));
    fastgru::pack_gates(weight.data(), hidden, depth, first, count, lanes, share, packed.data());
    return packed;
  }

  // The input sums bias + W x, and U of a gate times `state` of a row.
  double input_side(std::int64_t row, std::int64_t gate, std::int64_t unit) const {
    double sum = wide(bias_ih, gate * hidden + unit);
    for (std::int64_t k = 0; k < input; ++k) {
      sum += wide(w, (gate * hidden + unit) * input + k) * wide(x, row * input + k);
    }
    return sum;
  }
  double recurrent_side(const std::vector<double>& state, std::int64_t gate, std::int64_t unit) const {
    double sum = 0;
    for (std::int64_t k = 0; k < hidden; ++k) {
      sum += wide(u, (gate * hidden + unit) * hidden + k) * state[index(k)];
    }
    return sum;
  }
};

struct Output {
  Floats h, slots;

  explicit Output(const Cell& cell)
      : h(index(cell.rows * cell.h_stride), kUntouched),
        slots(index(cell.rows * cell.slots_stride), kUntouched) {}
};

struct Way {
  bool hoisted = false, tape = true, backwards = false, fetching = false;
};

void run_after(const Cell& c, Output& out, const Way& way, std::int64_t first, std::int64_t count) {
  fastgru::CellForwardArgs args{};
  args.panels = {0, c.panels, way.backwards, way.fetching};
  args.rows = count;
  args.hidden = c.hidden;
  args.input = c.input;
  args.x = c.x.data() + first * c.input;
  args.x_stride = c.input;
  args.w = c.packed_w.data();
  if (way.hoisted) {
    args.x = args.w = nullptr;
    args.gx = c.gx.data() + first * c.gx_stride;
    args.gx_stride = c.gx_stride;
  }
  args.u = c.packed_u.data();
  args.bias = c.packed_bias.data();
  args.h_prev = c.h.data() + first * c.h_stride;
  args.h = out.h.data() + first * c.h_stride;
  args.h_prev_stride = args.h_stride = c.h_stride;
  if (way.tape) args.slots = out.slots.data() + first * c.slots_stride;
  args.slots_stride = c.slots_stride;
  fastgru::active_kernels().cell_forward(args);
}

void run_before(const Cell& c, Output& out, const Way& way, std::int64_t first, std::int64_t count) {
  const std::int64_t width = c.panels * c.lanes;
  Floats z(index(count * width)), rh(index(count * width));
  fastgru::ResetBeforeForwardArgs args{};
  args.panels = {0, c.panels, way.backwards, way.fetching};
  args.rows = count;
  args.hidden = c.hidden;
  args.gx = c.gx.data() + first * c.gx_stride;
  args.gx_stride = c.gx_stride;
  args.u_rz = c.packed_rz.data();
  args.u_n = c.packed_n.data();
  args.h_prev = c.h.data() + first * c.h_stride;
  args.h = out.h.data() + first * c.h_stride;
  args.h_prev_stride = args.h_stride = c.h_stride;
  args.z = z.data();
  args.rh = rh.data();
  args.scratch_stride = width;
  if (way.tape) args.slots = out.slots.data() + first * c.slots_stride;
  args.slots_stride = c.slots_stride;
  fastgru::active_kernels().reset_before_rz(args);
  fastgru::active_kernels().reset_before_n(args);
}

Output run(const Cell& c, const Way& way) {
  Output out(c);
  (c.reset_after ? run_after : run_before)(c, out, way, 0, c.rows);
  return out;
}

// Largest difference from the formulae: of the states, and of the slots q (or r*h), r, z, n.
double forward_error(const Cell& c, const Output& out) {
  double worst = 0;
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const auto h = [&](std::int64_t unit) { return wide(c.h, row * c.h_stride + unit); };
    std::vector<double> state, reset, reset_state;
    for (std::int64_t k = 0; k < c.hidden; ++k) state.push_back(h(k));
    const auto gate = [&](std::int64_t g, std::int64_t unit) {
      return c.input_side(row, g, unit) + wide(c.bias_hh, g * c.hidden + unit) +
             c.recurrent_side(state, g, unit);
    };
    for (std::int64_t k = 0; k < c.hidden; ++k) {
      reset.push_back(sigmoid(gate(0, k)));
      reset_state.push_back(reset.back() * h(k));
    }
    for (std::int64_t k = 0; k < c.hidden; ++k) {
      const double r = reset[index(k)], z = sigmoid(gate(1, k)),
                   recurrent_bias = wide(c.bias_hh, 2 * c.hidden + k);
      const double q = c.recurrent_side(state, 2, k) + recurrent_bias;
      const double inner = c.reset_after ? r * q : c.recurrent_side(reset_state, 2, k) + recurrent_bias;
      const double n = std::tanh(c.input_side(row, 2, k) + inner);
      const double slots[4] = {c.reset_after ? q : reset_state[index(k)], r, z, n};
      worst = std::max(worst, distance(out.h[index(row * c.h_stride + k)], n + z * (h(k) - n)));
      for (std::int64_t slot = 0; slot < 4; ++slot) {
        const float got = out.slots[index(row * c.slots_stride + slot * c.hidden + k)];
        worst = std::max(worst, distance(got, slots[slot]));
      }
    }
  }
  return worst;
}

bool padding_untouched(const Cell& c, const Output& out) {
  bool untouched = true;
  for (std::int64_t row = 0; row < c.rows; ++row) {
    for (std::int64_t i = c.hidden; i < c.h_stride; ++i) {
      untouched = untouched && out.h[index(row * c.h_stride + i)] == kUntouched;
    }
    for (std::int64_t i = 4 * c.hidden; i < c.slots_stride; ++i) {
      untouched = untouched && out.slots[index(row * c.slots_stride + i)] == kUntouched;
    }
  }
  return untouched;
}

template <class Body>
void for_cells(Body body) {
  for (const std::int64_t hidden : {1, 2, 3, 5, 8, 16, 17, 20, 21, 33, 50, 64}) {
    for (const std::int64_t rows : {1, 2, 3, 7, 8, 9, 17}) {
      for (const bool reset_after : {true, false}) {
        CAPTURE(hidden);
        CAPTURE(rows);
        CAPTURE(reset_after);
        body(Cell(rows, 1 + hidden % 6, hidden, reset_after));
      }
    }
  }
}

// A step of backward: slots, states and dL/dh of later steps. carry is padded to whole vectors.
struct Back {
  std::int64_t rows, hidden, depth, width, slots_stride, lanes;
  Floats a, weights, packed, carry, dy, h, slots;

  Back(std::int64_t row_count, std::int64_t units, std::int64_t d)
      : rows(row_count), hidden(units), depth(d), lanes(fastgru::active_kernels().lanes) {
    Random random(static_cast<std::uint64_t>(rows * 100 + hidden));
    width = fastgru::padded_width(hidden, lanes);
    slots_stride = 4 * hidden + 2;
    a = random_vector<float>(random, rows * depth);
    weights = random_vector<float>(random, depth * hidden);
    packed.resize(index(fastgru::packed_size(depth, hidden, 1, lanes)));
    fastgru::pack_columns(weights.data(), hidden, 0, depth, depth, 0, lanes, packed.data());
    carry = random_vector<float>(random, rows * width);
    dy = random_vector<float>(random, rows * hidden);
    h = random_vector<float>(random, rows * hidden);
    slots = random_vector<float>(random, rows * slots_stride);
  }

  fastgru::CellBackwardArgs args(bool with_dy) {
    fastgru::CellBackwardArgs made{};
    made.panels.last = width / lanes;
    made.rows = rows;
    made.hidden = hidden;
    made.a = a.data();
    made.a_stride = made.depth = depth;
    made.weights = packed.data();
    made.carry = carry.data();
    made.carry_stride = width;
    made.dy = with_dy ? dy.data() : nullptr;
    made.dy_stride = hidden;
    made.h_prev = h.data();
    made.h_prev_stride = hidden;
    made.slots = slots.data();
    made.slots_stride = slots_stride;
    return made;
  }

  double product(std::int64_t row, std::int64_t unit) const {
    double sum = 0;
    for (std::int64_t k = 0; k < depth; ++k)
      sum += wide(a, row * depth + k) * wide(weights, k * hidden + unit);
    return sum;
  }
  double slot(std::int64_t row, std::int64_t which, std::int64_t unit) const {
    return wide(slots, row * slots_stride + which * hidden + unit);
  }
};

// Largest difference of `after` from wanted(row, unit, slots of 4, carry) applied to `before`.
template <class Wanted>
double backward_error(const Back& before, const Back& after, Wanted wanted) {
  double worst = 0;
  for (std::int64_t row = 0; row < before.rows; ++row) {
    for (std::int64_t unit = 0; unit < before.hidden; ++unit) {
      double slots[4], carry = wide(before.carry, row * before.width + unit);
      for (int i = 0; i < 4; ++i) slots[i] = before.slot(row, i, unit);
      wanted(row, unit, slots, carry);
      for (int i = 0; i < 4; ++i) {
        worst = std::max(worst, distance(static_cast<float>(after.slot(row, i, unit)), slots[i]));
      }
      worst = std::max(worst, distance(after.carry[index(row * before.width + unit)], carry));
    }
    for (std::int64_t i = 4 * before.hidden; i < before.slots_stride; ++i) {  // between two rows
      const std::size_t at = index(row * before.slots_stride + i);
      if (before.slots[at] != after.slots[at]) worst = 1e30;
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("cell: a step forward follows the formulae, and leaves what lies between rows") {
  for_each_isa([](const std::string&) {
    for_cells([](const Cell& c) {
      for (const bool hoisted : {false, true}) {
        const Output out = run(c, {hoisted, true, false, false});
        CHECK(forward_error(c, out) <= 5e-6);
        CHECK(padding_untouched(c, out));
      }
    });
  });
}

TEST_CASE("cell: a step has the same bits hoisted or not, with a tape or not, any way through, row by row") {
  for_each_isa([](const std::string&) {
    for_cells([](const Cell& c) {
      const Output plain = run(c, {});
      const Output untaped = run(c, {false, false, false, false});
      CHECK(same_bits(plain.h, untaped.h));
      CHECK(same_bits(untaped.slots, Output(c).slots));
      for (const Way& way :
           {Way{true, true, false, false}, {false, true, true, false}, {true, true, true, true}}) {
        const Output other = run(c, way);
        CHECK(same_bits(plain.h, other.h));
        CHECK(same_bits(plain.slots, other.slots));
      }
      for (const std::int64_t some : {1, 2, 5}) {
        Output pieces(c);
        for (std::int64_t row = 0; row < c.rows; row += some) {
          const std::int64_t count = std::min(some, c.rows - row);
          (c.reset_after ? run_after : run_before)(c, pieces, {}, row, count);
        }
        CHECK(same_bits(plain.h, pieces.h));
        CHECK(same_bits(plain.slots, pieces.slots));
      }
    });
  });
}

TEST_CASE("cell: a step back turns the slots into gradients, after the product and without one") {
  for_each_isa([](const std::string&) {
    const fastgru::KernelTable& kernels = fastgru::active_kernels();
    for (const std::int64_t hidden : {1, 3, 8, 16, 17, 33, 50}) {
      for (const std::int64_t rows : {1, 2, 5, 9, 17}) {
        for (const std::int64_t depth : {std::int64_t{0}, 3 * hidden}) {
          for (const bool with_dy : {false, true}) {
            CAPTURE(hidden);
            CAPTURE(rows);
            CAPTURE(depth);
            const Back before(rows, hidden, depth);
            Back after = before, kept = before;
            kernels.backward_reset_after(after.args(with_dy));
            kernels.backward_reset_before(kept.args(with_dy));
            // With q and r, or (reset before) with both slots kept.
            const auto step = [&](bool reset_after) {
              return [&before, with_dy, hidden, reset_after](std::int64_t row, std::int64_t unit,
                                                             double(&s)[4], double& carry) {
                const double q = s[0], r = s[1], z = s[2], n = s[3];
                const double dy = with_dy ? wide(before.dy, row * hidden + unit) : 0.0;
                const double dh = carry + before.product(row, unit) + dy;
                s[3] = dh * (1 - z) * (1 - n * n);
                s[2] = dh * (wide(before.h, row * hidden + unit) - n) * z * (1 - z);
                if (reset_after) {
                  s[0] = s[3] * r;
                  s[1] = s[3] * q * r * (1 - r);
                }
                carry = dh * z;
              };
            };
            CHECK(backward_error(before, after, step(true)) <= 2e-4);
            CHECK(backward_error(before, kept, step(false)) <= 2e-4);
          }
        }
        const Back before(rows, hidden, hidden);
        Back after = before;
        kernels.backward_reset_before_pass2(after.args(false));
        const auto reset = [&](std::int64_t row, std::int64_t unit, double(&s)[4], double& carry) {
          const double through = before.product(row, unit) * s[1];
          s[1] = through * wide(before.h, row * hidden + unit) * (1 - s[1]);
          carry += through;
        };
        CHECK(backward_error(before, after, reset) <= 2e-4);
      }
    }
  });
}

TEST_CASE("cell: a step back has the same bits by shares of the panels") {
  for_each_isa([](const std::string&) {
    const fastgru::KernelTable& k = fastgru::active_kernels();
    const Back before(5, 131, 131);
    for (const auto kernel :
         {k.backward_reset_after, k.backward_reset_before, k.backward_reset_before_pass2}) {
      Back whole = before, shared = before;
      kernel(whole.args(true));
      fastgru::CellBackwardArgs args = shared.args(true);
      for (const std::int64_t end : {args.panels.last / 3, args.panels.last / 2, args.panels.last}) {
        args.panels.last = end;
        kernel(args);
        args.panels.first = end;
      }
      CHECK((shared.slots == whole.slots && shared.carry == whole.carry));
    }
  });
}
