"""C text of layers with weights of one byte: whole numbers, and the float between them in fastgru's order.

Rounding and sums are those of `cpp/kernels/digits.inl`, exactly and under every compiler flag. The float part
has the operations of `cpp/simd/math.inl` in their order. So the bits are those of the instruction sets with
fused multiply-adds, or of the others, unless a flag reorders operations. GCC
fuses a product with a sum that it is added to, so no other product is, but those that are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgru.convert import _c_math
from fastgru.convert._c_model import Layer, Model, filled

__all__ = ["GATES", "functions", "in_columns", "layer"]

# A layer's state begins in [-1, 1], so its row never needs a smaller scale.
_LEAST_STATE = 1.0
_ONE_DIGIT, _TWO_DIGITS = 127, 127 * 256 + 127
# Inputs whose products with one byte a sum of 32 bits holds, whatever 16 bits they have.
_MOST_IN_ONE_SUM = 512
# A row of fewer inputs is too short for a vector's sum: compilers make better vectors across the units.
_LEAST_ROW = 33

GATES = (
    _c_math.FLOAT_BITS
    + """\
/* a * b + c: rounded once where the processor does so in one operation, as in fastgru. */
#if defined(__GNUC__) && (defined(__FP_FAST_FMAF) || (defined(__clang__) && defined(__FMA__)))
static inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
static inline float fused(float a, float b, float c) { return a * b + c; }
#endif

/* exp(x) - 1 = *scale * (1 + result) - 1, for |x| <= 87: x = k ln2 + r, *scale = 2^k, result = exp(r) - 1.
 * k comes from the bits of the rounded sum: -ffast-math cancels a subtraction of the constant, and x87 does
 * not round before one. */
static inline float expm1_part(float x, float *scale) {
  union { float f; uint32_t u; } bits;
  float k, r, q, s;
  bits.f = fused(x, 1.44269504088896341f, 12583039.0f); /* k + 127 stands in the low bits */
  k = (float)(int32_t)(bits.u - 0x4B40007Fu);           /* the bits of 12583039.0f */
  bits.u <<= 23;
  *scale = bits.f;
  r = fused(-k, 0.693359375f, x);
  r = fused(k, 2.12194440e-4f, r);
  q = fused(1.388252e-3f, r, 8.3665475e-3f);
  q = fused(q, r, 4.16672e-2f);
  q = fused(q, r, 0.16666543f);
  q = fused(q, r, 0.49999997f);
  s = flushed(r); /* whose square could be subnormal */
  return fused(s * s, q, r);
}

/* At least 1.5e-18, above 2^-60 as all factors are. */
static inline float gate_of(float x) {
  float scale, part;
  part = expm1_part(limited(-x, 41.0f), &scale);
  return 1.0f / (1.0f + fused(scale, part, scale));
}

static inline float tanh_of(float x) {
  float scale, part;
  part = expm1_part(limited(x + x, 20.0f), &scale);
  part = fused(scale, part, scale - 1.0f);
  return part / (part + 2.0f);
}
"""
)

_ROUNDING = """\
/* The factor from a row's values to whole numbers, and in *scale the one from these to the values. The power
 * of two that is not below `least` and any value becomes `most`; back = 32768 / most, forth = most / 32768.
 * *scale is NaN where a value is not finite. */
static float factor_of(const float *x, int width, float least, float back, float forth, float *scale) {
  union { float f; int32_t i; } bits;
  int32_t largest, exponent;
  int k;
  bits.f = least;
  largest = bits.i;
  for (k = 0; k < width; ++k) {
    bits.f = x[k];
    bits.i &= 0x7FFFFFFF;
    largest = bits.i > largest ? bits.i : largest;
  }
  if (largest > 0x7F7FFFFF) {
    bits.i = 0x7FC00000;
    *scale = bits.f;
    return 0;
  }
  exponent = (largest + 0x7FFFFF) >> 23; /* of the power, which may be 2^128 */
  if (exponent < 16) exponent = 16;
  bits.i = (exponent - 15) << 23; /* the power / 32768 */
  *scale = bits.f * back;
  bits.i = (269 - exponent) << 23; /* 32768 / the power */
  return bits.f * forth;
}

/* The nearest whole number, a tie to the even one: it stands in the low bits of the sum. */
static inline int32_t rounded(float x, float most) {
  union { float f; uint32_t u; } bits;
  bits.f = limited(x, most) + 12582912.0f;
  return (int32_t)(bits.u - 0x4B400000u);
}

/* A state as whole numbers of one byte; returns their scale. */
static float one_byte(const float *h, short *m) {
  float scale, factor;
  int k;
  factor = factor_of(h, H, @least@, @one_back@, @one_forth@, &scale);
  for (k = 0; k < H; ++k) m[k] = (signed char)rounded(h[k] * factor, @one@);
  return scale;
}

/* A layer's input as whole numbers of two bytes; returns their scale. */
static float two_bytes(const float *x, int width, short *m) {
  float scale, factor;
  int k;
  factor = factor_of(x, width, 0.0f, @two_back@, @two_forth@, &scale);
  for (k = 0; k < width; ++k) m[k] = (short)rounded(flushed(x[k]) * factor, @two@);
  return scale;
}
"""

_ROWS = """\
  for (j = 0; j < 3 * H; ++j) {
    int32_t one = 0;
    for (k = 0; k < @width@; ++k) one += (int32_t)@m@[k] * @matrix@_@l@[j][k];
    @sum@[j] = one;
  }
"""

_COLUMNS = """\
  for (j = 0; j < 3 * H; ++j) @sum@[j] = 0;
  for (k = 0; k < @width@; ++k) {
    const int32_t v = @m@[k];
    for (j = 0; j < 3 * H; ++j) @sum@[j] += v * @matrix@_@l@[k][j];
  }
"""

# More inputs than one sum holds: m = 256 high + low, both of one byte.
_IN_TWO = """\
  for (k = 0; k < @width@; ++k) {
    high[k] = (signed char)(((int32_t)m[k] + 32896) / 256 - 128);
    m[k] = (signed char)(m[k] - 256 * high[k]);
  }
"""

# The accumulator holds r, z and n of the input, and n of the state. The input adds to the first three, the
# state to r, z and its own n.
_LAYER = """\
static void layer_@l@(const float *x, float *h) {
@arrays@  float a[4 * H], scale;
  int j, k;
  scale = two_bytes(x, @width@, m);
@input@  for (j = 0; j < 3 * H; ++j) a[j] = fused(@joined@, scale * w_scale_@l@[j], bias_@l@[j]);
  for (j = 3 * H; j < 4 * H; ++j) a[j] = bias_@l@[j];
  scale = one_byte(h, m);
@state@  for (j = 0; j < 2 * H; ++j) a[j] = gate_of(fused((float)sum[j], scale * u_scale_@l@[j], a[j]));
  for (; j < 3 * H; ++j) a[H + j] = fused((float)sum[j], scale * u_scale_@l@[j], a[H + j]);
  for (j = 0; j < H; ++j) a[2 * H + j] = tanh_of(fused(a[j], a[3 * H + j], a[2 * H + j]));
  for (j = 0; j < H; ++j) h[j] = flushed(fused(a[H + j], h[j] - a[2 * H + j], a[2 * H + j]));
}
"""


def functions(model: Model) -> str:
    """Return the functions that round states and inputs."""
    values: dict[str, Any] = {"least": _float(_LEAST_STATE)}
    for name, most in (("one", _ONE_DIGIT), ("two", _TWO_DIGITS)):
        values |= {
            name: _float(most),
            f"{name}_back": _float(np.float32(32768) / np.float32(most)),
            f"{name}_forth": _float(most / 32768),
        }
    return filled(_ROUNDING, model, **values)


def in_columns(width: int) -> bool:
    """Whether a matrix of so many inputs has a row for each of them, not one for each unit and gate."""
    return width < _LEAST_ROW


def layer(model: Model, number: int, weights: Layer) -> str:
    """Return the function of one layer's step."""
    width, hidden = weights.width, model.hidden

    def sums(matrix: str, width: int, of: str, to: str) -> str:
        text = _COLUMNS if in_columns(width) else _ROWS
        return filled(text, model, matrix=matrix, m=of, sum=to, l=number, width=width)

    arrays = f"  short m[{max(width, hidden)}];\n  int32_t sum[3 * H];\n"
    text, joined = sums("w", width, "m", "sum"), "(float)sum[j]"
    if width > _MOST_IN_ONE_SUM:
        arrays += f"  short high[{width}];\n  int32_t first[3 * H];\n"
        text = filled(_IN_TWO, model, width=width) + sums("w", width, "high", "first") + text
        joined = "(float)first[j] * 256.0f + (float)sum[j]"
    state = sums("u", hidden, "m", "sum")
    return filled(_LAYER, model, l=number, width=width, arrays=arrays, input=text, state=state, joined=joined)


def _float(value: Any) -> str:
    text = repr(float(value))
    return f"{text}f"
