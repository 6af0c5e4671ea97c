"""The time axis of series, and axes for several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._gaps import has_dates
from fastgru._tables import is_from
from fastgru.plot._axes import new_axes

MOST_SERIES = 6  # drawn below each other at most


def places_on(times: Any) -> NDArray[Any]:
    """Return where times stand on matplotlib's axis: dates in local time, hours, or numbers."""
    if is_from("pandas", "PeriodIndex", times):
        times = times.to_timestamp()
    if is_from("pandas", "TimedeltaIndex", times):
        return np.asarray(times.total_seconds()) / 3600.0
    if is_from("pandas", "DatetimeIndex", times):
        times = times.tz_localize(None)
    return np.asarray(times)


def finish_time_axis(ax: Any, times: Any) -> None:
    """Write short dates at the time axis, or what its numbers count."""
    if is_from("pandas", "TimedeltaIndex", times):
        ax.set_xlabel("Hours")
    elif times is None or not has_dates(times):
        ax.set_xlabel("Step")
        ax.xaxis.get_major_locator().set_params(integer=True)
    else:
        short_dates(ax)
    ax.margins(x=0.01)


def short_dates(ax: Any) -> None:
    """Write dates at the time axis without repeating what they share."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def chosen_places(names: Sequence[Any], series: Any) -> list[int]:
    """Return the places of the series to draw: all, or the one that is named.

    Raises
    ------
    ValueError
        There is no such series, or there are too many for one figure.
    """
    if series is None:
        if len(names) > MOST_SERIES:
            some = ", ".join(map(repr, names[:3]))
            raise ValueError(
                f"there are {len(names)} series, and a figure holds {MOST_SERIES}: series= names one "
                f"({some}, …)"
            )
        return list(range(len(names)))
    if series not in names:
        raise ValueError(f"series must be one of {', '.join(map(repr, names[:20]))}, got {series!r}")
    return [list(names).index(series)]


def axes_for(plt: Any, ax: Any, count: int) -> list[Any]:
    """Return as many axes, those given or new ones below each other.

    Raises
    ------
    TypeError, ValueError
        `ax` is not so many Axes.
    """
    if count == 1 and (ax is None or hasattr(ax, "plot")):
        return [new_axes(plt, ax, figsize=(9.0, 4.2))]
    if ax is None:
        size = (9.0, 1.2 + 2.2 * count)
        ax = plt.subplots(count, 1, sharex=True, figsize=size, layout="constrained")[1]
    found = list(np.asarray(ax, dtype=object).ravel())
    if len(found) != count:
        raise ValueError(f"ax must be {count} Axes, one for each series, got {len(found)}")
    return [new_axes(plt, each, figsize=(9.0, 4.2)) for each in found]


def finish_title(ax: Any, title: str | None, name: str) -> None:
    """Write title and name of the series, those there are, above the left end of the axes."""
    text = ": ".join(part for part in (title, name) if part)
    if text:
        ax.set_title(text, loc="left", fontsize="medium" if name else None)


def legend_above(ax: Any, handles: Sequence[Any]) -> None:
    """Put the legend above the right end of the axes, in one row, beside the title on the left."""
    ax.legend(
        handles=list(handles),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize="small",
        handlelength=1.5,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
