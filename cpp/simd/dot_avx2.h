// Products of digits with AVX2: 8 sums of two products in two instructions, on 16-bit operands. (The
// instruction on bytes, vpmaddubsw, saturates.) Included only by digits_avx2.cpp, after vec_avx2.h.
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
  __m256i v;
};

inline IntVec load_ints(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
// kLanes * kGroup weights.
inline IntVec load_weights(const int8_t* p) {
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
// kGroup digits of a row, in all lanes.
inline IntVec broadcast(const Digit* p) {
  int32_t digits;
  memcpy(&digits, p, sizeof digits);
  return {_mm256_set1_epi32(digits)};
}
inline IntVec dot(IntVec sum, IntVec row, IntVec weights) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(row.v, weights.v))};
}
inline Vec to_float(IntVec a) { return {_mm256_cvtepi32_ps(a.v)}; }
// The nearest whole number, a tie to the even one.
inline IntVec round_to_int(Vec a) { return {_mm256_cvtps_epi32(a.v)}; }
// (a + 128) / 256, rounded down: the first digit of two.
inline IntVec first_digit(IntVec a) {
  return {_mm256_srai_epi32(_mm256_add_epi32(a.v, _mm256_set1_epi32(128)), 8)};
}
// The low bytes of a's lanes, signed numbers, as digits of a row.
inline void store_digits(Digit* p, IntVec a) {
  const __m256i bytes = _mm256_srai_epi32(_mm256_slli_epi32(a.v, 24), 24);
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(low, high));
}

}  // namespace
}  // namespace fastgru
