// How a long call notices that its caller wants it to stop (Ctrl-C in Python).
#pragma once

#include <atomic>
#include <chrono>

namespace fastgru {

class Interrupt {
 public:
  // `poll(context)` returns true when the work should stop. It is called by the thread that made the
  // Interrupt only (in Python it takes the GIL and looks at pending signals).
  using Poll = bool (*)(void* context);

  explicit Interrupt(Poll poll = nullptr, void* context = nullptr)
      : poll_(poll), context_(context), next_(Clock::now() + kPeriod) {}

  // For the calling thread, once per slice of work of a few milliseconds at most: polls at most every
  // kPeriod.
  bool check() {
    if (raised()) return true;
    if (poll_ == nullptr || Clock::now() < next_) return false;
    if (poll_(context_)) raised_.store(true, std::memory_order_relaxed);
    next_ = Clock::now() + kPeriod;
    return raised();
  }

  // For every thread: whether somebody asked to stop.
  bool raised() const { return raised_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPeriod{20};

  Poll poll_;
  void* context_;
  Clock::time_point next_;
  std::atomic<bool> raised_{false};
};

}  // namespace fastgru
