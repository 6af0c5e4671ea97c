// The GRU in Eigen for any scalar type, written to be read: the oracle of the tests and the float64 engine.
//
// Layer by layer, direction by direction, step by step over the rows that are alive (row_order.h); the
// equations are in cell.h. Here: how layers, directions, lengths, dropout and threads fit together. Functions
// allocate and may throw std::bad_alloc; arguments are checked by the caller (engine/checks.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <vector>

#include "engine/dropout.h"
#include "engine/engine.h"
#include "reference/cell.h"
#include "reference/row_order.h"
#include "runtime/threads.h"

namespace fastgru::reference {

template <class S>
struct Gru {
  explicit Gru(const GruConfig& config) : layout(config) {}

  void assign(const S* values) {
    params.assign(values, values + layout.total());
    const std::int64_t directions = layout.config().directions();
    cells.resize(static_cast<std::size_t>(layout.config().num_layers * directions));
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(cells.size()); ++i) {
      cells[static_cast<std::size_t>(i)].assign(layout, values, i / directions, i % directions);
    }
  }

  const GruConfig& config() const { return layout.config(); }
  const Cell<S>& cell(std::int64_t layer, std::int64_t direction) const {
    return cells[static_cast<std::size_t>(layer * config().directions() + direction)];
  }

  ParamLayout layout;
  std::vector<S> params;
  std::vector<Cell<S>> cells;  // (L*D)
};

// The results of one layer that backward needs. M is the number of packed rows.
template <class S>
struct LayerTape {
  Matrix<S> input;        // (M, layer input size), after dropout
  Matrix<S> gates[2];     // per direction (M, 4H)
  Matrix<S> previous[2];  // per direction (M, H)
};

template <class S>
struct TapeData {
  bool ready = false;
  std::uint64_t dropout_seed = 0;
  RowOrder order;
  std::vector<LayerTape<S>> layers;
};

// The threads of one call, what stops it early, and each thread's scratch.
template <class S>
class Team {
 public:
  // `work`: floating-point operations of the whole call. A thread must be worth starting.
  Team(const RunOptions& options, double work) : interrupt_(options.interrupt) {
    constexpr double kWorkPerThread = 4e6;
    if (work >= 2 * kWorkPerThread) threads_ = usable_threads(options.num_threads);
    if (work < kWorkPerThread * threads_) threads_ = static_cast<int>(work / kWorkPerThread) + 1;
    scratch_.resize(static_cast<std::size_t>(threads_));
  }

  int threads() const { return threads_; }

  // How many rows one item takes: a multiple of 4 (the product's tile), small enough to notice Ctrl-C in
  // time.
  std::int64_t rows_per_item(std::int64_t rows) const {
    const std::int64_t share = (rows + threads_ - 1) / threads_;
    return std::clamp<std::int64_t>((share + 3) / 4 * 4, 4, 32);  // not 0 where every row is empty
  }

  StepScratch<S>& scratch(int thread) { return scratch_[static_cast<std::size_t>(thread)]; }

  void reserve_steps(std::int64_t rows, std::int64_t hidden) {
    for (StepScratch<S>& scratch : scratch_) scratch.resize(rows_per_item(rows), hidden);
  }

  // Whether to stop now. Only the calling thread, which is thread 0, may ask its caller.
  bool stop(int thread) {
    if (interrupt_ == nullptr) return false;
    return thread == 0 ? interrupt_->check() : interrupt_->raised();
  }

  // body(item, thread) for all items. False: interrupted.
  template <class Body>
  bool run(std::int64_t items, Body body) {
    std::atomic<bool> no_memory{false};
    parallel_for(items, threads_, [&](std::int64_t item, int thread) {
      if (stop(thread) || no_memory.load(std::memory_order_relaxed)) return;
      try {
        body(item, thread);
      } catch (const std::bad_alloc&) {
        no_memory.store(true, std::memory_order_relaxed);
      }
    });
    if (no_memory.load()) throw std::bad_alloc();
    return interrupt_ == nullptr || !interrupt_->raised();
  }

 private:
  Interrupt* interrupt_;
  int threads_ = 1;
  std::vector<StepScratch<S>> scratch_;
};

inline double forward_work(const GruConfig& config, std::int64_t packed_rows) {
  const double hidden = static_cast<double>(config.hidden_size);
  const double layers = static_cast<double>(config.num_layers * config.directions());
  return 6.0 * hidden * (hidden + static_cast<double>(config.input_size)) * layers *
         static_cast<double>(packed_rows);
}

// A sequence into packed rows and back, step by step, so that many steps are shared out and can be
// interrupted.
template <class S>
bool gather(const RowOrder& order, const SequenceView<const S>& from, Matrix<S>& packed, Team<S>& team) {
  return team.run(order.steps,
                  [&](std::int64_t t, int) { gather_step(order, from, t, packed.cols(), packed.data()); });
}
template <class S>
bool scatter(const RowOrder& order, const Matrix<S>& packed, const SequenceView<S>& to, Team<S>& team) {
  return team.run(order.steps, [&](std::int64_t t, int) { scatter_step(order, packed.data(), t, to); });
}

// Inverted dropout of a layer's packed input (or of its gradient), keyed by the (step, row, feature) of each
// value.
template <class S>
bool apply_dropout(const GruConfig& config, const RowOrder& order, std::uint64_t seed, std::int64_t layer,
                   Matrix<S>& values, Team<S>& team) {
  if (layer == 0 || config.dropout == 0.0) return true;
  const std::int64_t width = values.cols();
  return team.run(order.steps, [&](std::int64_t t, int) {
    for (std::int64_t i = 0; i < order.active_at(t); ++i) {
      S* row = values.data() + (order.offset_at(t) + i) * width;
      const std::int64_t first = (t * order.rows + order.row_at(i)) * width;
      dropout(row, row, width, first, config.dropout, seed, layer_dropout_stream(layer));
    }
  });
}

// Buffers of a forward pass, for the next call of the same shape.
template <class S>
struct ForwardBuffers {
  Matrix<S> input, output, state[2];
};

// Rows [first, last) of one direction of one layer, through all their steps. `state` enters as h0 and leaves
// as h_n.
template <class S>
void run_rows(const Cell<S>& cell, const RowOrder& order, bool reverse, std::int64_t first, std::int64_t last,
              const Matrix<S>& input, Matrix<S>& state, S* output, std::int64_t output_stride,
              const StepTape<S>& tape, Team<S>& team, int thread) {
  for (std::int64_t i = 0; i < order.steps; ++i) {
    const std::int64_t t = reverse ? order.steps - 1 - i : i;
    const std::int64_t rows = std::min(last, order.active_at(t)) - first;
    if (rows <= 0) continue;
    if (team.stop(thread)) return;
    const std::int64_t at = order.offset_at(t) + first;
    StepTape<S> here;
    if (tape.gates != nullptr) here = {tape.gates + at * 4 * cell.hidden, tape.previous + at * cell.hidden};
    S* h = state.data() + first * cell.hidden;
    step(cell, input.data() + at * cell.inputs, cell.inputs, h, rows, team.scratch(thread), here);
    rows_at(output + at * output_stride, output_stride, rows, cell.hidden) =
        rows_at(h, cell.hidden, rows, cell.hidden);
  }
}

// One layer in all its directions, from buffers.input to buffers.output, rows shared out among the threads.
template <class S>
bool run_layer(const Gru<S>& gru, std::int64_t layer, const RowOrder& order, ForwardBuffers<S>& buffers,
               LayerTape<S>* tape, Team<S>& team) {
  const std::int64_t hidden = gru.config().hidden_size, directions = gru.config().directions();
  const std::int64_t packed = order.packed_rows(), step_rows = team.rows_per_item(order.rows);
  const std::int64_t groups = (order.rows + step_rows - 1) / step_rows;
  buffers.output.resize(packed, directions * hidden);
  for (std::int64_t d = 0; tape != nullptr && d < directions; ++d) {
    tape->gates[d].resize(packed, 4 * hidden);
    tape->previous[d].resize(packed, hidden);
  }
  return team.run(directions * groups, [&](std::int64_t item, int thread) {
    const std::int64_t d = item / groups, first = item % groups * step_rows;
    StepTape<S> all;
    if (tape != nullptr) all = {tape->gates[d].data(), tape->previous[d].data()};
    run_rows(gru.cell(layer, d), order, d == 1, first, std::min(first + step_rows, order.rows), buffers.input,
             buffers.state[d], buffers.output.data() + d * hidden, directions * hidden, all, team, thread);
  });
}

// The forward pass; with `tape`, for training: dropout between layers, and what backward() needs is kept.
// False: interrupted, the results are then undefined.
template <class S>
bool forward(const Gru<S>& gru, const ForwardArgs<S>& args, RowOrder& order, ForwardBuffers<S>& buffers,
             TapeData<S>* tape, const RunOptions& options) {
  const GruConfig& config = gru.config();
  const std::int64_t directions = config.directions(), hidden = config.hidden_size;
  order.assign(args.x.steps, args.x.rows, args.lengths);
  Team<S> team(options, forward_work(config, order.packed_rows()));
  team.reserve_steps(order.rows, hidden);
  buffers.input.resize(order.packed_rows(), config.input_size);
  if (!gather(order, args.x, buffers.input, team)) return false;
  if (tape != nullptr) tape->layers.resize(static_cast<std::size_t>(config.num_layers));
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    LayerTape<S>* layer_tape = tape == nullptr ? nullptr : &tape->layers[static_cast<std::size_t>(layer)];
    if (tape != nullptr && !apply_dropout(config, order, tape->dropout_seed, layer, buffers.input, team))
      return false;
    for (std::int64_t d = 0; d < directions; ++d) {
      const std::int64_t block = (layer * directions + d) * order.rows * hidden;
      buffers.state[d].resize(order.rows, hidden);
      gather_states(order, args.h0 == nullptr ? nullptr : args.h0 + block, hidden, buffers.state[d].data());
    }
    if (!run_layer(gru, layer, order, buffers, layer_tape, team)) return false;
    for (std::int64_t d = 0; d < directions; ++d) {
      scatter_states(order, buffers.state[d].data(), hidden,
                     args.h_n + (layer * directions + d) * order.rows * hidden);
    }
    if (layer_tape != nullptr) layer_tape->input.swap(buffers.input);
    buffers.input.swap(buffers.output);
  }
  return args.y.data == nullptr || scatter(order, buffers.input, args.y, team);
}

}  // namespace fastgru::reference
