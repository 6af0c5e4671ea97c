// SpinBarrier: no thread passes before all have arrived, round after round.
#include "runtime/barrier.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

// `team` threads write their round and read those of the others between two meetings. Returns how often a
// thread saw another round.
int rounds_out_of_step(int team, int spins, int rounds) {
  fastgru::SpinBarrier barrier(spins);
  std::vector<std::atomic<int>> at(static_cast<std::size_t>(team));
  std::atomic<int> wrong{0};
  const auto run = [&](int me) {
    for (int round = 1; round <= rounds; ++round) {
      at[static_cast<std::size_t>(me)].store(round, std::memory_order_relaxed);
      barrier.wait(team);
      for (const auto& other : at) {
        if (other.load(std::memory_order_relaxed) != round) ++wrong;
      }
      barrier.wait(team);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < team; ++i) threads.emplace_back(run, i);
  run(0);
  for (std::thread& thread : threads) thread.join();
  return wrong;
}

}  // namespace

TEST_CASE("spin barrier: no thread is ahead of another, whether they spin or give their core away") {
  for (const int team : {1, 2, 3, 7}) {
    for (const int spins : {0, 50}) {
      CAPTURE(team);
      CAPTURE(spins);
      CHECK(rounds_out_of_step(team, spins, 300) == 0);
    }
  }
}

TEST_CASE("spin barrier: what was written before a meeting is read after it, without atomics") {
  fastgru::SpinBarrier barrier(20);
  std::vector<int> shared(64, 0);
  constexpr int kRounds = 300;
  int seen = 0;
  std::thread writer([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (int& value : shared) value = round;
      barrier.wait(2);
      barrier.wait(2);
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    barrier.wait(2);
    for (const int value : shared) seen += value == round ? 1 : 0;
    barrier.wait(2);
  }
  writer.join();
  CHECK(seen == kRounds * 64);
}

TEST_CASE("spin barrier: one barrier serves teams of unlike sizes one after the other") {
  fastgru::SpinBarrier barrier(0);
  std::atomic<int> passed{0};
  for (const int team : {3, 1, 2, 5}) {
    passed = 0;
    std::vector<std::thread> threads;
    for (int i = 1; i < team; ++i) {
      threads.emplace_back([&] {
        barrier.wait(team);
        ++passed;
      });
    }
    if (team > 1) CHECK(passed == 0);  // this thread has not arrived yet
    barrier.wait(team);
    for (std::thread& thread : threads) thread.join();
    CHECK(passed == team - 1);
  }
}
