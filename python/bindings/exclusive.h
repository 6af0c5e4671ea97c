// One caller at a time: objects that are one state refuse a second thread at once, rather than let it wait or
// corrupt them.
#pragma once

#include <atomic>
#include <string>

#include "bindings/status.h"

namespace fastgru::bindings {

class Exclusive {
 public:
  Exclusive(std::atomic<bool>& flag, const char* what) : flag_(flag) {
    if (flag_.exchange(true, std::memory_order_acquire)) {
      raise(PyExc_RuntimeError, std::string("this ") + what + " is in use by another thread");
    }
  }
  ~Exclusive() { flag_.store(false, std::memory_order_release); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& flag_;
};

}  // namespace fastgru::bindings
