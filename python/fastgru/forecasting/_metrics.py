"""Errors of forecasts. Steps whose truth is missing (NaN) do not count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


def rmse(forecast: _Floats, truth: _Floats) -> float:
    """Return the root mean squared error, in the unit of the series."""
    known = np.isfinite(truth)
    return float(np.sqrt(_mean((forecast[known] - truth[known]) ** 2)))


def mae(forecast: _Floats, truth: _Floats) -> float:
    """Return the mean absolute error, in the unit of the series."""
    known = np.isfinite(truth)
    return _mean(np.abs(forecast[known] - truth[known]))


def mase(forecast: _Floats, truth: _Floats, unit: float) -> float:
    """Return the mean absolute error in units of the naive error before (`naive_error`); NaN if that is 0."""
    return mae(forecast, truth) / unit if unit > 0.0 else float("nan")


def smape(forecast: _Floats, truth: _Floats) -> float:
    """Return the symmetric mean absolute percentage error, 0 to 200; 0 where both are 0."""
    known = np.isfinite(truth)
    error, size = np.abs(forecast - truth)[known], (np.abs(forecast) + np.abs(truth))[known]
    return _mean(200.0 * np.divide(error, size, out=np.zeros_like(error), where=size != 0.0))


def pinball(quantiles: _Floats, truth: _Floats, levels: Sequence[float]) -> float:
    """Return the mean pinball loss over steps and levels, in the unit of the series.

    Parameters
    ----------
    quantiles : ndarray of shape (n, n_levels)
        Forecasts of the levels.
    truth : ndarray of shape (n,)
        What came.
    levels : sequence of float
        The levels.
    """
    known = np.isfinite(truth)
    error, level = truth[known, None] - quantiles[known], np.asarray(levels)
    return _mean(np.maximum(level * error, (level - 1.0) * error))


def coverage(low: _Floats, high: _Floats, truth: _Floats) -> float:
    """Return the share of values in an interval, whose ends belong to it."""
    known = np.isfinite(truth)
    inside: _Floats = ((low <= truth) & (truth <= high)).astype(np.float64)
    inside[~(np.isfinite(low) & np.isfinite(high))] = np.nan
    return _mean(inside[known])


def width(low: _Floats, high: _Floats, truth: _Floats) -> float:
    """Return the mean width of an interval where the truth is known, in the unit of the series."""
    return _mean((high - low)[np.isfinite(truth)])


def _mean(values: _Floats) -> float:
    return float(np.mean(values)) if values.size else float("nan")
