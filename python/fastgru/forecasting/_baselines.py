"""Forecasts without a model, which a model has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._steps import Form, without_gaps

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

WALK, SEASONAL, DRIFT = "random walk", "seasonal naive", "drift"
NAIVE = (WALK, SEASONAL, DRIFT)


@dataclass(frozen=True)
class Normal:
    """Forecasts of the next steps as normal distributions: `mean` and `spread` of shape (n_steps,)."""

    mean: _Floats
    spread: _Floats


def persistence(values: _Floats, when: _Ints, horizon: int | _Ints) -> _Floats:
    """Return the naive forecast: the last known value, `horizon` steps before."""
    found: _Floats = values[when - horizon]
    return found


def seasonal_naive(values: _Floats, when: _Ints, horizon: int | _Ints, season: int) -> _Floats:
    """Return the seasonal naive forecast: the value at the same point of the latest known season."""
    found: _Floats = values[when - season * -(-horizon // season)]
    return found


def drift(values: _Floats, steps: int) -> _Floats:
    """Return the forecast of the next `steps` values on the line through the first value and the last."""
    slope = (values[-1] - values[0]) / max(1, len(values) - 1)
    return np.asarray(values[-1] + slope * np.arange(1, steps + 1), dtype=np.float64)


def naive_error(values: _Floats, season: int) -> float:
    """Return the mean absolute error of the seasonal naive forecast within a series: MASE's unit.

    R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", 2006. A season longer than
    half of the series counts as 1; NaN are left out. 0 for a series that repeats, but for rounding.
    """
    lag = season if 0 < season <= len(values) // 2 else 1
    errors = np.abs(values[lag:] - values[:-lag])
    if not np.isfinite(errors).any():
        return 0.0
    error = float(np.nanmean(errors))
    return error if error > 1e-12 * float(np.nanmax(np.abs(values))) else 0.0


def naive_forecast(name: str, values: _Floats, steps: int, season: int | None) -> Normal:
    """Return one of the forecasts `NAIVE` of the next `steps` values, with its spread.

    The spread grows with the step as that of the process does of which the forecast is the best one: R. J.
    Hyndman, G. Athanasopoulos, "Forecasting: principles and practice", 3rd edition, section 5.5.

    Parameters
    ----------
    name : {"random walk", "seasonal naive", "drift"}
        Which.
    values : ndarray of shape (n,)
        The series, one known value at least; missing ones are NaN.
    steps : int
        Steps ahead.
    season : int or None
        Of the seasonal naive forecast; it must be known where that is asked for.
    """
    known = np.flatnonzero(np.isfinite(values))
    ahead = np.arange(1, steps + 1)
    when = len(values) - 1 + ahead
    if name == SEASONAL:
        assert season is not None
        mean = seasonal_naive(_without_gaps(values, season), when, ahead, season)
        return Normal(mean, _spread(values, season) * np.sqrt(-(-ahead // season)))
    if name == WALK:
        return Normal(persistence(_without_gaps(values), when, ahead), _spread(values, 1) * np.sqrt(ahead))
    span = max(1, int(known[-1] - known[0]))
    late = len(values) - 1 - int(known[-1])  # steps since the last known value
    mean = drift(values[known[0] : known[-1] + 1], late + steps)[late:]
    slope = (values[known[-1]] - values[known[0]]) / span
    return Normal(mean, _spread(values, 1, slope) * np.sqrt(ahead * (1.0 + ahead / span)))


def _spread(values: _Floats, lag: int, slope: float = 0.0) -> float:
    """Return the root mean square of the changes over `lag` steps, less a slope; 0 if there are none."""
    changes = values[lag:] - values[:-lag] - slope
    changes = changes[np.isfinite(changes)]
    return float(np.sqrt(np.mean(changes**2))) if len(changes) else 0.0


def _without_gaps(values: _Floats, season: int = 1) -> _Floats:
    return without_gaps(values, Form(1, "first" if season == 1 else "seasonal", season, "none", 1))
