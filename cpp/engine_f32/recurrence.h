// One direction of one layer, over a range of (sorted) rows: the loops over time of the float engine.
#pragma once

#include <cstdint>

#include "engine_f32/packed.h"
#include "engine_f32/plan/plan.h"
#include "engine_f32/team.h"
#include "engine/row_order.h"

namespace fastgru {

// Time steps [first, last).
struct StepRange {
  std::int64_t first, last;
};

// The states of a direction: (T, B, H), or two steps used in turn where the sequence is not wanted.
struct StateView {
  float* data = nullptr;
  std::int64_t step_stride = 0, row_stride = 0;
  bool ring = false;

  float* at(std::int64_t t, std::int64_t b) const {
    return data + (ring ? t % 2 : t) * step_stride + b * row_stride;
  }
};

// Slots of the tape: (T, B, 4H), dense; or of some steps alone, from step `first` on.
struct SlotView {
  float* data = nullptr;
  std::int64_t rows = 0, hidden = 0, first = 0;

  float* at(std::int64_t t, std::int64_t b) const { return data + ((t - first) * rows + b) * stride(); }
  std::int64_t stride() const { return kSlots * hidden; }
};

struct ForwardDirection {
  const KernelTable* kernels;
  const ForwardCell* cell;
  LayerPlan plan;
  const RowOrder* order;
  StepRange steps;  // all, or a sub-range to recompute; its border states must be stored
  std::int64_t hidden;
  bool reverse;
  SequenceView<const float> x;
  StateView h;
  const float* h0;  // (B, H), null: zeros
  float* h_n;       // (B, H), null: not wanted
  SlotView slots;   // data null: no tape
};

// Floats of scratch that each thread of a team needs, one after the other.
std::int64_t forward_scratch_size(const ForwardDirection& direction, std::int64_t rows);

// False when stopped, or when the thread left its team. `scratch`: the team's.
bool run_forward(const ForwardDirection& direction, RowRange rows, TeamMember& member, float* scratch,
                 StopSignal& stop);

struct BackwardDirection {
  const KernelTable* kernels;
  const ThreeDigitTable* three_digits;  // null where the cell has none
  const BackwardCell* cell;
  const RowOrder* order;
  StepRange steps;  // all, or a sub-range; sub-ranges follow each other back through the direction's run
  std::int64_t hidden;
  bool reset_after, reverse;
  StateView h;
  const float* h0;               // (B, H), null: zeros
  SequenceView<const float> dy;  // (T, B, H), data null: zeros
  const float* dh_n;             // (B, H), null: zeros
  float* dh0;                    // (B, H), null: not wanted
  SlotView slots;                // overwritten with the gradients of the pre-activations

  // Whether `steps` are the first or the last ones on the way back.
  bool begins() const { return reverse ? steps.first == 0 : steps.last == order->steps(); }
  bool ends() const { return reverse ? steps.last == order->steps() : steps.first == 0; }
};

// Floats of scratch of a team of `slices` threads.
std::int64_t backward_scratch_size(const BackwardDirection& direction, std::int64_t rows, int slices);
// `scratch`, which the team shares, carries the gradient from one range of steps to the next.
bool run_backward(const BackwardDirection& direction, RowRange rows, TeamMember& member, float* scratch,
                  StopSignal& stop);

}  // namespace fastgru
