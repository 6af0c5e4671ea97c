// Interrupt: polls at intervals, remembers the result, and stops polling once it is raised.
#include "runtime/interrupt.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

namespace {

struct Caller {
  int polls = 0;
  int stops_at = 1;  // the poll that says stop

  static bool poll(void* context) {
    Caller& caller = *static_cast<Caller*>(context);
    return ++caller.polls == caller.stops_at;
  }
};

}  // namespace

TEST_CASE("interrupt: without a poll it is never raised") {
  fastgru::Interrupt none;
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK_FALSE(none.check());
  CHECK_FALSE(none.raised());
}

TEST_CASE("interrupt: it is raised by the poll that says so, for every thread, and polls no more") {
  Caller caller;
  caller.stops_at = 3;
  fastgru::Interrupt interrupt(Caller::poll, &caller);
  long checks = 0;
  while (!interrupt.check()) {
    CHECK_FALSE(interrupt.raised());
    CHECK(caller.polls < 3);
    ++checks;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(caller.polls == 3);
  CHECK(interrupt.raised());
  bool seen = false;
  std::thread([&] { seen = interrupt.raised(); }).join();
  CHECK(seen);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK(interrupt.check());
  CHECK(caller.polls == 3);
}

TEST_CASE("interrupt: raised() alone never polls, and check() does not poll every time") {
  Caller caller;
  caller.stops_at = -1;
  fastgru::Interrupt interrupt(Caller::poll, &caller);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  for (int i = 0; i < 100; ++i) CHECK_FALSE(interrupt.raised());
  CHECK(caller.polls == 0);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100000; ++i) CHECK_FALSE(interrupt.check());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  CHECK(caller.polls >= 1);
  CHECK(caller.polls <= 2 + took.count() / 0.020);  // a poll in 20 ms, however long the loop took
}
