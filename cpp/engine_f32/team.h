// The threads of a layer's loops over time: work items, and the teams that share the hidden units of one.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "engine_f32/plan/plan.h"
#include "runtime/barrier.h"
#include "runtime/interrupt.h"
#include "runtime/lateness.h"
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

// How a loop over time goes on: with its share of the panels, not at all, or, on the first thread of a team
// whose others leave, alone with all panels.
enum class Next { kStep, kLeave, kAlone };

// What the threads of one row block share when they split its hidden units.
struct TeamState {
  explicit TeamState(int tries) : spins(tries), barrier(tries) {}
  const int spins;
  SpinBarrier barrier;
  // Another process had the core of a thread, so that the others waited for longer than they had worked.
  std::atomic<bool> late{false};
  // Thread 0's decision of even and odd steps: written before the step's barrier and read after it, so that
  // all agree.
  Next next[2] = {Next::kStep, Next::kStep};
};

// One thread's share of a loop over time: all panels, or some of them with a barrier at every step.
class TeamMember {
 public:
  TeamMember() = default;  // alone
  TeamMember(int thread, int team, TeamState* state)
      : thread_(thread), team_(team), state_(state), since_(Clock::now()) {}

  int thread() const { return thread_; }
  bool alone() const { return state_ == nullptr; }
  PanelRange share(std::int64_t panels) const;
  void wait() {
    if (!alone()) wait_for_team();
  }
  // The end of step `i`: waits for the team. Alone again, a member is as one made so.
  Next finish_step(std::int64_t i, StopSignal& signal) {
    if (alone()) return signal() ? Next::kLeave : Next::kStep;
    return finish_with_team(i, signal);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_team();
  Next finish_with_team(std::int64_t i, StopSignal& signal);

  int thread_ = 0, team_ = 1;
  TeamState* state_ = nullptr;  // null: alone
  Clock::time_point since_{};   // of the last barrier
};

// Tries of a barrier before it yields, for so many threads. 0: there is not a core for each.
int barrier_spins(int threads);

// One row block of one of the directions that run at once.
struct WorkItem {
  std::int64_t index, direction;
  RowRange rows;
};

// Calls body(item, member, team, owner) for every row block of `directions` directions: on each thread of the
// team whose number that is, or, without slices, on any thread. `owner`: the calling thread. The body returns
// false where the thread leaves its team.
template <class Body>
void for_row_blocks(const RowSplit& split, std::int64_t directions, Interrupt* interrupt, Body body) {
  const std::int64_t items = directions * split.blocks;
  const auto made = [&](std::int64_t i) { return WorkItem{i, i % directions, split.block(i / directions)}; };
  const int spins = split.slices > 1 ? barrier_spins(split.threads()) : 0;
  if (split.slices == 1 || (spins > 0 && threads_rest())) {
    parallel_for(items, split.teams, [&](std::int64_t i, int thread) {
      if (interrupt != nullptr && interrupt->raised()) return;
      TeamMember alone;
      body(made(i), alone, thread, thread == 0);
    });
    return;
  }
  std::optional<TeamState> states[kMaxTeams];
  for (int i = 0; i < split.teams; ++i) states[i].emplace(spins);
  // Where the system refuses some of the threads, there are fewer or smaller teams.
  parallel_team(split.threads(), [&](int thread, int threads) {
    const int slices = std::min(split.slices, threads), teams = threads / slices, team = thread / slices;
    if (team >= teams) return;
    TeamMember member(thread % slices, slices, &*states[team]);
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
