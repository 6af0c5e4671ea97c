// What a language model tells a search.
#pragma once

#include <cstdint>

#include "runtime/status.h"

namespace fastgru {

// States are numbers that the scorer gives out; each stays valid until the search ends, so that prefixes
// share those of their beginnings. A row of scores has for each label the logarithm of its probability as the
// next one, and in place 0, which is the blank's, that of the end. A model of words gives 0 for the letters
// within a word, and the word's own score for the separator and the end.
class PrefixScorer {
 public:
  virtual ~PrefixScorer() = default;

  // The state before the first label; scores (classes).
  virtual Status begin(std::int64_t* state, double* scores) = 0;
  // next[i]: the state after labels[i] follows states[i]; scores (count, classes). A row must not depend on
  // the others.
  virtual Status advance(std::int64_t count, const std::int64_t* states, const std::int64_t* labels,
                         std::int64_t* next, double* scores) = 0;
};

}  // namespace fastgru
