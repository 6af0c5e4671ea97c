// One NEON vector of floats: 4 lanes, 32 registers, what every aarch64 has. Included only by isa_baseline.cpp
// and digits_baseline.cpp.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

// A macro: GCC takes a function that only prefetches for one without effect, and drops its calls.
#define FASTGRU_PREFETCH_L2(p) __builtin_prefetch((p), 0, 2)

namespace fastgru {
namespace {

struct Vec {
  float32x4_t v;
};

constexpr int kLanes = 4;
constexpr int kTileRows = 6;  // 6 rows x 3 gates = 18 accumulators, 3 weights, 6 broadcasts
constexpr int kEpilogueRows = 3;

inline Vec zero() { return {vdupq_n_f32(0.0f)}; }
inline Vec set1(float x) { return {vdupq_n_f32(x)}; }
inline Vec load(const float* p) { return {vld1q_f32(p)}; }
inline void store(float* p, Vec a) { vst1q_f32(p, a.v); }
// The first n lanes (1 <= n <= kLanes); the other lanes are zero, and no memory beyond them is read.
inline Vec load_n(const float* p, int n) {
  float lanes[kLanes] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return {vld1q_f32(lanes)};
}
inline void store_n(float* p, Vec a, int n) {
  float lanes[kLanes];
  vst1q_f32(lanes, a.v);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
// The first n lanes (0 <= n <= kLanes) of a, the others of b.
inline Vec first_of(Vec a, Vec b, int n) {
  float first[kLanes], lanes[kLanes];
  vst1q_f32(first, a.v);
  vst1q_f32(lanes, b.v);
  for (int i = 0; i < n; ++i) lanes[i] = first[i];
  return {vld1q_f32(lanes)};
}
// Lanes n and up of a, moved to lane 0 and up; the other lanes are unspecified.
inline Vec from_lane(Vec a, int n) {
  float lanes[2 * kLanes] = {};
  vst1q_f32(lanes, a.v);
  return {vld1q_f32(lanes + n)};
}
inline Vec add(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
// a*b + c, and c - a*b, rounded once
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
// x limited to [low, high]; a NaN stays a NaN
inline Vec clamp(Vec x, float low, float high) {
  return {vminq_f32(vdupq_n_f32(high), vmaxq_f32(vdupq_n_f32(low), x.v))};
}
// The larger of two; where one is a NaN, a NaN.
inline Vec max(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
// The bits of x moved 23 places up: makes an exponent of an integer.
inline Vec shift_to_exponent(Vec x) {
  return {vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(x.v), 23))};
}
// x, a normal number above zero, becomes m with sqrt(1/2) <= m < sqrt(2): x = m * 2^(what is returned).
inline Vec take_exponent(Vec& x) {
  const int32x4_t bits = vreinterpretq_s32_f32(x.v);
  const int32x4_t exponent = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f3504f3)), 23);
  x.v = vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(exponent, 23)));
  return {vcvtq_f32_s32(exponent)};
}
// Four rows of four become four columns: to[j][i] = from[i][j].
inline void transpose_4x4(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  const float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + from_stride);
  const float32x4_t c = vld1q_f32(from + 2 * from_stride), d = vld1q_f32(from + 3 * from_stride);
  const float32x4x2_t ab = vtrnq_f32(a, b), cd = vtrnq_f32(c, d);
  vst1q_f32(to, vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0])));
  vst1q_f32(to + to_stride, vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1])));
  vst1q_f32(to + 2 * to_stride, vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0])));
  vst1q_f32(to + 3 * to_stride, vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1])));
}

}  // namespace
}  // namespace fastgru
