// A thread's share of a team, and what becomes of teams on a busy machine.
#include "engine_f32/team.h"

namespace fastgru {
namespace {

using Clock = std::chrono::steady_clock;

// Some hundred microseconds: longer than what a core does beside a call on an idle machine.
constexpr int kSpins = 20000;

}  // namespace

int barrier_spins(int threads) { return threads <= available_cores() ? kSpins : 0; }

PanelRange TeamMember::share(std::int64_t panels) const {
  PanelRange range;
  range.first = panels * thread_ / team_;
  range.last = panels * (thread_ + 1) / team_;
  return range;
}

void TeamMember::wait_for_team() {
  const Clock::time_point arrival = Clock::now();
  const bool yielded = state_->barrier.wait(team_);
  const Clock::time_point end = Clock::now();
  if (yielded && state_->spins > 0 && end - arrival > arrival - since_) state_->late.store(true);
  since_ = end;
}

Next TeamMember::finish_with_team(std::int64_t i, StopSignal& signal) {
  Next& next = state_->next[i % 2];
  if (thread_ == 0) {
    next = signal() ? Next::kLeave : state_->late.load() ? Next::kAlone : Next::kStep;
  }
  wait_for_team();
  if (next != Next::kAlone) return next;
  if (thread_ != 0) return Next::kLeave;
  rest_threads();
  *this = TeamMember();
  return Next::kAlone;
}

}  // namespace fastgru
