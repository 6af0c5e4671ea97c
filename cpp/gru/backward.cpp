// backward() of the float engine: per layer from the top, the recurrence back in time, then the large
// products.
#include <algorithm>
#include <new>

#include "gru/checks.h"
#include "gru/dropout.h"
#include "gru/packed.h"
#include "gru/state.h"
#include "kernels/pack.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

class BackwardPass {
 public:
  BackwardPass(const Weights<float>& weights, Tape<float>::State& tape, const BackwardArgs<float>& args,
               const RunOptions& options)
      : config_(weights.config()),
        layout_(weights.layout()),
        packed_(weights.packed()),
        tape_(tape),
        args_(args),
        options_(options),
        order_(tape.operands.order),
        steps_(order_.steps()),
        rows_(order_.rows()),
        hidden_(config_.hidden_size),
        directions_(config_.directions()) {}

  Status run() {
    cells_ = packed_.backward_cells();
    if (cells_ == nullptr) return no_memory("the weights of a backward call");
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
      if (!tape_.dy_copy.reserve(steps_ * rows_ * width)) return no_memory("sorted gradients");
      order_.gather(args_.dy, tape_.dy_copy.data());
      dy_ = dense_view<const float>(tape_.dy_copy.data(), steps_, rows_, width);
    }
    if (args_.dh_n != nullptr) {
      if (!tape_.dh_n_copy.reserve(state_count())) return no_memory("sorted gradients");
      order_.gather_states(args_.dh_n, groups, hidden_, tape_.dh_n_copy.data());
      dh_n_ = tape_.dh_n_copy.data();
    }
    if (args_.dh0 != nullptr) {
      if (!tape_.dh0_copy.reserve(state_count())) return no_memory("sorted gradients");
      dh0_ = tape_.dh0_copy.data();
    }
    if (args_.dx.data != nullptr) {
      if (!tape_.dx_copy.reserve(steps_ * rows_ * config_.input_size)) return no_memory("sorted gradients");
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
    b.cell = &(*cells_)[static_cast<std::size_t>(index)];
    b.far = tape_.plan.layers[static_cast<std::size_t>(layer)].far;
    b.order = &order_;
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
    b.slots = {buffers.slots[d], rows_, hidden_};
    return b;
  }

  Status run_layer(std::int64_t layer) {
    BackwardDirection both[2];
    for (std::int64_t d = 0; d < directions_; ++d) both[d] = make_direction(layer, d);
    FASTGRU_RETURN_IF_ERROR(run_recurrence(both));
    FASTGRU_RETURN_IF_ERROR(run_weights(layer, both));
    return run_input(layer, both);
  }

  Status run_recurrence(const BackwardDirection (&both)[2]) {
    const std::int64_t block = tape_.plan.row_block, blocks = (rows_ + block - 1) / block;
    const std::int64_t size = (backward_scratch_size(both[0], block) + 15) / 16 * 16;
    if (!tape_.scratch.reserve(size * tape_.plan.threads)) return no_memory("the scratch of a backward call");
    const double flops = 6.0 * static_cast<double>(hidden_ * hidden_ * block);
    parallel_for(directions_ * blocks, tape_.plan.threads, [&](std::int64_t item, int thread) {
      if (stopped()) return;
      const FlushDenormals flush;
      const std::int64_t first = item / directions_ * block;
      StopSignal stop(options_.interrupt, thread == 0, flops);
      run_backward(both[item % directions_], {first, std::min(first + block, rows_)},
                   tape_.scratch.data() + thread * size, stop);
    });
    return stopped() ? Status::interrupted() : Status();
  }

  Status run_weights(std::int64_t layer, const BackwardDirection (&both)[2]) {
    tape_.products.clear();
    const SequenceView<const float> x = tape_.layers[static_cast<std::size_t>(layer)].input;
    for (std::int64_t d = 0; d < directions_; ++d) {
      tape_.products.collect(both[d], x, layout_.cell(layer, d), args_.dparams);
    }
    return tape_.products.run(*tape_.plan.kernels, tape_.plan.threads, tape_.scratch, options_.interrupt);
  }

  // dx = sum over directions of [da_r da_z da_n] W: the caller's for the first layer, else the dy of the
  // layer below.
  Status run_input(std::int64_t layer, const BackwardDirection (&both)[2]) {
    SequenceView<float> dx = dx_;
    if (layer > 0) {
      const std::int64_t width = directions_ * hidden_;
      AlignedBuffer<float>& buffer = tape_.dsequences[layer % 2];
      if (!buffer.reserve(steps_ * rows_ * width)) return no_memory("the gradient between two layers");
      dx = dense_view(buffer.data(), steps_, rows_, width);
    }
    if (dx.data == nullptr) return {};
    const bool dense =
        !order_.ragged() && dx.row_stride == dx.features && dx.step_stride == rows_ * dx.features;
    const std::int64_t items = dense ? (steps_ * rows_ + kInputRows - 1) / kInputRows : steps_;
    parallel_for(items, tape_.plan.threads, [&](std::int64_t item, int thread) {
      Interrupt* interrupt = options_.interrupt;
      if (interrupt != nullptr && (thread == 0 ? interrupt->check() : interrupt->raised())) return;
      const FlushDenormals flush;
      if (dense) {
        const std::int64_t first = item * kInputRows;
        input_rows(both, first, std::min(kInputRows, steps_ * rows_ - first), dx.data + first * dx.features,
                   dx);
      } else {
        input_rows(both, item * rows_, order_.active(item), dx.at(item, 0), dx);
      }
    });
    if (stopped()) return Status::interrupted();
    if (layer > 0) {
      if (config_.dropout > 0) drop_gradient(layer, dx);
      dy_ = {dx.data, steps_, rows_, dx.features, dx.step_stride, dx.row_stride};
    }
    return {};
  }

  // `count` rows of dx from absolute row number `first` on, written at `to`.
  void input_rows(const BackwardDirection (&both)[2], std::int64_t first, std::int64_t count, float* to,
                  const SequenceView<float>& dx) const {
    for (std::int64_t row = 0; row < count; ++row) std::fill_n(to + row * dx.row_stride, dx.features, 0.0f);
    for (std::int64_t d = 0; d < directions_; ++d) {
      const SlotView& slots = both[d].slots;
      tape_.plan.kernels->gemm({both[d].far, count, 3 * hidden_, dx.features,
                                slots.data + first * slots.stride() + hidden_, slots.stride(),
                                both[d].cell->w, to, dx.row_stride});
    }
  }

  void drop_gradient(std::int64_t layer, const SequenceView<float>& dx) const {
    for (std::int64_t t = 0; t < steps_; ++t) {
      for (std::int64_t i = 0; i < order_.active(t); ++i) {
        dropout(dx.at(t, i), dx.at(t, i), dx.features, (t * rows_ + order_.source(i)) * dx.features,
                config_.dropout, tape_.dropout_seed, layer_dropout_stream(layer));
      }
    }
  }

  static constexpr std::int64_t kInputRows = 64;

  const GruConfig& config_;
  const ParamLayout& layout_;
  const Weights<float>::Packed& packed_;
  Tape<float>::State& tape_;
  const BackwardArgs<float>& args_;
  const RunOptions& options_;
  const RowOrder& order_;
  const std::int64_t steps_, rows_, hidden_, directions_;
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
  try {
    FASTGRU_RETURN_IF_ERROR(check_backward(weights.config(), tape, args));
    tape.state().ready = false;
    return BackwardPass(weights, tape.state(), args, options).run();
  } catch (const std::bad_alloc&) {
    return no_memory("a backward call");
  }
}

}  // namespace fastgru
