// An encoder-decoder network with random parameters, and random sentence pairs of several lengths.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "gru_case.h"
#include "nn/seq2seq/model.h"
#include "nn/seq2seq/trainer.h"

namespace fastgru::testing {

struct Sentences {
  std::vector<std::int64_t> symbols, starts{0};

  void add(const std::vector<std::int64_t>& sentence) {
    symbols.insert(symbols.end(), sentence.begin(), sentence.end());
    starts.push_back(static_cast<std::int64_t>(symbols.size()));
  }
  TokenRows rows() const {
    return {symbols.data(), starts.data(), static_cast<std::int64_t>(starts.size()) - 1};
  }
};

inline Seq2SeqConfig seq2seq_config(AttentionKind attention, bool bidirectional, std::int64_t layers = 1) {
  Seq2SeqConfig config;
  config.source_vocabulary = 9;
  config.target_vocabulary = 7;
  config.embedding_size = 3;
  config.hidden_size = 4;
  config.num_layers = layers;
  config.attention = attention;
  config.bidirectional = bidirectional;
  return config;
}

template <class S>
struct Seq2SeqCase {
  Seq2SeqConfig config;
  Sentences sources, targets;
  std::vector<S> params;
  std::shared_ptr<Seq2Seq<S>> network;

  Seq2SeqCase(const Seq2SeqConfig& c, std::int64_t pairs, std::size_t longest = 6, double spread = 1.0)
      : config(c) {
    Random random(3);
    const double scale = spread / std::sqrt(static_cast<double>(c.hidden_size));
    params = random_vector<S>(random, Seq2SeqLayout(c).total(), scale);
    const auto sentence = [&](std::int64_t vocabulary) {
      std::vector<std::int64_t> symbols(random.below(longest + 1));  // none among them
      for (std::int64_t& symbol : symbols) {
        symbol = 2 + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(vocabulary - 2)));
        if (symbol == kEndSymbol) symbol = kUnknownSymbol;
      }
      return symbols;
    };
    for (std::int64_t i = 0; i < pairs; ++i) {
      sources.add(sentence(c.source_vocabulary));
      targets.add(sentence(c.target_vocabulary));
    }
    REQUIRE(Seq2Seq<S>::make(c, network).ok());
    REQUIRE(network->set_parameters(params.data()).ok());
  }

  TokenPairs pairs() const { return {sources.rows(), targets.rows()}; }

  std::vector<std::vector<Hypothesis>> translate(const TokenRows& rows, const BeamOptions& beams,
                                                 std::int64_t max_length, int threads = 1) const {
    const std::vector<std::int64_t> most(static_cast<std::size_t>(rows.rows), max_length);
    std::vector<std::vector<Hypothesis>> answers;
    RunOptions options;
    options.num_threads = threads;
    REQUIRE(network->translate(rows, most.data(), beams, options, answers).ok());
    return answers;
  }
};

}  // namespace fastgru::testing
