// The backward pass of gru_reference.h: back through time row group by row group, then large weight-gradient
// products.
#pragma once

#include <cstdint>
#include <vector>

#include "reference/gru_reference.h"

namespace fastgru::reference {

// Back through time for rows [first, last) of one direction: `dstate` enters as the gradient of h_n and
// leaves as that of h0; doutput is the gradient of the direction's outputs; the tape's gates become gate
// gradients.
template <class S>
void run_rows_backward(const Cell<S>& cell, const RowOrder& order, bool reverse, std::int64_t first,
                       std::int64_t last, const S* doutput, std::int64_t doutput_stride, Matrix<S>& dstate,
                       const StepTape<S>& tape, Team<S>& team, int thread) {
  for (std::int64_t i = 0; i < order.steps; ++i) {
    const std::int64_t t = reverse ? i : order.steps - 1 - i;
    const std::int64_t rows = std::min(last, order.active_at(t)) - first;
    if (rows <= 0) continue;
    if (team.stop(thread)) return;
    const std::int64_t at = order.offset_at(t) + first;
    S* dh = dstate.data() + first * cell.hidden;
    rows_at(dh, cell.hidden, rows, cell.hidden) +=
        Eigen::Map<const Matrix<S>, Eigen::Unaligned, Eigen::OuterStride<>>(
            doutput + at * doutput_stride, rows, cell.hidden, Eigen::OuterStride<>(doutput_stride));
    step_backward(cell, {tape.gates + at * 4 * cell.hidden, tape.previous + at * cell.hidden}, dh, rows,
                  team.scratch(thread));
  }
}

// A band of rows of one weight matrix, and the columns of the gate gradients it is made of.
template <class S>
struct WeightBand {
  S* weight;       // (count, width) of dparams
  S* bias;         // (count), null without bias
  const S* gates;  // (M, 4H) from the band's first column on
  const S* input;  // (M, width), every input_stride elements
  std::int64_t count, width, input_stride;
};

// dW = (gate gradients)ᵀ input and db = the column sums, over all packed rows. Sums go over blocks of 256
// rows, added in order: a shorter chain of roundings than row by row, and the same whatever the number of
// threads.
template <class S>
void weight_gradient(const WeightBand<S>& band, std::int64_t packed, std::int64_t hidden, Team<S>& team,
                     int thread) {
  constexpr std::int64_t kBlock = 256;
  using ConstRows = Eigen::Map<const Matrix<S>, Eigen::Unaligned, Eigen::OuterStride<>>;
  const ConstRows gates(band.gates, packed, band.count, Eigen::OuterStride<>(4 * hidden));
  const ConstRows input(band.input, packed, band.width, Eigen::OuterStride<>(band.input_stride));
  Matrix<S> weight = Matrix<S>::Zero(band.count, band.width), block(band.count, band.width);
  Vector<S> bias = Vector<S>::Zero(band.count);
  for (std::int64_t first = 0; first < packed; first += kBlock) {
    if (team.stop(thread)) return;
    const std::int64_t rows = std::min(kBlock, packed - first);
    block.noalias() = gates.middleRows(first, rows).transpose() * input.middleRows(first, rows);
    weight += block;
    bias += gates.middleRows(first, rows).colwise().sum();
  }
  Eigen::Map<Matrix<S>>(band.weight, band.count, band.width) = weight;
  if (band.bias != nullptr) Eigen::Map<Vector<S>>(band.bias, band.count) = bias;
}

// The bands of one layer and direction. With gates da_r|da_z|da_n|s (step_backward), s = dq or r∘h:
//   dW_ih = (da_r|da_z|da_n)ᵀ x;  dW_hr, dW_hz = (da_r|da_z)ᵀ h
//   dW_hn = dqᵀ h (reset_after) or da_nᵀ (r∘h) (not)
template <class S>
void add_bands(const Gru<S>& gru, std::int64_t layer, std::int64_t d, const LayerTape<S>& tape, S* dparams,
               std::vector<WeightBand<S>>& bands) {
  const GruConfig& config = gru.config();
  const CellOffsets& at = gru.layout.cell(layer, d);
  const std::int64_t hidden = config.hidden_size, inputs = config.layer_input_size(layer);
  const S* gates = tape.gates[d].data();
  const auto add = [&](std::int64_t weight, std::int64_t bias, std::int64_t row, std::int64_t rows,
                       const S* columns, const S* input, std::int64_t width, std::int64_t stride) {
    constexpr std::int64_t kRows = 64;
    for (std::int64_t i = 0; i < rows; i += kRows) {
      bands.push_back({dparams + weight + (row + i) * width, bias < 0 ? nullptr : dparams + bias + row + i,
                       columns + i, input, std::min(kRows, rows - i), width, stride});
    }
  };
  const S* h = tape.previous[d].data();
  const S* s = gates + 3 * hidden;
  add(at.weight_ih, at.bias_ih, 0, 3 * hidden, gates, tape.input.data(), inputs, inputs);
  add(at.weight_hh, at.bias_hh, 0, 2 * hidden, gates, h, hidden, hidden);
  if (config.reset_after) {
    add(at.weight_hh, at.bias_hh, 2 * hidden, hidden, s, h, hidden, hidden);
  } else {
    add(at.weight_hh, at.bias_hh, 2 * hidden, hidden, gates + 2 * hidden, s, hidden, 4 * hidden);
  }
}

// dinput = sum over directions of (da_r|da_z|da_n) W_ih
template <class S>
bool input_gradient(const Gru<S>& gru, std::int64_t layer, const LayerTape<S>& tape, Matrix<S>& dinput,
                    Team<S>& team) {
  const std::int64_t hidden = gru.config().hidden_size, rows = dinput.rows(), width = dinput.cols();
  const std::int64_t group = team.rows_per_item(rows);
  return team.run((rows + group - 1) / group, [&](std::int64_t item, int) {
    const std::int64_t first = item * group, count = std::min(group, rows - first);
    dinput.middleRows(first, count).setZero();
    for (std::int64_t d = 0; d < gru.config().directions(); ++d) {
      gru.cell(layer, d).w_ih_back.add(tape.gates[d].data() + first * 4 * hidden, 4 * hidden,
                                       dinput.data() + first * width, width, count);
    }
  });
}

// Gate gradients and dh0 of one layer in all its directions.
template <class S>
bool run_layer_backward(const Gru<S>& gru, std::int64_t layer, const RowOrder& order, LayerTape<S>& tape,
                        const Matrix<S>& doutput, Matrix<S> (&dstate)[2], Team<S>& team) {
  const std::int64_t hidden = gru.config().hidden_size, directions = gru.config().directions();
  const std::int64_t step_rows = team.rows_per_item(order.rows);
  const std::int64_t groups = (order.rows + step_rows - 1) / step_rows;
  return team.run(directions * groups, [&](std::int64_t item, int thread) {
    const std::int64_t d = item / groups, first = item % groups * step_rows;
    run_rows_backward(gru.cell(layer, d), order, d == 1, first, std::min(first + step_rows, order.rows),
                      doutput.data() + d * hidden, directions * hidden, dstate[d],
                      {tape.gates[d].data(), tape.previous[d].data()}, team, thread);
  });
}

// Gradients of sum(y * dy) + sum(h_n * dh_n). Overwrites the tape. False: interrupted, the results are then
// undefined.
template <class S>
bool backward(const Gru<S>& gru, TapeData<S>& tape, const BackwardArgs<S>& args, const RunOptions& options) {
  const GruConfig& config = gru.config();
  const RowOrder& order = tape.order;
  const std::int64_t directions = config.directions(), hidden = config.hidden_size,
                     packed = order.packed_rows();
  Team<S> team(options, 2.0 * forward_work(config, packed));
  team.reserve_steps(order.rows, hidden);
  Matrix<S> doutput(packed, directions * hidden), dinput, dstate[2];
  if (!gather(order, args.dy, doutput, team)) return false;
  for (std::int64_t layer = config.num_layers - 1; layer >= 0; --layer) {
    LayerTape<S>& layer_tape = tape.layers[static_cast<std::size_t>(layer)];
    for (std::int64_t d = 0; d < directions; ++d) {
      const std::int64_t block = (layer * directions + d) * order.rows * hidden;
      dstate[d].resize(order.rows, hidden);
      gather_states(order, args.dh_n == nullptr ? nullptr : args.dh_n + block, hidden, dstate[d].data());
    }
    if (!run_layer_backward(gru, layer, order, layer_tape, doutput, dstate, team)) return false;
    std::vector<WeightBand<S>> bands;
    for (std::int64_t d = 0; d < directions; ++d) {
      const std::int64_t block = (layer * directions + d) * order.rows * hidden;
      if (args.dh0 != nullptr) scatter_states(order, dstate[d].data(), hidden, args.dh0 + block);
      add_bands(gru, layer, d, layer_tape, args.dparams, bands);
    }
    if (!team.run(static_cast<std::int64_t>(bands.size()), [&](std::int64_t i, int thread) {
          weight_gradient(bands[static_cast<std::size_t>(i)], packed, hidden, team, thread);
        })) {
      return false;
    }
    if (layer == 0 && args.dx.data == nullptr) break;
    dinput.resize(packed, config.layer_input_size(layer));
    if (!input_gradient(gru, layer, layer_tape, dinput, team)) return false;
    if (!apply_dropout(config, order, tape.dropout_seed, layer, dinput, team)) return false;
    doutput.swap(dinput);
  }
  return args.dx.data == nullptr || scatter(order, doutput, args.dx, team);
}

}  // namespace fastgru::reference
