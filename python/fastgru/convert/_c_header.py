"""Text of the header that `to_c` returns."""

from __future__ import annotations

from fastgru.convert._c_model import Model, filled

__all__ = ["header"]

_ABOUT_STREAM = """\
/* @name@.h: a @kind@ as C99, written by fastgru @version@. One sequence, one time step a call.
 *
 *   @name@_state state;
 *   @name@_reset(&state);
 *   for each time step: @name@_step(&state, x, y);
 *
 * x has @NAME@_INPUTS values, @x_units@;
 * y gets @NAME@_OUTPUTS, @y_units@ after all steps so far.
@frames@@meaning@@bytes@ * Nothing is allocated and nothing is global but constants: a state per
 * sequence, on any thread. A state may be copied. To begin a sequence without a jump (audio: without a pop),
 * copy the state after a thousand steps of silence instead of resetting.
 *
 * Any compiler flags do, -ffast-math, -Ofast and x87 included; @name@_self_test() says whether a build is
 * right. For speed: -O3 -march=native (or your target's -mcpu); compilers make few vectors at -O2. */
"""

_ABOUT_SEQUENCE = """\
/* @name@.h: a @kind@ of two directions as C99, written by fastgru @version@. A whole sequence a call: the
 * second direction begins at the end, so there is no step.
 *
 *   @real@ work[steps * @NAME@_WORK];
 *   @name@_predict(x, steps, work, y);
 *
 * x has @NAME@_INPUTS values for each of the steps, 1 or more, @x_units@;
 * y gets @NAME@_OUTPUTS@each_step@, @y_units@.
@meaning@@bytes@ * Nothing is allocated and nothing is global but constants.
 *
 * Any compiler flags do, -ffast-math, -Ofast and x87 included; @name@_self_test() says whether a build is
 * right. For speed: -O3 -march=native (or your target's -mcpu); compilers make few vectors at -O2. */
"""

_GUARD = """\
#ifndef FASTGRU_@name@_H
#define FASTGRU_@name@_H

@include@#ifdef __cplusplus
extern "C" {
#endif

#define @NAME@_INPUTS @features@
#define @NAME@_OUTPUTS @logits@
@declarations@
/* 1: this build gives fastgru's answer to a stored sequence; 0: it computes something else. */
int @name@_self_test(void);

#ifdef __cplusplus
}
#endif

#endif
"""

_STREAM = """\

typedef struct @name@_state {
  @real@ h[@layers@][@hidden@]; /* the state of each layer */
@pooled@@framed@} @name@_state;

void @name@_reset(@name@_state *state);
void @name@_step(@name@_state *state, const @raw@ *x, @real@ *y);
"""

_SEQUENCE = """\
#define @NAME@_WORK @work@

void @name@_predict(const @raw@ *x, int steps, @real@ *work, @real@ *y);
"""

_FRAMED = """\
  @real@ frame[@width@]; /* the last @frame_length@ time steps */
  @real@ held[@logits@]; /* the last answer */
  int until; /* time steps until the next frame ends */
"""

_FRAMES = """\
 * The model reads frames of @frame_length@ time steps, one every @frame_step@. An answer comes at the end
 * of each and is repeated until the next; before the first one it is NaN.
"""

_BYTES = """\
 * The layers' weights have one byte each: rounding states and inputs to bytes, and sums, are exact. A layer's
 * states have fastgru's bits if both have fused multiply-adds (GCC or Clang; x86: -mfma or -march=native) or
 * neither has, without -ffast-math@rest@. Else a last bit may move a state to the next
 * byte, and y by some thousandths of its unit.
"""

_X_UNITS = {
    "layer": "the layer's input",
    "numbers": "raw, in the units of fit",
    "mask": "raw, in the units of fit, NaN for a missing one",
    "tokens": "the number of a token; any that is none counts as 1, unknown",
}


def header(model: Model) -> str:
    """Return the header's text."""
    stream = model.directions == 1
    text = (_ABOUT_STREAM + _GUARD) if stream else (_ABOUT_SEQUENCE + _GUARD)
    text = text.replace("@declarations@", _STREAM if stream else _SEQUENCE)
    text = text.replace("@pooled@", model.pooling.state)
    text = text.replace("@framed@", _FRAMED if model.framed else "").replace(
        "@frames@", _FRAMES if model.framed else ""
    )
    rest = "" if model.answers == "state" else ", from equal inputs"
    return filled(
        text,
        model,
        bytes=_BYTES.replace("@rest@", rest) if model.int8 else "",
        include="#include <stdint.h>\n\n" if model.raw == "int32_t" or model.pooling.counts else "",
        x_units=_X_UNITS[model.encoder],
        y_units="the top layer's state" if model.answers == "state" else "the estimator's answer",
        each_step=" for each step" if model.every_step else "",
    )
