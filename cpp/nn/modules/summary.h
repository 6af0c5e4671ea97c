// What a sequence goes through in a network, line by line, for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastgru {

struct SummaryLine {
  std::string name;
  std::vector<std::string> shape;  // of what it gives: N samples, T steps, and sizes
  std::int64_t parameters = 0;
};

// (N, T, size), or, where nothing is said for every step, (N, size).
inline std::vector<std::string> summary_shape(bool every_step, std::int64_t size) {
  if (every_step) return {"N", "T", std::to_string(size)};
  return {"N", std::to_string(size)};
}

}  // namespace fastgru
