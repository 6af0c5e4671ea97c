// exp, sigmoid and tanh on one Vec. Included once per ISA, after its vec_<isa>.h.
//
// All three start from expm1: x = k ln2 + r with |r| <= ln2/2, and expm1(r) = r + r^2 q(r), q of degree 4
// fitted for the least largest error of expm1 relative to itself (1.3e-8). tanh made from expm1, not from
// exp, keeps its relative accuracy near zero without a second branch; sigmoid and tanh cost one true division
// each. ULP bounds are stated and swept in tests/cpp/test_simd.cpp. The operations and their order are the
// same on every ISA with FMA, so the results have the same bits there.
//
// No standard header may be included here: see kernel_table.h.

namespace fastgru {
namespace {

struct Expm1Parts {
  Vec scale;  // 2^k
  Vec rest;   // expm1(r)
};

// For |x| <= 87, so that 2^k is a normal number.
inline Expm1Parts expm1_parts(Vec x) {
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits; 127 more makes it an exponent.
  const Vec magic = set1(12582912.0f + 127.0f);
  const Vec shifted = fma(x, set1(1.44269504088896341f), magic);
  const Vec k = sub(shifted, magic);
  Vec r =
      fnma(k, set1(0.693359375f), x);  // ln2 in two parts: the first has 9 bits, so that k times it is exact
  r = fnma(k, set1(-2.12194440e-4f), r);
  Vec q = set1(1.388252e-3f);
  q = fma(q, r, set1(8.3665475e-3f));
  q = fma(q, r, set1(4.16672e-2f));
  q = fma(q, r, set1(0.16666543f));
  q = fma(q, r, set1(0.49999997f));
  return {shift_to_exponent(shifted), fma(mul(r, r), q, r)};
}

// exp(x), x limited to [-87, 87]
inline Vec exp(Vec x) {
  const Expm1Parts e = expm1_parts(clamp(x, -87.0f, 87.0f));
  return fma(e.scale, e.rest, e.scale);
}

// 1 / (1 + exp(-x)); below x = -87 it stays at 1.6e-38
inline Vec sigmoid(Vec x) {
  const Vec one = set1(1.0f);
  return div(one, add(one, exp(sub(zero(), x))));
}

inline Vec tanh(Vec x) {
  const Expm1Parts e = expm1_parts(clamp(add(x, x), -20.0f, 20.0f));
  const Vec numerator = fma(e.scale, e.rest, sub(e.scale, set1(1.0f)));
  return div(numerator, add(numerator, set1(2.0f)));
}

}  // namespace
}  // namespace fastgru
