"""Text of the C files that `to_c` returns."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "header", "source"]


class Model(NamedTuple):
    """The contents of both files."""

    name: str
    kind: str
    version: str
    real: str  # float or double
    inputs: int
    hidden: int
    outputs: int
    reset_after: bool
    layers: list[Any]  # of to_c.Layer
    head: tuple[NDArray[Any], NDArray[Any]] | None
    scaling: dict[str, NDArray[Any]] | None


_HEADER = """\
/* @name@.h: a @kind@ as C99, written by fastgru @version@. One sequence, one time step a call.
 *
 *   @name@_state state;
 *   @name@_reset(&state);
 *   for each time step: @name@_step(&state, x, y);
 *
 * x has @NAME@_INPUTS values, @x_units@; y gets @NAME@_OUTPUTS, @y_units@.
 * Nothing is allocated and nothing is global but constants: a state per sequence, on any thread.
 * C99. For speed: -O3 -march=native (or your target's -mcpu); compilers make few vectors at -O2. */
#ifndef @NAME@_H
#define @NAME@_H

#ifdef __cplusplus
extern "C" {
#endif

#define @NAME@_INPUTS @inputs@
#define @NAME@_OUTPUTS @outputs@

typedef struct @name@_state {
  @real@ h[@layers@][@hidden@]; /* the state of each layer */
} @name@_state;

void @name@_reset(@name@_state *state);
void @name@_step(@name@_state *state, const @real@ *x, @real@ *y);

#ifdef __cplusplus
}
#endif

#endif
"""

_FLOAT_MATH = """\
/* exp(x) - 1 = *scale * (1 + result) - 1, for |x| <= 87: x = k ln2 + r, *scale = 2^k, result = exp(r) - 1. */
static inline float expm1_part(float x, float *scale) {
  union { float f; int32_t i; } bits;
  float k, r, q;
  bits.f = x * 1.44269504088896341f + 12583039.0f; /* rounds; k + 127 stands in the low bits */
  k = bits.f - 12583039.0f;
  bits.i = (int32_t)((uint32_t)bits.i << 23);
  *scale = bits.f;
  r = x - k * 0.693359375f;
  r = r + k * 2.12194440e-4f;
  q = 1.388252e-3f * r + 8.3665475e-3f;
  q = q * r + 4.16672e-2f;
  q = q * r + 0.16666543f;
  q = q * r + 0.49999997f;
  return r * r * q + r;
}

static inline float sigmoid_of(float x) {
  float scale, part;
  x = -x;
  x = x > 87.0f ? 87.0f : x;
  x = x < -87.0f ? -87.0f : x;
  part = expm1_part(x, &scale);
  return 1.0f / (1.0f + (scale * part + scale));
}

static inline float tanh_of(float x) {
  float scale, part;
  x = x + x;
  x = x > 20.0f ? 20.0f : x;
  x = x < -20.0f ? -20.0f : x;
  part = expm1_part(x, &scale);
  part = scale * part + (scale - 1.0f);
  return part / (part + 2.0f);
}
"""

_DOUBLE_MATH = """\
static inline double sigmoid_of(double x) { return 1.0 / (1.0 + exp(-x)); }
static inline double tanh_of(double x) { return tanh(x); }
"""

# The accumulator holds n of the input, then r, z and n of the state. The input adds to the first three, the
# state to the last three. A row of weights is multiplied by one number of the input, so that the loops have
# no sums across a vector, and any compiler vectorises them.
_STEP_AFTER = """\
static void layer_@l@(const @real@ *x, @real@ *h) {
  @real@ a[4 * H];
  int j, k;
  for (j = 0; j < 4 * H; ++j) a[j] = bias_@l@[j];
  for (k = 0; k < @inputs@; ++k) {
    const @real@ v = x[k];
    for (j = 0; j < 3 * H; ++j) a[j] += v * w_@l@[k][j];
  }
  for (k = 0; k < H; ++k) {
    const @real@ v = h[k];
    for (j = 0; j < 3 * H; ++j) a[H + j] += v * u_@l@[k][j];
  }
  for (j = H; j < 3 * H; ++j) a[j] = sigmoid_of(a[j]);
  for (j = 0; j < H; ++j) a[j] = tanh_of(a[j] + a[H + j] * a[3 * H + j]);
  for (j = 0; j < H; ++j) h[j] = (1 - a[2 * H + j]) * a[j] + a[2 * H + j] * h[j];
}
"""

_STEP_BEFORE = """\
static void layer_@l@(const @real@ *x, @real@ *h) {
  @real@ a[4 * H];
  int j, k;
  for (j = 0; j < 4 * H; ++j) a[j] = bias_@l@[j];
  for (k = 0; k < @inputs@; ++k) {
    const @real@ v = x[k];
    for (j = 0; j < 3 * H; ++j) a[j] += v * w_@l@[k][j];
  }
  for (k = 0; k < H; ++k) {
    const @real@ v = h[k];
    for (j = 0; j < 2 * H; ++j) a[H + j] += v * u_@l@[k][j];
  }
  for (j = H; j < 3 * H; ++j) a[j] = sigmoid_of(a[j]);
  for (k = 0; k < H; ++k) {
    const @real@ v = a[H + k] * h[k];
    for (j = 0; j < H; ++j) a[3 * H + j] += v * u_@l@[k][2 * H + j];
  }
  for (j = 0; j < H; ++j) a[j] = tanh_of(a[j] + a[3 * H + j]);
  for (j = 0; j < H; ++j) h[j] = (1 - a[2 * H + j]) * a[j] + a[2 * H + j] * h[j];
}
"""


def _filled(text: str, **values: Any) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def header(model: Model) -> str:
    """Return the header's text."""
    raw = model.scaling is not None
    return _filled(
        _HEADER,
        name=model.name,
        NAME=model.name.upper(),
        kind=model.kind,
        version=model.version,
        inputs=model.inputs,
        outputs=model.outputs,
        real=model.real,
        layers=len(model.layers),
        hidden=model.hidden,
        x_units="raw, in the units of fit" if raw else "the layer's input",
        y_units="the estimator's answer to all steps so far" if raw else "the top layer's new state",
    )


def source(model: Model) -> str:
    """Return the source's text."""
    parts = [
        f"/* {model.name}.c: a {model.kind} as C99, by fastgru {model.version}. See {model.name}.h. */",
        f'#include "{model.name}.h"\n',
        "#include <math.h>\n" if model.real == "double" else "#include <stdint.h>\n",
        f"enum {{ H = {model.hidden} }};\n",
    ]
    for number, layer in enumerate(model.layers):
        parts += [
            _array(f"w_{number}", layer.w, model.real),
            _array(f"u_{number}", layer.u, model.real),
            _array(f"bias_{number}", layer.bias, model.real),
        ]
    if model.scaling is not None:
        parts += [_array(name, values, "double") for name, values in sorted(model.scaling.items())]
    if model.head is not None:
        parts += [_array("head", model.head[0].T, model.real), _array("head_bias", model.head[1], model.real)]
    parts.append(_DOUBLE_MATH if model.real == "double" else _FLOAT_MATH)
    for number, layer in enumerate(model.layers):
        step = _STEP_AFTER if model.reset_after else _STEP_BEFORE
        parts.append(_filled(step, l=number, real=model.real, inputs=layer.inputs))
    parts += [_reset(model), _step(model)]
    return "\n".join(parts)


def _reset(model: Model) -> str:
    return _filled(
        """\
void @name@_reset(@name@_state *state) {
  int l, j;
  for (l = 0; l < @layers@; ++l) {
    for (j = 0; j < H; ++j) state->h[l][j] = 0;
  }
}
""",
        name=model.name,
        layers=len(model.layers),
    )


def _step(model: Model) -> str:
    real, top = model.real, len(model.layers) - 1
    lines = [f"void {model.name}_step({model.name}_state *state, const {real} *x, {real} *y) {{"]
    if model.head is None:
        lines += ["  int j;"]
    else:
        lines += [f"  {real} scaled[{model.inputs}], out[{model.outputs}];", "  int j, k;"]
        lines += [
            f"  for (j = 0; j < {model.inputs}; ++j) scaled[j] = ({real})((x[j] - x_mean[j]) / x_scale[j]);"
        ]
    below = "x" if model.head is None else "scaled"
    for number in range(len(model.layers)):
        lines.append(f"  layer_{number}({below}, state->h[{number}]);")
        below = f"state->h[{number}]"
    if model.head is None:
        lines.append(f"  for (j = 0; j < H; ++j) y[j] = state->h[{top}][j];")
    else:
        lines += [
            f"  for (j = 0; j < {model.outputs}; ++j) out[j] = head_bias[j];",
            "  for (k = 0; k < H; ++k) {",
            f"    for (j = 0; j < {model.outputs}; ++j) out[j] += state->h[{top}][k] * head[k][j];",
            "  }",
            f"  for (j = 0; j < {model.outputs}; ++j) y[j] = ({real})(out[j] * y_scale[j] + y_mean[j]);",
        ]
    return "\n".join([*lines, "}", ""])


def _array(name: str, values: NDArray[Any], real: str) -> str:
    """Return an array's definition, in which every number reads back to the bit."""
    if not np.isfinite(values).all():
        raise ValueError(f"the model's {name} holds values that are not finite, which C cannot be given")
    shape = "".join(f"[{size}]" for size in values.shape)
    rows = values.reshape(len(values), -1)
    texts = [", ".join(_number(v, real) for v in row) for row in rows]
    body = ", ".join(texts) if values.ndim == 1 else ",\n".join("{" + text + "}" for text in texts)
    wrapped = "\n".join(
        textwrap.fill(line, 110, initial_indent="  ", subsequent_indent="    ") for line in body.split("\n")
    )
    return f"static const {real} {name}{shape} = {{\n{wrapped}\n}};\n"


def _number(value: Any, real: str) -> str:
    text = f"{float(value):.9g}" if real == "float" else repr(float(value))
    if not any(c in text for c in ".e"):
        text += ".0"
    return text + "f" if real == "float" else text
