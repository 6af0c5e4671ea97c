// Notices that another process takes the cores of our threads, and lets calls run on one thread for a while.
//
// A loop waits for its slowest thread. Where a neighbour holds a core, the system runs one of our threads a
// time slice (milliseconds) later than the others, at every loop: an epoch of 62 ms took 286. So each loop
// compares its wall time with the processor time of all its threads together, which is what one thread alone
// would have taken. Uneven items never make a loop late: its wall time is then that of one of its threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace fastgru {

// Whether loops run on the calling thread alone now, because one was late a moment ago.
bool threads_rest();
// To be called when a loop was late.
void rest_threads();

// The length of rests. A class of its own for tests, which pass the time.
class RestTimer {
 public:
  using Clock = std::chrono::steady_clock;

  bool resting(Clock::time_point now) const { return now.time_since_epoch().count() < end_.load(); }
  // Begins a rest: the shortest, or, soon after the last one, twice as long as that.
  void begin(Clock::time_point now);

 private:
  std::atomic<Clock::rep> length_{0}, end_{0};
};

// One parallel loop: every thread of it holds a Share while it works.
class LoopTime {
 public:
  using Clock = std::chrono::steady_clock;

  LoopTime() : start_(Clock::now()) {}
  // Of the whole loop, on the calling thread: begins a rest where the loop was late.
  void end();
  // Whether one thread alone would have been faster. `worked`: 0 where there is no clock for it.
  static bool late(std::chrono::nanoseconds wall, std::chrono::nanoseconds worked);

  class Share {
   public:
    explicit Share(LoopTime& loop);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    LoopTime& loop_;
    const std::int64_t start_;
  };

 private:
  const Clock::time_point start_;
  std::atomic<std::int64_t> worked_{0};  // ns of processor time, of all threads
};

}  // namespace fastgru
