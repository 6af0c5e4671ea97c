// One step at a time: the states of all layers, twice, written in turn.
#include <algorithm>
#include <new>

#include "engine_f32/packed.h"
#include "engine_f32/plan/plan.h"
#include "kernels/pack.h"
#include "runtime/denormals.h"

namespace fastgru {

template <>
struct Stream<float>::Impl {
  std::int64_t rows, hidden, padded, layers, panel_count;
  bool odd = false;
  StreamPlan plan;
  AlignedBuffer<float> memory;
  float *states[2], *gx, *z, *rh;

  Impl(const Weights<float>& weights, std::int64_t batch)
      : rows(batch),
        hidden(weights.config().hidden_size),
        layers(weights.config().num_layers),
        plan(plan_stream(weights.layout())) {
    padded = padded_width(hidden, weights.packed().kernels->lanes);
    panel_count = padded / weights.packed().kernels->lanes;
    if (!memory.reserve(2 * state_size() + rows * padded * (kGates + 2))) throw std::bad_alloc();
    states[0] = memory.data();
    states[1] = states[0] + state_size();
    gx = states[1] + state_size();
    z = gx + rows * padded * kGates;
    rh = z + rows * padded;
    std::fill_n(memory.data(), memory.capacity(), 0.0f);
  }

  std::int64_t state_size() const { return (layers * rows * hidden + 15) / 16 * 16; }
  PanelRange panels() const {
    PanelRange range{};
    range.last = panel_count;
    range.backwards = plan.serpentine && odd;
    range.weights_exceed_l2 = plan.weights_exceed_l2;
    return range;
  }
  float* current(std::int64_t layer) { return states[odd ? 1 : 0] + layer * rows * hidden; }
  float* next(std::int64_t layer) { return states[odd ? 0 : 1] + layer * rows * hidden; }
};

namespace {

void step_after(const KernelTable& k, const ForwardCell& cell, Stream<float>::Impl& s, std::int64_t layer,
                const float* x) {
  CellForwardArgs a{};
  a.panels = s.panels();
  a.rows = s.rows;
  a.hidden = s.hidden;
  a.x = x;
  a.x_stride = a.input = cell.input;
  a.w = cell.w;
  a.u = cell.u;
  a.bias = cell.bias;
  a.h_prev = s.current(layer);
  a.h = s.next(layer);
  a.h_prev_stride = a.h_stride = s.hidden;
  k.cell_forward(a);
}

void step_before(const KernelTable& k, const ForwardCell& cell, Stream<float>::Impl& s, std::int64_t layer,
                 const float* x) {
  InputGemmArgs g{};
  g.panels = s.panels();
  g.rows = s.rows;
  g.input = g.x_stride = cell.input;
  g.hidden = s.hidden;
  g.x = x;
  g.w = cell.w;
  g.bias = cell.bias;
  g.gx = s.gx;
  g.gx_stride = kGates * s.padded;
  k.input_gemm(g);
  ResetBeforeForwardArgs a{};
  a.panels = g.panels;
  a.rows = s.rows;
  a.hidden = s.hidden;
  a.gx = s.gx;
  a.gx_stride = g.gx_stride;
  a.u_rz = cell.u_rz;
  a.u_n = cell.u_n;
  a.h_prev = s.current(layer);
  a.z = s.z;
  a.rh = s.rh;
  a.scratch_stride = s.padded;
  a.h = s.next(layer);
  a.h_prev_stride = a.h_stride = s.hidden;
  k.reset_before_rz(a);
  k.reset_before_n(a);
}

}  // namespace

template <>
Stream<float>::Stream(std::shared_ptr<const Weights<float>> weights, std::int64_t rows)
    : weights_(std::move(weights)), rows_(rows), impl_(std::make_unique<Impl>(*weights_, rows)) {}
template <>
Stream<float>::~Stream() = default;

template <>
Stream<float>::Stream(const Stream& other)
    : weights_(other.weights_), rows_(other.rows_), impl_(std::make_unique<Impl>(*weights_, rows_)) {
  other.get_state(impl_->current(0));
}

template <>
void Stream<float>::step(const float* x, float* y) noexcept {
  const FlushDenormals flush;
  const Weights<float>::Packed& packed = weights_->packed();
  const bool reset_after = packed.layout.config().reset_after;
  Impl& s = *impl_;
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    const ForwardCell& cell = packed.cells[static_cast<std::size_t>(layer)];
    (reset_after ? step_after : step_before)(*packed.kernels, cell, s, layer, x);
    x = s.next(layer);
  }
  s.odd = !s.odd;
  if (y != nullptr) std::copy_n(s.current(s.layers - 1), s.rows * s.hidden, y);
}

template <>
void Stream<float>::get_state(float* state) const noexcept {
  std::copy_n(impl_->current(0), impl_->layers * impl_->rows * impl_->hidden, state);
}
template <>
void Stream<float>::set_state(const float* state) noexcept {
  std::copy_n(state, impl_->layers * impl_->rows * impl_->hidden, impl_->current(0));
}
template <>
void Stream<float>::reset() noexcept {
  std::fill_n(impl_->current(0), impl_->layers * impl_->rows * impl_->hidden, 0.0f);
}

}  // namespace fastgru
