// One NEON vector of floats: 4 lanes, 32 registers, what every aarch64 has. Included only by
// isa_baseline.cpp.
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
// The larger of each lane; of a NaN, either.
inline Vec max(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
// The bits of x moved 23 places up: makes an exponent of an integer.
inline Vec shift_to_exponent(Vec x) {
  return {vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(x.v), 23))};
}

}  // namespace
}  // namespace fastgru
