// State that the float engine keeps between calls: the scratch of forward(), and the tape of forward_train().
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine_f32/plan/plan.h"
#include "engine_f32/recurrence.h"
#include "engine/row_order.h"
#include "engine_f32/weight_gradients.h"
#include "runtime/aligned.h"

namespace fastgru {

// A call's operands in sorted row order: the caller's own where that is the order already, copies otherwise.
struct SortedOperands {
  RowOrder order;
  SequenceView<const float> x;
  const float* h0 = nullptr;  // (L*D, B, H), null: zeros
  SequenceView<float> y;      // of the top layer; data null: not wanted
  float* h_n = nullptr;       // (L*D, B, H)

  AlignedBuffer<float> x_copy, h0_copy, y_copy, h_n_copy;
};

// The buffers of one layer's results.
struct LayerBuffers {
  SequenceView<float> y;  // (T, B, D*H)
  bool ring = false;      // y holds two steps only
  SequenceView<const float> input;
  float* slots[2] = {nullptr, nullptr};  // (T, B, 4H) of each direction, null: no tape
};

template <>
struct Workspace<float>::State {
  Plan plan;
  SortedOperands operands;
  std::vector<LayerBuffers> layers;
  AlignedBuffer<float> sequences[2], ring, scratch;
};

template <>
struct Tape<float>::State {
  bool ready = false, low_memory = false;
  std::uint64_t dropout_seed = 0;
  Plan plan;
  SortedOperands operands;
  std::vector<LayerBuffers> layers;
  std::vector<AlignedBuffer<float>> sequences, dropped, slots;
  AlignedBuffer<float> scratch;
  // of backward()
  GradientProducts products;
  AlignedBuffer<float> carry;             // of each work item
  AlignedBuffer<float> recomputed_slots;  // low_memory: of some steps of one direction, (steps, B, 4H)
  AlignedBuffer<float> h0_kept, dy_copy, dh_n_copy, dh0_copy, dx_copy, dsequences[2];
};

// Reads the arguments into sorted order. The caller's y and h_n are used directly where they can be.
Status sort_operands(const GruConfig& config, const ForwardArgs<float>& args, SortedOperands& operands);
// Brings y and h_n back where they had to be copies, and zeros the padding of y.
void unsort_results(const GruConfig& config, const ForwardArgs<float>& args, const SortedOperands& operands);

// Runs layers [first, last), whose buffers are laid out.
Status run_layers(const Weights<float>& weights, const Plan& plan, const SortedOperands& operands,
                  std::size_t first, std::size_t last, const std::vector<LayerBuffers>& layers,
                  AlignedBuffer<float>& scratch, const RunOptions& options);

// Steps of one direction whose slots are recomputed (gradient checkpointing).
struct RecomputeRange {
  std::int64_t layer, d;
  StepRange steps;
  SlotView slots;
};

// Runs the forward loop over the range, from the stored states. It writes the same states again.
Status recompute(const Weights<float>& weights, const Plan& plan, const SortedOperands& operands,
                 const LayerBuffers& buffers, const RecomputeRange& range, AlignedBuffer<float>& scratch,
                 const RunOptions& options);

}  // namespace fastgru
