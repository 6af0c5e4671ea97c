"""The series of a file that are to be forecast, with their covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._columns import dates_of, named, numbers_of
from fastgru.cli._dates import Found, coarsest, in_all_rows, in_order, not_understood, show, unit_of_time
from fastgru.cli._errors import InputError
from fastgru.cli._reading import Reading
from fastgru.cli._source import choose_target
from fastgru.cli._table import Table, read_table
from fastgru.cli._text import count

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Wanted:
    """What to read of a file.

    Attributes
    ----------
    time, series : str or None
        Name or number of the columns of dates and of the names of series.
    known, past : tuple of str
        Those of the covariates: known in advance, and measured.
    """

    time: str | None = None
    series: str | None = None
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """One series, from its first value to its last.

    Attributes
    ----------
    name : str
        What the column of series says; empty for the only series.
    values : ndarray of shape (n,), float64
        Oldest first; NaN where a cell is empty.
    inputs : ndarray of shape (n, n_past + n_known), float64
        The covariates, NaN where a cell is empty.
    later : ndarray of shape (n_later, n_known), float64
        Those known in advance, in the rows after the last value.
    dates : ndarray of shape (n + n_later,), datetime64, or None
        The time of each row.
    lines : ndarray of shape (n + n_later,), int64
        The line of each row in the file.
    first : int
        The row of the first value, from 1, of the rows of this series.
    """

    name: str
    values: _Floats
    inputs: _Floats
    later: _Floats
    dates: NDArray[np.datetime64] | None
    lines: _Ints
    first: int

    def when(self, row: int) -> str:
        """Return the date of a row, or its number."""
        return f"row {self.first + row}" if self.dates is None else show(coarsest(self.dates)[row])


@dataclass(frozen=True)
class SeriesFile:
    """The series of a file.

    Attributes
    ----------
    path : Path
        The file.
    target, unit : str
        Name of the column that is forecast, and its unit, which may be empty.
    by : str
        Name of the column of series; empty for one series.
    known, past : tuple of str
        Names of the covariates.
    series : tuple of Series
        In the order of their first rows.
    time_unit : str
        The unit of one step: "months", "hours", ..., or "steps".
    notes : tuple of str
        Notes for the user about how the file was read.
    """

    path: Path
    target: str
    unit: str
    by: str
    known: tuple[str, ...]
    past: tuple[str, ...]
    series: tuple[Series, ...]
    time_unit: str
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """The target with its unit."""
        return f"{self.target} ({self.unit})" if self.unit and self.unit not in self.target else self.target

    def title(self, series: Series) -> str:
        """Return the name of one of several series for a heading."""
        known = not self.by or self.by.casefold() in series.name.casefold()
        return series.name if known else f"{self.by} {series.name}"

    def where(self, series: Series) -> str:
        """Return how a message names one of the series."""
        return f"{self.path}, {self.by} {series.name!r}" if self.by else f"{self.path}"


def load_series(path: Path, reading: Reading, wanted: Wanted) -> SeriesFile:
    """Read the series of a file.

    Raises
    ------
    InputError
        The file cannot be used, or has no such columns; the message says where and why.
    """
    table = read_table(path, reading)
    by = None if wanted.series is None else table.column_index(wanted.series, "--series")
    groups = _groups(table, by)
    part = dates_of(table.part(max(groups.values(), key=len)), reading, wanted.time)
    found = part if part is None or by is None else in_all_rows(table, part, reading)
    dated = () if found is None else found.columns
    taken = dated if by is None else (*dated, by)
    target = choose_target(table, taken) if reading.target is None else table.column_index(reading.target)
    past, known = named(table, wanted.past, "--past-columns"), named(table, wanted.known, "--known-ahead")
    roles = [(target, "--target"), *((k, "--past-columns") for k in past)]
    roles += [(k, "--known-ahead") for k in known] + ([] if by is None else [(by, "--series")])
    _check_roles(table, roles, dated if wanted.time is not None else ())
    if found is not None and {k for k, _ in roles} & set(dated):
        found = None  # a column that counts up may look like one of dates
    notes = list(table.notes)
    if found is None and reading.dates and (note := not_understood(table)):
        notes.append(note)
    if found is None and reading.sort:
        raise InputError(f"{path}: --sort needs a column of dates, and there is none")
    values, unit = numbers_of(table, target, reading, notes)
    covariates = [numbers_of(table, k, reading, notes)[0] for k in (*past, *known)]
    inputs = np.column_stack(covariates) if covariates else np.empty((len(values), 0))
    series, odd = [], dict[str, list[tuple[str, int]]]()
    for name, rows in groups.items():
        series.append(_series(table, name, rows, found, reading, (values, inputs, len(past)), notes, odd))
    notes += [f"{path}: {_told(what, seen)}" for what, seen in odd.items()]
    longest = max(series, key=lambda each: len(each.values))
    return SeriesFile(
        path=path,
        target=_heading(table, target),
        unit=unit,
        by="" if by is None else _heading(table, by),
        known=tuple(_heading(table, k) for k in known),
        past=tuple(_heading(table, k) for k in past),
        series=tuple(series),
        time_unit=unit_of_time(longest.dates),
        notes=tuple(dict.fromkeys(notes)),
    )


def _heading(table: Table, column: int) -> str:
    """Return the name of a column, or what stands for it: without names they are numbered."""
    name = table.header[column]
    return name if name and name != str(column + 1) else f"column {column + 1}"


def _told(what: str, seen: Sequence[tuple[str, int]]) -> str:
    """Return a note about what was seen in some series, how often in each."""
    name, total = seen[0][0], sum(amount for _, amount in seen)
    return f"{what}: {total}" + (f" (in {count(len(seen), 'series')}, the first {name!r})" if name else "")


def _groups(table: Table, by: int | None) -> dict[str, list[int]]:
    """Return the rows of each series."""
    if by is None:
        return {"": list(range(len(table.rows)))}
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(table.cells(by)):
        if not name:
            table.fail(row, by, "there is no name of a series")
        groups.setdefault(name, []).append(row)
    return groups


def _check_roles(table: Table, roles: Sequence[tuple[int, str]], dated: tuple[int, ...]) -> None:
    """Refuse a column that is to be two things."""
    seen = dict.fromkeys(dated, "--time")
    for column, option in roles:
        if column in seen:
            raise InputError(f"{table.path}: {table.name(column)} cannot be both {seen[column]} and {option}")
        seen[column] = option


def _series(
    table: Table,
    name: str,
    rows: list[int],
    found: Found | None,
    reading: Reading,
    numbers: tuple[_Floats, _Floats, int],
    notes: list[str],
    odd: dict[str, list[tuple[str, int]]],
) -> Series:
    """Return one series: `rows` of the table, in order of time, between its first value and its last.

    What is left out or missing is added to `odd`: under what it is, the series and how many.
    """
    order, dates = np.array(rows, dtype=np.int64), None
    if found is not None:
        own = replace(found, dates=found.dates[order], cells=[found.cells[row] for row in rows])
        hint = "" if name else "--series COLUMN tells several series apart, "
        ordered = in_order(table.part(rows), own, reading.sort, clock="last", hint=hint)
        order, dates = order[ordered.rows], ordered.dates
        notes += ordered.notes
    values, inputs, n_past = numbers
    held = np.flatnonzero(np.isfinite(values[order]))
    where = f"{table.path}, series {name!r}" if name else f"{table.path}"
    if not len(held):
        raise InputError(f"{where}: there is no value to learn from")
    first, stop = int(held[0]), int(held[-1]) + 1
    last = len(order) if inputs.shape[1] > n_past else stop
    for what, amount in (
        ("rows left out before the first value", first),
        ("rows left out after the last value", len(order) - stop if last == stop else 0),
        ("empty cells read as missing", stop - first - len(held)),
    ):
        if amount:
            odd.setdefault(what, []).append((name, amount))
    kept = order[first:last]
    lines: Any = [table.lines[row] for row in kept]
    return Series(
        name=name,
        values=values[order[first:stop]],
        inputs=inputs[order[first:stop]],
        later=inputs[order[stop:last], n_past:],
        dates=None if dates is None else dates[first:last],
        lines=np.array(lines, dtype=np.int64),
        first=first + 1,
    )
