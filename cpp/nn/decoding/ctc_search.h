// From the answers of a CTC network to labels: the best path, and prefix beam search (Graves and Jaitly,
// 2014; Hannun et al., 2014). Both look at one sequence alone, and ties have one outcome.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/decoding/frames.h"
#include "nn/decoding/lexicon.h"
#include "nn/decoding/scorer.h"
#include "runtime/interrupt.h"
#include "runtime/status.h"

namespace fastgru {

// The labels that the most probable class of every frame spells; of equal ones the first.
std::vector<std::int64_t> best_path(const FrameAnswers& answers);

struct SearchOptions {
  std::int64_t beam_width = 16;      // prefixes kept after each frame
  const Lexicon* lexicon = nullptr;  // null: every sequence of labels is an answer
  PrefixScorer* scorer = nullptr;
  double scorer_weight = 1.0;
  double label_bonus = 0.0;  // for each label of an answer
};

struct SearchAnswer {
  std::vector<std::int64_t> labels;
  double log_proba = 0;  // of the paths that were kept
  double score = 0;      // log_proba, plus the scorer's weighted score, plus the bonuses
};

// The answer of the highest score. An answer's probability is the sum over its paths, those without a prefix
// that left the beam. With a lexicon, an answer ends with a whole word; where none does, the last one's
// unfinished word is left out.
Status beam_search(const FrameAnswers& answers, const SearchOptions& options, Interrupt* interrupt,
                   SearchAnswer& answer);

}  // namespace fastgru
