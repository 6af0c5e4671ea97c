"""The result of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting import _metrics
from fastgru.forecasting._conformal import Interval, calibrated
from fastgru.forecasting._scoring import METRICS, Levels, Part, Scores, flat, framed, mean_known
from fastgru.forecasting._verdict import number, percent, table, verdict

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a backtest found: `fastgru.backtest` returns one.

    ``print`` shows the table of errors and, on the last line, whether the forecaster is worth it.

    Attributes
    ----------
    name : str
        The forecaster's class.
    methods : tuple of str
        The forecaster and the methods beside it.
    horizon, step : int
        Steps that a fold forecasts, and from one origin to the next.
    season : int or None
        Steps of the season, in which the seasonal naive forecast and the unit of MASE count.
    coverage : float
        Share of values that the interval of `scores`, `folds` and `forecasts` is to hold.
    notes : tuple of str
        What was left out, and why.
    seconds : tuple of float
        Time of the forecaster's fit in each fold.
    scores : pandas DataFrame
        The errors of each method: MAE, RMSE, MASE, sMAPE (0 to 200), pinball (the mean pinball loss of
        the median and of the ends of the 50, 80 and 90 % intervals), coverage (the share of values in the
        interval) and its mean width. The mean over the series of a fold, then over the folds.
    folds : pandas DataFrame
        The same for each fold, from 1, and method.
    by_series : pandas DataFrame
        The same for each series and method: means over the folds.
    forecasts : pandas DataFrame
        A row per fold, series and step: time, step (from 1), truth, low and high (the forecaster's interval;
        low_calibrated and high_calibrated with ``conformal=True``), and a column per method.
    calibration : pandas DataFrame or None
        With ``conformal=True``: for each interval the share of values that lies in it, and its mean width,
        before and after calibration, in the folds that have earlier ones.

    Notes
    -----
    Without pandas the frames are dicts of columns.
    """

    name: str
    methods: tuple[str, ...]
    horizon: int
    step: int
    season: int | None
    coverage: float
    conformal: bool
    notes: tuple[str, ...]
    seconds: tuple[float, ...]
    series: tuple[Any, ...]
    history: tuple[tuple[Any, _Floats], ...]
    _parts: tuple[Part, ...]
    _levels: Levels

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self._parts, self.methods, self._levels)

    @cached_property
    def scores(self) -> Any:
        means = self._scores.means()
        columns = {name: means[:, k] for k, name in enumerate(METRICS)}
        return framed({"method": list(self.methods), **columns}, "method")

    @cached_property
    def folds(self) -> Any:
        numbers = [fold + 1 for fold in self._scores.folds]
        return framed(flat(self._scores.by_fold(), {"fold": numbers}, self.methods))

    @cached_property
    def by_series(self) -> Any:
        return framed(flat(self._scores.by_series(), {"series": self._scores.series}, self.methods))

    @cached_property
    def forecasts(self) -> Any:
        parts = self._parts
        sizes = [len(part.truth) for part in parts]
        ends = [self.interval(part) for part in parts]
        columns: dict[str, Any] = {
            "fold": np.repeat([part.fold + 1 for part in parts], sizes),
            "series": [part.series for part in parts for _ in range(len(part.truth))],
            "time": [time for part in parts for time in part.times],
            "step": np.concatenate([np.arange(1, size + 1) for size in sizes]),
            "truth": np.concatenate([part.truth for part in parts]),
            "low": np.concatenate([low for low, _ in ends]),
            "high": np.concatenate([high for _, high in ends]),
        }
        if self.conformal:
            intervals = self._calibrated(self.coverage)
            for k, name in enumerate(("low_calibrated", "high_calibrated")):
                columns[name] = np.concatenate(
                    [
                        np.full(size, np.nan) if pair is None else pair[k]
                        for pair, size in zip(intervals, sizes, strict=True)
                    ]
                )
        for method in self.methods:
            columns[method] = np.concatenate([part.forecasts[method].point for part in parts])
        return framed(columns)

    @cached_property
    def calibration(self) -> Any:
        if not self.conformal:
            return None
        rows = [self._calibration(coverage) for coverage in self._levels.coverages()]
        names = ("coverage", "before", "after", "width before", "width after", "folds")
        return framed({name: [row[k] for row in rows] for k, name in enumerate(names)}, "coverage")

    def plot(self, **options: Any) -> Any:
        """Draw the forecasts of all folds over the series: `fastgru.plot.backtest`, which has the options.

        Returns
        -------
        matplotlib Axes
            The axes.
        """
        from fastgru.plot import backtest

        return backtest(self, **options)

    def parts_of(self, place: int) -> list[Part]:
        """Return the folds of one series, for plots."""
        return [part for part in self._parts if part.place == place]

    def interval(self, part: Part) -> tuple[_Floats, _Floats]:
        """Return the ends of the forecaster's interval in one fold of a series; NaN if it has none."""
        return self._levels.ends(part.forecasts[self.name].quantiles, len(part.truth))

    def observed(self, calibrated_too: bool = False) -> tuple[list[float], dict[str, list[float]]]:
        """Return the nominal shares of the intervals, and by method the shares of values that lie in them.

        Parameters
        ----------
        calibrated_too : bool, default=False
            Whether to add the forecaster's calibrated intervals.

        Returns
        -------
        coverages : list of float
            Ascending.
        shares : dict of str to list of float
            Methods without intervals are left out.
        """
        coverages = self._levels.coverages()
        shares = {}
        for method in self.methods:
            found = [self._share(self._intervals(method, each)) for each in coverages]
            if np.isfinite(found).all():
                shares[method] = found
        if calibrated_too and self.conformal:
            shares[f"{self.name}, calibrated"] = [self._calibration(each)[2] for each in coverages]
        return coverages, shares

    def __str__(self) -> str:
        count = len(self._scores.folds)
        season = "no season" if self.season is None else f"season {self.season}"
        several = "" if len(self.series) == 1 else f"{len(self.series)} series, "
        fold = f"{count} folds of {self.horizon} steps" if count > 1 else f"1 fold of {self.horizon} steps"
        apart = "" if self.step == self.horizon or count == 1 else f", {self.step} apart"
        mean = (
            "Means over the folds" if not several else "Means over the series of a fold, then over the folds"
        )
        unit = "naive" if self.season is None else f"seasonal naive ({self.season} steps)"
        lines = [
            f"Backtest of {self.name}: {several}{fold}{apart}, {season}",
            *table(self._scores, self.coverage),
            f"{mean}. MASE: MAE in units of the {unit} error before the fold.",
            *(f"{note}." for note in self.notes),
        ]
        if self.conformal:
            lines.append(self._said(self._calibration(self.coverage)))
        return "\n".join((*lines, verdict(self._scores)))

    def _intervals(self, method: str, coverage: float) -> list[Interval]:
        """Return the intervals of a method; one without quantiles has the width 0."""
        found = []
        for part in self._parts:
            forecast = part.forecasts[method]
            low, high = self._levels.ends(forecast.quantiles, len(part.truth), coverage)
            if forecast.quantiles is None and method == self.name and self.conformal:
                low = high = forecast.point
            found.append(Interval(part.fold, low, high, part.truth, part.unit))
        return found

    def _calibrated(self, coverage: float) -> list[tuple[_Floats, _Floats] | None]:
        return calibrated(self._intervals(self.name, coverage), coverage, -(-self.horizon // self.step))

    def _calibration(self, coverage: float) -> tuple[float, float, float, float, float, int]:
        """Return a row of `calibration`, over the folds that have earlier ones."""
        before, after = [], []
        for part, pair in zip(self._intervals(self.name, coverage), self._calibrated(coverage), strict=True):
            if pair is not None:
                before.append(part)
                after.append(Interval(part.fold, *pair, part.truth, part.unit))
        folds = len({part.fold for part in before})
        if not before:
            return coverage, np.nan, np.nan, np.nan, np.nan, 0
        return (
            coverage,
            self._share(before),
            self._share(after),
            _by_fold(before, [_metrics.width(part.low, part.high, part.truth) for part in before]),
            _by_fold(after, [_metrics.width(part.low, part.high, part.truth) for part in after]),
            folds,
        )

    def _share(self, parts: Sequence[Interval]) -> float:
        return _by_fold(parts, [_metrics.coverage(part.low, part.high, part.truth) for part in parts])

    def _said(self, row: tuple[float, float, float, float, float, int]) -> str:
        coverage, before, after, width_before, width_after, folds = row
        if not folds:
            return f"The {100 * coverage:g} % interval is not calibrated: earlier folds have too few errors."
        return (
            f"Calibrated on the errors of earlier folds, in {folds} of {len(self._scores.folds)} folds: "
            f"{percent(after)} in the {100 * coverage:g} % interval, {percent(before)} before; mean width "
            f"{number(width_after)}, {number(width_before)} before."
        )


def _by_fold(parts: Sequence[Interval], values: Sequence[float]) -> float:
    """Return the mean over the folds of the means over the series of each fold."""
    folds = np.array([part.fold for part in parts])
    numbers = np.array(values, dtype=np.float64)
    return float(mean_known(np.stack([mean_known(numbers[folds == fold]) for fold in np.unique(folds)])))
