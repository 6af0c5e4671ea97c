"""Quantile forecasts in any container as arrays, and the fan that is drawn of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_from
from fastgru.forecasting._polars import read_times, time_column, without_times
from fastgru.plot._axes import COLOURS

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fan:
    """Quantile forecasts of one series.

    Attributes
    ----------
    name : hashable
        Of the series; None without.
    times : pandas index or None
        The steps.
    levels : tuple of float
        Ascending.
    quantiles : ndarray of shape (n_steps, n_levels)
        The forecasts.
    """

    name: Hashable
    times: Any
    levels: tuple[float, ...]
    quantiles: _Floats

    def intervals(self) -> list[tuple[float, _Floats, _Floats]]:
        """Return coverage, lower and upper end of each interval, the widest first."""
        found = []
        for low, level in enumerate(self.levels):
            high = next((k for k, other in enumerate(self.levels) if abs(level + other - 1.0) < 1e-9), None)
            if level < 0.5 and high is not None:
                found.append((1.0 - 2.0 * level, self.quantiles[:, low], self.quantiles[:, high]))
        return found

    def middle(self) -> _Floats | None:
        """Return the median, or None if there is none."""
        places = np.flatnonzero(np.abs(np.array(self.levels) - 0.5) < 1e-9)
        return self.quantiles[:, places[0]] if len(places) else None


def read_fans(answer: Any, levels: Sequence[float] | None, name: str) -> list[Fan]:
    """Return the forecasts of each series.

    Parameters
    ----------
    answer : object
        As `predict_quantiles` returns them.
    levels : sequence of float or None
        The levels of its columns; None: the columns name them.
    name : str
        What messages call it.

    Raises
    ------
    TypeError, ValueError
        It is not that.
    """
    if isinstance(answer, list):
        fans = [fan for part in answer for fan in read_fans(part, levels, name)]
        return [
            Fan(k if f.name in {0, None} else f.name, f.times, f.levels, f.quantiles)
            for k, f in enumerate(fans)
        ]
    if is_from("polars", "DataFrame", answer):
        answer = _from_polars(answer, name)
    if is_from("pandas", "DataFrame", answer):
        return _from_frame(answer, name)
    if levels is None:
        raise TypeError(
            f"{name} must be a forecaster, or the frame that predict_quantiles returns, got "
            f"{type(answer).__name__}"
        )
    table = np.asarray(answer, dtype=np.float64)
    if table.ndim == 2:
        return [_fan(None, None, levels, table)]
    return [_fan(k, None, levels, table[:, k]) for k in range(table.shape[1])]


def _from_polars(frame: Any, name: str) -> Any:
    """Return polars' frame of forecasts, whose labels are "series-level", as pandas' frame of the same."""
    import pandas as pd

    if {"unique_id", "ds"} <= set(frame.columns):
        levels = {label: label.rsplit("-", 1)[-1] for label in frame.columns[2:]}
        columns = {label: frame[label].to_numpy() for label in frame.columns}
        return pd.DataFrame(columns).rename(columns=levels)
    label = time_column(frame, name)
    index = None if label is None else read_times(frame[label], name)[0]
    numbers = without_times(frame)
    pairs = [tuple(each.rsplit("-", 1)) if "-" in each else ("", each) for each in numbers.columns]
    return pd.DataFrame(numbers.to_numpy(), index=index, columns=pd.MultiIndex.from_tuples(pairs))


def _from_frame(frame: Any, name: str) -> list[Fan]:
    if {"unique_id", "ds"} <= set(frame.columns):
        by_time = frame.set_index("ds")
        groups = by_time.groupby("unique_id", sort=False)
        parts = [(key, part.drop(columns="unique_id")) for key, part in groups]
    elif frame.index.nlevels == 2:
        parts = [(key, part.droplevel(0)) for key, part in frame.groupby(level=0, sort=False)]
    elif frame.columns.nlevels == 2:
        names = frame.columns.get_level_values(0)
        parts = [(key, frame.loc[:, names == key]) for key in dict.fromkeys(names)]
    else:
        parts = [(None, frame)]
    fans = []
    for key, part in parts:
        columns = part.columns.get_level_values(-1)
        try:
            levels = [float(column) for column in columns]
        except (TypeError, ValueError):
            levels = [2.0]
        if not all(0.0 < level < 1.0 for level in levels):
            raise ValueError(
                f"{name} must be the frame that predict_quantiles returns, whose columns are levels between "
                f"0 and 1, got the columns {list(part.columns)[:4]}"
            )
        fans.append(_fan(key, part.index, levels, part.to_numpy(dtype=np.float64)))
    return fans


def _fan(name: Hashable, times: Any, levels: Sequence[float], table: _Floats) -> Fan:
    order = np.argsort(levels)
    return Fan(name, times, tuple(float(levels[k]) for k in order), table[:, order])


def draw_fan(ax: Any, x: NDArray[Any], fan: Fan, colour: str = COLOURS[0]) -> list[Any]:
    """Draw nested intervals and the median; return the legend's handles."""
    bands = []
    for (
        coverage,
        low,
        high,
    ) in fan.intervals():  # on top of each other: the inner ones are stronger
        band = ax.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0, zorder=1)
        bands.append((coverage, band))
    handles = []
    middle = fan.middle()
    if middle is not None:
        dot = "o" if len(x) == 1 else ""
        handles += ax.plot(x, middle, color=colour, linewidth=1.6, marker=dot, label="Forecast", zorder=3)
    return handles + _keys(bands, colour)


def _keys(bands: Sequence[tuple[float, Any]], colour: str) -> list[Any]:
    """Return patches for the legend, as strong as the bands look: the inner one first."""
    from matplotlib.patches import Patch

    keys = []
    for k, (coverage, _) in enumerate(bands):
        strength = 1.0 - 0.75 ** (k + 1)
        keys.append(Patch(facecolor=colour, alpha=strength, linewidth=0, label=f"{100 * coverage:.4g} %"))
    return keys[::-1]
