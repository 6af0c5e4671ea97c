"""The numbers of frames, columns and arrays: missing values become NaN, what is no number is refused by name.

pandas and polars are optional: an object of theirs is recognised only where its package is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REAL = "biuf"  # the kinds of dtype that hold real numbers
_ADVICE = "features are real numbers: leave it out, or turn it into numbers (pandas.to_numeric, get_dummies)"


def is_from(package: str, kind: str, data: Any) -> bool:
    """Tell whether `data` is a `kind` of a package that is loaded: ``is_from("pandas", "Series", data)``."""
    module = sys.modules.get(package)
    return module is not None and isinstance(data, getattr(module, kind, ()))


def is_frame(data: Any) -> bool:
    """Tell whether `data` is a frame of pandas or polars."""
    return is_from("pandas", "DataFrame", data) or is_from("polars", "DataFrame", data)


def is_column(data: Any) -> bool:
    """Tell whether `data` is a Series of pandas or polars."""
    return is_from("pandas", "Series", data) or is_from("polars", "Series", data)


def labels_of(frame: Any) -> list[Hashable]:
    """Return the labels of the columns of a frame."""
    return list(frame.columns)


def index_of(data: Any) -> Any:
    """Return the index of a frame or Series of pandas; an empty tuple for other data."""
    has_index = is_from("pandas", "DataFrame", data) or is_from("pandas", "Series", data)
    return data.index if has_index else ()


def columns_of(frame: Any) -> list[Any]:
    """Return the columns of a frame, also where labels occur twice."""
    if is_from("polars", "DataFrame", frame):
        return list(frame.get_columns())
    return [frame.iloc[:, place] for place in range(frame.shape[1])]


def materialised(data: Any, name: str) -> Any:
    """Refuse what has not been computed yet; convert Arrow's tables to pandas."""
    if is_from("polars", "LazyFrame", data):
        raise TypeError(f"{name} is a LazyFrame, whose rows are not computed yet: pass {name}.collect()")
    if is_from("pyarrow", "Table", data) or is_from("pyarrow", "RecordBatch", data):
        return data.to_pandas()
    return data


def table_values(frame: Any, name: str) -> NDArray[Any]:
    """Return the numbers of a frame, (n_rows, n_columns), in the narrowest dtype that holds every column.

    Raises
    ------
    TypeError
        A column does not hold real numbers. The message names it.
    """
    if is_from("pandas", "DataFrame", frame):
        dtypes = list(frame.dtypes)
        if all(isinstance(each, np.dtype) and each.kind in _REAL for each in dtypes):
            return np.asarray(frame.to_numpy(dtype=np.result_type(*dtypes) if dtypes else np.float64))
    labelled = zip(labels_of(frame), columns_of(frame), strict=True)
    columns = [column_values(column, f"{name}: column {label!r}") for label, column in labelled]
    return np.column_stack(columns) if columns else np.empty(frame.shape)


def column_values(column: Any, name: str) -> NDArray[Any]:
    """Return the numbers of a Series of pandas or polars.

    Raises
    ------
    TypeError
        It does not hold real numbers.
    """
    if is_from("polars", "Series", column):
        return _polars_values(column, name)
    dtype, pandas = column.dtype, sys.modules["pandas"]
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return as_real(column.to_numpy(), name)
    if not has_numbers(column):
        raise TypeError(f"{name} has dtype {dtype}, and {_ADVICE}")
    if isinstance(dtype, (np.dtype, pandas.SparseDtype)):
        return np.asarray(column)
    kind = np.dtype(dtype.numpy_dtype)
    if kind.kind not in _REAL:  # decimals
        return as_real(column.to_numpy(dtype=object), name)
    if column.isna().any():
        return np.asarray(column.to_numpy(dtype=_with_nan(kind), na_value=np.nan))
    return np.asarray(column.to_numpy(dtype=kind))


def has_numbers(column: Any) -> bool:
    """Tell whether the dtype of a Series of pandas or polars is one of real numbers."""
    dtype = column.dtype
    if is_from("polars", "Series", column):
        return bool(dtype.is_numeric() or dtype == sys.modules["polars"].Boolean)
    types = sys.modules["pandas"].api.types
    return bool(types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype))


def _polars_values(column: Any, name: str) -> NDArray[Any]:
    polars = sys.modules["polars"]
    dtype = column.dtype
    if dtype == polars.Null:
        return np.full(len(column), np.nan)
    if dtype == polars.Object:
        return as_real(column.to_numpy(), name)
    if not has_numbers(column):
        raise TypeError(f"{name} has dtype {dtype}, and {_ADVICE}")
    if dtype.is_decimal():
        column = column.cast(polars.Float64)
    if dtype == polars.Boolean and column.null_count():
        column = column.cast(polars.UInt8)
    return np.asarray(column.to_numpy())  # nulls are NaN


def as_real(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array as it is, but one of objects as float64, with NaN for None and pandas' NA.

    Raises
    ------
    TypeError
        An object is not a real number, or the dtype is one of pandas' columns that holds none.
    """
    if array.dtype.kind != "O":
        return array
    array = without_na(array)
    text = next((value for value in array.flat if isinstance(value, (str, bytes))), None)
    if text is not None:
        raise TypeError(f"{name} holds the text {text!r}, and {_ADVICE}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must hold real numbers: {error}") from error


def unmasked(array: Any) -> NDArray[Any]:
    """Return a masked array as a plain one, with NaN (None for objects and texts) where it is masked."""
    data, mask = np.ma.getdata(array), np.ma.getmaskarray(array)
    if not mask.any():
        return np.asarray(data)
    if data.dtype.kind in _REAL:
        data = data.astype(_with_nan(data.dtype))
        data[mask] = np.nan
        return np.asarray(data)
    data = data.astype(object)
    data[mask] = None
    return np.asarray(data)


def plain(data: Any, name: str) -> Any:
    """Return any array-like as a plain array, also of objects; `data` itself if it is none (sparse matrices).

    Raises
    ------
    TypeError
        Its owner does not give it away (a tensor on a GPU).
    ValueError
        Its parts differ in length.
    """
    if isinstance(data, np.ma.MaskedArray):
        return unmasked(data)
    if isinstance(data, np.matrix):
        return data
    if not isinstance(data, (np.ndarray, list, tuple)) and not hasattr(data, "__array__"):
        return data
    try:
        return np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{name}: its parts differ in length or nesting ({error})") from error
        raise TypeError(f"{name}: cannot read {type(data).__name__} as an array: {error}") from error


def array_of(data: Any, name: str) -> Any:
    """Return any array-like as `plain` does, and objects as float64.

    Raises
    ------
    TypeError, ValueError
        As `plain` and `as_real`.
    """
    array = plain(data, name)
    return as_real(array, name) if isinstance(array, np.ndarray) else array


def without_na(array: NDArray[Any]) -> NDArray[Any]:
    """Return objects with NaN for None and pandas' NA."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        missing = np.array([value is None for value in array.flat], dtype=bool).reshape(array.shape)
    else:
        missing = pandas.isna(array)
    return np.where(missing, np.nan, array) if missing.any() else array


def split_rows(
    values: NDArray[Any], ids: Any, times: Any
) -> tuple[list[NDArray[Any]], NDArray[Any], tuple[int, int] | None]:
    """Split the rows of a long table into one array per id, each sorted by time.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The table.
    ids, times : pandas Series or Index of length n_rows
        The sequence and the time of each row. None of them is missing.

    Returns
    -------
    sequences : list of ndarray
        In the order of first appearance.
    ids : ndarray
        The id of each.
    twice : tuple of two int or None
        Two rows with the same id and the same time, if there are any; `sequences` is then of no use.
    """
    import pandas as pd

    codes, unique = pd.factorize(ids)
    # Ranks instead of values allow any kind of time that pandas can sort, and one stable sort by both keys.
    ranks = pd.factorize(times, sort=True)[0]
    order = np.lexsort((ranks, codes))
    codes, ranks = codes[order], ranks[order]
    twice = np.flatnonzero((codes[1:] == codes[:-1]) & (ranks[1:] == ranks[:-1]))
    starts = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    pair = (int(order[twice[0]]), int(order[twice[0] + 1])) if twice.size else None
    return np.split(values[order], starts), np.asarray(unique), pair


def instances(values: NDArray[Any], index: Any, name: str) -> list[NDArray[Any]]:
    ids, times = (index.get_level_values(level) for level in (0, 1))
    if ids.isna().any() or times.isna().any():
        raise ValueError(f"the index of {name} has missing values")
    sequences, _, twice = split_rows(values, ids, times)
    if twice is not None:
        raise ValueError(
            f"rows {twice[0]} and {twice[1]} of {name} have the same instance and time, "
            f"{index[[twice[0]]].tolist()[0]!r}: a sequence has one row per time step"
        )
    return sequences if len(values) else []


def is_nested(column: Any) -> bool:
    """Tell whether the cells of a column are sequences."""
    if is_from("polars", "Series", column):
        return bool(column.dtype.is_nested())
    if isinstance(column.dtype, np.dtype):
        return bool(column.dtype.kind == "O") and holds_sequences(column.to_numpy())
    return str(column.dtype).startswith(("list", "fixed_size_list", "large_list"))  # of Arrow


def holds_sequences(array: NDArray[Any]) -> bool:
    return any(isinstance(cell, (list, tuple)) or is_array(cell) for cell in array.flat)


def is_array(part: Any) -> bool:
    return hasattr(part, "__array__") and len(getattr(part, "shape", (1,))) > 0


def _with_nan(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.promote_types(dtype, np.float16)
