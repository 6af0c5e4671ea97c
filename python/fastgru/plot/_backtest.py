"""Plots of a backtest: its folds over the series, and the coverage of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgru.plot._axes import COLOURS, grid, ink, new_axes, plain_text, pyplot
from fastgru.plot._time import (
    axes_for,
    chosen_places,
    finish_time_axis,
    finish_title,
    legend_above,
    places_on,
)

if TYPE_CHECKING:
    from fastgru.forecasting._result import Backtest

_OTHERS = tuple(COLOURS[k] for k in (5, 2, 3, 1, 4))  # of the methods beside the forecaster


def backtest(
    result: Backtest,
    *,
    methods: Sequence[str] = (),
    series: Any = None,
    shown: int | None = None,
    title: str | None = None,
    ylabel: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw the forecasts of all folds of a backtest over the series, with their intervals.

    A dotted line shows the origin of each fold. Where folds overlap, neighbours have different colours.

    Parameters
    ----------
    result : Backtest
        What `fastgru.backtest` returned.
    methods : sequence of str, default=()
        Methods to draw beside the forecaster, without intervals: "seasonal naive".
    series : hashable, default=None
        The series to draw (its name, or place in a list or array). None: all, at most six, below each other.
    shown : int, default=None
        Steps of the series to draw before the first fold; None: half as many as the folds span.
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
    TypeError
        `result` is not the result of a backtest.
    ValueError
        There is no such series or method.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> class Last:
    ...     def fit(self, y):
    ...         self.last_ = y[-1]
    ...     def predict(self, horizon):
    ...         return np.full(horizon, self.last_)
    >>> result = fastgru.backtest(Last(), np.sin(np.arange(60)), horizon=5, folds=3, baselines="naive")
    >>> fastgru.plot.backtest(result, methods=["drift"], ylabel="Height (m)").get_ylabel()
    'Height (m)'
    """
    plt = pyplot()
    _check(result)
    wrong = [name for name in methods if name not in result.methods[1:]]
    if wrong:
        raise ValueError(
            f"methods must be some of {', '.join(map(repr, result.methods[1:]))}, got {wrong[0]!r}"
        )
    places = chosen_places(result.series, series)
    axes = axes_for(plt, ax, len(places))
    for each, place in zip(axes, places, strict=True):
        handles = _draw_series(each, result, place, methods, shown)
        name = plain_text(result.series[place])
        alone = len(result.series) == 1 and not isinstance(result.series[place], str)
        each.set_ylabel(("" if alone else name) if ylabel is None else ylabel)
        if each is axes[0]:
            legend_above(each, handles)
        finish_title(each, title if each is axes[0] else None, name if ylabel and len(places) > 1 else "")
    for each in axes[:-1]:
        each.set_xlabel("")
    return axes[0] if len(places) == 1 else np.array(axes, dtype=object)


def calibration(
    result: Backtest, *, methods: Sequence[str] | None = None, title: str | None = None, ax: Any = None
) -> Any:
    """Draw which share of values the intervals of a backtest held, against the share that they promised.

    On the diagonal both are the same; above it intervals are too wide, below it too narrow.

    Parameters
    ----------
    result : Backtest
        What `fastgru.backtest` returned. With ``conformal=True`` the calibrated intervals are drawn, too.
    methods : sequence of str, default=None
        The methods to draw; None: all that have intervals.
    title : str, default=None
        Title; None: none.
    ax : matplotlib Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        The axes, in percent.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    TypeError
        `result` is not the result of a backtest.
    ValueError
        None of the methods has intervals.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> class Last:
    ...     def fit(self, y):
    ...         self.last_ = y[-1]
    ...     def predict(self, horizon):
    ...         return np.full(horizon, self.last_)
    >>> result = fastgru.backtest(Last(), np.sin(np.arange(60)), horizon=5, folds=3, baselines="naive")
    >>> fastgru.plot.calibration(result).get_xlabel()
    'Promised (%)'
    """
    plt = pyplot()
    _check(result)
    coverages, shares = result.observed(calibrated_too=True)
    drawn = [name for name in shares if methods is None or name.split(",")[0] in methods]
    if not drawn:
        raise ValueError(f"no method with intervals to draw; there are {', '.join(shares) or 'none'}")
    ax = new_axes(plt, ax, figsize=(5.4, 5.4))
    promised = 100.0 * np.array(coverages)
    ax.plot([0, 100], [0, 100], color=ink(ax), alpha=0.6, linewidth=1.0, linestyle="--", zorder=1)
    others = iter(_OTHERS * 2)
    for name in drawn:
        own = name.startswith(result.name)
        style: dict[str, Any] = {"color": COLOURS[0] if own else next(others), "zorder": 4 if own else 2}
        style |= {"linestyle": ":"} if name.endswith(", calibrated") else {}
        style |= {"linewidth": 2.2, "markersize": 7} if own else {"linewidth": 1.2, "markersize": 4}
        ax.plot(promised, 100.0 * np.array(shares[name]), marker="o", label=plain_text(name), **style)
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 102)
    ax.set_aspect("equal")
    ax.set_xlabel("Promised (%)")
    ax.set_ylabel("Observed (%)")
    if title is not None:
        ax.set_title(title, loc="left")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    grid(ax, axis="both")
    ax.spines["right"].set_visible(False)
    return ax


def _check(result: object) -> None:
    from fastgru.forecasting._result import Backtest

    if not isinstance(result, Backtest):
        raise TypeError(f"result must be what fastgru.backtest returned, got {type(result).__name__}")


def _draw_series(
    ax: Any, result: Backtest, place: int, methods: Sequence[str], shown: int | None
) -> list[Any]:
    """Draw one series with the forecasts of its folds; return the legend's handles."""
    index, values = result.history[place]
    parts = result.parts_of(place)
    x = np.arange(len(values)) if index is None else places_on(index)
    first = min((part.first for part in parts), default=len(values))
    span = len(values) - first
    begin = max(0, first - max(1, span // 2 if shown is None else shown))
    handles: list[Any] = ax.plot(
        x[begin:], values[begin:], color=ink(ax), linewidth=1.1, label="Truth", zorder=2
    )
    overlap = result.step < result.horizon
    seen: dict[str, Any] = {}
    for part in parts:
        where = x[part.first : part.first + len(part.truth)]
        dot = "o" if len(where) == 1 else ""
        colour = COLOURS[(0, 4)[part.fold % 2]] if overlap else COLOURS[0]
        ax.axvline(where[0], color=ink(ax), alpha=0.35, linewidth=0.8, linestyle=":", zorder=1)
        low, high = result.interval(part)
        if np.isfinite(low).all():
            style: dict[str, Any] = {"color": colour, "alpha": 0.3, "zorder": 1}
            if len(where) == 1:
                band = ax.vlines(where, low, high, linewidth=3.0, **style)
            else:
                band = ax.fill_between(where, low, high, linewidth=0, **style)
            seen.setdefault(f"{100 * result.coverage:g} %", band)
        for k, name in enumerate((result.name, *methods)):
            point = part.forecasts[name].point
            style = {
                "color": colour if k == 0 else _OTHERS[(k - 1) % 5],
                "linewidth": 1.7 if k == 0 else 1.1,
            }
            (line,) = ax.plot(where, point, marker=dot, zorder=4 if k == 0 else 3, **style)
            seen.setdefault(name, line)
    for name in (result.name, f"{100 * result.coverage:g} %", *methods):
        if name in seen:
            seen[name].set_label(plain_text(name))
            handles.append(seen[name])
    finish_time_axis(ax, index)
    grid(ax)
    ax.spines["right"].set_visible(False)
    return handles
