// One SSE2 vector of floats: 4 lanes, 16 registers, what every x86-64 has. Included only by isa_baseline.cpp
// and digits_baseline.cpp. There is no FMA: products are rounded before they are added, so the bits differ
// from the other ISAs.
#pragma once

#include <emmintrin.h>
#include <stdint.h>

// A macro: GCC takes a function that only prefetches for one without effect, and drops its calls.
#define FASTGRU_PREFETCH_L2(p) _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1)

namespace fastgru {
namespace {

struct Vec {
  __m128 v;
};

constexpr int kLanes = 4;
constexpr int kTileRows = 3;  // 9 accumulators, 3 weights, 1 broadcast, and the products need registers too
constexpr int kEpilogueRows = 3;  // a tile's rows: spilling values costs less than one chain after another

inline Vec zero() { return {_mm_setzero_ps()}; }
inline Vec set1(float x) { return {_mm_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm_loadu_ps(p)}; }
inline void store(float* p, Vec a) { _mm_storeu_ps(p, a.v); }
// The first n lanes (1 <= n <= kLanes); the other lanes are zero, and no memory beyond them is read.
inline Vec load_n(const float* p, int n) {
  float lanes[kLanes] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return {_mm_loadu_ps(lanes)};
}
inline void store_n(float* p, Vec a, int n) {
  float lanes[kLanes];
  _mm_storeu_ps(lanes, a.v);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
// The first n lanes (0 <= n <= kLanes) of a, the others of b.
inline Vec first_of(Vec a, Vec b, int n) {
  float first[kLanes], lanes[kLanes];
  _mm_storeu_ps(first, a.v);
  _mm_storeu_ps(lanes, b.v);
  for (int i = 0; i < n; ++i) lanes[i] = first[i];
  return {_mm_loadu_ps(lanes)};
}
// Lanes n and up of a, moved to lane 0 and up; the other lanes are unspecified.
inline Vec from_lane(Vec a, int n) {
  float lanes[2 * kLanes] = {};
  _mm_storeu_ps(lanes, a.v);
  return {_mm_loadu_ps(lanes + n)};
}
inline Vec add(Vec a, Vec b) { return {_mm_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm_div_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm_sqrt_ps(a.v)}; }
// a*b + c, and c - a*b, rounded twice
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm_add_ps(_mm_mul_ps(a.v, b.v), c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {_mm_sub_ps(c.v, _mm_mul_ps(a.v, b.v))}; }
// x limited to [low, high]; a NaN stays a NaN (the instruction returns its second operand)
inline Vec clamp(Vec x, float low, float high) {
  return {_mm_min_ps(_mm_set1_ps(high), _mm_max_ps(_mm_set1_ps(low), x.v))};
}
// The larger of two; where one is a NaN, b.
inline Vec max(Vec a, Vec b) { return {_mm_max_ps(a.v, b.v)}; }
// The bits of x moved 23 places up: makes an exponent of an integer.
inline Vec shift_to_exponent(Vec x) { return {_mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(x.v), 23))}; }
// x, a normal number above zero, becomes m with sqrt(1/2) <= m < sqrt(2): x = m * 2^(what is returned).
inline Vec take_exponent(Vec& x) {
  const __m128i bits = _mm_castps_si128(x.v);
  const __m128i exponent = _mm_srai_epi32(_mm_sub_epi32(bits, _mm_set1_epi32(0x3f3504f3)), 23);
  x.v = _mm_castsi128_ps(_mm_sub_epi32(bits, _mm_slli_epi32(exponent, 23)));
  return {_mm_cvtepi32_ps(exponent)};
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
