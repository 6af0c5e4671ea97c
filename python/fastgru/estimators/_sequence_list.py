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
        A sequence has another rank, no time steps, other features than the first, text, complex numbers, NaN,
        or values beyond the range of `dtype`. The message names it: ``X[3]``.
    """
    # Arrays of floats, the usual case, need none of scikit-learn's conversions.
    parts = [
        part
        if type(part) is np.ndarray and (part.dtype is _FLOAT32 or part.dtype is _FLOAT64)
        else _as_numbers(part, i, estimator)
        for i, part in enumerate(X)
    ]
    rank, n_features = parts[0].ndim, parts[0].shape[1:]
    for i, part in enumerate(parts):
        shape = part.shape
        if part.ndim == rank and shape[1:] == n_features and part.size and rank < 3:
            continue
        if part.ndim not in (1, 2) or part.size == 0:
            raise ValueError(
                f"X[{i}] has shape {shape}: in a list, each sequence is (n_timesteps,) or (n_timesteps, "
                "n_features), with at least one time step and one feature"
            )
        raise ValueError(
            f"X[{i}] has shape {shape} and X[0] has {parts[0].shape}: the sequences of a list differ in "
            "their number of time steps only" + _turned(parts)
        )
    dtypes = {part.dtype for part in parts}
    narrow = all(np.can_cast(each, np.float32) for each in dtypes)
    kept_in = np.dtype(np.float32 if narrow else np.float64)
    if dtypes != {kept_in}:
        with np.errstate(over="ignore"):  # values out of range become infinite and are refused below
            parts = [part.astype(kept_in, copy=False) for part in parts]
    sequences = [part if part.ndim == 2 and part.flags.c_contiguous else _columns(part) for part in parts]
    _check_all_finite(sequences, dtype, allow_nan=allow_nan)
    return sequences


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
        # Compared as float64: the limit may lie beyond the block's own dtype. False for NaN.
        if not (float(most(block, axis=None)) <= limit and float(least(block, axis=None)) >= -limit):
            for i in range(first, first + len(lengths)):
                check_finite(sequences[i], computed_in, f"X[{i}]", allow_nan=allow_nan)
        first += len(lengths)
