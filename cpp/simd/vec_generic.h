// Four floats in an array, for CPUs that have no file of their own. Included only by isa_baseline.cpp and
// digits_baseline.cpp.
#pragma once

#include <stdint.h>
#include <string.h>

// A macro: GCC takes a function that only prefetches for one without effect, and drops its calls.
#define FASTGRU_PREFETCH_L2(p) static_cast<void>(p)

namespace fastgru {
namespace {

constexpr int kLanes = 4;
constexpr int kTileRows = 4;
constexpr int kEpilogueRows = 2;

struct Vec {
  float v[kLanes];
};

template <class F>
inline Vec each(F f) {
  Vec out;
  for (int i = 0; i < kLanes; ++i) out.v[i] = f(i);
  return out;
}

inline Vec set1(float x) {
  return each([=](int) { return x; });
}
inline Vec zero() { return set1(0.0f); }
inline Vec load(const float* p) {
  return each([=](int i) { return p[i]; });
}
inline void store(float* p, Vec a) {
  for (int i = 0; i < kLanes; ++i) p[i] = a.v[i];
}
// The first n lanes (1 <= n <= kLanes); the other lanes are zero, and no memory beyond them is read.
inline Vec load_n(const float* p, int n) {
  return each([=](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store_n(float* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}
// The first n lanes (0 <= n <= kLanes) of a, the others of b.
inline Vec first_of(Vec a, Vec b, int n) {
  return each([&](int i) { return i < n ? a.v[i] : b.v[i]; });
}
// Lanes n and up of a, moved to lane 0 and up; the other lanes are unspecified.
inline Vec from_lane(Vec a, int n) {
  return each([&](int i) { return a.v[(i + n) % kLanes]; });
}
inline Vec add(Vec a, Vec b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline Vec sub(Vec a, Vec b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline Vec mul(Vec a, Vec b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline Vec div(Vec a, Vec b) {
  return each([&](int i) { return a.v[i] / b.v[i]; });
}
inline Vec sqrt(Vec a) {
  return each([&](int i) { return __builtin_sqrtf(a.v[i]); });
}
// a*b + c, and c - a*b, rounded twice
inline Vec fma(Vec a, Vec b, Vec c) { return add(mul(a, b), c); }
inline Vec fnma(Vec a, Vec b, Vec c) { return sub(c, mul(a, b)); }
// x limited to [low, high]; a NaN stays a NaN
inline Vec clamp(Vec x, float low, float high) {
  return each([&](int i) { return x.v[i] < low ? low : (x.v[i] > high ? high : x.v[i]); });
}
// The larger of two; where one is a NaN, b.
inline Vec max(Vec a, Vec b) {
  return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
// The bits of x moved 23 places up: makes an exponent of an integer.
inline Vec shift_to_exponent(Vec x) {
  return each([&](int i) {
    uint32_t bits;
    memcpy(&bits, &x.v[i], sizeof bits);
    bits <<= 23;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
  });
}
// x, a normal number above zero, becomes m with sqrt(1/2) <= m < sqrt(2): x = m * 2^(what is returned).
inline Vec take_exponent(Vec& x) {
  return each([&](int i) {
    uint32_t bits;
    memcpy(&bits, &x.v[i], sizeof bits);
    // 128 more, so that it is not below zero
    const uint32_t exponent = (bits - 0x3f3504f3u + (128u << 23)) >> 23;
    bits -= (exponent - 128u) << 23;
    memcpy(&x.v[i], &bits, sizeof bits);
    return static_cast<float>(static_cast<int32_t>(exponent) - 128);
  });
}
// Four rows of four become four columns: to[j][i] = from[i][j].
inline void transpose_4x4(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) to[j * to_stride + i] = from[i * from_stride + j];
  }
}

}  // namespace
}  // namespace fastgru
