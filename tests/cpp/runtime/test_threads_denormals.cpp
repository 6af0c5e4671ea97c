// The floating-point control register of each thread in parallel_for and parallel_team.
#include <doctest/doctest.h>

#include <atomic>
#include <initializer_list>
#include <limits>

#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace {

// Whether this thread flushes half the smallest normal number to zero.
bool flushed() {
  volatile float value = std::numeric_limits<float>::min();
  value = value * 0.5f;
  volatile const float one = 1.0f;
  return value * one == 0.0f;
}

// CPUs without this setting have nothing to test.
constexpr bool kCanFlush = fastgru::float_state::kFlush != 0;

}  // namespace

TEST_CASE("bodies of parallel_for and parallel_team run flushed, and the caller's setting is restored") {
  for (const int threads : {1, 4}) {
    std::atomic<int> ran{0}, flushing{0};
    const auto count = [&] {
      ++ran;
      if (flushed()) ++flushing;
    };
    fastgru::parallel_for(64, threads, [&](std::int64_t, int) { count(); });
    CHECK(ran == 64);
    CHECK(flushing == (kCanFlush ? 64 : 0));
    CHECK(!flushed());
    ran = flushing = 0;
    fastgru::parallel_team(threads, [&](int, int) { count(); });
    CHECK(ran >= 1);
    CHECK(flushing == (kCanFlush ? ran.load() : 0));
    CHECK(!flushed());
  }
}
