"""The demo's series: a bundled one, or a column of the user's file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._date_formats import named_like_dates
from fastgru.cli._dates import Found, coarsest, find_dates, in_order, not_understood, unit_of_time
from fastgru.cli._errors import InputError
from fastgru.cli._layout import counts_up
from fastgru.cli._numbers import is_missing, is_number
from fastgru.cli._reading import Reading
from fastgru.cli._table import Table, read_table
from fastgru.cli._text import count
from fastgru.datasets import TimeSeries, load_co2, load_elnino, load_sunspots

BUNDLED = {"elnino": load_elnino, "sunspots": load_sunspots, "co2": load_co2}
_INDEX_NAMES = (
    "",
    "#",
    "index",
    "id",
    "no",
    "no.",
    "nr",
    "nr.",
    "row",
    "rownames",
    "obs",
    "n",
    "step",
    "unnamed: 0",
)
_PLACEHOLDER = re.compile(r"-?9{2,}([.,][09]+)?")  # -999 and its like stand for missing values


@dataclass(frozen=True)
class Source:
    """A series ready to be forecast.

    Attributes
    ----------
    name : str
        The file or the bundled series, for messages.
    title : str
        The heading.
    label, unit : str
        Name of the values, with their unit if it is known; and the unit alone.
    values : ndarray of shape (n,), float64
        Finite, oldest first.
    dates : ndarray of shape (n,), datetime64, or None
        The time of each value, ascending.
    time_unit : str
        The unit of one step: "months", "hours", ..., or "steps".
    notes : tuple of str
        Notes for the user about how the file was read.
    """

    name: str
    title: str
    label: str
    unit: str
    values: NDArray[np.float64]
    dates: NDArray[np.datetime64] | None
    time_unit: str
    notes: tuple[str, ...] = ()


def load_source(data: Path | None, bundled: str, reading: Reading) -> Source:
    """Load the user's file or a bundled series; raises InputError if the file cannot be used."""
    source = _from_package(BUNDLED[bundled]()) if data is None else _from_file(data, reading)
    if (source.values == source.values[0]).all():
        raise InputError(f"{source.name}: every value is {source.values[0]:g}: there is nothing to forecast")
    return source


def _from_package(series: TimeSeries) -> Source:
    label = f"{series.title} ({series.unit})" if series.unit else series.title
    time_unit = unit_of_time(series.dates)
    return Source(series.name, series.title, label, series.unit, series.values, series.dates, time_unit)


def _from_file(path: Path, reading: Reading) -> Source:
    table = read_table(path, reading)
    found = find_dates(table, reading) if reading.dates else None
    dated = () if found is None else found.columns
    index = choose_target(table, dated) if reading.target is None else table.column_index(reading.target)
    if index in dated:
        found = None
    notes = list(table.notes)
    if found is None and reading.dates and (note := not_understood(table)):
        notes.append(note)
    table, dates = in_order_of_time(table, found, reading, notes)
    kept = _without_missing_ends(table, index, notes)
    table, dates = table.part(list(kept)), None if dates is None else dates[kept.start : kept.stop]
    numbers = table.numbers(index, reading.decimal)
    notes += [f"{path}, {table.name(index)}: {note}" for note in numbers.notes]
    notes += placeholders(table, index, numbers.values)
    name = table.header[index] or f"column {index + 1}"
    return Source(
        name=f"{path}, {table.name(index)}",
        title=f"{name} ({path.name})",
        label=f"{name} ({numbers.unit})" if numbers.unit and numbers.unit not in name else name,
        unit=numbers.unit,
        values=numbers.values,
        dates=None if dates is None else coarsest(dates),
        time_unit=unit_of_time(dates),
        notes=tuple(notes),
    )


def in_order_of_time(
    table: Table, found: Found | None, reading: Reading, notes: list[str]
) -> tuple[Table, NDArray[np.datetime64] | None]:
    """Return the rows, oldest first, and their dates; add to the notes."""
    if found is None:
        if reading.sort:
            raise InputError(f"{table.path}: --sort needs a column of dates, and there is none")
        return table, None
    ordered = in_order(table, found, reading.sort)
    notes += ordered.notes
    if ordered.gaps is not None:
        notes.append(f"{table.path}: {ordered.gaps}; the rows are taken as evenly spaced")
    return table.part(ordered.rows.tolist()), ordered.dates


def _without_missing_ends(table: Table, index: int, notes: list[str]) -> range:
    """Return the rows without those before the first value and after the last; add to the notes."""
    held = [row for row, cell in enumerate(table.cells(index)) if not is_missing(cell)]
    rows = range(held[0], held[-1] + 1) if held else range(len(table.rows))
    if len(rows) < len(table.rows):
        left_out = count(len(table.rows) - len(rows), "rows")
        notes.append(
            f"{table.path}, {table.name(index)}: {left_out} without a value at the ends are left out"
        )
    return rows


def placeholders(table: Table, index: int, values: NDArray[np.float64]) -> list[str]:
    """Return a note if a number such as -999 stands far outside all others, twice or more."""
    for extreme in (values.min(), values.max()):
        rows = np.flatnonzero(values == extreme)
        others = values[values != extreme]
        cell = table.cells(index)[rows[0]]
        if len(rows) < 2 or not len(others) or not _PLACEHOLDER.fullmatch(cell):
            continue
        low, middle, high = np.quantile(others, (0.01, 0.5, 0.99))
        if abs(extreme - middle) > 5.0 * (high - low):
            return [
                f"{table.path}, {table.name(index)}: {cell} stands in {count(len(rows), 'rows')}, the first "
                f"in line {table.lines[rows[0]]}, far from all other values: if it means no value, fill it in"
            ]
    return []


def choose_target(table: Table, dated: tuple[int, ...]) -> int:
    """Return the only column, or the only numeric one; otherwise raise an error that lists the columns."""
    columns = [
        index
        for index, name in enumerate(table.header)
        if index not in dated and (name or any(table.cells(index)))
    ]
    # A column with a few bad cells still counts as numeric: the bad cells are reported with their line.
    some = table.part(list(range(0, len(table.rows), 1 + len(table.rows) // 1000)))
    numeric = [index for index in columns if sum(map(is_number, some.cells(index))) >= len(some.rows) / 2]
    measured = [index for index in numeric if not is_index(table, index)]
    for candidates in (columns, numeric, measured):
        if len(candidates) == 1:
            return candidates[0]
    raise InputError(f"{table.path}: --target is needed; the columns are {table.column_list()}")


def is_index(table: Table, index: int) -> bool:
    """Return whether a column counts the rows, or the time: by its name, and because it only rises."""
    cells, name = table.cells(index), table.header[index]
    if name.casefold() in _INDEX_NAMES and counts_up(cells):
        return True
    if not named_like_dates(name):
        return False
    try:
        return bool((np.diff(np.array(cells, dtype=np.float64)) > 0.0).all())
    except ValueError:
        return False
