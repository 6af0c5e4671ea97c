"""C functions of one number, in float (without libm) and in double: the text that `_c_text` puts together.

The float functions hold under every compiler flag: -ffast-math, -Ofast and x87 may reorder sums and keep more
digits than float has, but not change what integers say of a float's bits.
"""

from __future__ import annotations

__all__ = ["EXP", "FLOAT_BITS", "GATES", "NEAR", "SIGMOID", "SOFTPLUS"]

FLOAT_BITS = """\
/* Zero for less than 2^-60. With weights, inputs and states flushed so, no product of two is subnormal:
 * subnormal numbers take a processor a hundred times as long. */
static inline float flushed(float x) {
  union { float f; int32_t i; } bits;
  bits.f = x;
  bits.i &= -(int32_t)((bits.i & 0x7FFFFFFF) >= 0x21800000);
  return bits.f;
}

/* x within -most ... most, NaN for NaN. Integers, as a vectorising compiler makes jumps of float ones. */
static inline float limited(float x, float most) {
  union { float f; int32_t i; } bits, limit;
  int32_t magnitude, within;
  bits.f = x;
  limit.f = most;
  magnitude = bits.i & 0x7FFFFFFF;
  within = magnitude < limit.i ? magnitude : limit.i;
  bits.i = (bits.i ^ magnitude) | (magnitude > 0x7F800000 ? magnitude : within);
  return bits.f;
}

"""

_FLOAT_GATES = """\
/* exp(x) - 1 = *scale * (1 + result) - 1, for |x| <= 87: x = k ln2 + r, *scale = 2^k, result = exp(r) - 1.
 * k comes from the bits of the rounded sum: -ffast-math cancels a subtraction of the constant, and x87 does
 * not round before one. */
static inline float expm1_part(float x, float *scale) {
  union { float f; uint32_t u; } bits;
  float k, r, q;
  bits.f = x * 1.44269504088896341f + 12583039.0f; /* k + 127 stands in the low bits */
  k = (float)(int32_t)(bits.u - 0x4B40007Fu);      /* the bits of 12583039.0f */
  bits.u <<= 23;
  *scale = bits.f;
  r = x - k * 0.693359375f;
  r = r + k * 2.12194440e-4f;
  q = 1.388252e-3f * r + 8.3665475e-3f;
  q = q * r + 4.16672e-2f;
  q = q * r + 0.16666543f;
  q = q * r + 0.49999997f;
  return r * (r * q + 1.0f); /* r * r could be subnormal */
}

/* At least 1.5e-18, above 2^-60 as all factors are. */
static inline float gate_of(float x) {
  float scale, part;
  part = expm1_part(limited(-x, 41.0f), &scale);
  return 1.0f / (1.0f + (scale * part + scale));
}

static inline float tanh_of(float x) {
  float scale, part;
  part = expm1_part(limited(x + x, 20.0f), &scale);
  part = scale * part + (scale - 1.0f);
  return part / (part + 2.0f);
}
"""

_DOUBLE_GATES = """\
/* Zero for less than 2^-480. With weights, inputs and states flushed so, no product of two is subnormal:
 * subnormal numbers take a processor a hundred times as long. */
static inline double flushed(double x) { return x < 3.2e-145 && x > -3.2e-145 ? 0.0 : x; }

/* At least 5e-131, above 2^-480 as all factors are. */
static inline double gate_of(double x) { return 1.0 / (1.0 + exp(x < -300.0 ? 300.0 : -x)); }
static inline double tanh_of(double x) { return tanh(x); }
"""

_FLOAT_SIGMOID = """\
static inline float sigmoid_of(float x) {
  float scale, part;
  part = expm1_part(limited(-x, 87.0f), &scale);
  return 1.0f / (1.0f + (scale * part + scale));
}
"""

_DOUBLE_SIGMOID = """\
static inline double sigmoid_of(double x) { return 1.0 / (1.0 + exp(x < -700.0 ? 700.0 : -x)); }
"""

_FLOAT_EXP = """\
static inline float exp_of(float x) {
  float scale, part;
  part = expm1_part(limited(x, 87.0f), &scale);
  return scale * part + scale;
}
"""

_DOUBLE_EXP = """\
static inline double exp_of(double x) { return exp(x); }
"""

_FLOAT_SOFTPLUS = """\
/* log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|; the logarithm is 2 artanh(s), s = e / (2 + e) <= 1/3. */
static inline float softplus_of(float x) {
  float e, s, q, sum;
  e = exp_of(x > 0 ? -x : x);
  s = e / (2.0f + e);
  q = s * s;
  sum = 0.0909090909f + q * 0.0769230769f;
  sum = 0.111111111f + q * sum;
  sum = 0.142857143f + q * sum;
  sum = 0.2f + q * sum;
  sum = 0.333333333f + q * sum;
  return (x > 0 ? x : 0.0f) + 2.0f * s * (1.0f + q * sum);
}
"""

_DOUBLE_SOFTPLUS = """\
/* log(1 + e^x) */
static inline double softplus_of(double x) { return (x > 0 ? x : 0.0) + log1p(exp(x > 0 ? -x : x)); }
"""

_NEAR = """\
/* Whether |x - wanted| <= most; as integers, so that NaN is not. */
static int is_near(@real@ x, @real@ wanted, @real@ most) {
  union { @real@ f; @bits@ u; } difference, limit;
  difference.f = x - wanted;
  limit.f = most;
  return (difference.u & @all_but_sign@) <= limit.u;
}
"""


def _near(real: str, bits: str, all_but_sign: str) -> str:
    return _NEAR.replace("@real@", real).replace("@bits@", bits).replace("@all_but_sign@", all_but_sign)


# For each type of number: flushed, gate_of, tanh_of; sigmoid_of; exp_of; softplus_of (calls exp_of); is_near.
GATES = {"float": FLOAT_BITS + _FLOAT_GATES, "double": _DOUBLE_GATES}
SIGMOID = {"float": _FLOAT_SIGMOID, "double": _DOUBLE_SIGMOID}
EXP = {"float": _FLOAT_EXP, "double": _DOUBLE_EXP}
SOFTPLUS = {"float": _FLOAT_SOFTPLUS, "double": _DOUBLE_SOFTPLUS}
NEAR = {
    "float": _near("float", "uint32_t", "0x7FFFFFFFu"),
    "double": _near("double", "uint64_t", "0x7FFFFFFFFFFFFFFFu"),
}
