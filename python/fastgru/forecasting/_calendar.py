"""The calendar as inputs of a network: each cycle as sines and cosines of its harmonics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_from
from fastgru.forecasting._index import has_dates, seconds_of_step

_Floats = NDArray[np.float64]

_HOUR, _DAY, _WEEK, _YEAR = 3600.0, 86400.0, 7 * 86400.0, 365.25 * 86400.0
_HARMONICS = {"minute": 2, "hour": 2, "weekday": 3, "yearday": 2}
_LEAST_CYCLES = 2  # of a year (week) that a series must cover for its calendar to be learnt

CYCLES = tuple(_HARMONICS)


def cycles_of(index: Any) -> tuple[str, ...]:
    """Return the cycles of the calendar that a series of these dates passes through often enough to learn."""
    step = seconds_of_step(index)
    if step is None:
        return ()
    span = step * len(index)
    chosen = []
    if step < _HOUR / 2 and span >= _LEAST_CYCLES * _HOUR:
        chosen.append("minute")
    if step < _DAY / 2 and span >= _LEAST_CYCLES * _DAY:
        chosen.append("hour")
    if step < _WEEK / 2 and span >= _LEAST_CYCLES * _WEEK:
        chosen.append("weekday")
    if step < _YEAR / 2 and span >= _LEAST_CYCLES * _YEAR:
        chosen.append("yearday")
    return tuple(chosen)


def calendar_inputs(index: Any, cycles: tuple[str, ...], n_rows: int) -> _Floats:
    """Return (n_rows, 2 * harmonics of all cycles): each in [-1, 1]; nothing without dates."""
    if not cycles:
        return np.empty((n_rows, 0))
    if index is None or not has_dates(index) or is_from("pandas", "TimedeltaIndex", index):
        raise ValueError(
            f"calendar={cycles!r} needs an index of dates, got {'none' if index is None else type(index).__name__}"
        )
    dates = index.to_timestamp() if is_from("pandas", "PeriodIndex", index) else index
    parts = [_harmonics(_phase(dates, cycle), _HARMONICS[cycle]) for cycle in cycles]
    return np.concatenate(parts, axis=1)


def _phase(dates: Any, cycle: str) -> _Floats:
    """Return where in a cycle each date lies, in [0, 1). In local time: a day has its hours on the clock."""
    seconds = np.asarray(dates.hour * 3600 + dates.minute * 60 + dates.second, dtype=np.float64)
    if cycle == "minute":
        return seconds % _HOUR / _HOUR
    day = seconds / _DAY
    if cycle == "hour":
        return day
    if cycle == "weekday":
        return (np.asarray(dates.dayofweek, dtype=np.float64) + day) / 7.0
    return np.asarray((np.asarray(dates.dayofyear, dtype=np.float64) - 1.0 + day) / 366.0, dtype=np.float64)


def _harmonics(phase: _Floats, count: int) -> _Floats:
    angles = 2.0 * np.pi * phase[:, None] * np.arange(1, count + 1)
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1)
