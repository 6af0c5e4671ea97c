// Products of digits with AVX-512 VNNI: 16 sums of four products an instruction, unsigned by signed. Included
// only by digits_avx512_vnni.cpp, after vec_avx512.h.
#pragma once

#include <string.h>

namespace fastgru {
namespace {

using Digit = uint8_t;
constexpr int kGroup = 4;
constexpr int kOffset = 128;
// 4 rows x 3 gates. More rows gain nothing (Zen 4), and GCC 12 keeps some of 24 sums in memory (2.2 times as
// long).
constexpr int kDigitRows = 4;
constexpr bool kFast = true;

struct IntVec {
  __m512i v;
};

inline IntVec load_ints(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
// kLanes * kGroup weights.
inline IntVec load_weights(const int8_t* p) { return {_mm512_loadu_si512(p)}; }
// kGroup digits of a row, in all lanes.
inline IntVec broadcast(const Digit* p) {
  int32_t digits;
  memcpy(&digits, p, sizeof digits);
  return {_mm512_set1_epi32(digits)};
}
// In assembly: GCC 12 copies every sum of the intrinsic to another register and back in a loop.
inline IntVec dot(IntVec sum, IntVec row, IntVec weights) {
#if defined(__GNUC__)
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(row.v), "v"(weights.v));
  return sum;
#else
  return {_mm512_dpbusd_epi32(sum.v, row.v, weights.v)};
#endif
}
inline IntVec add(IntVec a, IntVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Vec to_float(IntVec a) { return {_mm512_cvtepi32_ps(a.v)}; }
// The nearest whole number, a tie to the even one.
inline IntVec round_to_int(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }
// (a + 128) / 256, rounded down: the first digit of two.
inline IntVec first_digit(IntVec a) {
  return {_mm512_srai_epi32(_mm512_add_epi32(a.v, _mm512_set1_epi32(128)), 8)};
}
// The low bytes of a's lanes, signed numbers, as digits of a row.
inline void store_digits(Digit* p, IntVec a) {
  const __m512i stored = _mm512_add_epi32(a.v, _mm512_set1_epi32(kOffset));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(stored));
}

}  // namespace
}  // namespace fastgru
