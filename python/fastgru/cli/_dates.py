"""The date column of a table: find it, put the rows in order, describe its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fastgru.cli import _date_columns
from fastgru.cli._date_formats import DateReading, Dates, named_like_dates, odd_one, readings
from fastgru.cli._errors import InputError
from fastgru.cli._numbers import is_missing, is_number
from fastgru.cli._reading import Reading
from fastgru.cli._table import Table
from fastgru.cli._text import count

_NOTHING = np.timedelta64(0, "s")
_HOUR = np.timedelta64(1, "h")
_UNITS = (  # the word for a unit of time, and its length in seconds
    ("microseconds", 1e-6),
    ("milliseconds", 1e-3),
    ("seconds", 1.0),
    ("minutes", 60.0),
    ("hours", 3600.0),
    ("days", 86400.0),
    ("weeks", 7 * 86400.0),
    ("months", 30.437 * 86400.0),
    ("quarters", 91.31 * 86400.0),
    ("years", 365.25 * 86400.0),
)


@dataclass(frozen=True)
class Found:
    """The dates of a table.

    Attributes
    ----------
    columns : tuple of int
        Positions of the columns that hold them.
    dates : ndarray of shape (n,), datetime64
        The date or time of each row, in the order of the rows.
    cells : list of str
        What stands in the file, for messages.
    how : str
        Their format.
    notes : tuple of str
        How doubtful dates were read.
    """

    columns: tuple[int, ...]
    dates: Dates
    cells: list[str]
    how: str
    notes: tuple[str, ...] = ()


def find_dates(table: Table, reading: Reading) -> Found | None:
    """Find the columns that hold the date or time of each row.

    Parameters
    ----------
    table : Table
        The table.
    reading : Reading
        The user's options.

    Returns
    -------
    Found or None
        The first column in which every cell is a date of the same format, together with a time of day in a
        column of its own; or columns of year, month, day and hour. Of the formats that all cells have, one in
        which the dates ascend in even steps is taken: it decides whether 01/02 is in January or in February.
        Plain numbers, such as years, count only in a column with a name like "year", and only if they ascend.

    Raises
    ------
    InputError
        If a few cells of a date column are not dates, or if two formats fit equally.
    """
    for columns, name, cells in _date_columns.candidates(table):
        held = [row for row, cell in enumerate(cells) if not is_missing(cell)]
        if not held:
            continue
        found = readings(name, cells, reading.date_format) if len(held) == len(cells) else []
        choice = _choose(table, found, reading, is_number(cells[0]))
        if choice is not None:
            return Found(columns, choice[0].dates, cells, choice[0].how, choice[1])
        if not found and (odd := odd_one(name, cells, reading.date_format)) is not None:
            row, good = odd
            table.fail(row, columns[0], f"{cells[row]!r} is not a date like {good!r}")
    if reading.date_format is not None:
        raise InputError(f"{table.path}: --date-format {reading.date_format!r} fits no column")
    return None


def in_all_rows(table: Table, part: Found, reading: Reading) -> Found:
    """Return the dates of all rows of a table, in the format that was found in some of them.

    Raises
    ------
    InputError
        A row has no such date.
    """
    column = part.columns[0]
    cells = next(cells for columns, _, cells in _date_columns.candidates(table) if columns == part.columns)
    if (empty := next(filter(lambda row: is_missing(cells[row]), range(len(cells))), None)) is not None:
        table.fail(empty, column, "there is no date")
    for one in readings(table.header[column], cells, reading.date_format):
        if one.how == part.how:
            return replace(part, dates=one.dates, cells=cells)
    row, good = odd_one(table.header[column], cells, reading.date_format) or (0, part.cells[0])
    return table.fail(row, column, f"{cells[row]!r} is not a date like {good!r}")


def not_understood(table: Table) -> str | None:
    """Return a note if a column is named like dates, but holds none, or dates out of order."""
    for index, name in enumerate(table.header):
        cell = table.rows[0][index]
        if not named_like_dates(name) or not cell:
            continue
        if not is_number(cell):
            problem, option = (
                f"is not understood as dates ({cell!r})",
                "--date-format FORMAT names their format",
            )
        elif readings(name, table.cells(index)):
            problem, option = (
                "holds dates that are not in order, and is not used",
                "--sort sorts the rows by it",
            )
        else:
            continue
        return f"{table.path}: {table.name(index)} {problem}; the rows are taken as they stand ({option})"
    return None


def _choose(
    table: Table, found: list[DateReading], reading: Reading, numeric: bool
) -> tuple[DateReading, tuple[str, ...]] | None:
    """Return the reading with the most even steps among those in order, and a note if others are in order."""
    in_order = [one for one in found if _ascend(one.dates) or _ascend(one.dates[::-1])]
    if reading.sort and not in_order:
        in_order = [one for one in found if len(np.unique(one.dates)) == len(one.dates)]
        if len({one.dates.tobytes() for one in in_order}) > 1:
            listed = " or ".join(repr(one.how) for one in in_order[:2])
            raise InputError(
                f"{table.path}: the dates may be of the format {listed}: --date-format says which"
            )
    if not in_order and (not found or numeric):
        return None
    best = max(in_order or found, key=lambda one: _evenness(one.dates))
    notes = []
    if best.guessed:
        notes.append(f"numbers are read as dates: {best.how}, the first {show(best.dates[0])}")
    elif any(
        (one.dates.astype("datetime64[s]") != best.dates.astype("datetime64[s]")).any() for one in in_order
    ):
        notes.append(f"the dates are read as {best.how!r}; --date-format names another format")
    return best, tuple(f"{table.path}: {note}" for note in notes)


def _evenness(dates: Dates) -> float:
    """Return the share of steps that are about as long as the median step."""
    if len(dates) < 2:
        return 1.0
    steps = np.abs(np.diff(dates).astype(np.float64))
    usual = np.median(steps)
    return float(np.mean(np.abs(steps - usual) < 0.12 * usual))


def _ascend(dates: Dates) -> bool:
    return bool((np.diff(dates) > _NOTHING).all())


@dataclass(frozen=True)
class Ordered:
    """Rows in order of time.

    Attributes
    ----------
    rows : ndarray of shape (n,), int64
        Positions of the rows in the table, oldest first.
    dates : ndarray of shape (n,), datetime64
        Their dates, ascending.
    notes : tuple of str
        What was done.
    gaps : str or None
        Where dates are missing.
    """

    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    dates: Dates
    notes: tuple[str, ...]
    gaps: str | None


def in_order(table: Table, found: Found, sort: bool, *, clock: str = "first", hint: str = "") -> Ordered:
    """Return the rows in order of time; raises InputError where a date is not later than the one before.

    Where clocks change between summer and winter, all dates are those of the clock of the "first" row or of
    the "last", as `clock` says. `hint` is said of dates that stand twice.
    """
    dates, notes = found.dates, list(found.notes)
    rows = np.arange(len(dates))
    if sort:
        rows = np.argsort(dates, kind="stable")
    elif len(dates) > 1 and _ascend(dates[::-1]):
        notes.append(f"{table.path}: the newest row stands first; the rows are read from the bottom up")
        rows = rows[::-1]
    dates = dates[rows]
    if (changes := _clock_changes(dates)) is not None:
        nights = count(int((changes > _NOTHING).sum()), "nights")
        notes.append(
            f"{table.path}: an hour comes twice, in {nights}: the dates are read as a clock with summer time "
            f"and shown in the time of the {clock} row"
        )
        moved = np.concatenate(([_NOTHING], np.cumsum(changes)))
        dates = dates + (moved - moved[-1] if clock == "last" else moved)
    wrong = np.flatnonzero(np.diff(dates) <= _NOTHING)
    if len(wrong):
        _refuse(table, found, int(rows[wrong[0] + 1]), int(rows[wrong[0]]), hint)
    return Ordered(rows, dates, tuple(notes), _describe_gaps(table, rows, dates))


def _refuse(table: Table, found: Found, row: int, before: int, hint: str) -> NoReturn:
    """Refuse a row whose date is not later than that of the row before."""
    cell, other = found.cells[row], found.cells[before]
    if found.dates[row] == found.dates[before]:
        problem = f"{cell} stands in line {table.lines[before]}, too; wanted is one row for each date ({hint}"
    else:
        problem = (
            f"{cell} is not later than {other} in the row before; wanted is one series in order of time "
            "(--sort sorts the rows by date, "
        )
    table.fail(row, found.columns[0], f"{problem}--no-dates takes the rows as they stand)")


def in_changing_night(dates: Dates) -> NDArray[np.bool_]:
    """Return which times are in a night to Sunday, when clocks change, at 4 o'clock at the latest."""
    hour_of_week = (dates.astype("datetime64[h]").astype(np.int64) + 3 * 24) % 168  # 1970 began on a Thursday
    return np.asarray((hour_of_week >= 143) & (hour_of_week <= 148))


def _clock_changes(dates: Dates) -> np.ndarray[tuple[int], np.dtype[np.timedelta64]] | None:
    """Return the corrections of a clock that goes back an hour in autumn and forward in spring, or None.

    The corrections make even steps; at most one in a hundred days goes back.
    """
    if len(dates) < 3:
        return None
    steps = np.diff(dates)
    usual = np.median(steps.astype(np.int64)).astype(np.int64).astype(steps.dtype)
    if not _NOTHING < usual <= _HOUR:
        return None
    night = in_changing_night(dates[1:])
    back, forward = night & (steps == usual - _HOUR), night & (steps == usual + _HOUR)
    days = (dates[-1] - dates[0]) / np.timedelta64(1, "D")
    often, forth = int(back.sum()), int(forward.sum())
    if not often or often > 1 + days / 100 or abs(often - forth) > 1 or (steps[~back] <= _NOTHING).any():
        return None
    corrections = np.zeros(len(steps), dtype="timedelta64[s]")
    corrections[back], corrections[forward] = _HOUR, -_HOUR
    return corrections


def _describe_gaps(
    table: Table, rows: np.ndarray[tuple[int], np.dtype[np.int64]], dates: Dates
) -> str | None:
    """Return a sentence about missing dates, or None if the rows are about evenly spaced."""
    steps = np.diff(dates).astype(np.float64)
    gaps = np.flatnonzero(steps > 1.5 * np.median(steps)) if len(steps) else np.empty(0, np.int64)
    if not len(gaps):
        return None
    before, after = coarsest(dates)[gaps[0] : gaps[0] + 2]
    return (
        f"{count(len(gaps), 'gaps')} in the dates, the first after line {table.lines[rows[gaps[0]]]} "
        f"({show(before)} to {show(after)})"
    )


def coarsest(dates: Dates) -> Dates:
    """Return the dates in the coarsest unit, from years to milliseconds, that is exact."""
    for unit in ("Y", "M", "D", "m", "s", "ms"):
        coarse = dates.astype(f"datetime64[{unit}]")
        if (coarse == dates).all():
            return coarse
    return dates


def show(moment: np.datetime64) -> str:
    """Return a date as readable text."""
    return str(moment).replace("T", " ")


def step_seconds(dates: Dates | None) -> float | None:
    """Return the median length of a step in seconds, or None without dates."""
    if dates is None or len(dates) < 2:
        return None
    if np.datetime_data(dates.dtype)[0] in ("Y", "M"):
        dates = dates.astype("datetime64[s]")
    return float(np.median(np.diff(dates) / np.timedelta64(1, "s")))


def unit_of_time(dates: Dates | None) -> str:
    """Return the unit of one step, in the plural: "months", "hours", or "steps" if dates do not tell."""
    step = step_seconds(dates)
    for name, seconds in _UNITS:
        if step is not None and abs(step / seconds - 1.0) < 0.04:
            return name
    return "steps"
