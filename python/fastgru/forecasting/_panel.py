"""One series or several, in any container."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import (
    array_of,
    column_values,
    is_column,
    is_frame,
    is_from,
    materialised,
    split_rows,
    table_values,
)
from fastgru.forecasting._index import check_order, times_of
from fastgru.forecasting._polars import is_polars, needed_pandas, read_times, time_column

_Floats = NDArray[np.float64]

_LARGEST = 1e100  # of a value of y: squares and sums of them are finite, too
LONG = {"long", "records"}
LONG_COLUMNS = ("unique_id", "ds", "y")  # of a long frame, as Nixtla's libraries name them


@dataclass(frozen=True)
class Panel:
    """Series side by side.

    Attributes
    ----------
    values : tuple of ndarray of shape (n_timesteps, n_columns), float64
        The numbers of each series; NaN where one is missing.
    ids : tuple
        The name of each series, or None.
    indexes : tuple
        The pandas index of each series, or None: it is then numbered from 0.
    kind : {"array", "series", "list", "wide", "long", "records"}
        The container.
    columns : tuple
        Labels of the columns of `values`; empty where there are none.
    levels : tuple
        Names of the two levels of the index of a long frame.
    library : {"pandas", "polars"}
        Whose containers forecasts come in.
    times : str
        The type of the times of a polars frame, one of `TIME_TYPES`.
    """

    values: tuple[_Floats, ...]
    ids: tuple[Hashable, ...]
    indexes: tuple[Any, ...]
    kind: str
    columns: tuple[Hashable, ...] = ()
    levels: tuple[Hashable, ...] = ()
    library: str = "pandas"
    times: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, place: int) -> _Floats:
        """Return the only column of one of the series."""
        return self.values[place][:, 0]

    def described(self, place: int, name: str) -> str:
        """Return how a message names one of the series."""
        return name if len(self) == 1 else f"{name}, series {self.ids[place]!r}"


def read_target(y: Any) -> Panel:
    """Read the series to forecast.

    Raises
    ------
    TypeError
        It does not hold real numbers, or not in a container that is known.
    ValueError
        It has a shape, or dates, that no series has.
    """
    y = materialised(y, "y")
    panel = _read(y, "y", columns_are_series=True)
    for place, values in enumerate(panel.values):
        if values.shape[1] != 1:
            raise ValueError(
                f"{panel.described(place, 'y')} must have one column, got {values.shape[1]}: forecast each "
                "variable as a series of its own, or pass the others as X"
            )
        too_large = np.flatnonzero(np.abs(values[:, 0]) > _LARGEST)
        if len(too_large):
            row, value = int(too_large[0]), values[too_large[0], 0]
            what = "infinite" if np.isinf(value) else f"too large ({value:g}, more than {_LARGEST:g})"
            raise ValueError(f"{panel.described(place, 'y')} is {what} in row {row}")
    return panel


def read_covariates(X: Any, target: Panel) -> Panel:
    """Read covariates of the series `target`: as many series, or one table that is the same for all.

    Series of a long table are found by their names, and it may have others.

    Raises
    ------
    TypeError, ValueError
        As `read_target`; or the series are not those of `target`.
    """
    X = materialised(X, "X")
    panel = _read(X, "X", columns_are_series=False)
    if len(panel) == 1 and len(target) > 1 and panel.kind in {"array", "series", "wide"}:
        count = len(target)
        panel = replace(panel, values=panel.values * count, indexes=panel.indexes * count, ids=target.ids)
    named = target.kind in LONG or (panel.kind in LONG and len(target) > 1)
    if named and panel.ids != target.ids:
        missing = [each for each in target.ids if each not in set(panel.ids)]
        if missing:
            raise ValueError(f"X has no rows for the series {missing[0]!r} of y")
        places = [panel.ids.index(each) for each in target.ids]
        panel = replace(
            panel,
            ids=target.ids,
            values=tuple(panel.values[k] for k in places),
            indexes=tuple(panel.indexes[k] for k in places),
        )
    if len(panel) != len(target):
        raise ValueError(f"X has {len(panel)} series, and y has {len(target)}")
    for place, values in enumerate(panel.values):
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            what = f"column {panel.columns[column]!r}" if panel.columns else f"column {column}"
            raise ValueError(
                f"{panel.described(place, 'X')}: {what} has NaN or infinity in row {row}: covariates are "
                "finite numbers (fill gaps in before)"
            )
    return panel


def _read(data: Any, name: str, *, columns_are_series: bool) -> Panel:
    if is_frame(data):
        return _read_frame(data, name, columns_are_series=columns_are_series)
    if is_column(data):
        return _read_column(data, name)
    if isinstance(data, (list, tuple)) and any(_is_sequence(part) for part in data):
        return _read_list(data, name)
    values = array_of(data, name)
    if not isinstance(values, np.ndarray):
        raise TypeError(
            f"{name} must be a series, a table of series or a list of them, got {type(data).__name__}"
        )
    values = np.asarray(values)  # no matrix
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {values.dtype}")
    if values.ndim == 1:
        return Panel((_column(values),), (None,), (None,), "array")
    if values.ndim != 2:
        raise ValueError(
            f"{name} must be a series (n_timesteps,), a table of series or a list of them, got shape "
            f"{values.shape}"
        )
    values = values.astype(np.float64)
    if not columns_are_series:
        return Panel((values,), (None,), (None,), "array")
    series = tuple(values[:, [k]] for k in range(values.shape[1]))
    return Panel(series, tuple(range(len(series))), (None,) * len(series), "wide")


def _read_column(data: Any, name: str) -> Panel:
    values = column_values(data, name)
    index = data.index if is_from("pandas", "Series", data) else None
    if index is not None and index.nlevels == 2:
        return _read_levels(_column(values), index, (data.name,), name)
    index = times_of(index, name)
    check_order(index, name)
    return Panel((_column(values),), (data.name,), (index,), "series", library=_library(data))


def _read_frame(data: Any, name: str, *, columns_are_series: bool) -> Panel:
    if set(LONG_COLUMNS[:2]) <= set(data.columns):
        return _read_records(data, name, columns_are_series=columns_are_series)
    library, index, times = _library(data), None, ""
    if library == "polars":
        label = time_column(data, name)
        if label is not None:
            index, times = read_times(data[label], name)
            data = data.drop(label)
    else:
        index = data.index
    values = table_values(data, name).astype(np.float64)
    labels = tuple(data.columns)
    _check_once(labels, name)
    if index is not None and index.nlevels == 2:
        return _read_levels(values, index, labels, name)
    index = times_of(index, name)
    check_order(index, name, None if library == "pandas" or index is None else index.name)
    if not columns_are_series:
        return Panel((values,), (None,), (index,), "wide", labels, (), library, times)
    if not labels:
        raise ValueError(f"{name} has no columns" + (" besides that of its times" if times else ""))
    series = tuple(values[:, [k]] for k in range(len(labels)))
    return Panel(series, labels, (index,) * len(labels), "wide", (), (), library, times)


def _read_levels(values: _Floats, index: Any, labels: tuple[Hashable, ...], name: str) -> Panel:
    """Read a long frame whose index is (series, time)."""
    ids, times = (index.get_level_values(level) for level in (0, 1))
    levels = tuple(index.names)
    return _split(values.astype(np.float64), ids, times, name, Panel((), (), (), "long", labels, levels))


def _read_records(data: Any, name: str, *, columns_are_series: bool) -> Panel:
    """Read a long frame with the columns unique_id, ds and y (or covariates)."""
    pd = needed_pandas(name, LONG_COLUMNS[1])
    id_column, when_column, value_column = LONG_COLUMNS
    labels = [label for label in data.columns if label not in (id_column, when_column)]
    if columns_are_series:
        if value_column not in labels:
            raise ValueError(
                f"{name} has the columns {id_column!r} and {when_column!r}, but no {value_column!r}"
            )
        labels = [value_column]
    else:
        labels = [label for label in labels if label != value_column]
        if not labels:
            raise ValueError(f"{name} has no columns besides {', '.join(map(repr, LONG_COLUMNS))}")
    _check_once(tuple(data.columns), name)
    values = np.column_stack([column_values(data[label], f"{name}: column {label!r}") for label in labels])
    library, kind = _library(data), ""
    if library == "polars":
        ids, (times, kind) = pd.Index(data[id_column].to_list()), read_times(data[when_column], name)
    else:
        ids, times = pd.Index(data[id_column]), pd.Index(data[when_column])
    levels = (id_column, when_column)
    shape = Panel((), (), (), "records", tuple(labels), levels, library, kind)
    return _split(values.astype(np.float64), ids, times, name, shape)


def _split(values: _Floats, ids: Any, times: Any, name: str, shape: Panel) -> Panel:
    """Return the series of a long table, each in order of time."""
    if ids.isna().any() or times.isna().any():
        raise ValueError(f"{name}: a series or a time is missing in its rows")
    if not len(values):
        raise ValueError(f"{name} has no rows")
    times = times_of(times, name)
    numbered = np.column_stack((values, np.arange(len(values), dtype=np.float64)))
    series, names, twice = split_rows(numbered, ids, times)
    if twice is not None:
        raise ValueError(f"{name}: rows {twice[0]} and {twice[1]} have the same series and time")
    indexes = tuple(times[each[:, -1].astype(np.int64)] for each in series)
    return replace(
        shape,
        values=tuple(np.ascontiguousarray(each[:, :-1]) for each in series),
        ids=tuple(names.tolist()),
        indexes=indexes,
    )


def _read_list(data: Sequence[Any], name: str) -> Panel:
    parts = [_read(part, f"{name}[{k}]", columns_are_series=False) for k, part in enumerate(data)]
    if any(len(part) != 1 for part in parts):
        raise ValueError(f"{name} is a list whose parts are not one series each")
    labels = {part.columns for part in parts}
    if len(labels) > 1:
        raise ValueError(f"{name} is a list of frames with different columns")
    names = [part.ids[0] for part in parts]
    ids = tuple(k if each is None else each for k, each in enumerate(names))
    if len(set(ids)) != len(ids):
        ids = tuple(range(len(parts)))
    return Panel(
        tuple(part.values[0] for part in parts),
        ids,
        tuple(part.indexes[0] for part in parts),
        "list",
        parts[0].columns if parts else (),
        (),
        "polars" if parts and all(part.library == "polars" for part in parts) else "pandas",
        parts[0].times if parts else "",
    )


def _check_once(labels: tuple[Hashable, ...], name: str) -> None:
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"{name} has two columns {twice!r}")


def _library(data: Any) -> str:
    return "polars" if is_polars(data) else "pandas"


def _is_sequence(part: Any) -> bool:
    return isinstance(part, (list, tuple)) or is_column(part) or is_frame(part) or np.ndim(part) > 0


def _column(values: NDArray[Any]) -> _Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)
