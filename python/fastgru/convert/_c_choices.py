"""What an exported model makes of each pooling, and of each loss that answers with probabilities.

The only place that knows their names. A pooling or loss that is not here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["POOLINGS", "PROBABILITIES", "Pooling"]


@dataclass(frozen=True)
class Pooling:
    """C text of a pooling. Text in @…@ is filled in by `_c_text`."""

    whole: str  # the head's input `top` from the states of a whole sequence
    state: str = ""  # the members that a stream's state has for it
    reset: str = ""
    step: str = ""  # a function that replaces the top state by the running mean or maximum
    counts: bool = False  # the state has a number of fixed width


_LAST = Pooling(
    whole="""\
  for (j = 0; j < H; ++j) {
    top[j] = @states@[(ptrdiff_t)(steps - 1) * @top@ + j];
    top[H + j] = @states@[H + j];
  }
""",
)

_MEAN = Pooling(
    whole="""\
  for (j = 0; j < @top@; ++j) top[j] = 0;
  for (t = 0; t < steps; ++t) {
    for (j = 0; j < @top@; ++j) top[j] += @states@[t * @top@ + j];
  }
  for (j = 0; j < @top@; ++j) top[j] /= (@real@)steps;
""",
    state="""\
  @real@ pooled[@hidden@]; /* the sum of the top layer's states */
  uint32_t steps;
""",
    reset="""\
  for (j = 0; j < H; ++j) state->pooled[j] = 0;
  state->steps = 0;
""",
    step="""\
/* The mean of the states so far. */
static void pool(@name@_state *state, @real@ *top) {
  int j;
  if (state->steps < UINT32_MAX) ++state->steps;
  for (j = 0; j < H; ++j) {
    state->pooled[j] += top[j];
    top[j] = state->pooled[j] / (@real@)state->steps;
  }
}
""",
    counts=True,
)

_MAX = Pooling(
    whole="""\
  for (j = 0; j < @top@; ++j) top[j] = @states@[j];
  for (t = 1; t < steps; ++t) {
    for (j = 0; j < @top@; ++j) top[j] = @states@[t * @top@ + j] > top[j] ? @states@[t * @top@ + j] : top[j];
  }
""",
    state="""\
  @real@ pooled[@hidden@]; /* the maximum of the top layer's states */
""",
    reset="""\
  for (j = 0; j < H; ++j) state->pooled[j] = -2; /* below any state */
""",
    step="""\
/* The maximum of the states so far. */
static void pool(@name@_state *state, @real@ *top) {
  int j;
  for (j = 0; j < H; ++j) {
    if (top[j] > state->pooled[j]) state->pooled[j] = top[j];
    top[j] = state->pooled[j];
  }
}
""",
)

POOLINGS = {"last": _LAST, "mean": _MEAN, "max": _MAX}

# What each loss makes of the logits.
PROBABILITIES = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "ctc": "softmax"}
