"""What a forecaster returns, in any container, as one array per series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_frame
from fastgru.forecasting._origins import Origin
from fastgru.forecasting._panel import LONG
from fastgru.forecasting._polars import without_times
from fastgru.forecasting._rows import is_from_pandas, labels_of_rows, rows_by_series

_Floats = NDArray[np.float64]


def points_of(answer: Any, origin: Origin, horizon: int, name: str) -> list[_Floats]:
    """Return what `predict` returned as one array (horizon,) per series.

    Raises
    ------
    ValueError
        It is not a forecast of these steps of these series.
    """
    return [each[:, 0] for each in _split(answer, origin, horizon, 1, f"{name}.predict")]


def quantiles_of(
    answer: Any, origin: Origin, horizon: int, levels: Sequence[float], name: str
) -> list[_Floats]:
    """Return what `predict_quantiles` returned as one array (horizon, n_levels) per series.

    Raises
    ------
    ValueError
        It is not a forecast of these steps, series and levels.
    """
    return _split(answer, origin, horizon, len(levels), f"{name}.predict_quantiles")


def _split(answer: Any, origin: Origin, horizon: int, columns: int, name: str) -> list[_Floats]:
    count = len(origin.places)
    if origin.kind in LONG:
        found = _by_series(answer, origin)
    elif origin.kind == "list":
        found = [np.asarray(without_times(each), dtype=np.float64) for each in answer]
    elif origin.kind == "wide":
        table = np.asarray(without_times(answer), dtype=np.float64)
        if table.size != horizon * count * columns:
            raise _refused(name, [table], horizon, columns, count)
        # A frame has the levels of each series side by side; an array has axes (horizon, series, level).
        found = list(np.moveaxis(table.reshape(horizon, count, columns), 1, 0))
    else:
        found = [np.asarray(answer, dtype=np.float64)]
    if len(found) != count or any(each.size != horizon * columns for each in found):
        raise _refused(name, found, horizon, columns, count)
    return [each.reshape(horizon, columns) for each in found]


def _by_series(answer: Any, origin: Origin) -> list[_Floats]:
    """Return the numbers of a long frame by series, each in order of time."""
    if origin.kind == "long":
        ids, times = labels_of_rows(answer, "long")
        numbers = answer.to_numpy(dtype=np.float64)
    else:
        ids, times = labels_of_rows(answer, "records")
        table = answer.iloc[:, 2:] if is_from_pandas(answer) else answer[:, 2:]
        numbers = np.asarray(table.to_numpy() if is_frame(table) else table, dtype=np.float64)
    return [numbers[rows] for rows in rows_by_series(ids, times, origin.ids)]


def _refused(name: str, found: list[_Floats], horizon: int, columns: int, count: int) -> ValueError:
    shapes = ", ".join(str(each.shape) for each in found[:3]) or "nothing"
    levels = "" if columns == 1 else f" and {columns} levels"
    of = "" if count == 1 else f" for each of {count} series"
    return ValueError(f"{name} should return {horizon} steps{levels}{of}, got {shapes}")
