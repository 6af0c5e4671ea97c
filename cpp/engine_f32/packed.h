// The float engine's weights: one flat copy of the parameters, and each cell packed for one kernel table.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "engine_f32/plan/plan.h"
#include "engine_f32/recipes/three_digit_weights.h"
#include "kernels/kernel_table.h"
#include "runtime/aligned.h"

namespace fastgru {

// One (layer, direction). Layouts as in kernel_table.h; what a variant does not use is null.
struct BackwardCell {
  float* u = nullptr;    // columns: d(h) from [dq da_r da_z], or from [da_r da_z] (reset before)
  float* u_n = nullptr;  // columns: d(r*h) from da_n (reset before)
  float* w = nullptr;    // columns: d(x) from [da_r da_z da_n]
  // u and w in three digits, where the recipe is. Null: in float32 alone.
  const ThreeDigitWeights *u_digits = nullptr, *w_digits = nullptr;
};

template <>
struct Weights<float>::Packed {
  explicit Packed(const GruConfig& config);

  Status assign(const float* values);
  // Packed on first use after an assignment, so that weights that only infer do without. Thread-safe. Null:
  // no memory.
  const std::vector<BackwardCell>* backward_cells() const;

  ParamLayout layout;
  const RecipeChoice recipe;
  const KernelTable* kernels;
  AlignedBuffer<float> params;
  std::vector<std::unique_ptr<ForwardCell>> cells;

 private:
  void round_params();
  bool place_forward();
  void pack_forward();
  bool in_three_digits() const { return recipe.recipe == &kThreeDigitsRecipe; }
  bool place_backward() const;
  void pack_backward() const;
  void pack_backward_digits(std::size_t i, std::int64_t layer, const CellOffsets& at) const;

  AlignedBuffer<char> forward_storage_;
  mutable std::mutex backward_mutex_;
  mutable std::atomic<bool> backward_ready_{false};
  mutable AlignedBuffer<char> backward_storage_;
  mutable std::vector<BackwardCell> backward_cells_;
  mutable std::vector<ThreeDigitWeights> backward_digits_;  // u and w of each cell
};

}  // namespace fastgru
