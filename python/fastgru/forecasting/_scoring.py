"""The errors of the methods of a backtest: by series and fold, and their means."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting import _metrics
from fastgru.forecasting._rivals import Forecast

_Floats = NDArray[np.float64]

METRICS = ("MAE", "RMSE", "MASE", "sMAPE", "pinball", "coverage", "width")


@dataclass(frozen=True)
class Part:
    """One series in one fold.

    Attributes
    ----------
    fold : int
        From 0.
    place : int
        Of the series.
    series : hashable
        The name of the series, or its number.
    first : int
        Row of the first step on the even grid of the series.
    times : object
        The times of the steps: a pandas index, or row numbers.
    truth : ndarray of shape (n_steps,)
        What came; NaN where missing.
    unit : float
        The naive error before the fold: MASE's unit.
    forecasts : dict of str to Forecast
        By method.
    """

    fold: int
    place: int
    series: Hashable
    first: int
    times: Any
    truth: _Floats
    unit: float
    forecasts: dict[str, Forecast]


@dataclass(frozen=True)
class Levels:
    """The quantiles of a backtest, ascending, and the share of values that the interval shall hold."""

    levels: tuple[float, ...]
    coverage: float

    def ends(
        self, quantiles: _Floats | None, steps: int, coverage: float | None = None
    ) -> tuple[_Floats, _Floats]:
        """Return the ends of an interval, (n_steps,) each; NaN where there are no quantiles."""
        if quantiles is None:
            return np.full(steps, np.nan), np.full(steps, np.nan)
        wanted = self.coverage if coverage is None else coverage
        low = int(np.argmin(np.abs(np.array(self.levels) - (1.0 - wanted) / 2.0)))
        return quantiles[:, low], quantiles[:, len(self.levels) - 1 - low]

    def coverages(self) -> list[float]:
        """Return the shares of all intervals, ascending."""
        return sorted(round(1.0 - 2.0 * level, 12) for level in self.levels if level < 0.5)


def levels_of(coverages: Sequence[float], coverage: float) -> Levels:
    """Return the levels of several intervals and the median."""
    tails = {round((1.0 - each) / 2.0, 12) for each in (*coverages, coverage)}
    return Levels(tuple(sorted(tails | {0.5} | {round(1.0 - tail, 12) for tail in tails})), coverage)


def errors_of(part: Part, method: str, levels: Levels) -> list[float]:
    """Return all of `METRICS` of a method on one series in one fold."""
    forecast, truth = part.forecasts[method], part.truth
    low, high = levels.ends(forecast.quantiles, len(truth))
    quantiles = forecast.quantiles
    return [
        _metrics.mae(forecast.point, truth),
        _metrics.rmse(forecast.point, truth),
        _metrics.mase(forecast.point, truth, part.unit),
        _metrics.smape(forecast.point, truth),
        float("nan") if quantiles is None else _metrics.pinball(quantiles, truth, levels.levels),
        _metrics.coverage(low, high, truth),
        _metrics.width(low, high, truth),
    ]


class Scores:
    """All errors of a backtest.

    Parameters
    ----------
    parts : sequence of Part
        Of all folds.
    methods : sequence of str
        The methods.
    levels : Levels
        Their quantiles.
    """

    def __init__(self, parts: Sequence[Part], methods: Sequence[str], levels: Levels) -> None:
        self.methods = tuple(methods)
        self.folds = tuple(sorted({part.fold for part in parts}))
        self.series = tuple(dict.fromkeys(part.series for part in parts))
        self._fold = np.array([part.fold for part in parts])
        self._series = np.array([self.series.index(part.series) for part in parts])
        table = [[errors_of(part, method, levels) for method in self.methods] for part in parts]
        self._errors = np.array(table).reshape(len(parts), len(self.methods), len(METRICS))

    def by_fold(self) -> _Floats:
        """Return (n_folds, n_methods, n_metrics): means over the series of each fold."""
        return self._means(self._fold, self.folds)

    def by_series(self) -> _Floats:
        """Return (n_series, n_methods, n_metrics): means over the folds of each series."""
        return self._means(self._series, range(len(self.series)))

    def means(self) -> _Floats:
        """Return (n_methods, n_metrics): means over the folds of `by_fold`."""
        return mean_known(self.by_fold())

    def _means(self, labels: NDArray[Any], wanted: Sequence[int]) -> _Floats:
        return np.stack([mean_known(self._errors[labels == each]) for each in wanted])


def mean_known(values: _Floats) -> _Floats:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    found: _Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    # An infinite error is no missing one.
    return np.where(np.isinf(values).any(axis=0), np.inf, found)


def framed(columns: dict[str, Any], index: str | None = None) -> Any:
    """Return columns as a pandas frame, or as they are where pandas is not installed."""
    if "pandas" not in sys.modules and find_spec("pandas") is None:
        return columns
    import pandas as pd

    frame = pd.DataFrame(columns)
    return frame if index is None else frame.set_index(index)


def flat(table: _Floats, labels: dict[str, Sequence[Any]], methods: Sequence[str]) -> dict[str, Any]:
    """Return a table (n, n_methods, n_metrics) as columns, with the labels of the first axis."""
    count = len(methods)
    columns: dict[str, Any] = {
        name: [each for each in values for _ in range(count)] for name, values in labels.items()
    }
    columns["method"] = list(methods) * len(table)
    return columns | {name: table[:, :, k].ravel() for k, name in enumerate(METRICS)}
