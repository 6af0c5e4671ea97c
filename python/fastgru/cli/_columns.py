"""Several columns of a user's file as one series of several variables, with gaps where cells are empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._dates import Found, coarsest, find_dates, not_understood, show, unit_of_time
from fastgru.cli._errors import InputError
from fastgru.cli._numbers import is_missing, is_number
from fastgru.cli._reading import Reading
from fastgru.cli._source import in_order_of_time, is_index, placeholders
from fastgru.cli._table import Table, read_table
from fastgru.cli._text import count


@dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes
    ----------
    path : Path
        The file.
    names, units : list of str
        Of each column; a unit that is not known is empty.
    values : ndarray of shape (n_rows, n_columns), float64
        Oldest row first; NaN where a cell is empty.
    dates : ndarray of shape (n_rows,), datetime64, or None
        The time of each row, ascending.
    time_unit : str
        The unit of one step: "months", "hours", ..., or "steps".
    notes : tuple of str
        Notes for the user about how the file was read.
    """

    path: Path
    names: list[str]
    units: list[str]
    values: NDArray[np.float64]
    dates: NDArray[np.datetime64] | None
    time_unit: str
    notes: tuple[str, ...]

    def when(self, row: int) -> str:
        """Return the date of a row, or its number from 1."""
        return f"row {row + 1}" if self.dates is None else show(self.dates[row])


def load_columns(path: Path, reading: Reading, wanted: Sequence[str] | None, time: str | None) -> Columns:
    """Read columns of numbers.

    Parameters
    ----------
    path : Path
        The file, as `read_table` takes it.
    reading : Reading
        The user's options.
    wanted : sequence of str or None
        Names or numbers of the columns; None: all that hold numbers, without dates and row numbers.
    time : str or None
        Name or number of the column of dates; None: found out.

    Raises
    ------
    InputError
        The file cannot be used; a column is not there, is named twice, or holds something else than numbers.
    """
    table = read_table(path, reading)
    found = dates_of(table, reading, time)
    dated = () if found is None else found.columns
    chosen = _measured(table, dated) if wanted is None else named(table, wanted, "--columns")
    if set(chosen) & set(dated):
        if time is not None:
            raise InputError(f"{path}: {table.name(dated[0])} cannot be both --time and one of --columns")
        found = None
    notes = list(table.notes)
    if found is None and reading.dates and (note := not_understood(table)):
        notes.append(note)
    table, dates = in_order_of_time(table, found, reading, notes)
    read = []
    for index in chosen:
        read.append(numbers_of(table, index, reading, notes))
        if empty := int(np.isnan(read[-1][0]).sum()):
            notes.append(f"{path}, {table.name(index)}: {count(empty, 'cells')} without a value")
    return Columns(
        path=path,
        names=[table.header[index] or f"column {index + 1}" for index in chosen],
        units=[unit for _, unit in read],
        values=np.column_stack([values for values, _ in read]),
        dates=None if dates is None else coarsest(dates),
        time_unit=unit_of_time(dates),
        notes=tuple(notes),
    )


def dates_of(table: Table, reading: Reading, time: str | None) -> Found | None:
    """Return the dates of the rows: those of the column `time`, or found out; None if there are none."""
    if time is None:
        return find_dates(table, reading) if reading.dates else None
    index = table.column_index(time, "--time")
    only = replace(table, header=[table.header[index]], rows=[[row[index]] for row in table.rows])
    found = find_dates(only, reading)
    if found is None:
        cell = table.cells(index)[0]
        raise InputError(
            f"{table.path}: {table.name(index)} is not understood as dates in order of time ({cell!r}); "
            "--date-format FORMAT names their format, --sort sorts the rows by it"
        )
    return replace(found, columns=(index,))


def named(table: Table, wanted: Sequence[str], option: str) -> list[int]:
    """Return the positions of the columns that an option names; raise InputError if it names one twice."""
    chosen = [table.column_index(name.strip(), option) for name in wanted]
    for place, (name, index) in enumerate(zip(wanted, chosen, strict=True)):
        if index in chosen[:place]:
            raise InputError(
                f"{table.path}: {option} names {table.name(index)} twice, the second time as {name!r}"
            )
    return chosen


def _measured(table: Table, dated: tuple[int, ...]) -> list[int]:
    """Return the columns that hold numbers, empty cells aside; raise InputError if there are none."""
    chosen = []
    for index in range(len(table.header)):
        held = [cell for cell in table.cells(index) if not is_missing(cell)]
        few = held[:: 1 + len(held) // 1000]
        # A column with a few bad cells still counts: the bad cells are reported with their line.
        if index not in dated and few and sum(map(is_number, few)) >= len(few) / 2:
            chosen.append(index)
    measured = [index for index in chosen if not is_index(table, index)]
    if not measured:
        raise InputError(f"{table.path}: no column holds numbers; the columns are {table.column_list()}")
    return measured


def numbers_of(
    table: Table, index: int, reading: Reading, notes: list[str]
) -> tuple[NDArray[np.float64], str]:
    """Return a column's values, NaN where a cell is empty, and its unit; add to the notes."""
    rows = [row for row, cell in enumerate(table.cells(index)) if not is_missing(cell)]
    if not rows:
        raise InputError(f"{table.path}, {table.name(index)}: every cell is empty")
    part = table.part(rows)
    numbers = part.numbers(index, reading.decimal)
    notes += [f"{table.path}, {table.name(index)}: {note}" for note in numbers.notes]
    notes += placeholders(part, index, numbers.values)
    values = np.full(len(table.rows), np.nan)
    values[rows] = numbers.values
    return values, numbers.unit
