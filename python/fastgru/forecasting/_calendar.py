"""The calendar as inputs of a network: each cycle as sines and cosines of its harmonics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._gaps import has_dates
from fastgru._tables import is_from
from fastgru.forecasting._index import seconds_of_step

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
            f"calendar={cycles!r} needs an index of dates, got "
            f"{'none' if index is None else type(index).__name__}"
        )
    dates = index.to_timestamp() if is_from("pandas", "PeriodIndex", index) else index
    # Local time: a day has its hours on the clock. NumPy's arithmetic takes a tenth of the time of pandas'.
    local = (dates if dates.tz is None else dates.tz_localize(None)).to_numpy()
    parts = [_harmonics(_phase(local, cycle), _HARMONICS[cycle]) for cycle in cycles]
    return np.concatenate(parts, axis=1)


def _phase(local: NDArray[np.datetime64], cycle: str) -> _Floats:
    """Return where in a cycle each time lies, in [0, 1)."""
    if cycle == "minute":
        return _days(local - local.astype("M8[h]")) * (_DAY / _HOUR)
    days = local.astype("M8[D]")
    if cycle == "hour":
        return _days(local - days)
    if cycle == "weekday":
        weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        return np.asarray((weekday + _days(local - days)) / 7.0, dtype=np.float64)
    return np.asarray(_days(local - local.astype("M8[Y]")) / 366.0, dtype=np.float64)


def _days(spans: NDArray[np.timedelta64]) -> _Floats:
    return np.asarray(spans / np.timedelta64(1, "D"), dtype=np.float64)


def _harmonics(phase: _Floats, count: int) -> _Floats:
    angles = 2.0 * np.pi * phase[:, None] * np.arange(1, count + 1)
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1)
