// The float engine's weights: one flat copy of the parameters, and each cell packed for one kernel table.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "kernels/kernel_table.h"
#include "runtime/aligned.h"

namespace fastgru {

// One (layer, direction). Layouts as in kernel_table.h; what a variant does not use is null.
struct ForwardCell {
  std::int64_t input = 0;
  float* w = nullptr;     // gates r, z, n over the input
  float* u = nullptr;     // gates r, z, n over the state (reset_after)
  float* u_rz = nullptr;  // gates r, z, and n alone (reset before)
  float* u_n = nullptr;
  float* bias = nullptr;
};

struct BackwardCell {
  float* u = nullptr;    // columns: d(h) from [dq da_r da_z], or from [da_r da_z] (reset before)
  float* u_n = nullptr;  // columns: d(r*h) from da_n (reset before)
  float* w = nullptr;    // columns: d(x) from [da_r da_z da_n]
};

template <>
struct Weights<float>::Packed {
  explicit Packed(const GruConfig& config);

  Status assign(const float* values);
  // Packed on first use after an assignment, so that weights that only infer do without. Thread-safe. Null:
  // no memory.
  const std::vector<BackwardCell>* backward_cells() const;

  ParamLayout layout;
  const KernelTable* kernels;
  AlignedBuffer<float> params;
  std::vector<ForwardCell> cells;

 private:
  bool place_forward();
  void pack_forward();
  bool place_backward() const;
  void pack_backward() const;

  AlignedBuffer<float> forward_storage_;
  mutable std::mutex backward_mutex_;
  mutable std::atomic<bool> backward_ready_{false};
  mutable AlignedBuffer<float> backward_storage_;
  mutable std::vector<BackwardCell> backward_cells_;
};

}  // namespace fastgru
