// The threads of a layer's loops over time: work items, and the teams that share the hidden units of one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine_f32/plan/plan.h"
#include "runtime/barrier.h"
#include "runtime/interrupt.h"
#include "runtime/threads.h"

namespace fastgru {

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

  void wait() const {
    if (state != nullptr) state->barrier.wait(team);
  }
  // The end of step `i`: waits for the team; whether all should leave.
  bool finish_step(std::int64_t i, StopSignal& signal) const {
    if (state == nullptr) return signal();
    bool& decision = state->stop[i % 2];
    if (thread == 0) decision = signal();
    wait();
    return decision;
  }
  PanelRange share(std::int64_t panels) const {
    PanelRange range;
    range.first = panels * thread / team;
    range.last = panels * (thread + 1) / team;
    return range;
  }
};

// One row block of one of the directions that run at once.
struct WorkItem {
  std::int64_t index, direction;
  RowRange rows;
};

// Calls body(item, member, team, owner) for every row block of `directions` directions: on each thread of the
// team whose number that is, or, without slices, on any thread. `owner`: the calling thread. The body of a
// team returns false where it was stopped, all its threads at the same step.
template <class Body>
void for_row_blocks(const RowSplit& split, std::int64_t directions, Interrupt* interrupt, Body body) {
  const std::int64_t items = directions * split.blocks;
  const auto made = [&](std::int64_t i) { return WorkItem{i, i % directions, split.block(i / directions)}; };
  if (split.slices == 1) {
    parallel_for(items, split.threads(), [&](std::int64_t i, int thread) {
      if (interrupt != nullptr && interrupt->raised()) return;
      body(made(i), TeamMember{}, thread, thread == 0);
    });
    return;
  }
  constexpr int kSpins = 20000;  // some hundred microseconds
  std::optional<TeamState> states[kMaxTeams];
  for (int i = 0; i < split.teams; ++i) {
    states[i].emplace(split.threads() <= available_cores() ? kSpins : 0);
  }
  // Where the system refuses some of the threads, there are fewer or smaller teams.
  parallel_team(split.threads(), [&](int thread, int threads) {
    const int slices = std::min(split.slices, threads), teams = threads / slices, team = thread / slices;
    if (team >= teams) return;
    const TeamMember member{thread % slices, slices, &*states[team]};
    // There and back: a team that took long rows (they come first) goes on with short ones.
    for (std::int64_t first = 0, back = 0; first < items; first += teams, back = 1 - back) {
      const std::int64_t item = first + (back == 1 ? teams - 1 - team : team);
      if (item >= items) continue;
      if (!body(made(item), member, team, thread == 0)) return;
      member.wait();  // the next item uses the same state and scratch
    }
  });
}

}  // namespace fastgru
