// One direction of one layer, over a range of (sorted) rows: the loops over time of the float engine.
#pragma once

#include <cstdint>

#include "engine_f32/packed.h"
#include "engine_f32/plan/plan.h"
#include "engine/row_order.h"
#include "runtime/barrier.h"
#include "runtime/interrupt.h"

namespace fastgru {

// Rows [first, last) of the batch.
struct RowRange {
  std::int64_t first, last;
  std::int64_t size() const { return last - first; }
};

// Time steps [first, last).
struct StepRange {
  std::int64_t first, last;
};

// Tells a loop over time whether to stop; looks at the interrupt about once a millisecond of work. One per
// work item.
class StopSignal {
 public:
  // `flops`: work of one step; `owner`: whether this is the calling thread, which alone may poll.
  StopSignal(Interrupt* interrupt, bool owner, double flops)
      : interrupt_(interrupt),
        owner_(owner),
        every_(flops > 1e7 ? 1 : static_cast<std::int64_t>(1e7 / flops) + 1) {}

  bool operator()() {
    if (interrupt_ == nullptr || ++count_ < every_) return false;
    count_ = 0;
    return owner_ ? interrupt_->check() : interrupt_->raised();
  }

 private:
  Interrupt* interrupt_;
  bool owner_;
  std::int64_t every_, count_ = 0;
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

// What the threads of one row block share when they split its hidden units.
struct TeamState {
  explicit TeamState(int spins) : barrier(spins) {}
  SpinBarrier barrier;
  // Thread 0's decision of even and odd steps: written before the step's barrier and read after it, so that
  // all leave at the same step.
  bool stop[2] = {false, false};
};

// One thread's share of a loop over time: all panels, or some of them with a barrier at every step.
struct TeamMember {
  int thread = 0, team = 1;
  TeamState* state = nullptr;  // null: alone
};

struct ForwardDirection {
  const KernelTable* kernels;
  const ForwardCell* cell;
  LayerPlan plan;
  const RowOrder* order;
  StepRange steps;  // all, or a sub-range to recompute; its border states must be stored
  std::int64_t hidden;
  bool reset_after, reverse;
  SequenceView<const float> x;
  StateView h;
  const float* h0;  // (B, H), null: zeros
  float* h_n;       // (B, H), null: not wanted
  SlotView slots;   // data null: no tape
};

// Floats of scratch one work item needs.
std::int64_t forward_scratch_size(const ForwardDirection& direction, std::int64_t rows);

// False when stopped.
bool run_forward(const ForwardDirection& direction, RowRange rows, const TeamMember& member, float* scratch,
                 StopSignal& stop);

struct BackwardDirection {
  const KernelTable* kernels;
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

std::int64_t backward_scratch_size(const BackwardDirection& direction, std::int64_t rows);
// `scratch` carries the gradient from one range of steps to the next.
bool run_backward(const BackwardDirection& direction, RowRange rows, float* scratch, StopSignal& stop);

}  // namespace fastgru
