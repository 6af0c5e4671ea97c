"""Forecasts without a model, which a model has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def persistence(values: _Floats, when: _Ints, horizon: int) -> _Floats:
    """Return the naive forecast: the last known value, `horizon` steps before."""
    return values[when - horizon]


def seasonal_naive(values: _Floats, when: _Ints, horizon: int, season: int) -> _Floats:
    """Return the seasonal naive forecast: the value at the same point of the latest known season."""
    return values[when - season * -(-horizon // season)]


def drift(values: _Floats, steps: int) -> _Floats:
    """Return the forecast of the next `steps` values on the line through the first value and the last."""
    slope = (values[-1] - values[0]) / max(1, len(values) - 1)
    return np.asarray(values[-1] + slope * np.arange(1, steps + 1), dtype=np.float64)


def naive_error(values: _Floats, season: int) -> float:
    """Return the mean absolute error of the seasonal naive forecast within a series: MASE's unit.

    R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", 2006. A season longer than
    half of the series counts as 1; NaN are left out. 0 for a series that repeats.
    """
    lag = season if 0 < season <= len(values) // 2 else 1
    errors = np.abs(values[lag:] - values[:-lag])
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else 0.0
