// exp, sigmoid, tanh, and logarithms. Included once per ISA, after its vec_<isa>.h.
//
// All three start from expm1: x = k ln2 + r with |r| <= ln2/2, and expm1(r) = r + r^2 q(r), q of degree 4
// fitted for the least largest error of expm1 relative to itself (1.3e-8). tanh made from expm1, not from
// exp, keeps its relative accuracy near zero without a second branch; sigmoid and tanh cost one true division
// each. ULP bounds are stated and swept in tests/cpp/simd/test_math.cpp. The operations and their order are
// the same on every ISA with FMA, so the results have the same bits there.
//
// They work on N vectors at once, in place, operation by operation. One vector is a chain of some 25
// operations that wait for each other; one vector after the other fills the reorder buffer with waiting
// operations (Golden Cove, H=50, batch 32: half of a cell's time).
//
// Tried and slower: sigmoid(a) and tanh(b) with one division by the product of their denominators (1 to 3 %
// of a forward call; the divider is not the bottleneck of a cell).
//
// Tried and left out: sigmoid as a fraction with exp's numerator and denominator apart, tanh from a table of
// 15 values and the addition theorem. Both keep the bounds and take 18 % less time on Zen 4 (5 % by a model
// of Ice Lake), but that is 1 to 3 % of a forward call, and the bits of every layer would change. Their
// coefficients, and what else was tried, are in docs/decisions.md.
//
// No standard header may be included here: see kernel_table.h.

#if defined(_MSC_VER)
#define FASTGRU_INLINE __forceinline
#define FASTGRU_NO_INLINE __declspec(noinline)
#define FASTGRU_UNROLL
#else
#define FASTGRU_INLINE inline __attribute__((always_inline))
#define FASTGRU_NO_INLINE __attribute__((noinline))
#define FASTGRU_UNROLL _Pragma("GCC unroll 16")
#endif

namespace fastgru {
namespace {

// f(i) for i < N, unrolled.
template <int N, class F>
FASTGRU_INLINE void for_each_of(F f) {
  FASTGRU_UNROLL
  for (int i = 0; i < N; ++i) f(i);
}

// c + a*b, or with Minus c - a*b.
template <bool Minus>
FASTGRU_INLINE Vec plus_product(Vec a, Vec b, Vec c) {
  return Minus ? fnma(a, b, c) : fma(a, b, c);
}

// scale = 2^k, and x becomes expm1(r), where k ln2 + r is
//   x                             (Minus false, Half false), |x| <= 87, so that 2^k is a normal number;
//   -x, with -expm1(r) for x      (Minus true);
//   2x, with expm1(r) / 2 for x   (Half true).
// Sign and factor go into the constants, exactly: the bits are those of -x and 2x, without an operation for
// it.
template <bool Minus, bool Half, int N>
FASTGRU_INLINE void expm1_parts(Vec (&x)[N], Vec (&scale)[N]) {
  constexpr float two = Half ? 2.0f : 1.0f, sign = Minus ? -1.0f : 1.0f;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits; 127 more makes it an exponent.
  const Vec magic = set1(12582912.0f + 127.0f);
  Vec q[N];
  for_each_of<N>([&](int i) { scale[i] = fma(x[i], set1(sign * two * 1.44269504088896341f), magic); });
  for_each_of<N>([&](int i) { q[i] = sub(scale[i], magic); });
  // ln2 in two parts: the first has 9 bits, so that k times it is exact
  for_each_of<N>([&](int i) { x[i] = plus_product<!Minus>(q[i], set1(0.693359375f / two), x[i]); });
  for_each_of<N>([&](int i) { x[i] = plus_product<!Minus>(q[i], set1(-2.12194440e-4f / two), x[i]); });
  constexpr float c1 = two, c2 = two * c1, c3 = two * c2, c4 = two * c3, c5 = two * c4;
  for_each_of<N>(
      [&](int i) { q[i] = plus_product<Minus>(set1(c5 * 1.388252e-3f), x[i], set1(c4 * 8.3665475e-3f)); });
  for_each_of<N>([&](int i) { q[i] = plus_product<Minus>(q[i], x[i], set1(c3 * 4.16672e-2f)); });
  for_each_of<N>([&](int i) { q[i] = plus_product<Minus>(q[i], x[i], set1(c2 * 0.16666543f)); });
  for_each_of<N>([&](int i) { q[i] = plus_product<Minus>(q[i], x[i], set1(c1 * 0.49999997f)); });
  for_each_of<N>([&](int i) { x[i] = plus_product<Minus>(mul(x[i], x[i]), q[i], x[i]); });
  for_each_of<N>([&](int i) { scale[i] = shift_to_exponent(scale[i]); });
}

// exp(x), or with Minus exp(-x); x limited to [-87, 87]
template <bool Minus = false, int N>
FASTGRU_INLINE void exp(Vec (&x)[N]) {
  Vec scale[N];
  for_each_of<N>([&](int i) { x[i] = clamp(x[i], -87.0f, 87.0f); });
  expm1_parts<Minus, false>(x, scale);
  for_each_of<N>([&](int i) { x[i] = plus_product<Minus>(scale[i], x[i], scale[i]); });
}

// 1 / (1 + exp(-x)); below x = -87 it stays at 1.6e-38
template <int N>
FASTGRU_INLINE void sigmoid(Vec (&x)[N]) {
  const Vec one = set1(1.0f);
  exp<true>(x);
  for_each_of<N>([&](int i) { x[i] = div(one, add(one, x[i])); });
}

// e / (e + 1) with e = expm1(2x) / 2
template <int N>
FASTGRU_INLINE void tanh(Vec (&x)[N]) {
  Vec scale[N];
  for_each_of<N>([&](int i) { x[i] = clamp(x[i], -10.0f, 10.0f); });
  expm1_parts<false, true>(x, scale);
  for_each_of<N>([&](int i) { x[i] = fma(scale[i], x[i], fma(scale[i], set1(0.5f), set1(-0.5f))); });
  for_each_of<N>([&](int i) { x[i] = div(x[i], add(x[i], set1(1.0f))); });
}

// x becomes 2 atanh(x / 2) = x + x^3/12 + x^5/80 + ..., |x| <= 2/3, cut off after x^9 and fitted for the
// least largest error relative to itself (5.4e-9). log(m) is that of 2 (m - 1) / (m + 1).
template <int N>
FASTGRU_INLINE void twice_atanh_of_half(Vec (&x)[N]) {
  Vec w[N], q[N];
  for_each_of<N>([&](int i) { w[i] = mul(x[i], x[i]); });
  for_each_of<N>([&](int i) { q[i] = fma(set1(5.471093e-4f), w[i], set1(2.1876409e-3f)); });
  for_each_of<N>([&](int i) { q[i] = fma(q[i], w[i], set1(1.2506727e-2f)); });
  for_each_of<N>([&](int i) { q[i] = fma(q[i], w[i], set1(8.333302e-2f)); });
  for_each_of<N>([&](int i) { x[i] = fma(mul(x[i], w[i]), q[i], x[i]); });
}

// log(1 + x) for 0 <= x <= 1. A NaN stays a NaN.
template <int N>
FASTGRU_INLINE void log1p(Vec (&x)[N]) {
  for_each_of<N>([&](int i) { x[i] = div(add(x[i], x[i]), add(x[i], set1(2.0f))); });
  twice_atanh_of_half(x);
}

// log(x); x limited to [1.2e-38, 3.4e38], the normal numbers. A NaN stays a NaN.
template <int N>
FASTGRU_INLINE void log(Vec (&x)[N]) {
  const Vec one = set1(1.0f);
  Vec exponent[N], bad[N];
  for_each_of<N>([&](int i) { x[i] = clamp(x[i], 1.17549435e-38f, 3.40282347e38f); });
  for_each_of<N>([&](int i) { bad[i] = sub(x[i], x[i]); });  // zero, or the NaN, whose bits are lost below
  for_each_of<N>([&](int i) { exponent[i] = take_exponent(x[i]); });
  for_each_of<N>([&](int i) { x[i] = div(add(sub(x[i], one), sub(x[i], one)), add(x[i], one)); });
  twice_atanh_of_half(x);
  // ln2 in the two parts of expm1_parts
  for_each_of<N>([&](int i) { x[i] = fma(exponent[i], set1(-2.12194440e-4f), x[i]); });
  for_each_of<N>([&](int i) { x[i] = add(fma(exponent[i], set1(0.693359375f), x[i]), bad[i]); });
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))
template <int N>
FASTGRU_INLINE void softplus(Vec (&x)[N]) {
  Vec rest[N];
  for_each_of<N>([&](int i) { rest[i] = max(x[i], sub(zero(), x[i])); });
  exp<true>(rest);
  log1p(rest);
  for_each_of<N>([&](int i) { x[i] = add(max(x[i], zero()), rest[i]); });
}

}  // namespace
}  // namespace fastgru
