// Beam search over the log probabilities of the next symbol.
#include "nn/decoding/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "kernels/dispatch.h"
#include "kernels/softmax.h"
#include "nn/losses/vector_math.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

double normaliser(const float* logits, std::int64_t classes) {
  return log_sum_exp(active_kernels(), logits, classes);
}
[[maybe_unused]] double normaliser(const double* logits, std::int64_t classes) {
  return log_sum_exp(logits, classes);
}

}  // namespace

Status validate(const BeamOptions& options) {
  if (options.num_beams < 1) {
    return Status::invalid("num_beams must be at least 1, got " + std::to_string(options.num_beams));
  }
  if (!std::isfinite(options.length_penalty)) {
    return Status::invalid("length_penalty must be a finite number, got " +
                           number_text(options.length_penalty));
  }
  if (options.no_repeat_ngram_size < 0) {
    return Status::invalid("no_repeat_ngram_size must be at least 0 (0: no limit), got " +
                           std::to_string(options.no_repeat_ngram_size));
  }
  return {};
}

BeamSearch::BeamSearch(const BeamOptions& options, std::int64_t end, std::int64_t max_length)
    : options_(options), end_(end), max_length_(max_length), beams_(1) {}

// Marks the symbols that would complete a group of symbols that `symbols` has already.
void BeamSearch::forbid(const std::vector<std::int64_t>& symbols, std::int64_t classes) {
  forbidden_.assign(static_cast<std::size_t>(classes), 0);
  forbidden_[0] = 1;
  if (!options_.unknown && classes > 1) forbidden_[1] = 1;
  const auto size = static_cast<std::size_t>(options_.no_repeat_ngram_size);
  if (size == 0 || symbols.size() < size) return;
  const auto last = symbols.end() - static_cast<std::ptrdiff_t>(size - 1);
  for (auto at = symbols.begin(); at + static_cast<std::ptrdiff_t>(size) <= symbols.end(); ++at) {
    const auto next = at + static_cast<std::ptrdiff_t>(size - 1);
    if (std::equal(at, next, last)) forbidden_[static_cast<std::size_t>(*next)] = 1;
  }
}

// Candidates come in the order of beams and symbols, so an equal one goes behind those that are there.
void BeamSearch::keep(const Candidate& candidate, std::size_t most) {
  if (best_.size() == most) {
    if (!(candidate.total > best_.back().total)) return;
    best_.pop_back();
  }
  const auto at = std::find_if(best_.begin(), best_.end(),
                               [&](const Candidate& other) { return candidate.total > other.total; });
  best_.insert(at, candidate);
}

template <class S>
void BeamSearch::collect(const S* logits, std::int64_t classes, std::size_t most) {
  best_.clear();
  for (std::int64_t beam = 0; beam < live(); ++beam, logits += classes) {
    const Hypothesis& own = beams_[static_cast<std::size_t>(beam)].own;
    const double base = own.log_probability - normaliser(logits, classes);
    forbid(own.symbols, classes);
    for (std::int64_t symbol = 0; symbol < classes; ++symbol) {
      const double total = base + static_cast<double>(logits[symbol]);
      const double least =
          best_.size() == most ? best_.back().total : -std::numeric_limits<double>::infinity();
      if (!(total > least)) continue;
      if (forbidden_[static_cast<std::size_t>(symbol)] == 0) keep({total, beam, symbol}, most);
    }
  }
}

void BeamSearch::finish(Hypothesis hypothesis, std::int64_t length) {
  const double penalty = std::pow((5.0 + static_cast<double>(length)) / 6.0, options_.length_penalty);
  hypothesis.score = hypothesis.log_probability / penalty;
  ended_.push_back(std::move(hypothesis));
}

template <class S>
void BeamSearch::advance(const S* logits, std::int64_t classes) {
  const std::size_t most = static_cast<std::size_t>(options_.num_beams) - ended_.size();
  collect(logits, classes, most);
  std::swap(beams_, before_);
  beams_.clear();
  for (const Candidate& candidate : best_) {
    const std::vector<std::int64_t>& symbols = before_[static_cast<std::size_t>(candidate.beam)].own.symbols;
    Hypothesis next{symbols, candidate.total, 0};
    const std::int64_t length = static_cast<std::int64_t>(symbols.size()) + 1;
    if (candidate.symbol == end_) {
      finish(std::move(next), length);
      continue;
    }
    next.symbols.push_back(candidate.symbol);
    if (length >= max_length_) {
      finish(std::move(next), length);
    } else {
      beams_.push_back({std::move(next), candidate.beam});
    }
  }
  if (best_.empty()) {  // logits that are no numbers
    for (Beam& beam : before_) finish(std::move(beam.own), max_length_);
  }
}

std::vector<Hypothesis> BeamSearch::answers() const {
  std::vector<Hypothesis> all = ended_;
  std::stable_sort(all.begin(), all.end(),
                   [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  return all;
}

template void BeamSearch::advance(const float*, std::int64_t);
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template void BeamSearch::advance(const double*, std::int64_t);
#endif

}  // namespace fastgru
