// The answers of a CTC network to one sequence.
#pragma once

#include <cstdint>

namespace fastgru {

// log of the probabilities (frames, classes), dense; class 0 is the blank.
struct FrameAnswers {
  const double* log_proba = nullptr;
  std::int64_t frames = 0, classes = 0;

  const double* operator[](std::int64_t t) const { return log_proba + t * classes; }
};

}  // namespace fastgru
