"""The demo's arithmetic: windows, split in time, season, naive forecasts and errors."""

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

    def part(self, start: int, stop: int, every: int = 1) -> Samples:
        """Return every `every`-th of the samples whose forecast value lies in ``[start, stop)``."""
        first, last = np.searchsorted(self.when, (start, stop))
        rows = slice(int(first), int(last), every)
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


def find_season(train: _Floats, changes: bool) -> int | None:
    """Return the length of the season in steps, or None.

    Parameters
    ----------
    train : ndarray of shape (n,), float64
        The training part of the series.
    changes : bool
        Whether to search changes alone, because the series drifts.

    Returns
    -------
    int or None
        At least 2, at most a third of `train`. Changes are searched first, because a short season (a day) on
        top of a long one (a year) shows only there. A long season with much noise shows only in the values.
    """
    season = _highest_peak(np.diff(train))
    return season if season is not None or changes else _highest_peak(train)


def _highest_peak(series: _Floats) -> int | None:
    """Return the lag of the highest peak of the autocorrelation that reaches 0.25 and stands out by 0.1."""
    centred = series - series.mean()
    size = 1 << (2 * len(series) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    lags = np.arange(len(series) // 3 + 1)
    covariance = np.fft.irfft(power, size)[: len(lags)] / (len(series) - lags)
    if len(lags) < 4 or covariance[0] <= 0.0:
        return None
    correlation = covariance / covariance[0]
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:]))
    valleys = np.minimum.accumulate(correlation)
    peaks = peaks[(peaks >= 2) & (correlation[peaks] > 0.25) & (correlation[peaks] - valleys[peaks] > 0.1)]
    if not len(peaks):
        return None
    # Multiples of the season have peaks about as high as the season's: the first high peak is the season.
    return int(peaks[correlation[peaks] >= 0.7 * correlation[peaks].max()][0])


def persistence(values: _Floats, when: _Ints, horizon: int) -> _Floats:
    """Return the naive forecast: the last known value, `horizon` steps before."""
    return values[when - horizon]


def seasonal_naive(values: _Floats, when: _Ints, horizon: int, season: int) -> _Floats:
    """Return the seasonal naive forecast: the value at the same point of the latest known season."""
    return values[when - season * -(-horizon // season)]


def rmse(forecast: _Floats, truth: _Floats) -> float:
    """Return the root mean squared error, in the unit of the series."""
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


def mae(forecast: _Floats, truth: _Floats) -> float:
    """Return the mean absolute error, in the unit of the series."""
    return float(np.mean(np.abs(forecast - truth)))
