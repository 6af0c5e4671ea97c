// What the parts of one pass through an encoder-decoder network share.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "nn/data/shuffle.h"
#include "nn/modules/embedding.h"
#include "nn/network_config.h"
#include "runtime/threads.h"

namespace fastgru {

struct PassOptions {
  bool training = false;  // keep the tape for backward
  bool drops = false;     // dropout is active, its masks keyed by `seed`
  std::uint64_t seed = 0;
  RunOptions options;

  int threads() const { return usable_threads(options.num_threads); }
  PassOptions with_seed(std::uint64_t number) const {
    PassOptions other = *this;
    other.seed = step_seed(seed, number);
    return other;
  }
};

// The module that looks up the vectors of a vocabulary, its parameters at `offset`.
template <class S>
Embedding<S> embedding_at(std::int64_t vocabulary, std::int64_t size, std::int64_t offset) {
  NetworkConfig config;
  config.vocabulary_size = vocabulary;
  config.gru.input_size = size;
  Embedding<S> embedding(config);
  embedding.place(0, offset, false);
  return embedding;
}

}  // namespace fastgru
