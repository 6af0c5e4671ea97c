// The last states of an encoder as the first ones of a decoder.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/seq2seq/config.h"

namespace fastgru {

// (L*D, rows, H/D) <-> (L, rows, H): the directions of a layer side by side.
template <class S>
void join_directions(const Seq2SeqConfig& config, std::int64_t rows, const S* from, S* to) {
  const GruConfig gru = config.encoder();
  const std::int64_t directions = gru.directions(), width = gru.hidden_size;
  for (std::int64_t group = 0; group < gru.num_layers * directions; ++group) {
    S* first = to + group / directions * rows * config.hidden_size + group % directions * width;
    for (std::int64_t b = 0; b < rows; ++b, from += width) {
      std::copy_n(from, width, first + b * config.hidden_size);
    }
  }
}

template <class S>
void split_directions(const Seq2SeqConfig& config, std::int64_t rows, const S* from, S* to) {
  const GruConfig gru = config.encoder();
  const std::int64_t directions = gru.directions(), width = gru.hidden_size;
  for (std::int64_t group = 0; group < gru.num_layers * directions; ++group) {
    const S* first = from + group / directions * rows * config.hidden_size + group % directions * width;
    for (std::int64_t b = 0; b < rows; ++b, to += width) {
      std::copy_n(first + b * config.hidden_size, width, to);
    }
  }
}

}  // namespace fastgru
