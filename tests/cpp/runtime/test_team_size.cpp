// Teams have the size that is asked for where the system has the threads.
#include "runtime/team_size.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime/threads.h"

TEST_CASE("team size: growing, shrinking and alternating teams are granted") {
  for (const int team : {1, 2, 7, 3, 40, 0, 1, 40, 2, 41}) CHECK(fastgru::TeamSize(team).size() == team);
}

TEST_CASE("team size: each thread of an app has teams of its own") {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&wrong, i] {
      for (int round = 0; round < 20; ++round) {
        const int team = 2 + (i + round) % 3;
        if (fastgru::TeamSize(team).size() != team) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("no call has more threads than kMaxThreads, whatever is asked for") {
  constexpr int kMany = 2147483647;
  const int usable = fastgru::usable_threads(kMany);
  CHECK((usable == fastgru::kMaxThreads || usable == 1));
  fastgru::set_num_threads(kMany);
  CHECK(fastgru::get_num_threads() == fastgru::kMaxThreads);
  fastgru::set_num_threads(0);
}
