// Late threads: what counts as late, how long rests are, and that loops run on the calling thread meanwhile.
#include "runtime/lateness.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "rest.h"
#include "runtime/threads.h"

namespace {

using fastgru::RestTimer;
using fastgru::threads_rest;
using fastgru::testing::wait_for_the_end_of_a_rest;
using std::chrono::milliseconds;

RestTimer::Clock::time_point at(int ms) { return RestTimer::Clock::time_point(milliseconds(1000 + ms)); }

}  // namespace

TEST_CASE("lateness: a rest is twice as long as the last one if it follows soon, else short again") {
  RestTimer timer;
  CHECK_FALSE(timer.resting(at(0)));
  timer.begin(at(0));
  CHECK(timer.resting(at(19)));
  timer.begin(at(10));  // by another thread that was late: one rest
  CHECK_FALSE(timer.resting(at(20)));
  timer.begin(at(30));
  CHECK(timer.resting(at(69)));
  CHECK_FALSE(timer.resting(at(70)));
  int now = 70;
  for (const int length : {80, 160, 320, 320}) {
    timer.begin(at(now));
    CHECK(timer.resting(at(now + length - 1)));
    CHECK_FALSE(timer.resting(at(now + length)));
    now += length;
  }
  timer.begin(at(now + 4 * 320));  // on time for so long: the machine was quiet
  CHECK(timer.resting(at(now + 4 * 320 + 19)));
  CHECK_FALSE(timer.resting(at(now + 4 * 320 + 20)));
}

TEST_CASE("lateness: a loop is late if one thread alone would have been faster") {
  using fastgru::LoopTime;
  CHECK(LoopTime::late(std::chrono::microseconds(4000), std::chrono::microseconds(800)));
  CHECK_FALSE(LoopTime::late(std::chrono::microseconds(4000), std::chrono::microseconds(7900)));
  CHECK_FALSE(LoopTime::late(std::chrono::microseconds(4000), std::chrono::microseconds(4000)));  // uneven
  CHECK_FALSE(LoopTime::late(std::chrono::microseconds(150), std::chrono::microseconds(20)));     // woken
  CHECK_FALSE(LoopTime::late(std::chrono::microseconds(4000), std::chrono::microseconds(0)));     // no clock
}

TEST_CASE("lateness: after a loop whose thread did not run, loops run on the calling thread for a while") {
  if (fastgru::usable_threads(2) < 2) return;  // built without OpenMP: one thread
  wait_for_the_end_of_a_rest();
  fastgru::parallel_for(2, 2, [](std::int64_t, int) { std::this_thread::sleep_for(milliseconds(5)); });
  // On a busy machine the rest may be over before the next line; it is then begun again.
  const std::thread::id caller = std::this_thread::get_id();
  bool seen = false;
  for (int i = 0; i < 200 && !seen; ++i) {
    fastgru::rest_threads();
    std::atomic<int> strangers{0};
    std::array<std::atomic<int>, 8> calls{};
    fastgru::parallel_for(8, 2, [&](std::int64_t item, int) {
      ++calls[static_cast<std::size_t>(item)];
      if (std::this_thread::get_id() != caller) ++strangers;
    });
    seen = threads_rest();
    if (seen) CHECK(strangers == 0);
    for (const auto& each : calls) CHECK(each == 1);
  }
  CHECK(seen);
}

TEST_CASE("lateness: a rest that ends within a loop leaves the other items to all threads") {
  if (fastgru::usable_threads(2) < 2) return;
  fastgru::rest_threads();
  std::array<std::atomic<int>, 400> calls{};
  std::atomic<int> strangers{0};
  const std::thread::id caller = std::this_thread::get_id();
  fastgru::parallel_for(400, 2, [&](std::int64_t item, int) {
    std::this_thread::sleep_for(milliseconds(2));  // 800 ms on one thread: longer than any rest
    ++calls[static_cast<std::size_t>(item)];
    if (std::this_thread::get_id() != caller) ++strangers;
  });
  for (const auto& each : calls) CHECK(each == 1);
  CHECK(strangers > 0);
  wait_for_the_end_of_a_rest();  // other tests look for their threads
}
