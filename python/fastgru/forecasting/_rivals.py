"""Forecasts that a backtest puts beside a model's: naive ones, and those of statsforecast."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fastgru.forecasting._baselines import NAIVE, SEASONAL, naive_forecast

_Floats = NDArray[np.float64]

STATISTICAL = ("AutoETS", "AutoARIMA")
RIVALS = NAIVE + STATISTICAL
# Of AutoARIMA, unless it is asked for: its search takes seconds at 400 values and hours at 10 000.
_LONGEST, _LONGEST_SEASON = 500, 24


@dataclass(frozen=True)
class Forecast:
    """Forecasts of one series.

    Attributes
    ----------
    point : ndarray of shape (horizon,)
        One number per step.
    quantiles : ndarray of shape (horizon, n_levels) or None
        None where the method has no intervals.
    """

    point: _Floats
    quantiles: _Floats | None

    def until(self, stop: int) -> Forecast:
        """Return the forecasts of the first `stop` steps."""
        return Forecast(self.point[:stop], None if self.quantiles is None else self.quantiles[:stop])


def chosen_rivals(
    baselines: str | Iterable[str], season: int | None, longest: int, n_series: int
) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the rivals of a backtest, and why others are left out.

    Parameters
    ----------
    baselines : "auto", "naive" or names
        What the user wants.
    season : int or None
        Of the series.
    longest : int
        Steps of the longest training part.
    n_series : int
        How many series there are.

    Raises
    ------
    ValueError
        A name is not known.
    """
    auto = isinstance(baselines, str) and baselines == "auto"
    if isinstance(baselines, str) and not auto:
        baselines = NAIVE if baselines == "naive" else (baselines,)
    if not isinstance(baselines, Iterable):
        raise TypeError(f"baselines must be 'auto', 'naive' or names of methods, got {baselines!r}")
    wanted = RIVALS if auto else tuple(dict.fromkeys(baselines))
    unknown = [name for name in wanted if name not in RIVALS]
    if unknown:
        raise ValueError(
            f"baselines must be 'auto', 'naive' or some of {', '.join(map(repr, RIVALS))}, got {unknown[0]!r}"
        )
    notes = []
    if SEASONAL in wanted and season is None:
        wanted = tuple(name for name in wanted if name != SEASONAL)
        notes.append(f"{SEASONAL}: left out, no season is known (season=N sets one)")
    absent = [name for name in wanted if name in STATISTICAL and find_spec("statsforecast") is None]
    if absent:
        notes.append(f"{', '.join(absent)}: not installed (pip install statsforecast)")
    if auto and not absent and (longest * n_series > _LONGEST or (season or 1) > _LONGEST_SEASON):
        absent = ["AutoARIMA"]
        notes.append(
            "AutoARIMA: left out, its search takes long here (baselines=[…, 'AutoARIMA'] asks for it)"
        )
    return tuple(name for name in wanted if name not in absent), notes


def rival_forecast(
    name: str, values: _Floats, horizon: int, season: int | None, levels: Sequence[float]
) -> Forecast:
    """Return the forecast of a rival. What a statistical model raises passes through."""
    if name in NAIVE:
        found = naive_forecast(name, values, horizon, season)
        return Forecast(found.mean, found.mean[:, None] + found.spread[:, None] * ndtri(np.asarray(levels)))
    return _statistical(name, _interpolated(values), horizon, season, levels)


def _statistical(
    name: str, values: _Floats, horizon: int, season: int | None, levels: Sequence[float]
) -> Forecast:
    models = import_module("statsforecast.models")
    widths = sorted({round(100.0 * abs(2.0 * level - 1.0), 9) for level in levels if level != 0.5})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(models, name)(season_length=season or 1)
        answer = model.forecast(y=values, h=horizon, level=widths)
    point = np.asarray(answer["mean"], dtype=np.float64)
    columns = []
    for level in levels:
        width = round(100.0 * abs(2.0 * level - 1.0), 9)
        side = "lo" if level < 0.5 else "hi"
        columns.append(point if level == 0.5 else np.asarray(answer[f"{side}-{width}"], dtype=np.float64))
    return Forecast(point, np.column_stack(columns))


def _interpolated(values: _Floats) -> _Floats:
    """Return the series without missing values, which statsforecast does not take."""
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(known[0], len(values)), known, values[known])
