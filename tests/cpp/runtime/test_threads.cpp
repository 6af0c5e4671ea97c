// Parallel loops: every item runs once; which thread runs it.
#include "runtime/threads.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "rest.h"
#include "runtime/barrier.h"

namespace {

using fastgru::parallel_for;
using fastgru::parallel_team;
using fastgru::usable_threads;
using fastgru::testing::wait_for_the_end_of_a_rest;

// Counts events for each of `count` items, from any thread.
struct Counts {
  explicit Counts(std::int64_t count) : values(static_cast<std::size_t>(count)) {}
  void add(std::int64_t i) { ++values[static_cast<std::size_t>(i)]; }
  bool all(int wanted) const {
    return std::all_of(values.begin(), values.end(), [=](const auto& n) { return n.load() == wanted; });
  }
  std::vector<std::atomic<int>> values;
};

}  // namespace

TEST_CASE("parallel_for: every item once, by threads that may be, whatever the counts") {
  for (const std::int64_t items : {0, 1, 2, 3, 7, 100, 1001}) {
    for (const int threads : {1, 2, 3, 8, 50}) {
      CAPTURE(items);
      CAPTURE(threads);
      const int most = static_cast<int>(std::min<std::int64_t>(items, usable_threads(threads)));
      Counts counts(items);
      std::atomic<int> strangers{0};
      parallel_for(items, threads, [&](std::int64_t item, int thread) {
        counts.add(item);
        if (thread < 0 || thread >= most) ++strangers;
      });
      CHECK(counts.all(1));
      CHECK(strangers == 0);
    }
  }
}

TEST_CASE("parallel_for: a number of threads is no number of items: none, and fewer than threads") {
  int calls = 0;
  parallel_for(0, 8, [&](std::int64_t, int) { ++calls; });
  CHECK(calls == 0);
  std::atomic<int> more{0};
  parallel_for(2, 64, [&](std::int64_t, int) { ++more; });
  CHECK(more == 2);
}

TEST_CASE("parallel_for: the calling thread, and no other, is thread 0") {
  const std::thread::id caller = std::this_thread::get_id();
  for (const int threads : {1, 4}) {
    std::atomic<int> wrong{0};
    parallel_for(200, threads, [&](std::int64_t, int thread) {
      if ((thread == 0) != (std::this_thread::get_id() == caller)) ++wrong;
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("parallel_for: two items meet where there are two threads") {
  if (usable_threads(2) < 2) return;  // built without OpenMP: one thread
  wait_for_the_end_of_a_rest();
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<int> come{0};
  Counts met(2);
  parallel_for(2, 2, [&](std::int64_t item, int) {
    ++come;  // each waits for the other, so one thread alone would never finish
    while (come < 2 && std::chrono::steady_clock::now() < latest) std::this_thread::yield();
    if (come == 2 && std::chrono::steady_clock::now() < latest) met.add(item);
  });
  CHECK(met.all(1));
}

TEST_CASE("parallel_for and parallel_team within a parallel loop run on their own thread alone") {
  Counts counts(40 * 7);
  Counts teams(40);
  std::atomic<int> wrong{0};
  const int outer_threads = std::min(4, usable_threads(4));
  wait_for_the_end_of_a_rest();
  parallel_for(40, 4, [&](std::int64_t outer, int) {
    const std::thread::id here = std::this_thread::get_id();
    if (outer_threads > 1 && usable_threads(4) != 1) ++wrong;
    if (outer_threads > 1 && usable_threads(0) != 1) ++wrong;
    parallel_for(7, 4, [&](std::int64_t inner, int thread) {
      counts.add(outer * 7 + inner);
      if (outer_threads > 1 && (thread != 0 || std::this_thread::get_id() != here)) ++wrong;
    });
    parallel_team(4, [&](int thread, int team) {
      if (thread == 0) teams.add(outer);
      if (outer_threads > 1 && (thread != 0 || team != 1)) ++wrong;
    });
  });
  CHECK(counts.all(1));
  CHECK(teams.all(1));
  CHECK(wrong == 0);
}

TEST_CASE("parallel_for: several threads of an app may each have a loop of their own") {
  constexpr int kCallers = 3;
  std::vector<std::unique_ptr<Counts>> counts;
  for (int i = 0; i < kCallers; ++i) counts.push_back(std::make_unique<Counts>(500));
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&mine = *counts[static_cast<std::size_t>(i)]] {
      parallel_for(500, 3, [&](std::int64_t item, int) { mine.add(item); });
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& mine : counts) CHECK(mine->all(1));
}

TEST_CASE("parallel_team: each of a team is called once, all at once") {
  for (const int threads : {1, 2, 3, 5}) {
    CAPTURE(threads);
    const int most = usable_threads(threads);
    Counts counts(most);
    fastgru::SpinBarrier barrier(0);
    std::atomic<int> team_size{0}, wrong{0}, together{0};
    parallel_team(threads, [&](int thread, int team) {
      if (thread < 0 || thread >= team || team > most) {
        ++wrong;
        return;
      }
      counts.add(thread);
      team_size = team;
      ++together;
      barrier.wait(team);
      if (together != team) ++wrong;
    });
    CHECK(wrong == 0);
    int called = 0;
    for (int i = 0; i < most; ++i) called += counts.values[static_cast<std::size_t>(i)];
    CHECK(called == team_size);
    CHECK(team_size == most);
  }
}

TEST_CASE("the number of threads: what a call asks for, else the process's setting, else the cores") {
  const int cores = fastgru::available_cores();
  CHECK(cores >= 1);
  CHECK(cores <= std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  const int before = fastgru::get_num_threads();
  CHECK(before >= 1);
  const bool threaded = usable_threads(2) == 2;
  for (const int wanted : {1, 3, 17}) {
    fastgru::set_num_threads(wanted);
    CHECK(fastgru::get_num_threads() == wanted);
    CHECK(usable_threads(0) == (threaded ? wanted : 1));
    CHECK(usable_threads(2) == (threaded ? 2 : 1));
  }
  for (const int none : {0, -5}) {
    fastgru::set_num_threads(17);
    fastgru::set_num_threads(none);
    CHECK(fastgru::get_num_threads() == before);
  }
}
