"""Forecasts in the container that the series came in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._panel import LONG_COLUMNS, Panel

_Floats = NDArray[np.float64]


def wrapped(shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats]) -> Any:
    """Return one forecast per step, each (n_steps,), in the container of the series `shape`."""
    if shape.kind == "list":
        return [_series(value, index, None) for value, index in zip(values, indexes, strict=True)]
    if shape.kind in {"array", "series"}:
        return _series(values[0], indexes[0], shape.ids[0])
    if shape.kind == "wide":
        table = np.column_stack(values)
        return table if indexes[0] is None else _frame(table, indexes[0], list(shape.ids))
    label = shape.columns[0] if shape.columns else LONG_COLUMNS[2]
    return _long(shape, indexes, [value[:, None] for value in values], [label])


def wrapped_columns(
    shape: Panel, indexes: Sequence[Any], values: Sequence[_Floats], columns: Sequence[tuple[Hashable, ...]]
) -> Any:
    """Return several numbers per step, each (n_steps, n_columns): as sktime names them, (series, *column)."""
    if indexes[0] is None:
        if shape.kind == "list":
            return list(values)
        return values[0] if len(values) == 1 else np.stack(values, axis=1)
    if shape.kind == "list":
        return [
            _frame(value, index, _labels((name,), columns))
            for value, index, name in zip(values, indexes, shape.ids, strict=True)
        ]
    if shape.kind in {"series", "array"}:
        return _frame(values[0], indexes[0], _labels(shape.ids, columns))
    if shape.kind == "wide":
        return _frame(np.concatenate(values, axis=1), indexes[0], _labels(shape.ids, columns))
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
