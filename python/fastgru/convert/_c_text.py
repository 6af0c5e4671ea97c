"""Text of the C source that `to_c` returns."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.convert import _c_int8, _c_math, _c_parts
from fastgru.convert._c_model import Layer, Model, SelfTest, filled

__all__ = ["source"]

_RESET = """\
void @name@_reset(@name@_state *state) {
  int l, j;
@none@  for (l = 0; l < @layers@; ++l) {
    for (j = 0; j < H; ++j) state->h[l][j] = 0;
  }
@pooled@@framed@}
"""

# Before the first frame has ended, the last answer is NaN: made of its bits, whatever the compiler flags.
_RESET_FRAMED = """\
  for (j = 0; j < @width@; ++j) state->frame[j] = 0;
  none.u = @nan@;
  for (j = 0; j < @logits@; ++j) state->held[j] = none.f;
  state->until = @frame_length@;
"""

_NAN = {"float": ("uint32_t", "0x7FC00000u"), "double": ("uint64_t", "0x7FF8000000000000u")}

_SWEEP = """\
/* One direction of a layer, over a sequence of `width` values a step. */
static void sweep(void (*layer)(const @real@ *, @real@ *), const @real@ *from, int width, int steps, int back,
                  @real@ *to) {
  @real@ h[H];
  int i, j;
  for (j = 0; j < H; ++j) h[j] = 0;
  for (i = 0; i < steps; ++i) {
    const ptrdiff_t t = back ? steps - 1 - i : i;
    layer(from + t * width, h);
    for (j = 0; j < H; ++j) to[t * @top@ + back * H + j] = h[j];
  }
}
"""

_SELF_TEST = """\
int @name@_self_test(void) {
@locals@  @raw@ x[@steps@ * @features@];
  @real@ y[@values@];
  int j, right = 1;
  for (j = 0; j < @steps@ * @features@; ++j) x[j] = test_x[j / @features@][j % @features@];
@run@  for (j = 0; j < @logits@; ++j) right = right && is_near(y[@at@ + j], test_y[j], test_tolerance[j]);
  return right;
}
"""


def source(model: Model) -> str:
    """Return the source's text."""
    stream = model.directions == 1
    parts = [
        f"/* {model.name}.c: a {model.kind} as C99, by fastgru {model.version}. See {model.name}.h. */",
        _includes(model),
        f"enum {{ H = {model.hidden} }};\n",
        *_arrays(model),
        *_functions_of_numbers(model),
    ]
    if model.encoder != "layer" or not stream:
        parts.append(filled(_c_parts.ENCODERS[model.encoder][model.real], model))
    parts += [_layer(model, number, weights) for number, weights in enumerate(model.layers)]
    if stream and model.framed:
        parts.append(filled(_c_parts.FRAME, model))
    elif model.framed:
        parts.append(filled(_c_parts.ENCODE_FRAME, model))
    if stream and model.pooled:
        parts.append(filled(model.pooling.step, model))
    if model.answers != "state":
        parts += [filled(_c_parts.HEAD, model), _answer(model)]
    parts += [_reset(model), _step(model)] if stream else [filled(_SWEEP, model), _predict(model)]
    return "\n".join([*parts, _self_test(model, model.self_test)])


def _includes(model: Model) -> str:
    names = ["stdint.h"]
    if model.real == "double":
        names.append("math.h")
    if model.directions == 2:
        names.append("stddef.h")
    lines = [f'#include "{model.name}.h"\n', *(f"#include <{name}>" for name in sorted(names))]
    return "\n".join([*lines, ""])


def _functions_of_numbers(model: Model) -> list[str]:
    """Return the functions that this model calls, and no others, of which compilers would warn."""
    wanted = []
    if model.answers == "sigmoid":
        wanted.append(_c_math.SIGMOID)
    if model.answers == "softmax" or (model.quantiles > 1 and model.real == "float"):
        wanted.append(_c_math.EXP)
    if model.quantiles > 1:
        wanted.append(_c_math.SOFTPLUS)
    gates = [_c_int8.GATES, _c_int8.functions(model)] if model.int8 else [_c_math.GATES[model.real]]
    return [*gates, *(texts[model.real] for texts in [*wanted, _c_math.NEAR])]


def _layer(model: Model, number: int, weights: Layer) -> str:
    """Return the function of one layer's step."""
    if model.int8:
        return _c_int8.layer(model, number, weights)
    text = _c_parts.LAYER_AFTER if model.reset_after else _c_parts.LAYER_BEFORE
    return filled(text, model, l=number, width=weights.width)


def _answer(model: Model) -> str:
    value = "all[q]" if model.quantiles > 1 else "y[j]"
    low = " + y_mean_low[j])" if model.real == "float" else ")"
    unscaled = f"({value} * y_scale[j]{low} + y_mean[j]"
    return filled(_c_parts.ANSWERS[model.answers], model, unscaled=unscaled, middle=model.quantiles // 2)


def _reset(model: Model) -> str:
    kind, bits = _NAN[model.real]
    text = _RESET.replace("@framed@", _RESET_FRAMED if model.framed else "")
    none = f"  union {{ {model.real} f; {kind} u; }} none;\n" if model.framed else ""
    return filled(text, model, pooled=model.pooling.reset, none=none, nan=bits)


def _step(model: Model) -> str:
    raw, real, name = model.raw, model.real, model.name
    lines = [f"void {name}_step({name}_state *state, const {raw} *x, {real} *y) {{"]
    below = "x"
    if model.encoder != "layer":
        lines += [f"  {real} in[{model.each}];"]
    if model.pooled:
        lines += [f"  {real} top[H];"]
    if model.pooled or model.answers == "state" or model.framed:
        lines += ["  int j;"]
    if model.encoder != "layer":
        lines += ["  encode(x, in);"]
        below = "in"
    if model.framed:
        lines += ["  if (!frame_ends(state, in, y)) return;"]
        below = "state->frame"
    for number in range(len(model.layers)):
        lines.append(f"  layer_{number}({below}, state->h[{number}]);")
        below = f"state->h[{number}]"
    if model.pooled:
        lines += [f"  for (j = 0; j < H; ++j) top[j] = {below}[j];", "  pool(state, top);"]
        below = "top"
    if model.answers == "state":
        lines.append(f"  for (j = 0; j < H; ++j) y[j] = {below}[j];")
    else:
        lines += [f"  head({below}, y);", "  answer(y);"]
    if model.framed:
        lines += [f"  for (j = 0; j < {model.logits}; ++j) state->held[j] = y[j];"]
    return "\n".join([*lines, "}", ""])


def _frames(model: Model) -> list[str]:
    """Return the lines that count and fill the frames of a whole sequence of `given` time steps."""
    first = "spare < 0 ? spare : 0" if model.every_step else "spare > 0 ? spare % @frame_step@ : spare"
    return [
        "  const int spare = given - @frame_length@;",
        f"  const ptrdiff_t first = {first};",
        "  const int steps = spare > 0 ? 1 + spare / @frame_step@ : 1;",
    ]


def _predict(model: Model) -> str:
    """Return the function that answers a whole sequence, by a model of two directions."""
    every_step, width = model.every_step, model.width
    steps = "given" if model.framed else "steps"
    lines = [
        f"void @name@_predict(const @raw@ *x, int {steps}, @real@ *work, @real@ *y) {{",
        *(_frames(model) if model.framed else []),
        f"  @real@ *one = work, *two = work + (ptrdiff_t)steps * {max(width, model.top)};",
        *([] if every_step else ["  @real@ top[@top@];", "  int j;"]),
        "  ptrdiff_t t;",
    ]
    if model.framed:
        frame = "encode_frame(x, first + t * @frame_step@, one + t * @width@)"
        lines.append(f"  for (t = 0; t < steps; ++t) {frame};")
    else:
        lines.append("  for (t = 0; t < steps; ++t) encode(x + t * @features@, one + t * @width@);")
    states, to = "one", "two"
    for number in range(0, len(model.layers), 2):
        for back in (0, 1):
            lines.append(f"  sweep(layer_{number + back}, {states}, {width}, steps, {back}, {to});")
        states, to, width = to, states, model.top
    if model.answers == "state":
        lines.append("  for (t = 0; t < (ptrdiff_t)steps * @top@; ++t) y[t] = @states@[t];")
    elif every_step and model.framed:
        lines += [
            "  for (t = 0; t < given; ++t) { /* the answer to the last frame that has ended */",
            "    const ptrdiff_t since = t - first - (@frame_length@ - 1);",
            "    head(@states@ + (since < 0 ? 0 : since / @frame_step@) * @top@, y + t * @logits@);",
            "    answer(y + t * @logits@);",
            "  }",
        ]
    elif every_step:
        lines += ["  for (t = 0; t < steps; ++t) {", "    head(@states@ + t * @top@, y + t * @logits@);"]
        lines += ["    answer(y + t * @logits@);", "  }"]
    else:
        lines += [model.pooling.whole.rstrip("\n"), "  head(top, y);", "  answer(y);"]
    return filled("\n".join([*lines, "}", ""]), model, states=states)


def _self_test(model: Model, test: SelfTest) -> str:
    steps, local, run, each_step = len(test.x), [], [], False
    if test.gap:
        kind, bits = _NAN[model.real]
        local.append(f"  union {{ {model.real} f; {kind} u; }} missing;")
        run += [f"  missing.u = {bits};", f"  x[{steps // 2} * @features@] = missing.f;"]
    if model.directions == 1:
        local.append("  @name@_state state;")
        run += ["  @name@_reset(&state);"]
        run += [f"  for (j = 0; j < {steps}; ++j) @name@_step(&state, x + j * @features@, y);"]
    else:
        each_step = model.every_step
        local.append(f"  @real@ work[{steps * model.work}];")
        run += [f"  @name@_predict(x, {steps}, work, y);"]
    text = _SELF_TEST.replace("@locals@", "".join(line + "\n" for line in local))
    text = text.replace("@run@", "".join(line + "\n" for line in run))
    values, at = (steps * model.logits, test.step * model.logits) if each_step else (model.logits, 0)
    return filled(text, model, steps=steps, values=values, at=at)


def _arrays(model: Model) -> list[str]:
    texts = []
    for number, layer in enumerate(model.layers):
        for name, values in vars(layer).items():
            if values is not None:
                kind = "signed char" if values.dtype == np.int8 else model.real
                texts.append(_array(f"{name}_{number}", values, kind))
    for name, values in sorted(model.tensors.items()):
        texts.append(_array(name, values, model.real))
    test = model.self_test
    texts.append(_array("test_x", test.x, model.raw))
    texts.append(_array("test_y", test.y, model.real))
    texts.append(_array("test_tolerance", test.tolerance, model.real))
    return texts


def _array(name: str, values: NDArray[Any], kind: str) -> str:
    """Return an array's definition, in which every number reads back to the bit."""
    if not np.isfinite(values).all():
        raise ValueError(f"the model's {name} holds values that are not finite, which C cannot be given")
    shape = "".join(f"[{size}]" for size in values.shape)
    rows = values.reshape(len(values), -1)
    texts = [", ".join(_number(v, kind) for v in row) for row in rows]
    body = ", ".join(texts) if values.ndim == 1 else ",\n".join("{" + text + "}" for text in texts)
    wrapped = "\n".join(
        textwrap.fill(line, 110, initial_indent="  ", subsequent_indent="    ") for line in body.split("\n")
    )
    return f"static const {kind} {name}{shape} = {{\n{wrapped}\n}};\n"


def _number(value: Any, kind: str) -> str:
    if kind in ("int32_t", "signed char"):
        return str(int(value))
    text = f"{float(value):.9g}" if kind == "float" else repr(float(value))
    if not any(c in text for c in ".e"):
        text += ".0"
    return text + "f" if kind == "float" else text
