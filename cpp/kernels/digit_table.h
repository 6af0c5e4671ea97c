// The kernels of one instruction set on integer digits: a value is a fixed-point number of one or two signed
// bytes, products of bytes are summed exactly in int32, and the sums are joined in float. Seen by the per-ISA
// files digits_<isa>.cpp; see kernel_table.h for what may stand here.
//
// A value v of scale s is v = m s, m a whole number: with one digit |m| <= 127, with two m = 256 d0 + d1,
// |m| <= 127 * 256 + 127 (d0, d1 in -128..127). Weights have one scale per column (hidden unit and gate),
// rows of states or inputs one per row. So the product of a row with a column is (sum of m_a m_w) s_a s_w.
// Digit products d_i e_j are summed by weight class i + j:
//   one by one digit    class 0
//   two by one          classes 0 and 1: 256 c0 + c1
//   two by two          the same without d1 e1, times 256: 256 (256 c0 + c1)
// Integer sums are exact, so a row's result has the same bits on every ISA with FMA, in any tile or batch.
//
// Packed digits. L = lanes, G = `group` values of k that one instruction takes, depth = the values of k,
// padded with zeros to a multiple of `block`, V = vectors of a panel (three gates):
// - weights [panel][k / G][V][digit][L][G], signed bytes
// - start [panel][V][class][L], int32: what the sums start from. Where the instruction takes one operand
//   unsigned, the rows' digits are stored plus 128, and this takes back 128 times the column's sum.
// - scale [panel][V][L]: s_w, for two by two digits times 256
// - rows [row][digit][width padded to L], `digit_bytes` a digit. Kernels read whole blocks of k, of whole
// tiles of
//   rows. So memory must go on behind the last digit: to a multiple of `tile_rows` rows, and `block` digits
//   more (digit_rows_bytes in pack_digits.h). What stands there does not matter.
#pragma once

#include "kernels/kernel_table.h"

namespace fastgru {

// The largest m of one digit, and of two.
constexpr int kMostOneDigit = 127;
constexpr int kMostTwoDigits = 127 * 256 + 127;
// Sums of so many products of digits, two of them in one class, stay within int32.
constexpr int64_t kMostDigitDepth = 1 << 16;

struct DigitMatrix {
  int64_t depth = 0;  // padded to the block
  int64_t used = 0;   // padded to the group
  const int8_t* weights = nullptr;
  const int32_t* start = nullptr;
  const float* scale = nullptr;
};

// Rows of digits with their scales.
struct DigitRows {
  const char* digits = nullptr;
  int64_t stride = 0;  // bytes
  const float* scale = nullptr;
};

// Rows of floats into digits. A row's scale is the least power of two that is not below its largest value,
// and not below `least`, over the largest m; NaN where the row has a value that is not finite.
struct SplitArgs {
  int64_t rows = 0, width = 0;
  const float* x = nullptr;
  int64_t x_stride = 0;
  float least = 0;
  int digits = 1;
  char* out = nullptr;
  int64_t out_stride = 0;  // bytes
  float* scale = nullptr;
};

// gx = bias + a w, [row][panel][3][L], two digits by one.
struct DigitInputArgs {
  PanelRange panels;
  int64_t rows = 0, width = 0;  // values of a row
  DigitRows a;
  DigitMatrix w;
  const float* bias = nullptr;  // bias, without a tail
  float* gx = nullptr;
  int64_t gx_stride = 0;
};

// A forward step from hoisted W x, reset_after.
struct DigitCellArgs {
  PanelRange panels;
  int64_t rows = 0, hidden = 0;
  DigitRows a;  // h_prev
  DigitMatrix u;
  const float* bias = nullptr;
  const float* gx = nullptr;
  int64_t gx_stride = 0;
  const float* h_prev = nullptr;
  int64_t h_prev_stride = 0;
  float* h = nullptr;
  int64_t h_stride = 0;
  float* slots = nullptr;  // null: no tape
  int64_t slots_stride = 0;
};

struct DigitTable {
  const char* name;
  int lanes;
  int group;
  int block;
  int tile_rows;
  int digit_bytes;
  int offset;  // of the rows' digits as stored: 128 or 0
  bool fast;   // two digits take less time than float32
  void (*split)(const SplitArgs&);
  void (*input)(const DigitInputArgs&);
  void (*cell_one)(const DigitCellArgs&);  // one digit by one
  void (*cell_two)(const DigitCellArgs&);  // two by two
};

}  // namespace fastgru
