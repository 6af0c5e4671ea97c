"""From one series to what the network reads and learns at each of its steps, and back to forecasts.

At step t the network reads the change of the series, covariates and the calendar, and answers with the
quantiles of ``(y[t + h] - offset[t, h]) / unit[t]`` for every h of the horizon. Everything at step t is
computed from values up to t (covariates and calendar that are known in advance up to t + horizon): nothing
of the future is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

DIFFERENCING = ("none", "first", "seasonal")
SCALING = ("series", "window", "none")

_TINY = 1e-100  # below it the squares of numbers vanish
_CHUNK = 4096  # rows whose windows are held in memory at once


@dataclass(frozen=True)
class Form:
    """How a series is turned into inputs and targets: the same for all series of a model.

    Attributes
    ----------
    horizon : int
        Steps ahead that the network answers at each step.
    differencing : {"none", "first", "seasonal"}
        What forecasts are counted from: nothing, the last value, or the value one season before.
    season : int
        Steps of the season; used with seasonal differencing.
    scaling : {"series", "window", "none"}
        The unit of a series: its own spread at fit; the mean magnitude of its last `window` values; 1.
    window : int
        Steps of that mean.
    """

    horizon: int
    differencing: str
    season: int
    scaling: str
    window: int

    @property
    def lag(self) -> int:
        """Steps back to the value that a step is compared with; 0: none."""
        return {"none": 0, "first": 1, "seasonal": self.season}[self.differencing]

    @property
    def memory(self) -> int:
        """How many last values decide inputs, offsets and units of the next step."""
        return max(1 + self.lag, self.window if self.scaling == "window" else 1)

    @property
    def reach(self) -> int:
        """How many last values decide the inputs of a step and the offsets of its whole horizon."""
        seasons = -(-self.horizon // self.season) if self.differencing == "seasonal" else 0
        return self.memory + self.season * seasons


def changes(y: _Floats, form: Form) -> _Floats:
    """Return the change of each value, (n,): NaN for the first `lag` steps."""
    if not form.lag:
        return y
    before = np.full(min(form.lag, len(y)), np.nan)
    return np.concatenate((before, y[form.lag :] - y[: len(y) - form.lag]))


def offsets(y: _Floats, form: Form) -> _Floats:
    """Return what a forecast from step t, h steps ahead, is counted from: (n, horizon)."""
    n, horizon = len(y), form.horizon
    if form.differencing == "none":
        return np.zeros((n, horizon))
    filled = without_gaps(y, form)
    if form.differencing == "first":
        return np.repeat(filled[:, None], horizon, axis=1)
    ahead = np.arange(1, horizon + 1)
    places = np.arange(n)[:, None] + ahead - form.season * -(-ahead // form.season)
    found: _Floats = np.where(places < 0, np.nan, filled[np.maximum(places, 0)])
    return found


def targets(y: _Floats, form: Form) -> _Floats:
    """Return the values h steps after each step: (n, horizon), NaN beyond the end."""
    padded = np.concatenate((y, np.full(form.horizon, np.nan)))
    ahead: _Floats = np.lib.stride_tricks.sliding_window_view(padded[1:], form.horizon)
    return ahead


def units(y: _Floats, form: Form, scale: float) -> _Floats:
    """Return the unit of each step, (n,): a constant, or the mean magnitude of the last values."""
    if form.scaling != "window":
        return np.full(len(y), scale)
    magnitudes = np.concatenate((np.full(form.window - 1, np.nan), np.abs(y)))
    windows = np.lib.stride_tricks.sliding_window_view(magnitudes, form.window)
    level = np.empty(len(y))
    for start in range(0, len(y), _CHUNK):  # each row by itself: the same bits wherever a series is cut
        part = windows[start : start + _CHUNK]
        known = np.isfinite(part)
        level[start : start + _CHUNK] = np.where(known, part, 0.0).sum(axis=1) / np.maximum(
            known.sum(axis=1), 1
        )
    return np.maximum(level, 1e-3 * scale)


def scale_of(y: _Floats, form: Form) -> float:
    """Return the spread of the changes of a series (its magnitude, where the window scales it); 1 if 0."""
    if form.scaling == "none":
        return 1.0
    values = np.abs(y) if form.scaling == "window" else changes(y, form)
    known = values[np.isfinite(values)]
    if not len(known):
        return 1.0
    largest = float(np.abs(known).max())
    tiny = largest if 0.0 < largest < _TINY else 1.0
    spread = np.mean if form.scaling == "window" else np.std
    scale = tiny * float(spread(known / tiny))
    return scale if scale > 1e-12 * largest else 1.0


def centre_of(y: _Floats, form: Form) -> float:
    """Return the level that a series is counted from: its mean, where no difference takes it away."""
    if form.differencing != "none" or form.scaling != "series":
        return 0.0
    return float(np.nanmean(y)) if np.isfinite(y).any() else 0.0


def start_of(y: _Floats, form: Form) -> int:
    """Return the first step at which there is a change and something to count forecasts from."""
    return min(len(y), form.lag)


def without_gaps(y: _Floats, form: Form) -> _Floats:
    """Return a series in which a missing value is the last one known before it, or of the same phase."""
    if np.isfinite(y).all():
        return y
    latest = _latest(y)
    if form.differencing != "seasonal":
        return latest
    filled = np.empty_like(y)
    for phase in range(min(form.season, len(y))):
        filled[phase :: form.season] = _latest(y[phase :: form.season])
    return np.where(np.isfinite(filled), filled, latest)


def _latest(y: _Floats) -> _Floats:
    """Return the last value known at each step; NaN before the first."""
    places = np.where(np.isfinite(y), np.arange(len(y)), 0)
    return y[np.maximum.accumulate(places)]
