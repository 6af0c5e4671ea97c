// What a sequence goes through in a network, line by line, for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/layout.h"

namespace fastgru {

struct SummaryLine {
  std::string name;
  std::vector<std::string> shape;  // of what it gives: N samples, T steps, and sizes
  std::int64_t parameters = 0;
};

// `standardized`: whether the inputs are scaled to a common spread, which the configuration does not say.
std::vector<SummaryLine> summary(const NetworkLayout& layout, bool standardized);

}  // namespace fastgru
