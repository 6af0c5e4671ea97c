"""The demo's series: a bundled one, or a column of the user's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._dates import check_order, coarsest, describe_gaps, find_dates, newest_first, unit_of_time
from fastgru.cli._errors import InputError
from fastgru.cli._table import Table, is_number, read_table
from fastgru.datasets import TimeSeries, load_co2, load_elnino, load_sunspots

BUNDLED = {"elnino": load_elnino, "sunspots": load_sunspots, "co2": load_co2}


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


def load_source(data: Path | None, target: str | None, bundled: str, use_dates: bool) -> Source:
    """Load the series that the options name; raises InputError if a file cannot be used."""
    source = _from_package(BUNDLED[bundled]()) if data is None else _from_file(data, target, use_dates)
    if (source.values == source.values[0]).all():
        raise InputError(f"{source.name}: every value is {source.values[0]:g}: there is nothing to forecast")
    return source


def _from_package(series: TimeSeries) -> Source:
    label = f"{series.title} ({series.unit})" if series.unit else series.title
    time_unit = unit_of_time(series.dates)
    return Source(series.name, series.title, label, series.unit, series.values, series.dates, time_unit)


def _from_file(path: Path, target: str | None, use_dates: bool) -> Source:
    table = read_table(path)
    found = find_dates(table) if use_dates else None
    index = (
        _choose_target(table, None if found is None else found[0])
        if target is None
        else table.column_index(target)
    )
    if found is not None and found[0] == index:
        found = None
    values = table.numbers(index)
    dates, notes = None, []
    if found is not None:
        column, dates = found
        if newest_first(dates):
            notes.append(f"{path}: the newest row stands first; the rows are read from the bottom up")
            values, dates = values[::-1].copy(), dates[::-1].copy()
        else:
            check_order(table, column, dates)
            if gaps := describe_gaps(table, dates):
                notes.append(f"{path}: {gaps}")
    name = table.header[index]
    return Source(
        name=f'{path}, column "{name}"',
        title=f"{name} ({path.name})",
        label=name,
        unit="",
        values=values,
        dates=None if dates is None else coarsest(dates),
        time_unit=unit_of_time(dates),
        notes=tuple(notes),
    )


def _choose_target(table: Table, date_column: int | None) -> int:
    """Return the only column, or the only numeric one; otherwise raise an error that lists the columns."""
    columns = [index for index in range(len(table.header)) if index != date_column]
    # A column with a few bad cells still counts as numeric: the bad cells are reported with their line.
    numeric = [index for index in columns if sum(map(is_number, table.cells(index))) >= len(table.rows) / 2]
    for candidates in (columns, numeric):
        if len(candidates) == 1:
            return candidates[0]
    raise InputError(f"{table.path}: --target is needed; the columns are {table.column_list()}")
