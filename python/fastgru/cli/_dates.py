"""The date column of a table: find it, read it, check its order."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._table import Table
from fastgru.cli._text import count

_Dates = NDArray[np.datetime64]

_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m",
    "%Y/%m",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%b %Y",
    "%B %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%Y-%b",
    "%d-%b-%Y",
)
_DIGIT_FORMATS = ("%Y%m%d", "%Y%m", "%Y")
_DATE_NAME = re.compile(r"year|month|date|time|day|jahr|datum|zeit|fecha", re.IGNORECASE)
_UNITS = (  # the word for a unit of time, and its length in seconds
    ("seconds", 1.0),
    ("minutes", 60.0),
    ("hours", 3600.0),
    ("days", 86400.0),
    ("weeks", 7 * 86400.0),
    ("months", 30.437 * 86400.0),
    ("quarters", 91.31 * 86400.0),
    ("years", 365.25 * 86400.0),
)


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text.removesuffix("Z"))
    return moment if moment.tzinfo is None else moment.astimezone(timezone.utc).replace(tzinfo=None)


def _with_format(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)


def _parsers(name: str, first: str) -> list[Callable[[str], datetime]]:
    """Return the parsers that accept the first cell, the most likely first."""
    if first.isdecimal():
        # A column of plain digits may be the measurement itself: it is a date only if its name says so.
        candidates = [_with_format(pattern) for pattern in _DIGIT_FORMATS] if _DATE_NAME.search(name) else []
    else:
        candidates = [_from_iso, *(_with_format(pattern) for pattern in _FORMATS)]
    return [parser for parser in candidates if _parse_all(parser, [first]) is not None]


def _parse_all(parser: Callable[[str], datetime], cells: list[str]) -> _Dates | None:
    try:
        return np.array([parser(cell) for cell in cells], dtype="datetime64[s]")
    except ValueError:
        return None


def find_dates(table: Table) -> tuple[int, _Dates] | None:
    """Find the column that holds the date or time of each row.

    Parameters
    ----------
    table : Table
        The table.

    Returns
    -------
    tuple of int and ndarray of shape (n,), datetime64[s], or None
        The first column in which every cell is a date of the same format, and the dates. A format in which
        the dates ascend is preferred: it decides whether 01/02 is in January or in February. Plain digits,
        such as years, count only in a column with a name like "year", and only if they ascend.

    Raises
    ------
    InputError
        If a few cells of a date column are not dates.
    """
    for index, name in enumerate(table.header):
        cells = table.cells(index)
        parsers = _parsers(name, cells[0])
        readings = [dates for parser in parsers if (dates := _parse_all(parser, cells)) is not None]
        ascending = [dates for dates in readings if _ascend(dates) or _ascend(dates[::-1])]
        if ascending:
            return index, ascending[0]
        if readings and not cells[0].isdecimal():
            return index, readings[0]
        if parsers and not readings:
            _report_odd_one(table, index, parsers)
    return None


def _report_odd_one(table: Table, index: int, parsers: list[Callable[[str], datetime]]) -> None:
    """Raise InputError at the first cell that is not a date in a column that otherwise holds dates."""
    cells = table.cells(index)
    wrong = min(
        ([row for row, cell in enumerate(cells) if _parse_all(parser, [cell]) is None] for parser in parsers),
        key=len,
    )
    if len(wrong) < len(cells) / 10:
        table.fail(wrong[0], table.header[index], f"{cells[wrong[0]]!r} is not a date like {cells[0]!r}")


def _ascend(dates: _Dates) -> bool:
    return bool((np.diff(dates) > np.timedelta64(0, "s")).all())


def newest_first(dates: _Dates) -> bool:
    """Return whether the rows run backwards in time."""
    return len(dates) > 1 and _ascend(dates[::-1])


def check_order(table: Table, index: int, dates: _Dates) -> None:
    """Raise InputError where a date is not later than the one before."""
    wrong = np.flatnonzero(np.diff(dates) <= np.timedelta64(0, "s"))
    if len(wrong):
        row = int(wrong[0]) + 1
        cells = table.cells(index)
        table.fail(
            row,
            table.header[index],
            f"{cells[row]} is not later than {cells[row - 1]} in the row before; wanted is one series "
            "in order of time (--no-dates takes the rows as they stand)",
        )


def describe_gaps(table: Table, dates: _Dates) -> str | None:
    """Return a sentence about missing dates, or None if the rows are about evenly spaced."""
    steps = np.diff(dates).astype(np.float64)
    gaps = np.flatnonzero(steps > 1.5 * np.median(steps))
    if not len(gaps):
        return None
    row = int(gaps[0])
    before, after = coarsest(dates)[row : row + 2]
    return (
        f"{count(len(gaps), 'gaps')} in the dates, the first after line {table.lines[row]} "
        f"({show(before)} to {show(after)}); the rows are taken as evenly spaced"
    )


def coarsest(dates: _Dates) -> _Dates:
    """Return the dates in the coarsest of year, month, day, minute and second that is exact."""
    for unit in ("Y", "M", "D", "m"):
        coarse = dates.astype(f"datetime64[{unit}]")
        if (coarse == dates).all():
            return coarse
    return dates


def show(moment: np.datetime64) -> str:
    """Return a date as readable text."""
    return str(moment).replace("T", " ")


def unit_of_time(dates: _Dates | None) -> str:
    """Return the unit of one step, in the plural: "months", "hours", or "steps" if dates do not tell."""
    if dates is None or len(dates) < 2:
        return "steps"
    step = float(np.median(np.diff(dates.astype("datetime64[s]")).astype(np.float64)))
    for name, seconds in _UNITS:
        if abs(step / seconds - 1.0) < 0.04:
            return name
    return "steps"
