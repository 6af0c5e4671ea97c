// Packs row-major weights into digits, the operands described in digit_table.h.
#pragma once

#include <cstdint>

#include "kernels/digit_table.h"

namespace fastgru {

// The scale of a column of weights with this largest absolute value, for m up to `most`: 16 significant bits,
// so that m times the scale of one digit is a float exactly. So weights that were rounded to one digit once
// come out of another rounding as they are. NaN if `largest` is not finite.
float column_scale(float largest, int most);

// Bytes of `rows` rows of digits, with what kernels read behind them (digit_table.h).
std::int64_t digit_rows_bytes(const DigitTable& table, std::int64_t rows, std::int64_t stride);

// Rounds n weights of one column to one digit each; returns their scale.
float round_to_one_digit(const float* weights, std::int64_t n, std::int8_t* m);

// Where the three parts of a packed matrix go.
struct DigitParts {
  std::int8_t* weights = nullptr;
  std::int32_t* start = nullptr;
  float* scale = nullptr;
};

// Elements of the parts for `depth` values of k and `hidden` units of `gates` gates.
struct DigitSizes {
  std::int64_t depth = 0, used = 0;  // padded to the block, and to the group
  std::int64_t weights = 0, start = 0, scale = 0;
};
DigitSizes digit_sizes(const DigitTable& table, std::int64_t hidden, std::int64_t depth, int gates,
                       int digits);

// From rows first_gate * hidden and following of a (3 * hidden, depth) matrix. `row_digits`: of the rows it
// is multiplied with.
void pack_digits(const DigitTable& table, const float* weight, std::int64_t hidden, std::int64_t depth,
                 int first_gate, int gates, int digits, int row_digits, const DigitParts& out);

}  // namespace fastgru
