// Best path and beam search against all paths, with a lexicon and a language model.
#include <doctest/doctest.h>

#include <cmath>

#include "answers_case.h"
#include "nn/decoding/ctc_search.h"

namespace fastgru {
namespace {

using testing::AnswersCase;
using testing::Labels;

// A bigram: a state is its last label. Counts what it is asked.
class Bigram final : public PrefixScorer {
 public:
  static double score(std::int64_t last, std::int64_t next) {
    return -0.3 * static_cast<double>((last * 5 + next * 3) % 4);
  }

  Status begin(std::int64_t* state, double* scores) override {
    *state = 0;
    fill(0, scores);
    return {};
  }
  Status advance(std::int64_t count, const std::int64_t* states, const std::int64_t* labels,
                 std::int64_t* next, double* scores) override {
    for (std::int64_t i = 0; i < count; ++i) {
      CHECK(states[i] >= 0);
      next[i] = labels[i];
      fill(labels[i], scores + i * 3);
      ++asked;
    }
    return {};
  }
  // Of a whole answer, with its end.
  static double total(const Labels& labels) {
    double sum = 0;
    std::int64_t last = 0;
    for (const std::int64_t label : labels) {
      sum += score(last, label);
      last = label;
    }
    return sum + score(last, 0);
  }
  int asked = 0;

 private:
  static void fill(std::int64_t last, double* scores) {
    for (std::int64_t k = 0; k < 3; ++k) scores[k] = score(last, k);
  }
};

SearchAnswer searched(const AnswersCase& one, const SearchOptions& options) {
  SearchAnswer answer;
  REQUIRE(beam_search(one.view(), options, nullptr, answer).ok());
  return answer;
}

TEST_CASE("the best path spells the most probable class of every frame") {
  const AnswersCase one(7, 3, 3, 3.0);
  double most = -1e9;
  Labels best;
  one.for_paths([&](const Labels& path, double log_p) {
    if (log_p <= most) return;
    most = log_p;
    best = path;
  });
  CHECK(best_path(one.view()) == testing::spelt(best));
  const std::vector<double> equal(8, std::log(0.25));
  CHECK(best_path({equal.data(), 2, 4}).empty());  // of equal ones the first, which is the blank
}

TEST_CASE("a beam of all prefixes finds the most probable labels, with and without a language model") {
  for (std::uint64_t key = 0; key < 20; ++key) {
    const AnswersCase one(6, 3, key, 1.5);
    for (const bool scored : {false, true}) {
      Bigram bigram;
      SearchOptions options;
      options.beam_width = 200;
      options.scorer = scored ? &bigram : nullptr;
      options.scorer_weight = 1.7;
      options.label_bonus = scored ? 0.2 : 0.0;
      double most = -1e9, log_proba = 0;
      Labels best;
      for (const auto& [labels, p] : one.probabilities()) {
        double score = std::log(p) + options.label_bonus * static_cast<double>(labels.size());
        if (scored) score += 1.7 * Bigram::total(labels);
        if (score <= most) continue;
        most = score;
        log_proba = std::log(p);
        best = labels;
      }
      const SearchAnswer answer = searched(one, options);
      CHECK(answer.labels == best);
      CHECK(answer.score == doctest::Approx(most).epsilon(1e-10));
      CHECK(answer.log_proba == doctest::Approx(log_proba).epsilon(1e-10));
      CHECK(bigram.asked <= (scored ? 200 : 0));  // once for each prefix
    }
  }
}

TEST_CASE("with a lexicon, an answer consists of its words") {
  // Words 1-2, 2 and 1-1; label 3 separates.
  const Lexicon lexicon({1, 2, 2, 1, 1}, {0, 2, 3, 5}, 3);
  const auto legal = [](const Labels& labels) {
    Labels word;
    Labels all = labels;
    all.push_back(3);
    for (const std::int64_t label : all) {
      if (label != 3) {
        word.push_back(label);
        continue;
      }
      if (word != Labels{1, 2} && word != Labels{2} && word != Labels{1, 1}) return false;
      word.clear();
    }
    return true;
  };
  for (std::uint64_t key = 0; key < 20; ++key) {
    const AnswersCase one(5, 4, key, 2.0);
    std::map<Labels, double> sums;  // a separator at the end is left out of an answer, but not of its paths
    for (const auto& [labels, p] : one.probabilities()) {
      Labels answer = labels;
      if (!answer.empty() && answer.back() == 3) answer.pop_back();
      if (labels.empty() || (legal(answer) && labels != Labels{3})) sums[labels] = p;
    }
    const auto best =
        std::max_element(sums.begin(), sums.end(), [](auto& a, auto& b) { return a.second < b.second; });
    Labels wanted = best->first;
    if (!wanted.empty() && wanted.back() == 3) wanted.pop_back();
    SearchOptions options;
    options.beam_width = 2000;
    options.lexicon = &lexicon;
    CHECK(searched(one, options).labels == wanted);
  }
}

TEST_CASE("an answer without a whole word loses its last one") {
  AnswersCase one(2, 4, 1, 1.0);
  const double sure = std::log(0.97), rest = std::log(0.01);
  one.log_proba = {rest, sure, rest, rest, rest, sure, rest, rest};  // 1, 1
  const Lexicon lexicon({1, 2}, {0, 2}, 3);
  SearchOptions options;
  options.lexicon = &lexicon;
  options.beam_width = 1;
  CHECK(searched(one, options).labels.empty());
  const Lexicon whole({1}, {0, 1}, 0);  // without a separator, an answer is one word
  options.lexicon = &whole;
  CHECK(searched(one, options).labels == Labels{1});
}

TEST_CASE("a narrow beam, no frames, and a beam of nothing") {
  const AnswersCase one(30, 12, 4, 2.0);
  SearchOptions options;
  options.beam_width = 1;
  const double narrow = searched(one, options).score;
  options.beam_width = 8;
  CHECK(searched(one, options).score >= narrow);
  CHECK(searched(one, options).labels == searched(one, options).labels);
  const AnswersCase none(0, 3, 1, 1.0);
  CHECK(searched(none, options).labels.empty());
  SearchAnswer answer;
  options.beam_width = 0;
  CHECK(!beam_search(one.view(), options, nullptr, answer).ok());
}

}  // namespace
}  // namespace fastgru
