// Counts allocations and locks of the calling thread between watch() and stop().
#pragma once

#include <cstdint>

namespace realtime {

struct Counts {
  std::int64_t allocations = 0, frees = 0, locks = 0;
  std::int64_t all() const { return allocations + frees + locks; }
};

void watch();
Counts stop();

}  // namespace realtime
