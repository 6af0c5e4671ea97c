// Random answers of a CTC network, and what their paths spell.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "gru_case.h"
#include "nn/decoding/frames.h"

namespace fastgru::testing {

using Labels = std::vector<std::int64_t>;

inline Labels spelt(const Labels& path) {
  Labels labels;
  for (std::size_t t = 0; t < path.size(); ++t) {
    if (path[t] != 0 && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  }
  return labels;
}

struct AnswersCase {
  std::int64_t frames, classes;
  std::vector<double> log_proba;

  AnswersCase(std::int64_t t, std::int64_t c, std::uint64_t key, double spread) : frames(t), classes(c) {
    Random random(key);
    log_proba = random_vector<double>(random, t * c, spread);
    for (std::int64_t i = 0; i < t; ++i) {
      double* row = log_proba.data() + i * c;
      double sum = 0;
      for (std::int64_t k = 0; k < c; ++k) sum += std::exp(row[k]);
      for (std::int64_t k = 0; k < c; ++k) row[k] -= std::log(sum);
    }
  }
  FrameAnswers view() const { return {log_proba.data(), frames, classes}; }

  // Calls visit(path, log of its probability) for every path.
  template <class Visit>
  void for_paths(Visit visit) const {
    Labels path(static_cast<std::size_t>(frames));
    for (;;) {
      double sum = 0;
      for (std::int64_t t = 0; t < frames; ++t) {
        sum += log_proba[static_cast<std::size_t>(t * classes + path[static_cast<std::size_t>(t)])];
      }
      visit(path, sum);
      auto digit = path.begin();
      while (digit != path.end() && ++*digit == classes) *digit++ = 0;
      if (digit == path.end()) return;
    }
  }

  // The probability of every sequence of labels.
  std::map<Labels, double> probabilities() const {
    std::map<Labels, double> sums;
    for_paths([&](const Labels& path, double log_p) { sums[spelt(path)] += std::exp(log_p); });
    return sums;
  }
};

}  // namespace fastgru::testing
