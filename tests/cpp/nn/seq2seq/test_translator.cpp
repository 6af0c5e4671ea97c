// Answers: greedy and beam search over the network, alone and in batches.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "seq2seq_case.h"

namespace fastgru {
namespace {

using testing::Sentences;
using testing::seq2seq_config;
using testing::Seq2SeqCase;

bool same(const std::vector<Hypothesis>& a, const std::vector<Hypothesis>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Hypothesis& x, const Hypothesis& y) {
    return x.symbols == y.symbols && x.log_probability == y.log_probability && x.score == y.score;
  });
}

TEST_CASE("an answer has the same bits alone, in batches, in any order and on any number of threads") {
  for (const AttentionKind attention : {AttentionKind::none, AttentionKind::dot, AttentionKind::general}) {
    Seq2SeqConfig config = seq2seq_config(attention, true, 2);
    config.hidden_size = 38;
    config.target_vocabulary = 60;
    const Seq2SeqCase<float> problem(config, 64, 12, 4.0);
    BeamOptions beams;
    for (const std::int64_t num_beams : {1, 4}) {
      beams.num_beams = num_beams;
      const TokenRows rows = problem.sources.rows();
      const auto all = problem.translate(rows, beams, 9, 2);
      REQUIRE(all.size() == 64);
      CHECK(std::any_of(all.begin(), all.end(), [](auto& each) { return each[0].symbols.size() > 3; }));
      Sentences reversed;
      for (std::int64_t i = 63; i >= 0; --i) {
        reversed.add({rows.row(i), rows.row(i) + rows.length(i)});
        CHECK(same(problem.translate({rows.symbols, rows.starts + i, 1}, beams, 9)[0],
                   all[static_cast<std::size_t>(i)]));
      }
      auto turned = problem.translate(reversed.rows(), beams, 9, 3);
      std::reverse(turned.begin(), turned.end());
      for (std::size_t i = 0; i < 64; ++i) CHECK(same(turned[i], all[i]));
      for (std::int64_t first = 0; first < 63; first += 7) {
        const auto some = problem.translate({rows.symbols, rows.starts + first, 7}, beams, 9);
        for (std::size_t i = 0; i < 7; ++i) CHECK(same(some[i], all[static_cast<std::size_t>(first) + i]));
      }
    }
  }
}

TEST_CASE(
    "the log probability of an answer is that of the network for the pair; enough beams find the best") {
  for (const AttentionKind attention : {AttentionKind::none, AttentionKind::general}) {
    Seq2SeqConfig config = seq2seq_config(attention, false);
    config.target_vocabulary = 5;  // unknown, end and two symbols
    const Seq2SeqCase<double> problem(config, 3, 5, 3.0);
    // All targets of at most 3 symbols.
    std::vector<std::vector<std::int64_t>> targets{{}};
    for (std::size_t i = 0; i < targets.size() && targets[i].size() < 3; ++i) {
      for (const std::int64_t symbol : {1, 3, 4}) {
        targets.push_back(targets[i]);
        targets.back().push_back(symbol);
      }
    }
    for (std::int64_t i = 0; i < 3; ++i) {
      const TokenRows row{problem.sources.symbols.data(), problem.sources.starts.data() + i, 1};
      Sentences sources, every;
      for (const auto& target : targets) {
        sources.add({row.row(0), row.row(0) + row.length(0)});
        every.add(target);
      }
      std::vector<double> log_probability(targets.size());
      REQUIRE(
          problem.network->score({sources.rows(), every.rows()}, RunOptions(), log_probability.data()).ok());
      BeamOptions beams;
      beams.num_beams = 1000;
      beams.length_penalty = 0;
      // Answers of 3 symbols end without the end; those shorter have its probability.
      const std::vector<Hypothesis> answers = problem.translate(row, beams, 4)[0];
      for (const Hypothesis& answer : answers) {
        if (answer.symbols.size() > 3) continue;
        const auto at = std::find(targets.begin(), targets.end(), answer.symbols) - targets.begin();
        CHECK(answer.log_probability ==
              doctest::Approx(log_probability[static_cast<std::size_t>(at)]).epsilon(1e-12));
      }
      CHECK(answers.size() == 1 + 3 + 9 + 27 + 81);
    }
  }
}

}  // namespace
}  // namespace fastgru
