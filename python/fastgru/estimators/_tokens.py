"""Integer tokens: checks, removal of padding, the size of the vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from fastgru._containers import read
from fastgru.estimators._sequence_list import SequenceList

PADDING, UNKNOWN = 0, 1


def check_tokens(estimator: BaseEstimator, X: Any, *, every_step: bool) -> NDArray[np.int64] | SequenceList:
    """Return tokens as int64: (n_samples, n_timesteps, 1), or, without their padding, a list of (n_i, 1).

    `every_step`: each step has a prediction, so padding is refused.

    Raises
    ------
    TypeError
        `X` holds no integers.
    ValueError
        Wrong rank, no tokens, negative ids, padding between tokens, or padding where `every_step`.
    """
    values = read(X).values
    if isinstance(values, list) and values:
        rows = [_integers(part, f"X[{i}]") for i, part in enumerate(values)]
        rows = [row[:, 0] if row.ndim == 2 and row.shape[1] == 1 else row for row in rows]
        for i, row in enumerate(rows):
            if row.ndim != 1:
                raise ValueError(f"X[{i}] has shape {row.shape}: in a list of tokens each is (n_tokens,)")
        table = None
    else:
        table = _integers(values, "X")
        table = table[:, :, 0] if table.ndim == 3 and table.shape[2] == 1 else table
        if table.ndim != 2 or table.size == 0:
            raise ValueError(
                f"Expected tokens X of shape (n_samples, n_tokens), or a list of arrays, got {table.shape}. "
                "Reshape your data: X.reshape(1, -1) if it is one sample"
            )
        rows = list(table)
    if min((int(row.min()) for row in rows if row.size), default=0) < 0:
        i = next(i for i, row in enumerate(rows) if row.size and row.min() < 0)
        raise ValueError(f"X[{i}] has the token {rows[i].min()}: ids are not negative")
    if all(row.all() for row in rows):  # no padding
        return [row[:, np.newaxis] for row in rows] if table is None else table[:, :, np.newaxis]
    if every_step:
        raise ValueError(
            f"X has the padding id {PADDING}, to which output='sequence' has no answer: pass a list of "
            "arrays without padding"
        )
    return [_without_padding(row, i)[:, np.newaxis] for i, row in enumerate(rows)]


def vocabulary_size(X: NDArray[np.int64] | SequenceList, wanted: int | None) -> int:
    """Return the size of the vocabulary of a network for the tokens `X`.

    Raises
    ------
    ValueError
        `X` has ids beyond a `wanted` size.
    """
    most = max((int(row.max()) for row in X if row.size), default=PADDING)
    if wanted is None:
        return max(most, UNKNOWN) + 1
    if most >= wanted:
        i = next(i for i, row in enumerate(X) if row.size and row.max() >= wanted)
        raise ValueError(f"X[{i}] has the token {X[i].max()}, beyond vocabulary_size={wanted}")
    return int(wanted)


def _integers(values: Any, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise TypeError(
                f"{name} must hold integer tokens where embedding_dim is set, got a missing value"
            )
        if not np.all(array == np.floor(array)) or not np.all(np.abs(array) < 2**53):
            raise TypeError(f"{name} must hold integer tokens where embedding_dim is set, got other numbers")
    elif array.dtype.kind not in "biu":
        raise TypeError(
            f"{name} must hold integer tokens where embedding_dim is set, got dtype {array.dtype}"
        )
    return np.ascontiguousarray(array, dtype=np.int64) if array.dtype != np.int64 else array


def _without_padding(row: NDArray[np.int64], i: int) -> NDArray[np.int64]:
    known = np.flatnonzero(row)
    if len(known) == 0:
        return row[:0]
    cut = row[known[0] : known[-1] + 1]
    if len(known) != len(cut):
        place = int(known[0] + np.flatnonzero(cut == PADDING)[0])
        raise ValueError(f"X[{i}] has the padding id {PADDING} between tokens, at step {place}")
    return cut
