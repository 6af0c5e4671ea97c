// Parallel loops run on one thread for some time after an earlier one was late.
#pragma once

#include <chrono>
#include <thread>

#include "runtime/lateness.h"

namespace fastgru::testing {

// For tests that look for their threads.
inline void wait_for_the_end_of_a_rest() {
  while (threads_rest()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace fastgru::testing
