// The summary of a network: one line for each stage that a sequence passes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastgru {

struct SummaryLine {
  std::string name;
  std::vector<std::string> shape;  // of the output: N samples, T steps, and sizes
  std::int64_t parameters = 0;
};

// (N, T, size), or (N, size) if the stage has no output for every step.
inline std::vector<std::string> summary_shape(bool every_step, std::int64_t size) {
  if (every_step) return {"N", "T", std::to_string(size)};
  return {"N", std::to_string(size)};
}

}  // namespace fastgru
