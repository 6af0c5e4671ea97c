"""The plot of forecasts: the end of the history and a fan of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._panel import Panel, read_target
from fastgru.plot._axes import grid, ink, plain_text, pyplot
from fastgru.plot._fan import Fan, draw_fan, read_fans
from fastgru.plot._time import (
    axes_for,
    chosen_places,
    finish_time_axis,
    finish_title,
    legend_above,
    places_on,
)

_Floats = NDArray[np.float64]


def forecast(
    forecaster: Any,
    y: Any = None,
    *,
    horizon: int | None = None,
    X: Any = None,
    coverages: float | Sequence[float] = (0.5, 0.8, 0.95),
    truth: Any = None,
    series: Any = None,
    shown: int | None = None,
    title: str | None = None,
    ylabel: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw forecasts as a fan of nested intervals, after the end of the history.

    Parameters
    ----------
    forecaster : GRUForecaster, object or DataFrame
        Fitted, with ``predict_quantiles(levels, horizon=, X=)``; or a frame that `predict_quantiles` has
        returned: intervals are then the pairs of levels that add up to 1.
    y : array-like, Series, DataFrame or list, default=None
        The history, in any container that ``GRUForecaster.fit`` takes. None: what a `GRUForecaster` has
        learnt from; of other forecasters none is drawn.
    horizon : int, default=None
        Steps to forecast; None: the forecaster's own.
    X : array-like or DataFrame, default=None
        Covariates of these steps, as ``predict`` takes them.
    coverages : float or sequence of float, default=(0.5, 0.8, 0.95)
        The share of values that each interval is to hold.
    truth : as y, default=None
        What came, to be drawn over the forecast.
    series : hashable, default=None
        The series to draw (its name, or place in a list or array). None: all, at most six, below each other.
    shown : int, default=None
        Steps of the history to draw, at its end; None: four times the horizon, 40 at least.
    title, ylabel : str, default=None
        Title and label of the value axis (with the unit); None: no title, and the name of the series.
    ax : matplotlib Axes or sequence of them, default=None
        Where to draw, one for each series; None: a new figure.

    Returns
    -------
    matplotlib Axes or ndarray of them
        One for each series.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `forecaster` cannot forecast quantiles and is no frame of them.
    ValueError
        There is no such series; y does not belong to the forecasts; or as `predict_quantiles`.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> import fastgru
    >>> from fastgru.datasets import load_co2
    >>> co2 = load_co2()
    >>> y = pd.Series(co2.values, pd.PeriodIndex(co2.dates, freq="M"), name="CO2 (ppm)")
    >>> levels = {("CO2 (ppm)", 0.1): y[-12:] - 0.5, ("CO2 (ppm)", 0.9): y[-12:] + 0.5}
    >>> fastgru.plot.forecast(pd.DataFrame(levels), y[:-12], truth=y[-12:]).get_ylabel()
    'CO2 (ppm)'
    """
    plt = pyplot()
    fans = _fans(forecaster, horizon, X, coverages)
    history = _panel(y, fans, "y") if y is not None else _learnt_from(forecaster)
    came = None if truth is None else _panel(truth, fans, "truth")
    names = [k if fan.name is None else fan.name for k, fan in enumerate(fans)]
    places = chosen_places(names, series)
    axes = axes_for(plt, ax, len(places))
    for each, place in zip(axes, places, strict=True):
        handles = _draw_one(each, fans[place], place, history, came, shown)
        name = "" if fans[place].name in {0, None} and len(fans) == 1 else plain_text(names[place])
        each.set_ylabel(name if ylabel is None else ylabel)
        if each is axes[0]:
            legend_above(each, handles)
        finish_title(each, title if each is axes[0] else None, name if ylabel and len(places) > 1 else "")
    for each in axes[:-1]:
        each.set_xlabel("")
    return axes[0] if len(places) == 1 else np.array(axes, dtype=object)


def _fans(forecaster: Any, horizon: Any, X: Any, coverages: Any) -> list[Fan]:
    if not hasattr(forecaster, "predict_quantiles"):
        return read_fans(forecaster, None, "forecaster")
    shares = [float(each) for each in np.atleast_1d(coverages)]
    if not shares or not all(0.0 < each < 1.0 for each in shares):
        raise ValueError(f"coverages must be numbers between 0 and 1, without both, got {coverages!r}")
    tails = {round((1.0 - each) / 2.0, 12) for each in shares}
    levels = sorted(tails | {0.5} | {round(1.0 - tail, 12) for tail in tails})
    given = {} if X is None else {"X": X}
    answer = forecaster.predict_quantiles(levels, horizon=horizon, **given)
    return read_fans(answer, levels, type(forecaster).__name__)


def _panel(data: Any, fans: Sequence[Fan], name: str) -> Panel:
    """Return history or truth of as many series as there are forecasts, in their order."""
    panel = read_target(data)
    if len(panel) != len(fans):
        raise ValueError(f"{name} has {len(panel)} series, and there are forecasts of {len(fans)}")
    return panel


def _learnt_from(forecaster: Any) -> Panel | None:
    """Return the series that a `GRUForecaster` knows, or None."""
    from fastgru.forecasting.forecaster import GRUForecaster

    if not isinstance(forecaster, GRUForecaster):
        return None
    data = forecaster._data
    values = tuple(each.y[:, None] for each in data.series)
    return Panel(
        values, tuple(each.id for each in data.series), tuple(each.index for each in data.series), "list"
    )


def _draw_one(
    ax: Any, fan: Fan, place: int, history: Panel | None, came: Panel | None, shown: int | None
) -> list[Any]:
    """Draw one series; return the legend's handles."""
    steps, handles = len(fan.quantiles), []
    known = 0 if history is None else len(history.values[place])
    times = fan.times
    x = np.arange(known, known + steps) if times is None else places_on(times)
    index = None if history is None else history.indexes[place]
    if history is not None and known:
        values = history.column(place)
        before = np.arange(known) if index is None else places_on(index)
        last = slice(-max(1, max(40, 4 * steps) if shown is None else shown), None)
        handles += ax.plot(
            before[last], values[last], color=ink(ax), linewidth=1.2, label="History", zorder=2
        )
        end = np.flatnonzero(np.isfinite(values))[-1:]
        if len(end) and end[0] == known - 1:  # the fan opens where the history ends
            ax.axvline(before[-1], color=ink(ax), alpha=0.5, linewidth=0.9, linestyle=":", zorder=1)
            joined = np.concatenate((np.full((1, len(fan.levels)), values[-1]), fan.quantiles))
            fan, x = replace(fan, quantiles=joined), np.concatenate((before[-1:], x))
    handles += draw_fan(ax, x, fan)
    if came is not None:
        index_of_truth = came.indexes[place]
        after = x[-steps:][: len(came.values[place])] if index_of_truth is None else places_on(index_of_truth)
        handles += ax.plot(
            after,
            came.column(place)[: len(after)],
            color=ink(ax),
            linewidth=1.2,
            linestyle="--",
            label="Truth",
            zorder=4,
        )
    finish_time_axis(ax, times if times is not None else None)
    grid(ax)
    ax.spines["right"].set_visible(False)
    return handles
