"""Forecasts in the container that the series came in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._panel import LONG_COLUMNS, Panel
from fastgru.forecasting._polars import flat_label, frame_of, series_of, times_of

_Floats = NDArray[np.float64]


def wrapped(shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats]) -> Any:
    """Return one forecast per step, each (n_steps,), in the container of the series `shape`."""
    if shape.library == "polars":
        return _polars(shape, indexes, [value[:, None] for value in values], [()])
    if shape.kind == "list":
        return [_series(value, index, None) for value, index in zip(values, indexes, strict=True)]
    if shape.kind in {"array", "series"}:
        return _series(values[0], indexes[0], shape.ids[0])
    if shape.kind == "wide":
        times, columns = _aligned(indexes, [value[:, None] for value in values])
        table = np.concatenate(columns, axis=1)
        return table if times is None else _frame(table, times, list(shape.ids))
    label = shape.columns[0] if shape.columns else LONG_COLUMNS[2]
    return _long(shape, indexes, [value[:, None] for value in values], [label])


def wrapped_columns(
    shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats], columns: Sequence[tuple[Hashable, ...]]
) -> Any:
    """Return several numbers per step, each (n_steps, n_columns): as sktime names them, (series, *column)."""
    if shape.library == "polars":
        return _polars(shape, indexes, values, columns)
    if shape.kind == "list":
        if indexes[0] is None:
            return list(values)
        return [
            _frame(value, index, _labels((name,), columns))
            for value, index, name in zip(values, indexes, shape.ids, strict=True)
        ]
    if indexes[0] is None:
        return values[0] if len(values) == 1 else np.stack(values, axis=1)
    if shape.kind in {"series", "array", "wide"}:
        times, values = _aligned(indexes, values)
        return _frame(np.concatenate(values, axis=1), times, _labels(shape.ids, columns))
    return _long(shape, indexes, values, _labels(shape.columns or (LONG_COLUMNS[2],), columns))


def _labels(names: Sequence[Hashable], columns: Sequence[tuple[Hashable, ...]]) -> Any:
    import pandas as pd

    named = [0 if name is None else name for name in names]  # as sktime calls a series without a name
    return pd.MultiIndex.from_tuples([(name, *column) for name in named for column in columns])


def _series(values: _Floats, index: Any, name: Hashable) -> Any:
    if index is None:
        return values
    import pandas as pd

    return pd.Series(values, index=index, name=name)


def _frame(values: _Floats, index: Any, columns: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(values, index=index, columns=columns)


def _aligned(indexes: Sequence[Any], values: Sequence[_Floats]) -> tuple[Any, Sequence[_Floats]]:
    """Return the times of forecasts side by side, whose ends may differ; NaN where a series has another."""
    times = indexes[0]
    if times is None or all(index is times or index.equals(times) for index in indexes[1:]):
        return times, values
    for index in indexes[1:]:
        times = times.union(index)
    found = []
    for index, value in zip(indexes, values, strict=True):
        found.append(np.full((len(times), value.shape[1]), np.nan))
        found[-1][times.get_indexer(index)] = value
    return times, found


def _long(shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats], columns: Any) -> Any:
    import pandas as pd

    ids = np.repeat(np.arange(len(values)), [len(value) for value in values])
    names = pd.Index(list(shape.ids)).take(ids)
    times = indexes[0].append(list(indexes[1:]))
    table = np.concatenate(list(values))
    if shape.kind == "long":
        index = pd.MultiIndex.from_arrays([names, times], names=list(shape.levels))
        return pd.DataFrame(table, index=index, columns=columns)
    flat = [
        "-".join(map(str, column[1:])) if isinstance(column, tuple) else column for column in list(columns)
    ]
    frame = pd.DataFrame(table, columns=flat)
    frame.insert(0, shape.levels[0], names)
    frame.insert(1, shape.levels[1], times)
    return frame


def _polars(
    shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats], columns: Sequence[tuple[Hashable, ...]]
) -> Any:
    """Return what `wrapped` (``columns=[()]``: the name of the series alone) and `wrapped_columns` do."""
    if shape.kind == "records":
        ids = np.repeat(np.arange(len(values)), [len(value) for value in values])
        times = times_of(indexes[0].append(list(indexes[1:])), shape.times)
        frame = {str(shape.levels[0]): [shape.ids[k] for k in ids], str(shape.levels[1]): times}
        return frame_of(frame | _flat(np.concatenate(list(values)), columns, shape.columns[0]))
    if shape.kind == "wide":
        whole, values = _aligned(indexes, values)
        frame = {} if whole is None else _times(whole, shape)
        for name, value in zip(shape.ids, values, strict=True):
            frame |= {flat_label((name, *column)): value[:, k] for k, column in enumerate(columns)}
        return frame_of(frame)
    found: list[Any] = []
    for name, index, value in zip(shape.ids, indexes, values, strict=True):
        if index is None and columns == [()]:
            found.append(series_of(value[:, 0], None if isinstance(name, int) else name))
        else:
            label = shape.columns[0] if shape.columns else name
            frame = {} if index is None else _times(index, shape)
            found.append(frame_of(frame | _flat(value, columns, label)))
    return found if shape.kind == "list" else found[0]


def _times(index: Any, shape: Panel) -> dict[str, Any]:
    return {str(index.name): times_of(index, shape.times)}


def _flat(values: _Floats, columns: Sequence[tuple[Hashable, ...]], name: Hashable) -> dict[str, Any]:
    return {flat_label(column) if column else str(name): values[:, k] for k, column in enumerate(columns)}
