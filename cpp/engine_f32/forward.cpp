// forward() and forward_train() of the float engine.
#include <algorithm>
#include <new>

#include "engine/checks.h"
#include "engine/dropout.h"
#include "engine_f32/packed.h"
#include "engine_f32/state.h"
#include "runtime/denormals.h"

namespace fastgru {

Status sort_operands(const GruConfig& config, const ForwardArgs<float>& args, SortedOperands& s) {
  const std::int64_t steps = args.x.steps, rows = args.x.rows;
  const std::int64_t groups = config.num_layers * config.directions(), hidden = config.hidden_size;
  s.order.set(args.lengths, steps, rows);
  s.x = args.x;
  s.h0 = args.h0;
  s.y = args.y;
  s.h_n = args.h_n;
  if (s.order.identity()) return {};
  const std::int64_t width = config.directions() * hidden;
  if (!s.x_copy.reserve(steps * rows * config.input_size) || !s.h_n_copy.reserve(groups * rows * hidden)) {
    return out_of_memory("sorted rows");
  }
  s.order.gather(args.x, s.x_copy.data());
  s.x = dense_view<const float>(s.x_copy.data(), steps, rows, config.input_size);
  s.h_n = s.h_n_copy.data();
  if (args.h0 != nullptr) {
    if (!s.h0_copy.reserve(groups * rows * hidden)) return out_of_memory("sorted rows");
    s.order.gather_states(args.h0, groups, hidden, s.h0_copy.data());
    s.h0 = s.h0_copy.data();
  }
  if (args.y.data != nullptr) {
    if (!s.y_copy.reserve(steps * rows * width)) return out_of_memory("sorted rows");
    s.y = dense_view(s.y_copy.data(), steps, rows, width);
  }
  return {};
}

void unsort_results(const GruConfig& config, const ForwardArgs<float>& args, const SortedOperands& s) {
  if (!s.order.identity()) {
    s.order.scatter_states(s.h_n, config.num_layers * config.directions(), config.hidden_size, args.h_n);
    if (args.y.data != nullptr) s.order.scatter(s.y.data, args.y);
  }
  if (args.y.data != nullptr) s.order.zero_padding(args.y, false);
}

namespace {

// Layers below the top one write whole sequences, two buffers in turn; the top layer the caller's y, or two
// steps of scratch.
Status lay_out_inference(const GruConfig& config, Workspace<float>::State& w) {
  const SortedOperands& s = w.operands;
  const std::int64_t steps = s.order.steps(), rows = s.order.rows();
  const std::int64_t width = config.directions() * config.hidden_size;
  w.layers.assign(static_cast<std::size_t>(config.num_layers), {});
  SequenceView<const float> input = s.x;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    LayerBuffers& buffers = w.layers[static_cast<std::size_t>(layer)];
    buffers.input = input;
    if (layer + 1 < config.num_layers) {
      AlignedBuffer<float>& sequence = w.sequences[layer % 2];
      if (!sequence.reserve(steps * rows * width)) return out_of_memory("the sequence between two layers");
      buffers.y = dense_view(sequence.data(), steps, rows, width);
    } else if (s.y.data != nullptr) {
      buffers.y = s.y;
    } else {
      if (!w.ring.reserve(2 * rows * width)) return out_of_memory("two steps of states");
      buffers.y = dense_view(w.ring.data(), steps, rows, width);
      buffers.ring = true;
    }
    input = {buffers.y.data, steps, rows, width, buffers.y.step_stride, buffers.y.row_stride};
  }
  return {};
}

// Buffers for all that backward needs, except slots that it recomputes.
Status lay_out_training(const GruConfig& config, Tape<float>::State& tape) {
  const SortedOperands& s = tape.operands;
  const std::int64_t steps = s.order.steps(), rows = s.order.rows(), directions = config.directions();
  const std::int64_t width = directions * config.hidden_size;
  const std::size_t layers = static_cast<std::size_t>(config.num_layers);
  tape.layers.assign(layers, {});
  tape.sequences.resize(layers - 1);
  tape.dropped.resize(layers - 1);
  tape.slots.resize(tape.low_memory ? 0 : layers * static_cast<std::size_t>(directions));
  for (std::size_t layer = 0; layer < layers; ++layer) {
    LayerBuffers& buffers = tape.layers[layer];
    for (std::int64_t d = 0; d < directions && !tape.low_memory; ++d) {
      AlignedBuffer<float>& slots =
          tape.slots[layer * static_cast<std::size_t>(directions) + static_cast<std::size_t>(d)];
      if (!slots.reserve(steps * rows * kSlots * config.hidden_size)) return out_of_memory("the tape");
      buffers.slots[d] = slots.data();
    }
    if (layer + 1 == layers) {
      buffers.y = s.y;
    } else {
      if (!tape.sequences[layer].reserve(steps * rows * width)) return out_of_memory("the tape");
      buffers.y = dense_view(tape.sequences[layer].data(), steps, rows, width);
    }
    buffers.input = s.x;
    if (layer == 0) continue;
    const float* below = tape.sequences[layer - 1].data();
    if (config.dropout > 0) {
      if (!tape.dropped[layer - 1].reserve(steps * rows * width)) return out_of_memory("the tape");
      below = tape.dropped[layer - 1].data();
    }
    buffers.input = dense_view(below, steps, rows, width);
  }
  return {};
}

// The masks are keyed by the caller's row, so that sorting does not change them.
void drop_input(const GruConfig& config, Tape<float>::State& tape, std::size_t layer) {
  const RowOrder& order = tape.operands.order;
  const std::int64_t width = config.directions() * config.hidden_size, rows = order.rows();
  const float* from = tape.sequences[layer - 1].data();
  float* to = tape.dropped[layer - 1].data();
  for (std::int64_t t = 0; t < order.steps(); ++t) {
    for (std::int64_t i = 0; i < order.active(t); ++i) {
      const std::int64_t at = (t * rows + i) * width;
      dropout(from + at, to + at, width, (t * rows + order.source(i)) * width, config.dropout,
              tape.dropout_seed, layer_dropout_stream(static_cast<std::int64_t>(layer)));
    }
  }
}

Status run_training_layers(const Weights<float>& weights, Tape<float>::State& tape,
                           const RunOptions& options) {
  const GruConfig& config = weights.config();
  if (config.dropout == 0.0) {
    return run_layers(weights, tape.plan, tape.operands, 0, tape.layers.size(), tape.layers, tape.scratch,
                      options);
  }
  for (std::size_t layer = 0; layer < tape.layers.size(); ++layer) {
    if (layer > 0) drop_input(config, tape, layer);
    FASTGRU_RETURN_IF_ERROR(
        run_layers(weights, tape.plan, tape.operands, layer, layer + 1, tape.layers, tape.scratch, options));
  }
  return {};
}

}  // namespace

template <>
Status forward(const Weights<float>& weights, const ForwardArgs<float>& args, Workspace<float>& workspace,
               const RunOptions& options) {
  const FlushDenormals flush;
  try {
    const GruConfig& config = weights.config();
    FASTGRU_RETURN_IF_ERROR(check_forward(config, args, false));
    Workspace<float>::State& w = workspace.state();
    FASTGRU_RETURN_IF_ERROR(sort_operands(config, args, w.operands));
    FASTGRU_RETURN_IF_ERROR(lay_out_inference(config, w));
    make_plan(config, weights.packed().recipe, args.x.steps, args.x.rows, w.operands.order.ragged(),
              options.num_threads, options.hints, w.plan);
    FASTGRU_RETURN_IF_ERROR(
        run_layers(weights, w.plan, w.operands, 0, w.layers.size(), w.layers, w.scratch, options));
    unsort_results(config, args, w.operands);
    return {};
  } catch (const std::bad_alloc&) {
    return out_of_memory("a forward call");
  }
}

template <>
Status forward_train(const Weights<float>& weights, const ForwardArgs<float>& args,
                     std::uint64_t dropout_seed, Tape<float>& tape, const RunOptions& options) {
  const FlushDenormals flush;
  Tape<float>::State& state = tape.state();
  state.ready = false;
  try {
    const GruConfig& config = weights.config();
    FASTGRU_RETURN_IF_ERROR(check_forward(config, args, true));
    FASTGRU_RETURN_IF_ERROR(check_trainable(config));
    state.dropout_seed = dropout_seed;
    state.low_memory = options.low_memory;
    FASTGRU_RETURN_IF_ERROR(sort_operands(config, args, state.operands));
    SortedOperands& s = state.operands;
    if (s.h0 != nullptr && s.order.identity()) {  // the caller's h0 need not outlive the call
      const std::int64_t count = config.num_layers * config.directions() * args.x.rows * config.hidden_size;
      if (!state.h0_kept.reserve(count)) return out_of_memory("the tape");
      std::copy_n(args.h0, count, state.h0_kept.data());
      s.h0 = state.h0_kept.data();
    }
    FASTGRU_RETURN_IF_ERROR(lay_out_training(config, state));
    make_plan(config, weights.packed().recipe, args.x.steps, args.x.rows, s.order.ragged(),
              options.num_threads, options.hints, state.plan);
    FASTGRU_RETURN_IF_ERROR(run_training_layers(weights, state, options));
    unsort_results(config, args, s);
    state.ready = true;
    return {};
  } catch (const std::bad_alloc&) {
    return out_of_memory("a forward call for training");
  }
}

template <>
std::string explain(const Weights<float>& weights, std::int64_t steps, std::int64_t rows, int num_threads) {
  Plan plan;
  make_plan(weights.config(), weights.packed().recipe, steps, rows, false, num_threads, {}, plan);
  return to_string(plan, weights.layout());
}

template <>
Workspace<float>::Workspace() : state_(std::make_unique<State>()) {}
template <>
Workspace<float>::~Workspace() = default;
template <>
Workspace<float>::Workspace(Workspace&&) noexcept = default;
template <>
Workspace<float>& Workspace<float>::operator=(Workspace&&) noexcept = default;

template <>
Tape<float>::Tape() : state_(std::make_unique<State>()) {}
template <>
Tape<float>::~Tape() = default;
template <>
Tape<float>::Tape(Tape&&) noexcept = default;
template <>
Tape<float>& Tape<float>::operator=(Tape&&) noexcept = default;
template <>
bool Tape<float>::ready() const {
  return state_->ready;
}
template <>
std::int64_t Tape<float>::steps() const {
  return state_->operands.order.steps();
}
template <>
std::int64_t Tape<float>::rows() const {
  return state_->operands.order.rows();
}

}  // namespace fastgru
