// Products of digits in arrays. Included only by digits_baseline.cpp, after vec_generic.h.
#pragma once

namespace fastgru {
namespace {

using Digit = int8_t;
constexpr int kGroup = 2;
constexpr int kOffset = 0;
constexpr int kDigitRows = 2;
constexpr bool kFast = false;

struct IntVec {
  int32_t v[kLanes];
};

// kLanes * kGroup bytes: weights, or a row's digits.
struct Bytes {
  int8_t v[kLanes * kGroup];
};

inline IntVec load_ints(const int32_t* p) {
  IntVec out;
  for (int i = 0; i < kLanes; ++i) out.v[i] = p[i];
  return out;
}
inline Bytes load_weights(const int8_t* p) {
  Bytes out;
  for (int i = 0; i < kLanes * kGroup; ++i) out.v[i] = p[i];
  return out;
}
// kGroup digits of a row, in all lanes.
inline Bytes broadcast(const Digit* p) {
  Bytes out;
  for (int i = 0; i < kLanes * kGroup; ++i) out.v[i] = p[i % kGroup];
  return out;
}
inline IntVec dot(IntVec sum, Bytes row, Bytes weights) {
  for (int i = 0; i < kLanes * kGroup; ++i) sum.v[i / kGroup] += row.v[i] * weights.v[i];
  return sum;
}
inline Vec to_float(IntVec a) {
  return each([&](int i) { return static_cast<float>(a.v[i]); });
}
// The nearest whole number, a tie to the even one. A NaN becomes 0.
inline IntVec round_to_int(Vec a) {
  IntVec out;
  for (int i = 0; i < kLanes; ++i) {
    out.v[i] = a.v[i] == a.v[i] ? static_cast<int32_t>(__builtin_rintf(a.v[i])) : 0;
  }
  return out;
}
// (a + 128) / 256, rounded down: the first digit of two.
inline IntVec first_digit(IntVec a) {
  for (int i = 0; i < kLanes; ++i) a.v[i] = ((a.v[i] + (1 << 15) + 128) >> 8) - (1 << 7);
  return a;
}
// The low bytes of a's lanes, signed numbers, as digits of a row.
inline void store_digits(Digit* p, IntVec a) {
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(((a.v[i] + 128) & 0xff) - 128);
}

}  // namespace
}  // namespace fastgru
