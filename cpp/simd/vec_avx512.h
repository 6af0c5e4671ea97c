// One AVX-512 vector of floats: 16 lanes, 32 registers. Included only by isa_avx512.cpp and
// digits_avx512_vnni.cpp.
#pragma once

#include <immintrin.h>
#include <stdint.h>

// A macro: GCC takes a function that only prefetches for one without effect, and drops its calls.
#define FASTGRU_PREFETCH_L2(p) _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1)

namespace fastgru {
namespace {

struct Vec {
  __m512 v;
};

constexpr int kLanes = 16;
constexpr int kTileRows = 8;  // 8 rows x 3 gates = 24 accumulators, 3 weights, 1 broadcast
constexpr int kEpilogueRows = 4;

inline __mmask16 lane_mask(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec set1(float x) { return {_mm512_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
// The first n lanes (1 <= n <= kLanes); the other lanes are zero, and no memory beyond them is read.
inline Vec load_n(const float* p, int n) { return {_mm512_maskz_loadu_ps(lane_mask(n), p)}; }
inline void store_n(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, lane_mask(n), a.v); }
// The first n lanes (0 <= n <= kLanes) of a, the others of b.
inline Vec first_of(Vec a, Vec b, int n) { return {_mm512_mask_blend_ps(lane_mask(n), b.v, a.v)}; }
// Lanes n and up of a, moved to lane 0 and up; the other lanes are unspecified.
inline Vec from_lane(Vec a, int n) {
  const __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return {_mm512_permutexvar_ps(_mm512_add_epi32(index, _mm512_set1_epi32(n)), a.v)};
}
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
// a*b + c, and c - a*b, rounded once
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
// x limited to [low, high]; a NaN stays a NaN (the instruction returns its second operand)
inline Vec clamp(Vec x, float low, float high) {
  return {_mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), x.v))};
}
// The larger of two; where one is a NaN, b.
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
// The bits of x moved 23 places up: makes an exponent of an integer.
inline Vec shift_to_exponent(Vec x) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x.v), 23))};
}
// x, a normal number above zero, becomes m with sqrt(1/2) <= m < sqrt(2): x = m * 2^(what is returned).
inline Vec take_exponent(Vec& x) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i exponent = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3)), 23);
  x.v = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
  return {_mm512_cvtepi32_ps(exponent)};
}
// Four rows of four become four columns: to[j][i] = from[i][j].
inline void transpose_4x4(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_stride);
  __m128 c = _mm_loadu_ps(from + 2 * from_stride), d = _mm_loadu_ps(from + 3 * from_stride);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(to, a);
  _mm_storeu_ps(to + to_stride, b);
  _mm_storeu_ps(to + 2 * to_stride, c);
  _mm_storeu_ps(to + 3 * to_stride, d);
}

}  // namespace
}  // namespace fastgru
