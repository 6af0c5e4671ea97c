// Packs the parameters for the kernels: forward at once, backward on first use.
#include <algorithm>

#include "engine_f32/packed.h"
#include "engine_f32/plan/plan.h"
#include "kernels/dispatch.h"
#include "kernels/pack.h"
#include "kernels/pack_digits.h"

namespace fastgru {
namespace {

// Runs `lay_out` twice: to measure, and to place into `storage`.
template <class LayOut>
bool place(AlignedBuffer<char>& storage, LayOut lay_out) {
  Pieces measure(nullptr);
  lay_out(measure);
  if (!storage.reserve(measure.used())) return false;
  Pieces pieces(storage.data());
  lay_out(pieces);
  return true;
}

// Calls f(cell index, layer, offsets) for every (layer, direction).
template <class F>
void for_cells(const ParamLayout& layout, F f) {
  const GruConfig& config = layout.config();
  std::size_t index = 0;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (std::int64_t d = 0; d < config.directions(); ++d) f(index++, layer, layout.cell(layer, d));
  }
}

}  // namespace

Weights<float>::Packed::Packed(const GruConfig& config)
    : layout(config), recipe(choose_recipe(config)), kernels(recipe.set.kernels) {
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (std::int64_t d = 0; d < config.directions(); ++d) {
      cells.push_back(recipe.recipe->make(config, recipe.set, config.layer_input_size(layer)));
    }
  }
}

// With int8 the parameters are what the packed weights stand for.
void Weights<float>::Packed::round_params() {
  std::vector<std::int8_t> m;
  for (const ParamSlot& slot : layout.slots()) {
    if (!slot.int8) continue;
    m.resize(static_cast<std::size_t>(slot.cols));
    for (std::int64_t row = 0; row < slot.rows; ++row) {
      float* values = params.data() + slot.offset + row * slot.cols;
      const float scale = round_to_one_digit(values, slot.cols, m.data());
      for (std::int64_t k = 0; k < slot.cols; ++k) {
        values[k] = static_cast<float>(m[static_cast<std::size_t>(k)]) * scale;
      }
    }
  }
}

bool Weights<float>::Packed::place_forward() {
  return place(forward_storage_, [&](Pieces& pieces) {
    for (const auto& cell : cells) cell->place(pieces);
  });
}

void Weights<float>::Packed::pack_forward() {
  const bool bias = layout.config().bias;
  const float* p = params.data();
  for_cells(layout, [&](std::size_t i, std::int64_t, const CellOffsets& at) {
    cells[i]->pack({p + at.weight_ih, p + at.weight_hh, bias ? p + at.bias_ih : nullptr,
                    bias ? p + at.bias_hh : nullptr});
  });
}

bool Weights<float>::Packed::place_backward() const {
  const GruConfig& config = layout.config();
  const std::int64_t lanes = kernels->lanes, hidden = config.hidden_size;
  backward_cells_.resize(cells.size());
  if (in_three_digits()) backward_digits_.resize(2 * cells.size());
  return place(backward_storage_, [&](Pieces& pieces) {
    for_cells(layout, [&](std::size_t i, std::int64_t layer, const CellOffsets&) {
      BackwardCell& cell = backward_cells_[i];
      cell.u = pieces.take<float>(packed_size(hidden * (config.reset_after ? 3 : 2), hidden, 1, lanes));
      if (!config.reset_after) cell.u_n = pieces.take<float>(packed_size(hidden, hidden, 1, lanes));
      cell.w = pieces.take<float>(packed_size(3 * hidden, config.layer_input_size(layer), 1, lanes));
      if (!in_three_digits()) return;
      backward_digits_[2 * i].place(pieces, hidden, 1, 3 * hidden);
      backward_digits_[2 * i + 1].place(pieces, config.layer_input_size(layer), 1, 3 * hidden);
    });
  });
}

void Weights<float>::Packed::pack_backward() const {
  const GruConfig& config = layout.config();
  const std::int64_t lanes = kernels->lanes, hidden = config.hidden_size;
  const float* p = params.data();
  for_cells(layout, [&](std::size_t i, std::int64_t layer, const CellOffsets& at) {
    const BackwardCell& cell = backward_cells_[i];
    const float* u = p + at.weight_hh;
    if (config.reset_after) {  // the tape's order: q (rows of n), r, z
      pack_columns(u, hidden, 2 * hidden, hidden, 3 * hidden, 0, lanes, cell.u);
      pack_columns(u, hidden, 0, 2 * hidden, 3 * hidden, hidden, lanes, cell.u);
    } else {
      pack_columns(u, hidden, 0, 2 * hidden, 2 * hidden, 0, lanes, cell.u);
      pack_columns(u, hidden, 2 * hidden, hidden, hidden, 0, lanes, cell.u_n);
    }
    pack_columns(p + at.weight_ih, config.layer_input_size(layer), 0, 3 * hidden, 3 * hidden, 0, lanes,
                 cell.w);
    if (in_three_digits()) pack_backward_digits(i, layer, at);
  });
}

// The columns of a plain matrix: value k of a column is in row k of the weights. u in the tape's order.
void Weights<float>::Packed::pack_backward_digits(std::size_t i, std::int64_t layer,
                                                  const CellOffsets& at) const {
  const std::int64_t hidden = layout.config().hidden_size, input = layout.config().layer_input_size(layer);
  ThreeDigitWeights &u = backward_digits_[2 * i], &w = backward_digits_[2 * i + 1];
  u.pack(*recipe.set.three_digits, params.data() + at.weight_hh, 1, hidden, 2 * hidden);
  w.pack(*recipe.set.three_digits, params.data() + at.weight_ih, 1, input);
  backward_cells_[i].u_digits = u.finite() ? &u : nullptr;
  backward_cells_[i].w_digits = w.finite() ? &w : nullptr;
}

Status Weights<float>::Packed::assign(const float* values) {
  if (!params.reserve(layout.total()) || !place_forward()) {
    return out_of_memory(std::to_string(layout.total()) + " packed weights");
  }
  std::copy_n(values, layout.total(), params.data());
  round_params();
  pack_forward();
  backward_ready_.store(false);
  return {};
}

const std::vector<BackwardCell>* Weights<float>::Packed::backward_cells() const {
  if (!backward_ready_.load(std::memory_order_acquire)) {
    const std::lock_guard<std::mutex> lock(backward_mutex_);
    if (!backward_ready_.load(std::memory_order_relaxed)) {
      if (!place_backward()) return nullptr;
      pack_backward();
      backward_ready_.store(true, std::memory_order_release);
    }
  }
  return &backward_cells_;
}

template <>
Weights<float>::Weights(const GruConfig& config) : packed_(std::make_unique<Packed>(config)) {}
template <>
Weights<float>::~Weights() = default;
template <>
Status Weights<float>::assign(const float* params) {
  return packed_->assign(params);
}
template <>
const ParamLayout& Weights<float>::layout() const {
  return packed_->layout;
}
template <>
const float* Weights<float>::params() const {
  return packed_->params.data();
}

}  // namespace fastgru
