// Columns of floats into columns of signed bytes, 16 columns at a time. Included only by
// digits_avx512_vnni.cpp, after vec_avx512.h and dot_avx512_vnni.h.
#pragma once

namespace fastgru {
namespace {

inline IntVec zero_ints() { return {_mm512_setzero_si512()}; }
inline IntVec load_bits(const float* p) { return {_mm512_loadu_si512(p)}; }
inline void store_bits(void* p, IntVec a) { _mm512_storeu_si512(p, a.v); }

// The larger of `most` and the bits of |v|: bits are in the order of the numbers, infinity and NaN beyond.
inline IntVec larger_bits(IntVec most, Vec v) {
  const __m512i bits = _mm512_and_si512(_mm512_castps_si512(v.v), _mm512_set1_epi32(0x7fffffff));
  return {_mm512_max_epi32(most.v, bits)};
}

// v 2^n, n a whole number; NaN where n is.
inline Vec scaled(Vec v, Vec n) { return {_mm512_scalef_ps(v.v, n.v)}; }

// For columns whose largest absolute values have these bits, the least e for which every value is m 2^e with
// |m| <= 127 * 65536 + 127 * 256 + 127. NaN where a value is not finite.
inline Vec column_exponents(IntVec largest) {
  constexpr int kMostMantissa = 0x7efefe;  // of that m, as a float; a larger one takes the next exponent
  constexpr int kBias = 127 + 22;
  const __m512i up = _mm512_add_epi32(largest.v, _mm512_set1_epi32(0x7fffff - kMostMantissa));
  const __m512i exponent = _mm512_sub_epi32(_mm512_srli_epi32(up, 23), _mm512_set1_epi32(kBias));
  const __mmask16 bad = _mm512_cmpge_epi32_mask(largest.v, _mm512_set1_epi32(0x7f800000));
  return {_mm512_mask_mov_ps(_mm512_cvtepi32_ps(exponent), bad, _mm512_set1_ps(__builtin_nanf("")))};
}

// Four rows of 16 numbers of three digits: lines[d] is the d-th digit, the highest first, of [column][row].
inline void split_four_rows(const IntVec (&rows)[4], IntVec (&lines)[3]) {
  // With 128 more, a digit is an unsigned byte, and none borrows from the next.
  const __m512i offset = _mm512_set1_epi32(0x808080);
  __m512i m[4];
  FASTGRU_UNROLL
  for (int i = 0; i < 4; ++i) m[i] = _mm512_add_epi32(rows[i].v, offset);
  // The lower halves of rows 0 and 2 in a word, and of 1 and 3; then the upper halves.
  constexpr __mmask32 kOdd = 0xaaaaaaaa;
  const __m512i low02 = _mm512_mask_blend_epi16(kOdd, m[0], _mm512_slli_epi32(m[2], 16));
  const __m512i low13 = _mm512_mask_blend_epi16(kOdd, m[1], _mm512_slli_epi32(m[3], 16));
  const __m512i high02 = _mm512_mask_blend_epi16(kOdd, _mm512_srli_epi32(m[0], 16), m[2]);
  const __m512i high13 = _mm512_mask_blend_epi16(kOdd, _mm512_srli_epi32(m[1], 16), m[3]);
  const __m512i even = _mm512_set1_epi32(0x00ff00ff), signs = _mm512_set1_epi8(-128);
  const auto bytes = [&](__m512i of_even, __m512i of_odd) {
    constexpr int kSelect = 0xca;  // even ? of_even : of_odd
    return _mm512_xor_si512(_mm512_ternarylogic_epi32(even, of_even, of_odd, kSelect), signs);
  };
  lines[0].v = bytes(high02, _mm512_slli_epi32(high13, 8));
  lines[1].v = bytes(_mm512_srli_epi32(low02, 8), low13);
  lines[2].v = bytes(low02, _mm512_slli_epi32(low13, 8));
}

// 16 lines of 16 words: word j of line i becomes word i of line j.
inline void transpose_words(const char* from, char* to) {
  __m512i a[16], b[16];
  FASTGRU_UNROLL
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(from + i * 64);
  FASTGRU_UNROLL
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  FASTGRU_UNROLL
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  // Quarter q of a[4 k + i] is now words 4 k to 4 k + 3 of line 4 q + i.
  constexpr int kEven = 0x88, kOdd = 0xdd;
  FASTGRU_UNROLL
  for (int i = 0; i < 4; ++i) {
    const __m512i even0 = _mm512_shuffle_i32x4(a[i], a[i + 4], kEven);
    const __m512i even1 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], kEven);
    const __m512i odd0 = _mm512_shuffle_i32x4(a[i], a[i + 4], kOdd);
    const __m512i odd1 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], kOdd);
    _mm512_storeu_si512(to + i * 64, _mm512_shuffle_i32x4(even0, even1, kEven));
    _mm512_storeu_si512(to + (i + 4) * 64, _mm512_shuffle_i32x4(odd0, odd1, kEven));
    _mm512_storeu_si512(to + (i + 8) * 64, _mm512_shuffle_i32x4(even0, even1, kOdd));
    _mm512_storeu_si512(to + (i + 12) * 64, _mm512_shuffle_i32x4(odd0, odd1, kOdd));
  }
}

}  // namespace
}  // namespace fastgru
