// backward() of the float engine: per layer from the top, the recurrence back in time, then the large
// products.
#include <algorithm>
#include <new>

#include "engine/checks.h"
#include "engine/dropout.h"
#include "engine_f32/packed.h"
#include "engine_f32/state.h"
#include "kernels/pack.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

class BackwardPass {
 public:
  BackwardPass(const Weights<float>& weights, Tape<float>::State& tape, const BackwardArgs<float>& args,
               const RunOptions& options)
      : weights_(weights),
        config_(weights.config()),
        layout_(weights.layout()),
        tape_(tape),
        args_(args),
        options_(options),
        order_(tape.operands.order),
        steps_(order_.steps()),
        rows_(order_.rows()),
        hidden_(config_.hidden_size),
        directions_(config_.directions()),
        split_(tape.low_memory ? tape.plan.direction_split : tape.plan.split) {}

  Status run() {
    cells_ = weights_.packed().backward_cells();
    if (cells_ == nullptr) return out_of_memory("the weights of a backward call");
    FASTGRU_RETURN_IF_ERROR(sort_gradients());
    for (std::int64_t layer = config_.num_layers - 1; layer >= 0; --layer)
      FASTGRU_RETURN_IF_ERROR(run_layer(layer));
    unsort_gradients();
    return {};
  }

 private:
  bool stopped() const { return options_.interrupt != nullptr && options_.interrupt->raised(); }
  std::int64_t state_count() const { return config_.num_layers * directions_ * rows_ * hidden_; }

  Status sort_gradients() {
    dy_ = args_.dy;
    dh_n_ = args_.dh_n;
    dh0_ = args_.dh0;
    dx_ = args_.dx;
    if (order_.identity()) return {};
    const std::int64_t width = directions_ * hidden_, groups = config_.num_layers * directions_;
    if (args_.dy.data != nullptr) {
      if (!tape_.dy_copy.reserve(steps_ * rows_ * width)) return out_of_memory("sorted gradients");
      order_.gather(args_.dy, tape_.dy_copy.data());
      dy_ = dense_view<const float>(tape_.dy_copy.data(), steps_, rows_, width);
    }
    if (args_.dh_n != nullptr) {
      if (!tape_.dh_n_copy.reserve(state_count())) return out_of_memory("sorted gradients");
      order_.gather_states(args_.dh_n, groups, hidden_, tape_.dh_n_copy.data());
      dh_n_ = tape_.dh_n_copy.data();
    }
    if (args_.dh0 != nullptr) {
      if (!tape_.dh0_copy.reserve(state_count())) return out_of_memory("sorted gradients");
      dh0_ = tape_.dh0_copy.data();
    }
    if (args_.dx.data != nullptr) {
      if (!tape_.dx_copy.reserve(steps_ * rows_ * config_.input_size))
        return out_of_memory("sorted gradients");
      dx_ = dense_view(tape_.dx_copy.data(), steps_, rows_, config_.input_size);
    }
    return {};
  }

  void unsort_gradients() {
    if (!order_.identity()) {
      if (args_.dh0 != nullptr) {
        order_.scatter_states(dh0_, config_.num_layers * directions_, hidden_, args_.dh0);
      }
      if (args_.dx.data != nullptr) order_.scatter(dx_.data, args_.dx);
    }
    if (args_.dx.data != nullptr) order_.zero_padding(args_.dx, false);
  }

  BackwardDirection make_direction(std::int64_t layer, std::int64_t d) const {
    const LayerBuffers& buffers = tape_.layers[static_cast<std::size_t>(layer)];
    const std::int64_t index = layer * directions_ + d, offset = index * rows_ * hidden_;
    BackwardDirection b{};
    b.kernels = tape_.plan.kernels;
    b.three_digits = tape_.plan.recipe.set.three_digits;
    b.cell = &(*cells_)[static_cast<std::size_t>(index)];
    b.order = &order_;
    b.steps = {0, steps_};
    b.hidden = hidden_;
    b.reset_after = config_.reset_after;
    b.reverse = d == 1;
    b.h = {buffers.y.data + d * hidden_, buffers.y.step_stride, buffers.y.row_stride, false};
    const float* h0 = tape_.operands.h0;
    b.h0 = h0 == nullptr ? nullptr : h0 + offset;
    b.dy = dy_;
    if (b.dy.data != nullptr) b.dy.data += d * hidden_;
    b.dh_n = dh_n_ == nullptr ? nullptr : dh_n_ + offset;
    b.dh0 = dh0_ == nullptr ? nullptr : dh0_ + offset;
    b.slots = {buffers.slots[d], rows_, hidden_, 0};
    return b;
  }

  Status run_layer(std::int64_t layer) {
    SequenceView<float> dx = dx_;
    if (layer > 0) {
      const std::int64_t width = directions_ * hidden_;
      AlignedBuffer<float>& buffer = tape_.dsequences[layer % 2];
      if (!buffer.reserve(steps_ * rows_ * width)) return out_of_memory("the gradient between two layers");
      dx = dense_view(buffer.data(), steps_, rows_, width);
    }
    BackwardDirection both[2];
    for (std::int64_t d = 0; d < directions_; ++d) both[d] = make_direction(layer, d);
    if (tape_.low_memory) {
      for (std::int64_t d = 0; d < directions_; ++d)
        FASTGRU_RETURN_IF_ERROR(run_chunks(layer, d, both[d], dx));
    } else {
      FASTGRU_RETURN_IF_ERROR(run_steps(layer, both, directions_, dx));
    }
    if (layer > 0) {
      if (config_.dropout > 0) drop_gradient(layer, dx);
      dy_ = {dx.data, steps_, rows_, dx.features, dx.step_stride, dx.row_stride};
    }
    return {};
  }

  // Low memory: for each range of steps, back through the direction's run, the forward loop recomputes the
  // slots from the stored states, and then the range's gradients are computed. One direction after the other,
  // because each element of dx is one chain that starts in direction 0.
  Status run_chunks(std::int64_t layer, std::int64_t d, BackwardDirection direction,
                    const SequenceView<float>& dx) {
    const LayerBuffers& buffers = tape_.layers[static_cast<std::size_t>(layer)];
    const std::int64_t chunk = plan_recomputed_steps(tape_.plan);
    if (!tape_.recomputed_slots.reserve(chunk * rows_ * kSlots * hidden_))
      return out_of_memory("a part of the tape");
    for (std::int64_t done = 0; done < steps_; done += chunk) {
      const std::int64_t next = std::min(done + chunk, steps_);
      direction.steps = d == 1 ? StepRange{done, next} : StepRange{steps_ - next, steps_ - done};
      direction.slots = {tape_.recomputed_slots.data(), rows_, hidden_, direction.steps.first};
      FASTGRU_RETURN_IF_ERROR(recompute(weights_, tape_.plan, tape_.operands, buffers,
                                        {layer, d, direction.steps, direction.slots}, tape_.scratch,
                                        options_));
      FASTGRU_RETURN_IF_ERROR(run_steps(layer, &direction, 1, dx));
    }
    return {};
  }

  // `count` directions over the same steps.
  Status run_steps(std::int64_t layer, const BackwardDirection* directions, std::int64_t count,
                   const SequenceView<float>& dx) {
    FASTGRU_RETURN_IF_ERROR(run_recurrence(directions, count));
    FASTGRU_RETURN_IF_ERROR(run_weights(layer, directions, count));
    return dx.data == nullptr ? Status() : run_input(directions, count, dx);
  }

  Status run_recurrence(const BackwardDirection* directions, std::int64_t count) {
    const std::int64_t block = split_.block_rows(), items = count * split_.blocks;
    const std::int64_t size = (backward_scratch_size(directions[0], block, split_.slices) + 15) / 16 * 16;
    if (!tape_.carry.reserve(size * items)) return out_of_memory("the scratch of a backward call");
    const double flops = 6.0 * static_cast<double>(hidden_ * hidden_ * block);
    for_row_blocks(split_, count, options_.interrupt,
                   [&](const WorkItem& item, TeamMember& member, int, bool owner) {
                     StopSignal stop(options_.interrupt, owner, flops);
                     return run_backward(directions[item.direction], item.rows, member,
                                         tape_.carry.data() + item.index * size, stop);
                   });
    return stopped() ? Status::interrupted() : Status();
  }

  Status run_weights(std::int64_t layer, const BackwardDirection* directions, std::int64_t count) {
    tape_.products.clear();
    const SequenceView<const float> x = tape_.layers[static_cast<std::size_t>(layer)].input;
    for (std::int64_t i = 0; i < count; ++i) {
      tape_.products.collect(directions[i], x, layout_.cell(layer, directions[i].reverse ? 1 : 0),
                             args_.dparams);
    }
    const Plan& plan = tape_.plan;
    return tape_.products.run(*plan.kernels, gradient_digits(plan.recipe), plan.threads, tape_.scratch,
                              options_.interrupt);
  }

  // dx = sum over directions of [da_r da_z da_n] W: the caller's for the first layer, else the dy of the
  // layer below.
  Status run_input(const BackwardDirection* directions, std::int64_t count, const SequenceView<float>& dx) {
    const std::int64_t first = directions[0].steps.first, last = directions[0].steps.last;
    const bool dense =
        !order_.ragged() && dx.row_stride == dx.features && dx.step_stride == rows_ * dx.features;
    const RowSplit split = plan_input_rows((last - first) * rows_, tape_.plan.threads);
    const std::int64_t items = dense ? split.blocks : last - first;
    const std::int64_t size = input_scratch_size(directions, count, dense ? split.block_rows() : rows_);
    if (!tape_.scratch.reserve(size * tape_.plan.threads)) return out_of_memory("the gradient of the input");
    parallel_for(items, tape_.plan.threads, [&](std::int64_t item, int thread) {
      Interrupt* interrupt = options_.interrupt;
      if (interrupt != nullptr && (thread == 0 ? interrupt->check() : interrupt->raised())) return;
      const std::int64_t start = item * rows_;
      const RowRange rows = dense ? split.block(item) : RowRange{start, start + order_.active(first + item)};
      float* to = dense ? dx.data + (first * rows_ + rows.first) * dx.features : dx.at(first + item, 0);
      for (std::int64_t i = 0; i < count; ++i) {
        input_rows(directions[i], rows, to, dx,
                   reinterpret_cast<char*>(tape_.scratch.data() + thread * size));
      }
    });
    return stopped() ? Status::interrupted() : Status();
  }

  // Floats of one thread's scratch for so many rows of dx.
  static std::int64_t input_scratch_size(const BackwardDirection* directions, std::int64_t count,
                                         std::int64_t rows) {
    std::int64_t bytes = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const ThreeDigitWeights* w = directions[i].cell->w_digits;
      if (w != nullptr) bytes = std::max(bytes, padded_width(w->row_bytes(rows) + 64, 64));
    }
    return bytes / static_cast<std::int64_t>(sizeof(float));
  }

  void input_rows_in_digits(const BackwardDirection& direction, const GemmArgs& g, char* scratch) const {
    const ThreeDigitTable& table = *direction.three_digits;
    const ThreeDigitWeights& w = *direction.cell->w_digits;
    ThreeDigitProductArgs p{};
    p.vectors.last = w.digits().vectors;
    p.vectors.weights_exceed_l2 = exceeds_l2(w.bytes());
    p.rows = g.rows;
    p.width = g.width;
    p.a = w.split(table, g.rows, g.a, g.a_stride, next_line(scratch));
    p.w = w.digits();
    p.out = g.c;
    p.out_stride = g.c_stride;
    table.product(p);
  }

  // One direction's part of some rows of dx, counted from its first step on, written at `to`.
  void input_rows(const BackwardDirection& direction, RowRange rows, float* to, const SequenceView<float>& dx,
                  char* scratch) const {
    if (!direction.reverse) {
      for (std::int64_t i = 0; i < rows.size(); ++i) std::fill_n(to + i * dx.row_stride, dx.features, 0.0f);
    }
    const SlotView& slots = direction.slots;
    GemmArgs g{};
    g.rows = rows.size();
    g.depth = kGates * hidden_;
    g.width = dx.features;
    g.a = slots.data + rows.first * slots.stride() + hidden_;
    g.a_stride = slots.stride();
    g.weights = direction.cell->w;
    g.c = to;
    g.c_stride = dx.row_stride;
    if (direction.cell->w_digits != nullptr && g.rows > 0) return input_rows_in_digits(direction, g, scratch);
    tape_.plan.kernels->gemm(g);
  }

  void drop_gradient(std::int64_t layer, const SequenceView<float>& dx) const {
    for (std::int64_t t = 0; t < steps_; ++t) {
      for (std::int64_t i = 0; i < order_.active(t); ++i) {
        dropout(dx.at(t, i), dx.at(t, i), dx.features, (t * rows_ + order_.source(i)) * dx.features,
                config_.dropout, tape_.dropout_seed, layer_dropout_stream(layer));
      }
    }
  }

  const Weights<float>& weights_;
  const GruConfig& config_;
  const ParamLayout& layout_;
  Tape<float>::State& tape_;
  const BackwardArgs<float>& args_;
  const RunOptions& options_;
  const RowOrder& order_;
  const std::int64_t steps_, rows_, hidden_, directions_;
  const RowSplit split_;
  const std::vector<BackwardCell>* cells_ = nullptr;
  SequenceView<const float> dy_;
  const float* dh_n_ = nullptr;
  float* dh0_ = nullptr;
  SequenceView<float> dx_;
};

}  // namespace

template <>
Status backward(const Weights<float>& weights, Tape<float>& tape, const BackwardArgs<float>& args,
                const RunOptions& options) {
  const FlushDenormals flush;
  try {
    FASTGRU_RETURN_IF_ERROR(check_backward(weights.config(), tape, args));
    tape.state().ready = false;
    return BackwardPass(weights, tape.state(), args, options).run();
  } catch (const std::bad_alloc&) {
    return out_of_memory("a backward call");
  }
}

}  // namespace fastgru
