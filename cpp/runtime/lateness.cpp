// Processor time of threads, and the rests of late ones.
#include "runtime/lateness.h"

#include <algorithm>

#if defined(__unix__) || defined(__APPLE__)
#include <time.h>
#define FASTGRU_HAS_THREAD_CLOCK 1
#endif

namespace fastgru {
namespace {

using Clock = std::chrono::steady_clock;

// Every attempt on a busy machine costs some milliseconds, a time slice of another process.
constexpr Clock::duration kShortestRest = std::chrono::milliseconds(20);
constexpr Clock::duration kLongestRest = std::chrono::milliseconds(320);
// On time for so many times its length after a rest, the machine counts as quiet again.
constexpr int kQuietRests = 4;
// What waking a sleeping thread may take.
constexpr std::chrono::microseconds kWaking{200};

RestTimer g_timer;

// Nanoseconds that the system ran the calling thread; 0 where no clock says so to a microsecond (Windows).
std::int64_t thread_time() {
#ifdef FASTGRU_HAS_THREAD_CLOCK
  timespec time{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0) {
    return std::int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
  }
#endif
  return 0;
}

}  // namespace

void RestTimer::begin(Clock::time_point now) {
  const Clock::duration last(length_.load()), since(now.time_since_epoch().count() - end_.load());
  if (since < Clock::duration::zero()) return;  // another thread has begun one
  const Clock::duration length =
      since < kQuietRests * last ? std::min(2 * last, kLongestRest) : kShortestRest;
  length_.store(length.count());
  end_.store((now.time_since_epoch() + length).count());
}

bool threads_rest() { return g_timer.resting(Clock::now()); }

void rest_threads() { g_timer.begin(Clock::now()); }

LoopTime::Share::Share(LoopTime& loop) : loop_(loop), start_(thread_time()) {}

LoopTime::Share::~Share() { loop_.worked_.fetch_add(thread_time() - start_); }

bool LoopTime::late(std::chrono::nanoseconds wall, std::chrono::nanoseconds worked) {
  return worked.count() > 0 && wall > worked + kWaking;
}

void LoopTime::end() {
  if (late(Clock::now() - start_, std::chrono::nanoseconds(worked_.load()))) rest_threads();
}

}  // namespace fastgru
