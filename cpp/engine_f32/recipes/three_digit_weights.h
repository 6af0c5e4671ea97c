// A matrix packed in three digits (kernels/three_digits_table.h), and the rows that are multiplied with it.
#pragma once

#include <cstdint>

#include "engine_f32/recipes/recipe.h"

namespace fastgru {

class ThreeDigitWeights {
 public:
  // `units` columns of each of `gates` gates, of `depth` values.
  void place(Pieces& pieces, std::int64_t units, std::int64_t gates, std::int64_t depth);
  // The strides and the rotation are those of ThreeDigitPackArgs.
  void pack(const ThreeDigitTable& table, const float* weight, std::int64_t column_stride,
            std::int64_t k_stride, std::int64_t rotation = 0);

  const ThreeDigitMatrix& digits() const { return digits_; }
  std::int64_t bytes() const { return digits_.vectors * digits_.blocks * kThreeDigits * kDigitTileBytes; }
  bool finite() const { return finite_; }
  // The largest factor: rows of values between -1 and 1 stay below it.
  float largest_factor() const { return largest_factor_; }

  // Bytes of `rows` rows: their scales, then the digits, in the fewest tiles, as even as can be.
  std::int64_t row_bytes(std::int64_t rows) const;
  // `to` is at a line of the cache: so are the rows of a tile.
  ThreeDigitRows split(const ThreeDigitTable& table, std::int64_t rows, const float* x, std::int64_t x_stride,
                       char* to) const;

 private:
  std::int64_t units_ = 0, gates_ = 0, depth_ = 0;
  ThreeDigitMatrix digits_;
  bool finite_ = true;
  float largest_factor_ = 0;
};

// The first line of the cache from `p` on.
inline char* next_line(char* p) { return p + (64 - reinterpret_cast<std::uintptr_t>(p) % 64) % 64; }

}  // namespace fastgru
