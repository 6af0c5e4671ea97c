// The weights of one layer and direction, and one step of it for some rows: the equations, in Eigen.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/params.h"
#include "reference/product.h"

namespace fastgru::reference {

template <class S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class S>
using Vector = Eigen::Matrix<S, 1, Eigen::Dynamic>;

// `rows` rows of `cols` values, one row every `stride` elements.
template <class S>
using Rows = Eigen::Map<Matrix<S>, Eigen::Unaligned, Eigen::OuterStride<>>;

template <class S>
Rows<S> rows_at(S* data, std::int64_t stride, std::int64_t rows, std::int64_t cols) {
  return Rows<S>(data, rows, cols, Eigen::OuterStride<>(stride));
}

// One value at a time: the vectorised versions round differently at the ends of an array, and then a value's
// bits would depend on its position.
template <class S>
S sigmoid(S a) {
  using std::exp;
  return S(1) / (S(1) + exp(-a));
}
template <class S>
S hyperbolic_tangent(S a) {
  using std::tanh;
  return tanh(a);
}

template <class S>
struct Cell {
  std::int64_t inputs = 0, hidden = 0;
  bool reset_after = true;
  Vector<S> b_ih, b_hh;                             // (3H), zeros without bias
  Product<S> w_ih, w_hh_rz, w_hh_n;                 // x -> r|z|n, h -> r|z, h (or r∘h) -> n
  Product<S> w_ih_back, w_hh_rz_back, w_hh_n_back;  // the same matrices, for gradients on their way back

  void assign(const ParamLayout& layout, const S* params, std::int64_t layer, std::int64_t direction) {
    const GruConfig& config = layout.config();
    const CellOffsets& at = layout.cell(layer, direction);
    inputs = config.layer_input_size(layer);
    hidden = config.hidden_size;
    reset_after = config.reset_after;
    b_ih.setZero(3 * hidden);
    b_hh.setZero(3 * hidden);
    if (config.bias) {
      b_ih = Eigen::Map<const Vector<S>>(params + at.bias_ih, 3 * hidden);
      b_hh = Eigen::Map<const Vector<S>>(params + at.bias_hh, 3 * hidden);
    }
    const S* w = params + at.weight_ih;
    const S* u = params + at.weight_hh;
    const S* u_n = u + 2 * hidden * hidden;
    w_ih.pack(w, 3 * hidden, inputs, inputs, 1);
    w_hh_rz.pack(u, 2 * hidden, hidden, hidden, 1);
    w_hh_n.pack(u_n, hidden, hidden, hidden, 1);
    w_ih_back.pack(w, inputs, 3 * hidden, 1, inputs);
    w_hh_rz_back.pack(u, hidden, 2 * hidden, 1, hidden);
    w_hh_n_back.pack(u_n, hidden, hidden, 1, hidden);
  }
};

// Scratch for a step of at most `rows` rows.
template <class S>
struct StepScratch {
  Matrix<S> from_x, from_h;  // (rows, 3H)

  void resize(std::int64_t rows, std::int64_t hidden) {
    from_x.resize(rows, 3 * hidden);
    from_h.resize(rows, 3 * hidden);
  }
};

// The results of a step that the backward pass needs, per row: r|z|n|q with q = W_hn h + b_hn (reset_after)
// or r∘h (not), and the state it started from. Null pointers: nothing is kept.
template <class S>
struct StepTape {
  S* gates = nullptr;     // (rows, 4H)
  S* previous = nullptr;  // (rows, H)
};

// h := GRU(x, h) for `rows` rows; x has `x_stride` elements from row to row, h is dense. Allocates nothing.
template <class S>
void step(const Cell<S>& cell, const S* x, std::int64_t x_stride, S* h_data, std::int64_t rows,
          StepScratch<S>& scratch, const StepTape<S>& tape) noexcept {
  const std::int64_t hidden = cell.hidden;
  auto h = rows_at(h_data, hidden, rows, hidden).array();
  auto from_x = scratch.from_x.topRows(rows);
  auto from_h = scratch.from_h.topRows(rows);

  // from_x = W_ih x + b_ih;  from_h = (W_hr h, W_hz h, 0) + b_hh
  from_x.rowwise() = cell.b_ih;
  from_h.rowwise() = cell.b_hh;
  cell.w_ih.add(x, x_stride, from_x.data(), 3 * hidden, rows);
  cell.w_hh_rz.add(h_data, hidden, from_h.data(), 3 * hidden, rows);

  // r = σ(...), z = σ(...), in the place of their x part
  auto rz = from_x.leftCols(2 * hidden).array();
  rz = (rz + from_h.leftCols(2 * hidden).array()).unaryExpr(&sigmoid<S>);
  const auto r = from_x.leftCols(hidden).array();
  const auto z = from_x.middleCols(hidden, hidden).array();
  auto n = from_x.rightCols(hidden).array();
  auto reset = from_h.leftCols(hidden).array();  // r∘h, where it is needed
  auto q = from_h.rightCols(hidden).array();

  if (cell.reset_after) {
    // q = W_hn h + b_hn;  n = tanh(W_in x + b_in + r∘q)
    cell.w_hh_n.add(h_data, hidden, &q.coeffRef(0, 0), 3 * hidden, rows);
    n = (n + r * q).unaryExpr(&hyperbolic_tangent<S>);
  } else {
    // n = tanh(W_in x + b_in + W_hn (r∘h) + b_hn)
    reset = r * h;
    cell.w_hh_n.add(from_h.data(), 3 * hidden, &q.coeffRef(0, 0), 3 * hidden, rows);
    n = (n + q).unaryExpr(&hyperbolic_tangent<S>);
  }

  if (tape.gates != nullptr) {
    rows_at(tape.previous, hidden, rows, hidden).array() = h;
    auto gates = rows_at(tape.gates, 4 * hidden, rows, 4 * hidden);
    gates.leftCols(3 * hidden) = from_x;
    gates.rightCols(hidden) = cell.reset_after ? from_h.rightCols(hidden) : from_h.leftCols(hidden);
  }
  h = (S(1) - z) * n + z * h;
}

// The gradient of one step. On entry `dh` (rows, H, dense) is the gradient of the step's result; on return it
// is the gradient of the state the step started from. The tape's gates r|z|n|q become da_r|da_z|da_n|dq
// (reset_after) or da_r|da_z|da_n|r∘h: what the weight gradients are made of. `scratch` is overwritten.
template <class S>
void step_backward(const Cell<S>& cell, const StepTape<S>& tape, S* dh_data, std::int64_t rows,
                   StepScratch<S>& scratch) noexcept {
  const std::int64_t hidden = cell.hidden;
  auto gates = rows_at(tape.gates, 4 * hidden, rows, 4 * hidden);
  auto r = gates.leftCols(hidden).array();
  auto z = gates.middleCols(hidden, hidden).array();
  auto n = gates.middleCols(2 * hidden, hidden).array();
  auto q = gates.rightCols(hidden).array();
  const auto h = rows_at(tape.previous, hidden, rows, hidden).array();
  auto dh = rows_at(dh_data, hidden, rows, hidden).array();
  auto da_r = scratch.from_x.topRows(rows).leftCols(hidden).array();
  auto da_z = scratch.from_x.topRows(rows).middleCols(hidden, hidden).array();
  auto da_n = scratch.from_x.topRows(rows).rightCols(hidden).array();

  da_n = dh * (S(1) - z) * (S(1) - n * n);  // h' = (1-z)∘n + z∘h, n = tanh(a_n)
  da_z = dh * (h - n) * z * (S(1) - z);     // z = σ(a_z)
  dh = dh * z;                              // the direct way of h into h'
  if (cell.reset_after) {
    da_r = da_n * q * r * (S(1) - r);  // a_n = ... + r∘q, r = σ(a_r)
    q = da_n * r;                      // dq
    r = da_r;
    cell.w_hh_n_back.add(&q.coeffRef(0, 0), 4 * hidden, dh_data, hidden, rows);  // dh += W_hnᵀ dq
  } else {
    // d(r∘h) = W_hnᵀ da_n
    auto dm = scratch.from_h.topRows(rows).leftCols(hidden).array();
    dm.setZero();
    cell.w_hh_n_back.add(&da_n.coeffRef(0, 0), 3 * hidden, scratch.from_h.data(), 3 * hidden, rows);
    da_r = dm * h * r * (S(1) - r);  // d(r∘h)/dr = h
    dh += dm * r;                    // d(r∘h)/dh = r
    r = da_r;
  }
  z = da_z;
  n = da_n;
  cell.w_hh_rz_back.add(tape.gates, 4 * hidden, dh_data, hidden, rows);  // dh += W_hrᵀ da_r + W_hzᵀ da_z
}

}  // namespace fastgru::reference
