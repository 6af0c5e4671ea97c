// Draws the next token of a sequence from a language model's logits, in double.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

struct Sampling {
  double temperature = 1.0;  // divides the logits; 0: always the most likely token
  std::int64_t top_k = 0;    // only so many of the most likely tokens; 0: all (Fan et al., ACL 2018)
  // Only the fewest most likely tokens whose probabilities reach this sum (nucleus sampling, Holtzman et al.,
  // ICLR 2020); 1: all.
  double top_p = 1.0;
  std::int64_t first_token = 2;  // tokens below are never drawn: padding and unknown
};

Status validate(const Sampling& sampling, std::int64_t classes);
// Whether validate() finds nothing; allocates nothing.
bool legal(const Sampling& sampling, std::int64_t classes) noexcept;

// Ties go to the smaller token. Serves one caller at a time.
class Sampler {
 public:
  // Takes memory for so many classes. draw() and probabilities() then allocate nothing.
  void reserve(std::int64_t classes);

  // A token. uniform: a random number in [0, 1). Logits that are not finite count as impossible tokens.
  template <class S>
  std::int64_t draw(const S* logits, std::int64_t classes, const Sampling& sampling, double uniform) noexcept;

  // The probability of each token, for draw().
  template <class S>
  void probabilities(const S* logits, std::int64_t classes, const Sampling& sampling, double* p) noexcept;

 private:
  struct Candidate {
    double weight;  // not normalised
    std::int64_t token;
  };

  // Keeps the candidates that `sampling` leaves, in the order of their tokens; returns their weights' sum.
  template <class S>
  double choose(const S* logits, std::int64_t classes, const Sampling& sampling) noexcept;
  void keep_most_likely(std::int64_t count) noexcept;
  void keep_nucleus(double share) noexcept;

  std::vector<Candidate> candidates_;
};

extern template std::int64_t Sampler::draw(const float*, std::int64_t, const Sampling&, double) noexcept;
extern template std::int64_t Sampler::draw(const double*, std::int64_t, const Sampling&, double) noexcept;
extern template void Sampler::probabilities(const float*, std::int64_t, const Sampling&, double*) noexcept;
extern template void Sampler::probabilities(const double*, std::int64_t, const Sampling&, double*) noexcept;

}  // namespace fastgru
