// One thread at a time: an object that is one state refuses a second thread, rather than let it wait or
// corrupt the state.
#pragma once

#include <atomic>
#include <string>

#include "runtime/status.h"

namespace fastgru {

// Holds `busy` while it lives, where nobody else holds it. Whoever comes second gets an error from status(),
// and must leave the object alone.
class Exclusive {
 public:
  // `what`: the object's name in the message.
  Exclusive(std::atomic<bool>& busy, const char* what)
      : busy_(busy), what_(what), held_(!busy.exchange(true, std::memory_order_acquire)) {}
  ~Exclusive() {
    if (held_) busy_.store(false, std::memory_order_release);
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

  Status status() const {
    if (held_) return {};
    return {ErrorCode::in_use, std::string("this ") + what_ + " is in use by another thread"};
  }

 private:
  std::atomic<bool>& busy_;
  const char* what_;
  const bool held_;
};

}  // namespace fastgru
