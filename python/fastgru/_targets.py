"""The same door for y: targets, labels and weights of any container."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import (
    as_real,
    column_values,
    columns_of,
    has_numbers,
    holds_sequences,
    instances,
    is_array,
    is_column,
    is_frame,
    is_from,
    is_nested,
    materialised,
    plain,
    without_na,
)


def read_targets(y: Any, name: str = "y", *, by_instance: bool = False) -> Any:
    """Read targets, labels or weights: an array, or a list of arrays if there are several lengths.

    Missing values become NaN. Texts stay: they may be labels.

    Parameters
    ----------
    y : array-like, Series, frame, or list
        `by_instance`: rows with an index of two levels, (instance, time), are targets of time steps.
    name : str, default="y"
        The name of the argument in messages.

    Raises
    ------
    TypeError
        The container cannot be read.
    """
    if y is None or (type(y) is np.ndarray and y.dtype.kind != "O"):
        return y
    y = materialised(y, name)
    if is_frame(y) or is_column(y):
        return _read_target_columns(y, name, by_instance)
    if isinstance(y, (list, tuple)):
        if any(is_array(part) for part in y):
            return [read_targets(part, f"{name}[{i}]") for i, part in enumerate(y)]
        lengths = {len(part) if isinstance(part, (list, tuple)) else -1 for part in y}
        if len(lengths) > 1:
            return list(y)
    array = plain(y, name)
    if isinstance(y, (list, tuple)) and isinstance(array, np.ndarray) and array.dtype.kind == "U":
        objects = np.asarray(y, dtype=object)  # NumPy makes the text "nan" of a NaN among texts
        array = array if all(isinstance(label, str) for label in objects.flat) else objects
    if not isinstance(array, np.ndarray) or array.dtype.kind != "O":
        return array
    return list(array) if array.ndim == 1 and holds_sequences(array) else without_na(array)


def read_weights(sample_weight: Any) -> Any:
    """Read weights as `read_targets` does, and objects as float64.

    Raises
    ------
    TypeError
        The container cannot be read, or an object is not a number.
    """
    weights = read_targets(sample_weight, "sample_weight")
    return as_real(weights, "sample_weight") if isinstance(weights, np.ndarray) else weights


def _read_target_columns(y: Any, name: str, by_instance: bool) -> Any:
    columns = columns_of(y) if is_frame(y) else [y]
    if len(columns) == 1 and is_nested(columns[0]):
        return [read_targets(part, f"{name}[{i}]") for i, part in enumerate(columns[0])]
    read_columns = [_target_values(column, name) for column in columns]
    values = np.column_stack(read_columns) if is_frame(y) else read_columns[0]
    index = getattr(y, "index", None)
    if by_instance and getattr(index, "nlevels", 1) == 2:
        return instances(values, index, name)
    return values


def _target_values(column: Any, name: str) -> NDArray[Any]:
    """Return a Series as numbers, or else as labels, with NaN for missing ones."""
    if has_numbers(column):
        return column_values(column, name)
    if is_from("polars", "Series", column):
        categories = column.dtype in (sys.modules["polars"].Categorical, sys.modules["polars"].Enum)
        array = (column.cast(sys.modules["polars"].String) if categories else column).to_numpy()
    else:
        array = np.asarray(column)
    return without_na(array) if array.dtype.kind == "O" else array
