// Blocks of sequences of symbols.
#include "nn/seq2seq/token_rows.h"

#include "nn/seq2seq/config.h"

namespace fastgru {

Status validate(const TokenRows& rows, std::int64_t vocabulary, const char* name) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t k = 0; k < rows.length(i); ++k) {
      const std::int64_t symbol = rows.row(i)[k];
      if (symbol > 0 && symbol < vocabulary && symbol != kEndSymbol) continue;
      return Status::invalid(std::string(name) + "[" + std::to_string(i) + "] has the symbol " +
                             std::to_string(symbol) + " at " + std::to_string(k) +
                             ", wanted 1 (unknown) or " + std::to_string(kFewestSymbols) + " to " +
                             std::to_string(vocabulary - 1));
    }
  }
  return {};
}

void TokenBlock::set(const TokenRows& from, const std::int64_t* order, std::int64_t count, End end) {
  const bool before = end == End::before;
  rows = count;
  steps = 0;
  lengths.resize(static_cast<std::size_t>(rows));
  starts.resize(lengths.size() + 1);
  starts[0] = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    lengths[b] = from.length(order[b]) + 1;
    starts[b + 1] = starts[b] + lengths[b];
    steps = std::max(steps, lengths[b]);
  }
  tokens.assign(static_cast<std::size_t>(steps * rows), kPaddingSymbol);
  for (std::int64_t b = 0; b < rows; ++b) {
    const std::int64_t* symbols = from.row(order[b]);
    const std::int64_t own = length(b) - 1;
    for (std::int64_t t = 0; t <= own; ++t) {
      const bool ends = before ? t == 0 : t == own;
      tokens[static_cast<std::size_t>(t * rows + b)] = ends ? kEndSymbol : symbols[before ? t - 1 : t];
    }
  }
}

}  // namespace fastgru
