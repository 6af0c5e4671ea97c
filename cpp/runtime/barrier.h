// A barrier for threads that meet every few microseconds: spins first, then yields its core to others.
#pragma once

#include <atomic>
#include <thread>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace fastgru {

class SpinBarrier {
 public:
  // `spins`: tries before yielding; 0 when there are more threads than cores.
  explicit SpinBarrier(int spins) : spins_(spins) {}

  // Returns when `team` threads have called it; whether that took more tries than spinning allows.
  bool wait(int team) {
    const unsigned round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == team) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return false;
    }
    int tries = 0;
    for (; round_.load(std::memory_order_acquire) == round; ++tries) {
      if (tries < spins_) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
    return tries > spins_;
  }

 private:
  static void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#endif
  }

  const int spins_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
};

}  // namespace fastgru
