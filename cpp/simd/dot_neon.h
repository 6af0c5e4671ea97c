// Products of digits with NEON: 4 sums of two products in two instructions. Included only by
// digits_baseline.cpp, after vec_neon.h.
#pragma once

#include <string.h>

namespace fastgru {
namespace {

using Digit = int8_t;
constexpr int kGroup = 2;
constexpr int kOffset = 0;
constexpr int kDigitRows = 4;
constexpr bool kFast = false;

struct IntVec {
  int32x4_t v;
};

// kLanes * kGroup bytes: weights, or a row's digits.
struct Bytes {
  int8x8_t v;
};

inline IntVec load_ints(const int32_t* p) { return {vld1q_s32(p)}; }
inline Bytes load_weights(const int8_t* p) { return {vld1_s8(p)}; }
// kGroup digits of a row, in all lanes.
inline Bytes broadcast(const Digit* p) {
  int16_t digits;
  memcpy(&digits, p, sizeof digits);
  return {vreinterpret_s8_s16(vdup_n_s16(digits))};
}
inline IntVec dot(IntVec sum, Bytes row, Bytes weights) {
  return {vpadalq_s16(sum.v, vmull_s8(row.v, weights.v))};
}
inline Vec to_float(IntVec a) { return {vcvtq_f32_s32(a.v)}; }
// The nearest whole number, a tie to the even one.
inline IntVec round_to_int(Vec a) { return {vcvtnq_s32_f32(a.v)}; }
// (a + 128) / 256, rounded down: the first digit of two.
inline IntVec first_digit(IntVec a) { return {vshrq_n_s32(vaddq_s32(a.v, vdupq_n_s32(128)), 8)}; }
// The low bytes of a's lanes, signed numbers, as digits of a row.
inline void store_digits(Digit* p, IntVec a) {
  int32_t lanes[kLanes];
  vst1q_s32(lanes, a.v);
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(lanes[i] & 0xff);
}

}  // namespace
}  // namespace fastgru
