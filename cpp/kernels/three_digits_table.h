// The kernels on three digits: float32 as 24-bit fixed point, products of bytes summed exactly in int32, the
// sums joined in float. As exact as a chain of fused multiply-adds, and with tiles (AMX) two to three times
// as fast. Seen by the per-ISA files; see kernel_table.h for what may stand here, and digit_table.h for one
// digit and two.
//
// A value v of scale s is v = m s, m = 65536 d0 + 256 d1 + d2 with d in -128..127, |m| <= kMostThreeDigits.
// Of the nine products of two such numbers' digits the six d_i e_j with i + j <= 2 are summed, in three
// classes i + j: 65536 c0 + 256 c1 + c2, times 65536 s_row s_column. What is left out is below 2^-22 of the
// largest product.
//
// Fixed point counts from the largest value, float32 from each value. So that small entries do not lose,
// every number of k has a factor, a power of two that is not below the largest |weight| there: weights are
// divided by it, rows multiplied. Then a column has one scale, and a row one, taken from its own values: the
// bits of a row do not depend on the rows beside it.
//
// Packed digits. A block is 64 values of k, depth is padded with zeros to whole blocks:
// - weights [vector][block][digit][k / 4][16 columns][4], signed bytes; a vector is 16 columns: 16 units of
//   one gate, [panel][gate], or 16 columns of a plain matrix
// - start [vector][class][16], int32: -128 times the column's digits of the class, for rows plus 128 (VNNI)
// - scale [vector][16]: 65536 s_column
// - factor [k]
// - rows [row / 16][block][digit][row % 16][64], signed bytes. Memory goes on to a
// whole
//   tile of 16 rows; what stands in the rows that are not there does not matter.
#pragma once

#include "kernels/kernel_table.h"

namespace fastgru {

constexpr int kThreeDigits = 3;
constexpr int kMostThreeDigits = 127 * 65536 + 127 * 256 + 127;
constexpr int64_t kDigitBlock = 64;
constexpr int64_t kDigitTileRows = 16;
constexpr int64_t kDigitTileBytes = kDigitTileRows * kDigitBlock;
// So many products of digits, three of them in one class, stay within int32.
constexpr int64_t kMostThreeDigitDepth = 1 << 15;

struct ThreeDigitMatrix {
  int64_t blocks = 0, vectors = 0;
  int8_t* weights = nullptr;
  int32_t* start = nullptr;
  float* scale = nullptr;
  float* factor = nullptr;
};

// Column (gate, unit) of `weight` begins at (gate * units + unit) * column_stride; its value number k stands
// k * k_stride further on. One of the strides is 1. With a rotation, packed number k is source number
// (k + rotation) % depth.
struct ThreeDigitPackArgs {
  const float* weight = nullptr;
  int64_t column_stride = 0, k_stride = 0;
  int64_t units = 0, gates = 0, depth = 0, rotation = 0;
  ThreeDigitMatrix out;
};

struct ThreeDigitRows {
  const char* digits = nullptr;
  const float* scale = nullptr;  // [row]
  int64_t height = 0;            // of a tile, at most kDigitTileRows
};

// Rows of floats into digits. A row's scale is NaN where one of its values, times the factor, is not finite.
struct ThreeDigitSplitArgs {
  int64_t rows = 0, width = 0, height = 0;
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* factor = nullptr;
  char* digits = nullptr;
  float* scale = nullptr;
};

// out = bias + a w or, without bias, out += a w, for some vectors of columns; the first `width` columns of
// out are written.
struct ThreeDigitProductArgs {
  PanelRange vectors;
  int64_t rows = 0, width = 0;
  ThreeDigitRows a;
  ThreeDigitMatrix w;
  const float* bias = nullptr;  // [vector][16]
  float* out = nullptr;
  int64_t out_stride = 0;
};

// A forward step from hoisted W x, reset_after.
struct ThreeDigitCellArgs {
  PanelRange panels;
  int64_t rows = 0, hidden = 0;
  ThreeDigitRows a;  // h_prev
  ThreeDigitMatrix u;
  const float* bias = nullptr;  // bias, without a tail
  const float* gx = nullptr;    // [row][panel][3][16]
  int64_t gx_stride = 0;
  const float* h_prev = nullptr;
  int64_t h_prev_stride = 0;
  float* h = nullptr;
  int64_t h_stride = 0;
  float* slots = nullptr;  // null: no tape
  int64_t slots_stride = 0;
};

struct ThreeDigitTable {
  void (*pack)(const ThreeDigitPackArgs&);
  void (*split)(const ThreeDigitSplitArgs&);
  void (*product)(const ThreeDigitProductArgs&);
  void (*cell)(const ThreeDigitCellArgs&);
  // The rest of a step of rows whose recurrent sums are known: sums [row][panel][3][16], as far apart as gx.
  void (*cell_end)(const ThreeDigitCellArgs&, const float* sums);
};

}  // namespace fastgru
