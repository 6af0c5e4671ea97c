// Beam search for one sequence: which symbols follow, given the logits of the next symbol of each beam. It
// knows nothing of the network behind them.
//
// A hypothesis that ends takes its beam with it, so one beam is greedy search, and the search is over when
// all have ended. The answers are ranked by log probability / penalty, where the penalty of a length is that
// of Wu et al. 2016: ((5 + length) / 6)^length_penalty. Among equal scores the earlier beam, then the smaller
// symbol wins.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

struct BeamOptions {
  std::int64_t num_beams = 1;
  double length_penalty = 1.0;            // 0: none; larger ones prefer longer answers
  bool unknown = true;                    // whether the unknown symbol may be chosen
  std::int64_t no_repeat_ngram_size = 0;  // above 0: no answer has the same so many symbols twice
};

Status validate(const BeamOptions& options);

struct Hypothesis {
  std::vector<std::int64_t> symbols;  // without the end
  double log_probability = 0;         // of the symbols, and of the end if it came
  double score = 0;
};

class BeamSearch {
 public:
  // Symbol 0 (padding) is never chosen; 1 is the unknown one. After `max_length` symbols a hypothesis ends as
  // it is.
  BeamSearch(const BeamOptions& options, std::int64_t end, std::int64_t max_length);

  // Beams that go on; 0: the search is over. At first there is one, with no symbols.
  std::int64_t live() const { return static_cast<std::int64_t>(beams_.size()); }
  // After advance(): which beam of those before live beam i continues, and its last symbol.
  std::int64_t parent(std::int64_t i) const { return beams_[static_cast<std::size_t>(i)].parent; }
  std::int64_t symbol(std::int64_t i) const { return beams_[static_cast<std::size_t>(i)].own.symbols.back(); }

  // logits (live(), classes).
  template <class S>
  void advance(const S* logits, std::int64_t classes);

  // All answers, the best first: num_beams, or as many as there are.
  std::vector<Hypothesis> answers() const;

 private:
  struct Beam {
    Hypothesis own;
    std::int64_t parent = 0;
  };
  struct Candidate {
    double total;
    std::int64_t beam, symbol;
  };

  void forbid(const std::vector<std::int64_t>& symbols, std::int64_t classes);
  template <class S>
  void collect(const S* logits, std::int64_t classes, std::size_t most);
  void keep(const Candidate& candidate, std::size_t most);
  void finish(Hypothesis hypothesis, std::int64_t length);

  BeamOptions options_;
  std::int64_t end_, max_length_;
  std::vector<Beam> beams_, before_;
  std::vector<Candidate> best_;  // falling
  std::vector<char> forbidden_;  // of each symbol, for one beam
  std::vector<Hypothesis> ended_;
};

extern template void BeamSearch::advance(const float*, std::int64_t);
extern template void BeamSearch::advance(const double*, std::int64_t);

}  // namespace fastgru
