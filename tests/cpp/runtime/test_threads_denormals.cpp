// What parallel_for and parallel_team promise about the floating-point register of each thread.
#include <doctest/doctest.h>

#include <atomic>
#include <initializer_list>
#include <limits>

#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace {

// Whether half the smallest normal number is zero here.
bool flushed() {
  volatile float value = std::numeric_limits<float>::min();
  value = value * 0.5f;
  volatile const float one = 1.0f;
  return value * one == 0.0f;
}

// On CPUs without such a setting there is nothing to see.
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
