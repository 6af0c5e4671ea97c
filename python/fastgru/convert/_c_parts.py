"""The stages of an exported step as C functions: encoding, layers, pooling, head, and what logits mean.

Text in @…@ is filled in by `_c_text`. Loops have no sums across a vector, so that any compiler vectorises
them: a row of weights is multiplied by one number of the input.
"""

from __future__ import annotations

__all__ = ["ANSWERS", "ENCODERS", "ENCODE_FRAME", "FRAME", "HEAD", "LAYER_AFTER", "LAYER_BEFORE"]

# The accumulator holds n of the input, then r, z and n of the state. The input adds to the first three, the
# state to the last three.
_LAYER_BEGIN = """\
static void layer_@l@(const @real@ *x, @real@ *h) {
  @real@ a[4 * H];
  int j, k;
  for (j = 0; j < 4 * H; ++j) a[j] = bias_@l@[j];
  for (k = 0; k < @width@; ++k) {
    const @real@ v = flushed(x[k]);
    for (j = 0; j < 3 * H; ++j) a[j] += v * w_@l@[k][j];
  }
  for (k = 0; k < H; ++k) {
    const @real@ v = h[k];
"""

_LAYER_END = """\
  for (j = 0; j < H; ++j) h[j] = flushed((1 - a[2 * H + j]) * a[j] + a[2 * H + j] * h[j]);
}
"""

LAYER_AFTER = (
    _LAYER_BEGIN
    + """\
    for (j = 0; j < 3 * H; ++j) a[H + j] += v * u_@l@[k][j];
  }
  for (j = H; j < 3 * H; ++j) a[j] = gate_of(a[j]);
  for (j = 0; j < H; ++j) a[j] = tanh_of(a[j] + a[H + j] * a[3 * H + j]);
"""
    + _LAYER_END
)

LAYER_BEFORE = (
    _LAYER_BEGIN
    + """\
    for (j = 0; j < 2 * H; ++j) a[H + j] += v * u_@l@[k][j];
  }
  for (j = H; j < 3 * H; ++j) a[j] = gate_of(a[j]);
  for (k = 0; k < H; ++k) {
    const @real@ v = a[H + k] * h[k];
    for (j = 0; j < H; ++j) a[3 * H + j] += v * u_@l@[k][2 * H + j];
  }
  for (j = 0; j < H; ++j) a[j] = tanh_of(a[j] + a[3 * H + j]);
"""
    + _LAYER_END
)

_COPY = """\
static void encode(const @real@ *x, @real@ *in) {
  int j;
  for (j = 0; j < @width@; ++j) in[j] = x[j];
}
"""

# volatile: -ffast-math would add the two parts of the mean first, and a large mean would cost the small
# differences from it.
_FLOAT_NUMBERS = """\
/* (x - mean) / scale. The mean has two parts, so that the difference of large numbers is exact. */
static void encode(const float *x, float *in) {
  int j;
  for (j = 0; j < @features@; ++j) {
    const volatile float difference = x[j] - x_mean[j];
    in[j] = (difference - x_mean_low[j]) / x_scale[j];
  }
}
"""

_DOUBLE_NUMBERS = """\
static void encode(const double *x, double *in) {
  int j;
  for (j = 0; j < @features@; ++j) in[j] = (x[j] - x_mean[j]) / x_scale[j];
}
"""

_FLOAT_MASK = """\
/* (x - mean) / scale, or 0 for NaN; then, for each value, 1 if it is there. The mean has two parts, so that
 * the difference of large numbers is exact. NaN is told by its bits: -ffast-math says that there is none. */
static void encode(const float *x, float *in) {
  union { float f; uint32_t u; } value;
  int j;
  for (j = 0; j < @features@; ++j) {
    volatile float difference;
    int there;
    value.f = x[j];
    there = (value.u & 0x7FFFFFFFu) <= 0x7F800000u;
    if (!there) value.f = x_mean[j];
    difference = value.f - x_mean[j];
    in[j] = there ? (difference - x_mean_low[j]) / x_scale[j] : 0.0f;
    in[@features@ + j] = there ? 1.0f : 0.0f;
  }
}
"""

_DOUBLE_MASK = """\
/* (x - mean) / scale, or 0 for NaN; then, for each value, 1 if it is there. NaN is told by its bits:
 * -ffast-math says that there is none. */
static void encode(const double *x, double *in) {
  union { double f; uint64_t u; } value;
  int j;
  for (j = 0; j < @features@; ++j) {
    int there;
    value.f = x[j];
    there = (value.u & 0x7FFFFFFFFFFFFFFFu) <= 0x7FF0000000000000u;
    if (!there) value.f = x_mean[j];
    in[j] = there ? (value.f - x_mean[j]) / x_scale[j] : 0.0;
    in[@features@ + j] = there ? 1.0 : 0.0;
  }
}
"""

_TOKENS = """\
/* The vector of a token; 1 stands for all unknown ones. */
static void encode(const int32_t *x, @real@ *in) {
  const int32_t token = x[0] >= 1 && x[0] < @vocabulary@ ? x[0] : 1;
  int j;
  for (j = 0; j < @width@; ++j) in[j] = embedding[token][j];
}
"""

# What a step's raw input becomes: for each kind of input and type of number.
ENCODERS = {
    "layer": {"float": _COPY, "double": _COPY},
    "numbers": {"float": _FLOAT_NUMBERS, "double": _DOUBLE_NUMBERS},
    "mask": {"float": _FLOAT_MASK, "double": _DOUBLE_MASK},
    "tokens": {"float": _TOKENS, "double": _TOKENS},
}

# A stream of frames: the last time steps, one after the other, as the first layer reads them.
FRAME = """\
/* Puts an encoded time step behind the last ones. 0: no frame ends with it, and y gets the last answer. */
static int frame_ends(@name@_state *state, const @real@ *in, @real@ *y) {
  int j;
  for (j = 0; j < @width@ - @each@; ++j) state->frame[j] = state->frame[j + @each@];
  for (j = 0; j < @each@; ++j) state->frame[@width@ - @each@ + j] = in[j];
  if (--state->until > 0) {
    for (j = 0; j < @logits@; ++j) y[j] = state->held[j];
    return 0;
  }
  state->until = @frame_step@;
  return 1;
}
"""

# A frame of a whole sequence, in two directions.
ENCODE_FRAME = """\
/* The frame that begins with time step `first`; those before the sequence are zeros. */
static void encode_frame(const @raw@ *x, ptrdiff_t first, @real@ *to) {
  ptrdiff_t t;
  int k;
  for (t = first; t < first + @frame_length@; ++t, to += @each@) {
    if (t >= 0) encode(x + t * @features@, to);
    for (k = 0; t < 0 && k < @each@; ++k) to[k] = 0;
  }
}
"""

HEAD = """\
static void head(const @real@ *top, @real@ *y) {
  int j, k;
  for (j = 0; j < @logits@; ++j) y[j] = head_bias[j];
  for (k = 0; k < @top@; ++k) {
    const @real@ v = top[k];
    for (j = 0; j < @logits@; ++j) y[j] += v * head_weight[k][j];
  }
}
"""

_VALUES = """\
static void answer(@real@ *y) {
  int j;
  for (j = 0; j < @logits@; ++j) y[j] = @unscaled@;
}
"""

_QUANTILES = """\
/* Rising quantiles of each output: the middle one is free, each next one is further out by a softplus. */
static void answer(@real@ *y) {
  int j, q;
  for (j = 0; j < @outputs@; ++j) {
    @real@ *all = y + @count@ * j;
    for (q = @middle@ + 1; q < @count@; ++q) all[q] = all[q - 1] + softplus_of(all[q]);
    for (q = @middle@ - 1; q >= 0; --q) all[q] = all[q + 1] - softplus_of(all[q]);
    for (q = 0; q < @count@; ++q) all[q] = @unscaled@;
  }
}
"""

_SOFTMAX = """\
/* Logits to probabilities. */
static void answer(@real@ *y) {
  @real@ most = y[0], sum = 0;
  int j;
  for (j = 1; j < @logits@; ++j) most = y[j] > most ? y[j] : most;
  for (j = 0; j < @logits@; ++j) {
    y[j] = exp_of(y[j] - most);
    sum += y[j];
  }
  for (j = 0; j < @logits@; ++j) y[j] /= sum;
}
"""

_SIGMOID = """\
/* Logits to probabilities. */
static void answer(@real@ *y) {
  int j;
  for (j = 0; j < @logits@; ++j) y[j] = sigmoid_of(y[j]);
}
"""

# What the head's logits become, in place.
ANSWERS = {
    "state": "",
    "values": _VALUES,
    "quantiles": _QUANTILES,
    "softmax": _SOFTMAX,
    "sigmoid": _SIGMOID,
}
