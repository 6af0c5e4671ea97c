"""The demo's arithmetic: windows, split in time, naive forecasts and errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Samples in order of time: one row for each time at which a forecast is made.

    Attributes
    ----------
    inputs : ndarray of shape (n, length), float64
        The model's input: the last values, or the last changes from step to step.
    targets : ndarray of shape (n,), float64
        The model's target: the value `horizon` steps later, or its difference from the last known value.
    offset : ndarray of shape (n,), float64
        The amount to add to a prediction to get a value of the series.
    when : ndarray of shape (n,), int64
        The position of the forecast value in the series, ascending.
    """

    inputs: _Floats
    targets: _Floats
    offset: _Floats
    when: _Ints

    def part(self, start: int, stop: int) -> Samples:
        """Return the samples whose forecast value lies in ``[start, stop)``."""
        first, last = np.searchsorted(self.when, (start, stop))
        return self._rows(slice(int(first), int(last)))

    def drawn(self, most: int, seed: int) -> Samples:
        """Return `most` of the samples, drawn at random and still in order of time; all if there are no more.

        A fixed stride would meet the same phases of the season again and again, and miss the others.
        """
        if len(self) <= most:
            return self
        rows = np.random.default_rng(seed).choice(len(self), most, replace=False)
        return self._rows(np.sort(rows))

    def _rows(self, rows: slice | _Ints) -> Samples:
        return Samples(self.inputs[rows], self.targets[rows], self.offset[rows], self.when[rows])

    def __len__(self) -> int:
        return len(self.when)


def make_samples(values: _Floats, length: int, horizon: int, changes: bool) -> Samples:
    """Cut a series into samples.

    Parameters
    ----------
    values : ndarray of shape (n,), float64
        The series; n must be larger than ``length + horizon``.
    length : int
        Steps a sample looks back.
    horizon : int
        Steps from the last known value to the target.
    changes : bool
        Whether inputs and targets are changes instead of the values themselves.

    Returns
    -------
    Samples
        One for each position from ``length + horizon`` on, so that values and changes have the same samples.
    """
    source = np.diff(values) if changes else values[1:]
    windows = np.lib.stride_tricks.sliding_window_view(source, length)[: len(source) - length - horizon + 1]
    when = np.arange(length + horizon, len(values))
    last = values[when - horizon]
    offset = last if changes else np.zeros(len(when))
    return Samples(windows, values[when] - offset, offset, when)


def drifts(train: _Floats) -> bool:
    """Return whether a series leaves its earlier range, judged on its training part alone.

    A network trained on values in one range fails in another; then it should learn changes. The series drifts
    if more than a tenth of the last fifth lies outside the range of the values before it.
    """
    cut = len(train) * 4 // 5
    before, after = train[:cut], train[cut:]
    return bool(np.mean((after < before.min()) | (after > before.max())) > 0.1)
