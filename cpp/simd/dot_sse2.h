// Products of digits with SSE2: 4 sums of two products, on 16-bit operands. Included only by
// digits_baseline.cpp, after vec_sse2.h.
#pragma once

#include <string.h>

namespace fastgru {
namespace {

using Digit = int16_t;
constexpr int kGroup = 2;
constexpr int kOffset = 0;
constexpr int kDigitRows = 2;
constexpr bool kFast = false;

struct IntVec {
  __m128i v;
};

inline IntVec load_ints(const int32_t* p) { return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))}; }
// kLanes * kGroup weights.
inline IntVec load_weights(const int8_t* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8)};
}
// kGroup digits of a row, in all lanes.
inline IntVec broadcast(const Digit* p) {
  int32_t digits;
  memcpy(&digits, p, sizeof digits);
  return {_mm_set1_epi32(digits)};
}
inline IntVec dot(IntVec sum, IntVec row, IntVec weights) {
  return {_mm_add_epi32(sum.v, _mm_madd_epi16(row.v, weights.v))};
}
inline Vec to_float(IntVec a) { return {_mm_cvtepi32_ps(a.v)}; }
// The nearest whole number, a tie to the even one.
inline IntVec round_to_int(Vec a) { return {_mm_cvtps_epi32(a.v)}; }
// (a + 128) / 256, rounded down: the first digit of two.
inline IntVec first_digit(IntVec a) { return {_mm_srai_epi32(_mm_add_epi32(a.v, _mm_set1_epi32(128)), 8)}; }
// The low bytes of a's lanes, signed numbers, as digits of a row.
inline void store_digits(Digit* p, IntVec a) {
  const __m128i bytes = _mm_srai_epi32(_mm_slli_epi32(a.v, 24), 24);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(bytes, bytes));
}

}  // namespace
}  // namespace fastgru
