"""Gaps in the dates of a series: where they are, and what to say about them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_from

_CHOICES = ("warn", "skip", "raise", "ignore")
_WIDE = 1.5  # a step is a gap if it is longer than this many usual ones: months and quarters differ by less
HOLIDAYS = 2  # working days that may be missing in a row where there are no weekends


def rows_after_gaps(index: Any, gaps: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the rows before which no window may begin and end: the first row after every gap.

    Parameters
    ----------
    index : object
        The index of the series; empty if it has none. Without dates it has no gaps.
    gaps : {"warn", "skip", "raise", "ignore"} or array-like of int
        As in `fastgru.make_windows`.
    n_rows : int
        The length of the series.

    Raises
    ------
    ValueError
        `gaps` is none of these; or there are gaps and it is "raise"; or dates are missing.
    """
    if not isinstance(gaps, str):
        return _checked_rows(gaps, n_rows)
    if gaps not in _CHOICES:
        raise ValueError(f"gaps must be one of {', '.join(_CHOICES)}, or rows, got {gaps!r}")
    if gaps == "ignore" or len(index) == 0:
        return np.empty(0, np.int64)
    if getattr(index, "nlevels", 1) > 1:
        raise ValueError(
            f"series has an index of {index.nlevels} levels, and make_windows takes one series: call it for "
            "each (series.groupby(level=0)), or pass gaps='ignore'"
        )
    steps = usual_steps(index)
    found = np.flatnonzero((steps > _WIDE) | (steps <= 0)) + 1
    if len(found) and gaps != "skip":
        message = _description(index, steps, found)
        if gaps == "raise":
            raise ValueError(message)
        warnings.warn(
            f"{message}. Windows lie across: gaps='skip' leaves these out, gaps='ignore' is silent",
            UserWarning,
            stacklevel=3,
        )
    return found if gaps == "skip" else np.empty(0, np.int64)


def _checked_rows(gaps: Any, n_rows: int) -> NDArray[np.int64]:
    rows = np.asarray(gaps)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(
            f"gaps must be one of {', '.join(_CHOICES)}, or integers, the rows after each gap, got {gaps!r}"
        )
    outside = rows[(rows < 1) | (rows >= n_rows)]
    if outside.size:
        raise ValueError(f"gaps has the row {outside[0]}, and rows after a gap are 1 to {n_rows - 1}")
    return np.unique(rows).astype(np.int64)


def usual_steps(index: Any) -> NDArray[np.float64]:
    """Return the steps between dates, in usual steps; all of them 1 for an index without dates."""
    if len(index) < 2 or not has_dates(index):
        return np.ones(max(len(index) - 1, 0))
    if index.isna().any():
        row = int(np.flatnonzero(index.isna())[0])
        raise ValueError(f"the index of series has no date in row {row}")
    if is_from("pandas", "PeriodIndex", index):
        return np.asarray(np.diff(index.asi8) / index.freq.n)
    steps = np.diff(index.asi8).astype(np.float64)
    if working_days_alone(index):
        days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
        counted = np.busday_count(days[:-1], days[1:]).astype(np.float64)
        return np.where((counted > 1) & (counted <= 1 + HOLIDAYS), 1.0, counted)
    return np.asarray(steps / (np.median(np.abs(steps)) or 1.0))


def has_dates(index: Any) -> bool:
    return any(is_from("pandas", kind, index) for kind in ("DatetimeIndex", "PeriodIndex", "TimedeltaIndex"))


def working_days_alone(index: Any) -> bool:
    if not is_from("pandas", "DatetimeIndex", index) or len(index) < 6:
        return False
    times = index.tz_localize(None).to_numpy()
    days = times.astype("datetime64[D]")
    same_time = bool((times == days).all())
    return same_time and bool(np.is_busday(days).all()) and int(np.median(np.diff(days).astype(int))) == 1


def _description(index: Any, steps: NDArray[np.float64], found: NDArray[np.int64]) -> str:
    back = np.flatnonzero(steps <= 0) + 1
    if len(back):
        row = int(back[0])
        what = "repeat a date" if steps[row - 1] == 0 else "run backwards"
        return (
            f"the dates of series {what} in {len(back)} rows, first in row {row} ({index[row]} after "
            f"{index[row - 1]}): series.sort_index() puts the oldest first"
        )
    row = int(found[0])
    return (
        f"the dates of series have {len(found)} gap{'s' if len(found) > 1 else ''}, the first between rows "
        f"{row - 1} and {row} ({index[row - 1]} and {index[row]}, {steps[row - 1]:.3g} usual steps)"
    )
