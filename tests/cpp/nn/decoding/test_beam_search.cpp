// Beam search against all sequences of a small vocabulary, with a model that is a table.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/decoding/beam_search.h"
#include "random.h"

namespace fastgru {
namespace {

using Symbols = std::vector<std::int64_t>;
constexpr std::int64_t kClasses = 5, kEnd = 2, kMost = 4;  // padding, two symbols, the end, one more

// The logits after some symbols: random, but a function of them.
std::vector<double> logits_after(const Symbols& symbols) {
  std::uint64_t key = 11;
  for (const std::int64_t symbol : symbols) key = key * 31 + static_cast<std::uint64_t>(symbol) + 1;
  testing::Random random(key);
  std::vector<double> logits(kClasses);
  for (double& logit : logits) logit = 3 * random.uniform();
  return logits;
}

double log_probability_of(const std::vector<double>& logits, std::int64_t symbol) {
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  return logits[static_cast<std::size_t>(symbol)] - std::log(sum);
}

std::vector<Hypothesis> search(const BeamOptions& options) {
  BeamSearch beams(options, kEnd, kMost);
  std::vector<Symbols> histories{{}};
  while (beams.live() > 0) {
    std::vector<double> logits;
    for (const Symbols& history : histories) {
      const std::vector<double> own = logits_after(history);
      logits.insert(logits.end(), own.begin(), own.end());
    }
    beams.advance(logits.data(), kClasses);
    std::vector<Symbols> next;
    for (std::int64_t i = 0; i < beams.live(); ++i) {
      next.push_back(histories[static_cast<std::size_t>(beams.parent(i))]);
      next.back().push_back(beams.symbol(i));
    }
    histories = std::move(next);
  }
  return beams.answers();
}

bool repeats(const Symbols& symbols, std::size_t size) {
  for (std::size_t i = 0; i + size <= symbols.size(); ++i) {
    for (std::size_t k = i + 1; k + size <= symbols.size(); ++k) {
      if (std::equal(symbols.begin() + static_cast<long>(i), symbols.begin() + static_cast<long>(i + size),
                     symbols.begin() + static_cast<long>(k))) {
        return true;
      }
    }
  }
  return false;
}

// The best of all answers from `symbols` on.
void try_all(const Symbols& symbols, double total, const BeamOptions& options, Hypothesis& best) {
  const std::vector<double> logits = logits_after(symbols);
  for (std::int64_t symbol = 1; symbol < kClasses; ++symbol) {
    Symbols next = symbols;
    if (symbol != kEnd) next.push_back(symbol);
    const auto size = static_cast<std::size_t>(options.no_repeat_ngram_size);
    if (size > 0 && symbol != kEnd && repeats(next, size)) continue;
    const double sum = total + log_probability_of(logits, symbol);
    if (symbol != kEnd && next.size() < kMost) {
      try_all(next, sum, options, best);
      continue;
    }
    const double length = static_cast<double>(symbols.size() + 1);
    const double score = sum / std::pow((5 + length) / 6, options.length_penalty);
    if (score > best.score) best = {next, sum, score};
  }
}

TEST_CASE("with enough beams the search finds the best of all sequences") {
  for (const double penalty : {0.0, 0.6, 1.0, 3.0, -1.0}) {
    for (const std::int64_t ngram : {0, 1, 2}) {
      BeamOptions options;
      options.num_beams = 200;
      options.length_penalty = penalty;
      options.no_repeat_ngram_size = ngram;
      Hypothesis best;
      best.score = -std::numeric_limits<double>::infinity();
      try_all({}, 0, options, best);
      const std::vector<Hypothesis> answers = search(options);
      CHECK(answers[0].symbols == best.symbols);
      CHECK(answers[0].score == doctest::Approx(best.score).epsilon(1e-12));
      CHECK(std::is_sorted(answers.begin(), answers.end(),
                           [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; }));
    }
  }
}

TEST_CASE("the unknown symbol is left out on request") {
  BeamOptions options;
  options.num_beams = 50;
  const auto has_unknown = [](const Hypothesis& answer) {
    return std::count(answer.symbols.begin(), answer.symbols.end(), 1) > 0;
  };
  const std::vector<Hypothesis> all = search(options);
  CHECK(std::any_of(all.begin(), all.end(), has_unknown));
  options.unknown = false;
  const std::vector<Hypothesis> known = search(options);
  CHECK(std::none_of(known.begin(), known.end(), has_unknown));
}

TEST_CASE("one beam is greedy search") {
  Symbols greedy;
  double total = 0;
  for (bool ended = false; !ended && greedy.size() < kMost;) {
    std::vector<double> logits = logits_after(greedy);
    const auto best = std::max_element(logits.begin() + 1, logits.end()) - logits.begin();
    total += log_probability_of(logits, best);
    ended = best == kEnd;
    if (!ended) greedy.push_back(best);
  }
  const std::vector<Hypothesis> answers = search(BeamOptions());
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].symbols == greedy);
  CHECK(answers[0].log_probability == doctest::Approx(total).epsilon(1e-12));
}

TEST_CASE("among equal candidates the earlier beam and the smaller symbol win; logits that are NaN end it") {
  BeamOptions options;
  options.num_beams = 3;
  BeamSearch search(options, kEnd, 2);
  const std::vector<double> equal(3 * kClasses, 0.5);
  search.advance(equal.data(), kClasses);
  REQUIRE(search.live() == 2);
  CHECK(search.symbol(0) == 1);
  CHECK(search.symbol(1) == 3);
  search.advance(equal.data(), kClasses);
  REQUIRE(search.live() == 0);
  const std::vector<Hypothesis> answers = search.answers();
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].symbols == Symbols{});
  CHECK(answers[1].symbols == Symbols{1, 1});
  CHECK(answers[2].symbols == Symbols{1});

  BeamSearch lost(BeamOptions(), kEnd, 2);
  const std::vector<double> nan(kClasses, std::nan(""));
  lost.advance(nan.data(), kClasses);
  CHECK(lost.live() == 0);
  CHECK(lost.answers().size() == 1);
}

TEST_CASE("options out of range are refused") {
  BeamOptions options;
  options.num_beams = 0;
  CHECK(validate(options).message() == "num_beams must be at least 1, got 0");
  options = {};
  options.length_penalty = std::nan("");
  CHECK(validate(options).message() == "length_penalty must be a finite number, got nan");
  options = {};
  options.no_repeat_ngram_size = -1;
  CHECK(validate(options).message() == "no_repeat_ngram_size must be at least 0 (0: no limit), got -1");
}

}  // namespace
}  // namespace fastgru
