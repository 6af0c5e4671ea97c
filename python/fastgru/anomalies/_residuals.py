"""From a series and the network's answers to errors: expected values, scaled residuals, their joining.

Batches and streams compute with these functions alone, element by element and in one order, so that both give
the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

MOST = 1e100  # of a scaled residual: its square is still a number


class Reading(NamedTuple):
    """A series as the network reads it, and its latest values: both (n_timesteps, n_variables)."""

    inputs: _Floats
    seen: _Floats


@dataclass(frozen=True)
class Residuals:
    """What turns values and forecasts into scaled residuals; one entry per variable.

    Attributes
    ----------
    low, high : ndarray of shape (n_variables,)
        The network reads values beyond as these: one wild value, or a long stretch of them, does not become
        the new normal, and the forecasts after it stay sane.
    drifts : ndarray of bool of shape (n_variables,)
        Variables with a trend, of which the network reads the changes from step to step (the first one is 0),
        and `low` and `high` are those of changes: their values have no range to stay in.
    center : ndarray of shape (n_variables,)
        What is expected of the first step of a series, and stands for the last value where there is none.
    spread : ndarray of shape (n_known + 1, n_variables)
        The usual size of a residual after 0, 1, 2, ... steps of a series; the last row is for all later ones.
    """

    low: _Floats
    high: _Floats
    drifts: NDArray[np.bool_]
    center: _Floats
    spread: _Floats

    def reading(self, x: _Floats) -> Reading:
        """Return what the network reads of a series (n_timesteps, n_variables)."""
        values = np.where(self.drifts, x, np.minimum(np.maximum(x, self.low), self.high))
        seen, begun = self._last_seen(values)
        if not self.drifts.any():
            return Reading(values, seen)
        change = np.zeros_like(values)
        change[1:] = np.where(begun[:-1], values[1:] - seen[:-1], 0.0)
        change = np.where(np.isnan(values), np.nan, np.minimum(np.maximum(change, self.low), self.high))
        return Reading(np.where(self.drifts, change, values), seen)

    def _last_seen(self, values: _Floats) -> tuple[_Floats, NDArray[np.bool_]]:
        """Return for each step the latest value that is present, or `center`, and whether there is one."""
        present = ~np.isnan(values)
        if present.all():
            return values, present
        row = np.maximum.accumulate(np.where(present, np.arange(len(values))[:, np.newaxis], -1), axis=0)
        found = np.take_along_axis(values, np.maximum(row, 0), axis=0)
        return np.where(row < 0, self.center, found), row >= 0

    def changes(self, read: Reading) -> _Floats:
        """Return what the network learns to answer to all steps but the last: the change until the next."""
        return np.asarray(np.where(self.drifts, read.inputs[1:], read.inputs[1:] - read.seen[:-1]))

    def expected(self, seen: _Floats, changes: _Floats) -> _Floats:
        """Return the values expected of a series' steps from the latest values and the network's answers."""
        expected = np.empty_like(seen)
        if len(seen):
            expected[0] = self.center
            expected[1:] = seen[:-1] + changes[:-1]
        return expected

    def scaled(self, x: _Floats, expected: _Floats, known: NDArray[np.int64]) -> _Floats:
        """Return the residuals in their usual sizes after `known` steps each; NaN where x is missing."""
        spread = self.spread[np.minimum(known, len(self.spread) - 1)]
        return np.minimum(np.maximum((x - expected) / spread, -MOST), MOST)


def errors_of(scaled: _Floats) -> _Floats:
    """Return the root mean square over the variables (..., n_variables) that are present; NaN without any."""
    return _joined_squares(scaled)[1]


def errors_and_shares_of(scaled: _Floats) -> tuple[_Floats, _Floats]:
    """Return the errors, and the share that each variable has in them; equal ones where there is no error."""
    squares, errors, total = _joined_squares(scaled)
    if total.all():
        return errors, squares / total[..., np.newaxis]
    none = (total == 0)[..., np.newaxis]
    return errors, np.where(
        none, 1.0 / scaled.shape[-1], squares / np.where(none, 1.0, total[..., np.newaxis])
    )


def _joined_squares(scaled: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Return the squares, 0 where one is missing, their root mean, and their sum."""
    squares = scaled * scaled
    missing = np.isnan(squares)
    present: int | NDArray[np.int64] = scaled.shape[-1]
    if missing.any():
        squares[missing] = 0.0
        present = scaled.shape[-1] - np.count_nonzero(missing, axis=-1)
    # cumsum adds in order, whatever the other axes are; sum does not.
    total = np.cumsum(squares, axis=-1)[..., -1]
    with np.errstate(invalid="ignore"):
        return squares, np.asarray(np.sqrt(total / present)), total


def smoothed(errors: _Floats, weight: float, start: float) -> _Floats:
    """Return the causal exponential mean of errors (n_timesteps,).

    `weight` is that of the past. Where an error is missing (NaN), the mean is carried on; it is `start`
    before the first.
    """
    past, now, begun, out = start, 1.0 - weight, False, []
    for error in errors.tolist():
        if not math.isnan(error):
            past = past + now * (error - past) if begun else error
            begun = True
        out.append(past)
    return np.array(out, dtype=np.float64)


def joined(errors: _Floats, start: float) -> float:
    """Return the root mean square of a sequence's errors that are present; `start` without any."""
    squares = (errors * errors)[~np.isnan(errors)]
    return float(np.sqrt(np.cumsum(squares)[-1] / len(squares))) if len(squares) else start
