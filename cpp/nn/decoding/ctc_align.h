// Forced alignment: when each of some known labels came.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/decoding/frames.h"
#include "runtime/status.h"

namespace fastgru {

struct Alignment {
  std::vector<std::int64_t> first, last;  // frames of each label
  double log_proba = 0;                   // of the path
};

// The most probable path that spells the labels (Viterbi's). Of equal ones that which enters a state as late
// as possible. An error if there are too few frames for the labels, or no path has a probability.
Status align(const FrameAnswers& answers, const std::vector<std::int64_t>& labels, Alignment& alignment);

}  // namespace fastgru
