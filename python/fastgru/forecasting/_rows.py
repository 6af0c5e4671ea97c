"""Stretches of rows of a container of series, as a container of the same kind."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_column, is_frame, is_from
from fastgru.forecasting._panel import LONG, LONG_COLUMNS, Panel
from fastgru.forecasting._polars import without_times

_Ints = NDArray[np.int64]

TABLES = ("array", "series", "wide")  # kinds of containers whose series share their rows


@dataclass(frozen=True)
class Rows:
    """A container, and which of its rows belong to which series.

    Attributes
    ----------
    data : object
        The container, as the user gave it.
    kind : str
        As of `Panel`.
    rows : tuple of ndarray
        The rows of each series in order of time; one for all where they share them.
    whole : bool
        Whether a table goes to every series as it is (covariates), and no column of it is a series.
    """

    data: Any
    kind: str
    rows: tuple[_Ints, ...]
    whole: bool = False

    def part(self, starts: Sequence[int], stops: Sequence[int], places: Sequence[int]) -> Any:
        """Return the rows from `starts` to before `stops` of some of the series.

        Parameters
        ----------
        starts, stops : sequence of int
            One for each of `places`; the same for all where they share their rows.
        places : sequence of int
            The series.
        """
        if self.kind == "list":
            pieces = zip(places, starts, stops, strict=True)
            return [_cut(self.data[place], slice(start, stop)) for place, start, stop in pieces]
        if self.kind in LONG:
            pieces = zip(places, starts, stops, strict=True)
            wanted = np.sort(np.concatenate([self.rows[place][start:stop] for place, start, stop in pieces]))
            return self.data.iloc[wanted] if is_from_pandas(self.data) else self.data[wanted]
        table = _cut(self.data, slice(starts[0], stops[0]))
        if self.whole or self.kind != "wide" or len(places) == _width(without_times(table)):
            return table
        if is_from_pandas(table):
            return table.iloc[:, list(places)]
        if not is_frame(table):
            return table[:, list(places)]
        series = without_times(table).columns
        others = {name for place, name in enumerate(series) if place not in places}
        return table[[name for name in table.columns if name not in others]]


def rows_of(data: Any, panel: Panel, *, whole: bool = False) -> Rows:
    """Return the rows of a container that has been read as `panel`.

    Parameters
    ----------
    data : object
        What was read.
    panel : Panel
        What it holds.
    whole : bool
        Whether a table belongs to every series as it is.
    """
    if panel.kind in LONG:
        ids, times = labels_of_rows(data, panel.kind)
        return Rows(data, panel.kind, rows_by_series(ids, times, panel.ids))
    if panel.kind == "list":
        return Rows(data, "list", tuple(np.arange(len(values)) for values in panel.values))
    return Rows(data, panel.kind, (np.arange(len(panel.values[0])),) * len(panel), whole)


def without_columns(data: Any, kind: str, labels: Sequence[Hashable]) -> Any:
    """Return covariates in any container without some of their columns (labels, or places)."""
    if not len(labels):
        return data
    if kind == "list":
        return [without_columns(each, "wide", labels) for each in data]
    if is_from_pandas(data):
        return data.drop(columns=list(labels))
    if is_frame(data):
        return data.drop([str(label) for label in labels])
    return np.delete(np.asarray(data), [int(str(label)) for label in labels], axis=1)


def labels_of_rows(data: Any, kind: str) -> tuple[Any, Any]:
    """Return the series and the time of each row of a long frame."""
    import pandas as pd

    if kind == "long":
        return data.index.get_level_values(0), data.index.get_level_values(1)
    return pd.Index(data[LONG_COLUMNS[0]].to_numpy()), pd.Index(data[LONG_COLUMNS[1]].to_numpy())


def rows_by_series(ids: Any, times: Any, names: Sequence[Any]) -> tuple[_Ints, ...]:
    """Return the rows of each of the series `names`, in order of time."""
    import pandas as pd

    codes = pd.Index(list(names)).get_indexer(ids)
    order = np.lexsort((pd.factorize(times, sort=True)[0], codes))
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return tuple(order[start:stop] for start, stop in itertools.pairwise(bounds))


def is_from_pandas(data: Any) -> bool:
    """Tell whether data are a frame or a Series of pandas."""
    return is_from("pandas", "DataFrame", data) or is_from("pandas", "Series", data)


def _cut(data: Any, rows: slice) -> Any:
    if is_from_pandas(data):
        return data.iloc[rows]
    return data[rows] if is_frame(data) or is_column(data) else np.asarray(data)[rows]


def _width(data: Any) -> int:
    return int(data.shape[1]) if is_frame(data) else int(np.asarray(data).shape[1])
