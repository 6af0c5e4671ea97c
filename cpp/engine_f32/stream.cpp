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
  float *states[2], *gx, *shared;
  char* cell_scratch;

  Impl(const Weights<float>& weights, std::int64_t batch)
      : rows(batch),
        hidden(weights.config().hidden_size),
        layers(weights.config().num_layers),
        plan(plan_stream(weights.layout(), *weights.packed().recipe.recipe)) {
    padded = padded_width(hidden, weights.packed().kernels->lanes);
    panel_count = padded / weights.packed().kernels->lanes;
    std::int64_t own = 0, common = 0;
    for (const auto& cell : weights.packed().cells) {
      own = std::max(own, cell->scratch_bytes(rows, rows) / static_cast<std::int64_t>(sizeof(float)));
      common = std::max(common, rows * cell->shared_floats());
    }
    if (!memory.reserve(2 * state_size() + rows * padded * kGates + own + common)) throw std::bad_alloc();
    states[0] = memory.data();
    states[1] = states[0] + state_size();
    gx = states[1] + state_size();
    shared = gx + rows * padded * kGates;
    cell_scratch = reinterpret_cast<char*>(shared + common);
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
  float* row(std::int64_t layer, std::int64_t b) { return current(layer) + b * hidden; }
};

namespace {

void step_layer(const ForwardCell& cell, bool input_first, Stream<float>::Impl& s, std::int64_t layer,
                const float* x, std::int64_t rows) {
  StepArgs a{};
  a.panels = s.panels();
  a.rows = rows;
  a.x = x;
  a.x_stride = cell.input_size();
  a.h_prev = s.current(layer);
  a.h = s.next(layer);
  a.h_prev_stride = a.h_stride = s.hidden;
  a.scratch = s.cell_scratch;
  a.shared = s.shared;
  if (input_first) {
    a.gx_stride = kGates * s.padded;
    cell.input({a.panels, a.rows, a.x, a.x_stride, s.gx, a.gx_stride, a.scratch});
    a.gx = s.gx;
  }
  for (int pass = 0; pass < cell.passes(); ++pass) cell.step(a, pass);
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
void Stream<float>::step(const float* x, float* y, std::int64_t rows) noexcept {
  const FlushDenormals flush;
  const Weights<float>::Packed& packed = weights_->packed();
  Impl& s = *impl_;
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    step_layer(*packed.cells[static_cast<std::size_t>(layer)], packed.recipe.recipe->input_first, s, layer, x,
               rows);
    x = s.next(layer);
  }
  s.odd = !s.odd;
  if (y != nullptr) std::copy_n(s.current(s.layers - 1), rows * s.hidden, y);
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

template <>
void Stream<float>::get_row(std::int64_t row, float* state) const noexcept {
  for (std::int64_t layer = 0; layer < impl_->layers; ++layer, state += impl_->hidden) {
    std::copy_n(impl_->row(layer, row), impl_->hidden, state);
  }
}
template <>
void Stream<float>::set_row(std::int64_t row, const float* state) noexcept {
  for (std::int64_t layer = 0; layer < impl_->layers; ++layer, state += impl_->hidden) {
    std::copy_n(state, impl_->hidden, impl_->row(layer, row));
  }
}

}  // namespace fastgru
