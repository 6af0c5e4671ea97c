// Row blocks and teams: every item once, and what becomes of a team one of whose threads is late.
#include "engine_f32/team.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace {

using fastgru::Next;
using fastgru::StopSignal;
using fastgru::TeamMember;
using fastgru::TeamState;
using fastgru::WorkItem;

constexpr int kSpins = 50;

// What both threads of a team are told at each of some steps; from kLeave on, nothing.
constexpr std::size_t kSteps = 8;
using Told = std::array<std::array<Next, kSteps>, 2>;

// Steps of a team of two, whose thread `late` is that at step 2.
Told steps_of_two(int late, int spins, TeamMember (&members)[2]) {
  TeamState state(spins);
  Told told;
  for (auto& of_thread : told) of_thread.fill(Next::kLeave);
  const auto run = [&](int thread) {
    TeamMember& member = members[thread] = TeamMember(thread, 2, &state);
    StopSignal none(nullptr, false, 1.0);
    for (std::size_t i = 0; i < kSteps; ++i) {
      if (i == 2 && thread == late) std::this_thread::sleep_for(std::chrono::milliseconds(30));
      const Next next = member.finish_step(static_cast<std::int64_t>(i), none);
      told[static_cast<std::size_t>(thread)][i] = next;
      if (next == Next::kLeave) return;
    }
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  return told;
}

}  // namespace

TEST_CASE("team: where a thread is late, the first goes on alone, and the other leaves at the same step") {
  for (const int late : {0, 1, 0, 1, 0, 1}) {  // so many make the rest a long one
    CAPTURE(late);
    TeamMember members[2];
    const auto [first, second] = steps_of_two(late, kSpins, members);
    std::size_t alone = 0;
    while (alone < kSteps && first[alone] == Next::kStep) ++alone;
    REQUIRE(alone < kSteps);
    CHECK(first[alone] == Next::kAlone);
    for (std::size_t i = 0; i < alone; ++i) CHECK(second[i] == Next::kStep);
    CHECK(second[alone] == Next::kLeave);
    for (std::size_t i = alone + 1; i < kSteps; ++i) CHECK(first[i] == Next::kStep);
    CHECK(members[0].alone());
    CHECK(members[0].share(10).first == 0);
    CHECK(members[0].share(10).last == 10);
  }
  CHECK(fastgru::threads_rest());
}

TEST_CASE("team: threads without a core of their own wait for each other") {
  TeamMember members[2];
  for (const auto& of_thread : steps_of_two(1, 0, members)) {
    for (const Next next : of_thread) CHECK(next == Next::kStep);
  }
  CHECK(members[0].share(5).last == 2);
  CHECK(members[1].share(5).first == 2);
  CHECK(members[1].share(5).last == 5);
}

TEST_CASE("team: every row block of every direction runs once, on each thread of a team or on one alone") {
  for (const int slices : {1, 2, 3}) {
    for (const int teams : {1, 2, 3}) {
      const int granted = std::min(fastgru::usable_threads(slices * teams), slices);
      for (const std::int64_t blocks : {1, 2, 5}) {
        for (const std::int64_t directions : {1, 2}) {
          std::atomic<int> calls[2][11] = {};
          std::atomic<int> wrong{0}, alone{0};
          fastgru::for_row_blocks({11, blocks, slices, teams}, directions, nullptr,
                                  [&](const WorkItem& item, TeamMember& member, int team, bool) {
                                    if (team < 0 || team >= teams || item.index >= blocks * directions)
                                      ++wrong;
                                    if (member.alone()) ++alone;
                                    for (auto row = item.rows.first; row < item.rows.last; ++row) {
                                      ++calls[item.direction][row];
                                    }
                                    return true;
                                  });
          CHECK(wrong == 0);
          CHECK((alone == 0 || alone == blocks * directions));
          if (fastgru::barrier_spins(slices * teams) == 0) CHECK((alone == 0) == (slices > 1));  // no rest
          for (std::int64_t d = 0; d < directions; ++d) {
            for (const auto& count : calls[d]) CHECK(count == (alone > 0 ? 1 : granted));
          }
        }
      }
    }
  }
}
