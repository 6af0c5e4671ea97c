// Sequences of symbols of any lengths, and blocks of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

// Sequence i is symbols[starts[i]] ... symbols[starts[i + 1] - 1].
struct TokenRows {
  const std::int64_t* symbols = nullptr;
  const std::int64_t* starts = nullptr;  // (rows + 1), from 0
  std::int64_t rows = 0;

  std::int64_t length(std::int64_t i) const { return starts[i + 1] - starts[i]; }
  const std::int64_t* row(std::int64_t i) const { return symbols + starts[i]; }
};

struct TokenPairs {
  TokenRows sources, targets;
};

// Checks that symbols are from 1 (unknown) to vocabulary-1, the end not among them. `name`: of the argument.
Status validate(const TokenRows& rows, std::int64_t vocabulary, const char* name);

// Some sequences as a block (steps, rows), 0 beyond their ends; and as packed rows, where row b holds steps
// starts[b] ... starts[b + 1] - 1 of all.
struct TokenBlock {
  std::int64_t rows = 0, steps = 0;
  std::vector<std::int64_t> lengths, starts;
  std::vector<std::int64_t> tokens;  // (steps, rows)

  // Row b becomes sequence order[b]: with the end behind its symbols, or, as the input of a decoder, before
  // them.
  enum class End { behind, before };
  void set(const TokenRows& from, const std::int64_t* order, std::int64_t count, End end);

  std::int64_t count() const { return starts.back(); }  // of all steps
  std::int64_t first(std::int64_t b) const { return starts[static_cast<std::size_t>(b)]; }
  std::int64_t length(std::int64_t b) const { return lengths[static_cast<std::size_t>(b)]; }
};

// packed row (b, t) = block row (t, b), `width` values of each; and back. Packed rows are `stride` values
// apart.
template <class S>
void pack_rows(const TokenBlock& block, const S* from, std::int64_t width, S* to, std::int64_t stride) {
  for (std::int64_t b = 0; b < block.rows; ++b) {
    S* row = to + block.first(b) * stride;
    for (std::int64_t t = 0; t < block.length(b); ++t, row += stride) {
      std::copy_n(from + (t * block.rows + b) * width, width, row);
    }
  }
}

template <class S>
void unpack_rows(const TokenBlock& block, const S* from, std::int64_t stride, std::int64_t width, S* to) {
  for (std::int64_t b = 0; b < block.rows; ++b) {
    const S* row = from + block.first(b) * stride;
    for (std::int64_t t = 0; t < block.length(b); ++t, row += stride) {
      std::copy_n(row, width, to + (t * block.rows + b) * width);
    }
  }
}

}  // namespace fastgru
