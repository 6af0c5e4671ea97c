// One direction of one layer forward in time: hoisted W x by chunks, and a step of the recurrence at a time.
#include <algorithm>

#include "engine_f32/recurrence.h"
#include "kernels/pack.h"

namespace fastgru {
namespace {

// Floats of the scratch that the cell itself asks for, of one thread.
std::int64_t own_floats(const ForwardDirection& d, std::int64_t rows) {
  const std::int64_t chunk_rows = d.plan.hoist ? d.plan.chunk * rows : 0;
  return d.cell->scratch_bytes(rows, chunk_rows) / static_cast<std::int64_t>(sizeof(float));
}

// The loop's fixed facts and its scratch: hoisted W x [chunk step][row][panel][3][L], inputs that had to be
// packed for it, a row of zeros, the cell's own, and what the team shares of a step.
class ForwardLoop {
 public:
  ForwardLoop(const ForwardDirection& d, RowRange rows, TeamMember& member, float* scratch)
      : d_(d),
        rows_(rows),
        member_(member),
        padded_(padded_width(d.hidden, d.kernels->lanes)),
        passes_(d.cell->passes()),
        shared_floats_(d.cell->shared_floats()) {
    take_share();
    const std::int64_t size = forward_scratch_size(d, rows.size());
    gx_ = scratch + member.thread() * size;
    const std::int64_t chunk_rows = d.plan.hoist ? d.plan.chunk * rows.size() : 0;
    x_ = gx_ + chunk_rows * kGates * padded_;
    zeros_ = x_ + chunk_rows * d.cell->input_size();
    cell_scratch_ = reinterpret_cast<char*>(zeros_ + padded_);
    shared_ = zeros_ + padded_ + own_floats(d, rows.size()) - member.thread() * size;  // the first thread's
    std::fill_n(zeros_, padded_, 0.0f);
    args_.x_stride = d.x.row_stride;
    args_.gx_stride = kGates * padded_;
    args_.h_stride = d.h.row_stride;
    args_.slots_stride = d.slots.stride();
    args_.scratch = cell_scratch_;
  }

  bool run(StopSignal& stop) {
    const std::int64_t steps = last_step(), last = std::min(d_.steps.last, steps);
    const std::int64_t begin = d_.reverse ? steps - last : d_.steps.first;
    const std::int64_t end = d_.reverse ? steps - d_.steps.first : last;
    const bool finals = member_.thread() == 0 && d_.h_n != nullptr;
    std::int64_t hoisted = begin;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = d_.reverse ? steps - 1 - i : i;
      if (d_.plan.hoist && i == hoisted) {
        hoisted = std::min(i + d_.plan.chunk, end);
        hoist(i, hoisted, steps);
      }
      // Written only where it changes: the step copies it together with its neighbour, and would wait for
      // this byte to reach the cache (8 units: 11 ns of 80 a step).
      if (d_.plan.serpentine) args_.panels.backwards = i % 2 == 1;
      if (d_.reverse) {
        step_reverse(t, steps);
      } else {
        step_forward(t);
      }
      const Next next = member_.finish_step(i, stop);
      if (next == Next::kLeave) return false;
      if (next == Next::kAlone) {
        take_share();
        hoisted = i + 1;  // so far of some panels alone
      }
      if (finals) keep_finals(t);
    }
    if (finals) finish(steps);
    return true;
  }

 private:
  void take_share() {
    args_.panels = member_.share(padded_ / d_.kernels->lanes);
    args_.panels.weights_exceed_l2 = d_.plan.weights_exceed_l2;
  }

  std::int64_t active(std::int64_t t) const { return d_.order->active_in(t, rows_.first, rows_.last); }

  // One more than the last step at which any of these rows runs.
  std::int64_t last_step() const {
    std::int64_t steps = d_.order->steps();
    while (steps > 0 && active(steps - 1) == 0) --steps;
    return steps;
  }

  const float* initial(std::int64_t row) const {
    return d_.h0 == nullptr ? zeros_ : d_.h0 + (rows_.first + row) * d_.hidden;
  }
  std::int64_t initial_stride() const { return d_.h0 == nullptr ? 0 : d_.hidden; }

  // Hoisted W x of the chunk, the running rows of one step after those of the step before.
  float* gx(std::int64_t t, std::int64_t row) const {
    return gx_ + (chunk_rows_[t - chunk_first_] + row) * kGates * padded_;
  }

  // W x + b of the loop's steps [begin, end), as one product: W, which may be larger than the cache, is read
  // once a chunk, and few rows still make full tiles.
  void hoist(std::int64_t begin, std::int64_t end, std::int64_t steps) {
    chunk_first_ = d_.reverse ? steps - end : begin;
    const std::int64_t last = d_.reverse ? steps - begin : end;
    chunk_rows_[0] = 0;
    for (std::int64_t t = chunk_first_; t < last; ++t) {
      chunk_rows_[t - chunk_first_ + 1] = chunk_rows_[t - chunk_first_] + active(t);
    }
    InputArgs g{};
    g.panels = args_.panels;
    g.panels.backwards = false;
    g.rows = chunk_rows_[last - chunk_first_];
    g.x = d_.x.at(chunk_first_, rows_.first);
    g.x_stride = rows_.size() == 1 ? d_.x.step_stride : d_.x.row_stride;
    if (!evenly_spaced(last)) {
      pack_inputs(last);
      g.x = x_;
      g.x_stride = d_.cell->input_size();
    }
    g.gx = gx_;
    g.gx_stride = kGates * padded_;
    g.scratch = cell_scratch_;
    d_.cell->input(g);
  }

  // Whether the chunk's inputs have one constant stride over rows and steps.
  bool evenly_spaced(std::int64_t last) const {
    if (chunk_rows_[last - chunk_first_] != (last - chunk_first_) * rows_.size()) return false;
    return rows_.size() == 1 || last == chunk_first_ + 1 ||
           d_.x.step_stride == rows_.size() * d_.x.row_stride;
  }

  void pack_inputs(std::int64_t last) {
    float* to = x_;
    for (std::int64_t t = chunk_first_; t < last; ++t) {
      for (std::int64_t row = 0; row < active(t); ++row, to += d_.cell->input_size()) {
        std::copy_n(d_.x.at(t, rows_.first + row), d_.cell->input_size(), to);
      }
    }
  }

  void step_forward(std::int64_t t) {
    const std::int64_t running = active(t);
    if (t == 0) {
      step(t, 0, running, initial(0), initial_stride());
    } else {
      step(t, 0, running, d_.h.at(t - 1, rows_.first), d_.h.row_stride);
    }
  }

  // Rows that ran at t + 1 go on from there; the others start here, at their own end.
  void step_reverse(std::int64_t t, std::int64_t steps) {
    const std::int64_t running = active(t);
    const std::int64_t before = t + 1 < steps ? active(t + 1) : 0;
    if (before > 0) step(t, 0, before, d_.h.at(t + 1, rows_.first), d_.h.row_stride);
    if (running > before) step(t, before, running - before, initial(before), initial_stride());
  }

  // The final states of the rows that ended with step t.
  void keep_finals(std::int64_t t) {
    if (d_.reverse && t > 0) return;
    for (std::int64_t row = d_.reverse ? 0 : active(t + 1); row < active(t); ++row) {
      std::copy_n(d_.h.at(t, rows_.first + row), d_.hidden, d_.h_n + (rows_.first + row) * d_.hidden);
    }
  }

  // Rows that never ran keep their initial state.
  void finish(std::int64_t steps) {
    const std::int64_t ran = steps > 0 ? active(0) : 0;
    for (std::int64_t row = ran; row < rows_.size(); ++row) {
      std::copy_n(initial(row), d_.hidden, d_.h_n + (rows_.first + row) * d_.hidden);
    }
  }

  // One step of `count` rows from `row` on. What does not change from step to step was set at the beginning.
  void step(std::int64_t t, std::int64_t row, std::int64_t count, const float* previous,
            std::int64_t previous_stride) {
    const std::int64_t b = rows_.first + row;
    args_.rows = count;
    args_.x = d_.x.at(t, b);
    if (d_.plan.hoist) args_.gx = gx(t, row);
    args_.h_prev = previous;
    args_.h_prev_stride = previous_stride;
    args_.h = d_.h.at(t, b);
    if (d_.slots.data != nullptr) args_.slots = d_.slots.at(t, b);
    args_.shared = shared_ + row * shared_floats_;
    d_.cell->step(args_, 0);
    if (passes_ == 1) return;
    member_.wait();
    d_.cell->step(args_, 1);
  }

  const ForwardDirection& d_;
  const RowRange rows_;
  TeamMember& member_;
  const std::int64_t padded_;
  const int passes_;
  const std::int64_t shared_floats_;
  StepArgs args_;
  std::int64_t chunk_first_ = 0;
  std::int64_t chunk_rows_[kMaxChunk + 1];  // running rows of the chunk before each of its steps
  float *gx_, *x_, *zeros_, *shared_;
  char* cell_scratch_;
};

}  // namespace

std::int64_t forward_scratch_size(const ForwardDirection& d, std::int64_t rows) {
  const std::int64_t padded = padded_width(d.hidden, d.kernels->lanes);
  const std::int64_t chunk_rows = d.plan.hoist ? d.plan.chunk * rows : 0;
  const std::int64_t size = chunk_rows * (kGates * padded + d.cell->input_size()) + padded +
                            own_floats(d, rows) + rows * d.cell->shared_floats();
  return (size + 15) / 16 * 16;
}

bool run_forward(const ForwardDirection& direction, RowRange rows, TeamMember& member, float* scratch,
                 StopSignal& stop) {
  return ForwardLoop(direction, rows, member, scratch).run(stop);
}

}  // namespace fastgru
