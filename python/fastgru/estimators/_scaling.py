"""Standardisation: weighted mean and spread of features and targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._sequence_list import SequenceList, blocks_of_steps
from fastgru.estimators._warning import warn_user

_BLOCK_VALUES = 1 << 18  # float64 values held at once: 2 MiB, whatever the size of X


class Standard(NamedTuple):
    """The network reads a value v as ``(v - mean) / scale``; both float64, one entry per feature."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


def identity(n_features: int) -> Standard:
    """Return the identity scaling."""
    return Standard(np.zeros(n_features), np.ones(n_features))


def standard(
    values: NDArray[Any] | SequenceList,
    weight: NDArray[np.float64] | None,
    *,
    name: str,
    rows: NDArray[Any] | None = None,
    answers_in: str | None = None,
    missing: bool = False,
) -> Standard:
    """Return the weighted mean and standard deviation over every axis but the last.

    Parameters
    ----------
    values : ndarray of shape (n_samples, ..., n_features), or list of (n_timesteps_i, n_features)
        float32 or float64. Read in blocks, never copied as a whole; sums are float64.
    weight : ndarray of shape (n_samples,) or None
        One weight per sample.
    rows : ndarray of int or None
        The samples that count; None: all.
    name : str
        The argument's name in messages.
    answers_in : {"float32", "float64"} or None
        Where values are given back in raw units, their dtype: it may be too narrow for them, with a warning.

    missing : bool
        Whether NaN is a value that is missing and left out.

    Returns
    -------
    Standard
        A feature that does not vary has scale 1.

    Raises
    ------
    ValueError
        The squares of the values leave the range of float64.
    """
    n_features = values[0].shape[-1]
    rows = np.arange(len(values)) if rows is None else rows
    mean = np.zeros(n_features)
    total: Any = 0.0
    for block, row_weight in _blocks(values, weight, rows):
        if missing:
            total = total + np.einsum("n,nkf->f", row_weight, ~np.isnan(block))
            np.nan_to_num(block, copy=False, nan=0.0)
        else:
            total += float(row_weight.sum()) * block.shape[1]
        mean += np.einsum("n,nkf->f", row_weight, block)
    total = np.maximum(total, np.finfo(np.float64).tiny)  # for a feature that is always missing
    mean /= total
    variance = np.zeros(n_features)
    drift = np.zeros(n_features)  # rounding error of the mean; corrects the variance (Chan et al., 1983)
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        for block, row_weight in _blocks(values, weight, rows):
            centred = np.subtract(block, mean, out=block)
            if missing:
                np.nan_to_num(centred, copy=False, nan=0.0)
            drift += np.einsum("n,nkf->f", row_weight, centred)
            variance += np.einsum("n,nkf,nkf->f", row_weight, centred, centred)
        variance = np.maximum(variance / total - (drift / total) ** 2, 0.0)
    if not np.isfinite(variance).all():
        raise ValueError(
            f"{name} has values too large to standardize: their squares leave the range of float64"
        )
    # As in sklearn.preprocessing: a spread within the rounding error of the mean counts as zero.
    eps = np.finfo(np.float64).eps
    constant = variance <= len(rows) * eps * variance + (len(rows) * mean * eps) ** 2
    scale = np.where(constant, 1.0, np.sqrt(variance))
    if answers_in is not None:
        _warn_of_lost_digits(mean, np.where(constant, np.inf, scale), answers_in, name)
    return Standard(mean, scale)


def _blocks(
    values: NDArray[Any] | SequenceList, weight: NDArray[np.float64] | None, rows: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield float64 blocks (n, inner, features) that may be written to, with the weight of each of the n."""
    done = 0
    if isinstance(values, list):
        for steps, lengths in blocks_of_steps(values, rows):
            part = rows[done : done + len(lengths)]
            row_weight = np.ones(len(part)) if weight is None else weight[part]
            yield steps.astype(np.float64)[:, np.newaxis, :], np.repeat(row_weight, lengths)
            done += len(lengths)
        return
    whole = len(rows) == len(values)
    size = max(1, _BLOCK_VALUES // max(1, values[0].size))
    for done in range(0, len(rows), size):
        part = rows[done : done + size]
        chosen = values[done : done + size] if whole else values[part]
        block = np.array(chosen, dtype=np.float64, order="C").reshape(len(part), -1, values.shape[-1])
        yield block, np.ones(len(part)) if weight is None else weight[part]


def _warn_of_lost_digits(
    mean: NDArray[np.float64], scale: NDArray[np.float64], dtype: str, name: str
) -> None:
    lost = np.abs(mean) / scale * np.finfo(dtype).eps
    worst = int(np.argmax(lost))
    if lost[worst] > 1e-3:
        warn_user(
            f"{name}: column {worst} has mean {mean[worst]:.6g} and standard deviation {scale[worst]:.3g}; "
            f"predictions in {dtype} keep few digits of what varies there. Subtract a constant from it"
            + (', or use dtype="float64".' if dtype == "float32" else ".")
        )
