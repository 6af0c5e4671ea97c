"""Lists of sequences of different lengths: checking and reading them without a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from fastgru.estimators._finite import check_finite

# One array (n_timesteps_i, n_features) per sample, all float32 or all float64.
SequenceList: TypeAlias = list[NDArray[Any]]

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_BLOCK_VALUES = 1 << 16  # values checked together: they fit the caches


def check_sequence_list(
    estimator: BaseEstimator, X: list[Any], *, dtype: str, allow_nan: bool = False
) -> SequenceList:
    """Return the arrays of a list as finite ones (n_timesteps_i, n_features) of one dtype, views if possible.

    Raises
    ------
    TypeError
        A sequence is sparse or holds objects that are not numbers.
    ValueError
        A sequence has another rank, other features than the others, text, complex numbers, NaN, or values
        beyond the range of `dtype`. The message names it: ``X[3]``. A sequence may have no time steps.
    """
    # Arrays of floats, the usual case, need none of scikit-learn's conversions.
    parts = [
        part
        if type(part) is np.ndarray and (part.dtype is _FLOAT32 or part.dtype is _FLOAT64)
        else _as_numbers(part, i, estimator)
        for i, part in enumerate(X)
    ]
    first = next((i for i, part in enumerate(parts) if part.size), 0)
    rank, n_features = parts[first].ndim, parts[first].shape[1:]
    legal = rank in (1, 2) and 0 not in n_features
    for i, part in enumerate(parts):
        shape = part.shape
        if legal and part.ndim == rank and shape[1:] == n_features:
            continue
        if legal and shape == (0,):  # no steps, so that nothing shows how many features there are
            parts[i] = np.empty((0, *n_features), part.dtype)
            continue
        if part.ndim not in (1, 2) or 0 in shape[1:]:
            raise ValueError(
                f"X[{i}] has shape {shape}: in a list, each sequence is (n_timesteps,) or (n_timesteps, "
                "n_features), with at least one feature"
            )
        raise ValueError(
            f"X[{i}] has shape {shape} and X[{first}] has {parts[first].shape}: the sequences of a list "
            "differ in their number of time steps only" + _turned(parts)
        )
    dtypes = {part.dtype for part in parts}
    if len(dtypes) > 1:  # what has no values decides nothing
        dtypes = {part.dtype for part in parts if part.size} or dtypes
    narrow = all(np.can_cast(each, np.float32) for each in dtypes)
    kept_in = np.dtype(np.float32 if narrow else np.float64)
    if any(part.dtype != kept_in for part in parts):
        with np.errstate(over="ignore"):  # values out of range become infinite and are refused below
            parts = [part.astype(kept_in, copy=False) for part in parts]
    sequences = [part if part.ndim == 2 and part.flags.c_contiguous else _columns(part) for part in parts]
    _check_all_finite(sequences, dtype, allow_nan=allow_nan)
    return sequences


def require_steps(checked: NDArray[Any] | SequenceList) -> None:
    """Raise ValueError where no sequence of a list has a time step: there is nothing to learn from."""
    if isinstance(checked, list) and not any(map(len, checked)):
        raise ValueError("X has no time steps: at least one of its sequences must have one")


def blocks_of_steps(
    sequences: SequenceList, rows: NDArray[Any] | None = None
) -> Iterator[tuple[NDArray[Any], list[int]]]:
    """Yield the time steps of the `rows` (None: all), one after the other: blocks (n_steps, n_features).

    Each block comes with the lengths of its sequences, in the order of `rows`.
    """
    chosen = sequences if rows is None else [sequences[row] for row in rows]
    lengths = [len(part) for part in chosen]
    ends = np.cumsum(lengths)
    most = max(1, _BLOCK_VALUES // chosen[0].shape[1])
    first = 0
    while first < len(chosen):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield np.concatenate(chosen[first:last]), lengths[first:last]
        first = last


def _turned(parts: list[NDArray[Any]]) -> str:
    """Return what to pass where the sequences are (n_channels, n_timesteps)."""
    turned = all(part.ndim == 2 and len(part) == len(parts[0]) for part in parts)
    return ". If each is (n_channels, n_timesteps), pass x.T" if turned else ""


def _as_numbers(part: Any, i: int, estimator: BaseEstimator) -> NDArray[Any]:
    name = f"X[{i}]"
    try:
        array = check_array(
            part,
            dtype="numeric",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            estimator=estimator,
            input_name=name,
        )
    except (TypeError, ValueError) as error:
        if name in str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return np.asarray(array)


def _columns(part: NDArray[Any]) -> NDArray[Any]:
    part = part[:, np.newaxis] if part.ndim == 1 else part
    usable = part.strides[1] == part.itemsize or part.shape[1] == 1
    return part if usable else np.ascontiguousarray(part)


def _check_all_finite(sequences: SequenceList, computed_in: str, *, allow_nan: bool) -> None:
    limit = float(np.finfo(computed_in).max)
    most, least = (np.fmax.reduce, np.fmin.reduce) if allow_nan else (np.max, np.min)
    first = 0
    for block, lengths in blocks_of_steps(sequences):
        if block.size == 0:
            low = high = 0.0
        else:  # as float64, since the limit may lie beyond the block's own dtype
            low, high = float(least(block, axis=None)), float(most(block, axis=None))
        if not (low >= -limit and high <= limit):  # false for NaN
            for i in range(first, first + len(lengths)):
                check_finite(sequences[i], computed_in, f"X[{i}]", allow_nan=allow_nan)
        first += len(lengths)
