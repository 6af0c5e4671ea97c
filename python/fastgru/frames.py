"""Conversion of a long table, one row per time step, to a list of sequences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import columns_of, is_from, materialised, split_rows, table_values

__all__ = ["to_sequences"]


def to_sequences(
    df: Any, *, id: Hashable, time: Hashable, columns: Sequence[Hashable] | None = None
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Split a long frame (one row per sequence and time step) into one array per sequence.

    Parameters
    ----------
    df : frame of pandas or polars, of shape (n_rows, n_columns)
        The table; its rows may be in any order. Its index is not read.
    id : label of a column
        The column that names the sequence of a row.
    time : label of a column
        The column with the time of a row, by which each sequence is sorted. Numbers, dates or texts.
    columns : list of labels or None, default=None
        The features, in this order; None: every column but those two. Numbers or bool. NaN is kept (the
        estimators refuse it, or accept it with ``missing="mask"``).

    Returns
    -------
    sequences : list of ndarray of shape (n_timesteps_i, n_features)
        float32 if every feature fits it (as float32, bool and small integers do), else float64.
    ids : ndarray of shape (n_sequences,)
        The id of each sequence, in the order of first appearance in `df`. With one target per id in a
        pandas Series `target`, y is ``target.loc[ids]``.

    Raises
    ------
    TypeError
        `df` is not a frame, or a feature does not hold real numbers.
    ValueError
        A column is missing or exists several times; there are no rows or no features; an id or a time is
        missing; or a sequence has two rows with the same time.

    Examples
    --------
    >>> import pandas as pd
    >>> from fastgru import to_sequences
    >>> df = pd.DataFrame(
    ...     {"patient": ["b", "a", "b", "b"], "day": [2, 1, 1, 3], "pulse": [61.0, 80.0, 60.0, 62.0]}
    ... )
    >>> sequences, ids = to_sequences(df, id="patient", time="day")
    >>> ids
    array(['b', 'a'], dtype=object)
    >>> sequences[0]
    array([[60.],
           [61.],
           [62.]])
    """
    df = _as_pandas(df)
    features = _features(df, id, time, columns)
    if len(df) == 0:
        raise ValueError("df has no rows: at least one time step is required")
    for name, column in (("id", id), ("time", time)):
        absent = np.flatnonzero(df[column].isna().to_numpy())
        if absent.size:
            raise ValueError(
                f"{name}={column!r}: {absent.size} rows have no value there, first row {absent[0]}"
            )
    values = table_values(df[features], "columns")
    values = values.astype(np.float32 if np.can_cast(values.dtype, np.float32) else np.float64, copy=False)
    sequences, ids, twice = split_rows(values, df[id], df[time])
    if twice is not None:
        raise ValueError(
            f"rows {twice[0]} and {twice[1]} of df have the same id {df[id].tolist()[twice[0]]!r} and the "
            f"same time {df[time].iloc[twice[0]]}: a sequence has one row per time step"
        )
    return sequences, ids


def _as_pandas(df: Any) -> Any:
    import pandas as pd

    df = materialised(df, "df")
    if is_from("polars", "DataFrame", df):
        return pd.DataFrame({column.name: column.to_numpy() for column in columns_of(df)})
    if not isinstance(df, pd.DataFrame):
        raise TypeError(f"df must be a frame of pandas or polars, got {type(df).__name__}")
    return df


def _features(df: Any, id: Hashable, time: Hashable, columns: Any) -> list[Hashable]:
    """Return the labels of the features, after checking that every given label names exactly one column."""
    if isinstance(columns, str):
        raise TypeError(f"columns must be a list of labels, got the text {columns!r}: pass [{columns!r}]")
    if id == time:
        raise ValueError(f"id and time must be two columns, got {id!r} for both")
    wanted = [label for label in df.columns if label not in (id, time)] if columns is None else list(columns)
    named = [("id", id), ("time", time), *(("columns", label) for label in wanted)]
    for name, label in named:
        count = int((df.columns == label).sum())
        if count != 1:
            there = ", ".join(repr(column) for column in df.columns[:20])
            raise ValueError(
                f"{name}: df has {count or 'no'} columns {label!r}"
                + (f"; it has {there}" if not count else "")
            )
    for label in wanted:
        if label in (id, time):
            raise ValueError(f"columns: {label!r} is the {'id' if label == id else 'time'} already")
    if not wanted:
        raise ValueError(f"df has no features: no columns besides id={id!r} and time={time!r}")
    return wanted
