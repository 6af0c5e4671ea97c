"""Weighted mean and spread of features and targets: what makes raw input trainable."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK_VALUES = 1 << 18  # float64 values held at once: 2 MiB, whatever the size of X


class Standard(NamedTuple):
    """A value v is seen by the network as ``(v - mean) / scale``; both float64, one entry per feature."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


def identity(n_features: int) -> Standard:
    """Return the scaling that changes nothing."""
    return Standard(np.zeros(n_features), np.ones(n_features))


def standard(
    values: NDArray[Any], weight: NDArray[np.float64] | None, *, name: str, answers_in: str | None = None
) -> Standard:
    """Return the weighted mean and standard deviation over every axis but the last.

    Parameters
    ----------
    values : ndarray of shape (n_samples, ..., n_features), float32 or float64
        Read in blocks, never copied as a whole; sums are float64.
    weight : ndarray of shape (n_samples,) or None
        One weight per row of the first axis.
    name : str
        The argument's name in messages.
    answers_in : {"float32", "float64"} or None
        Where values are given back in raw units, their dtype: it may be too narrow for them, with a warning.

    Returns
    -------
    Standard
        A feature that does not vary has scale 1.

    Raises
    ------
    ValueError
        The squares of the values leave the range of float64.
    """
    n_features = values.shape[-1]
    total = _row_sizes(values, weight)
    mean = np.zeros(n_features)
    for block, row_weight in _blocks(values, weight):
        mean += np.einsum("n,nkf->f", row_weight, block)
    mean /= total
    variance = np.zeros(n_features)
    drift = np.zeros(n_features)  # what rounding left in the mean; corrects the variance (Chan et al., 1983)
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
        for block, row_weight in _blocks(values, weight):
            centred = np.subtract(block, mean, out=block)
            drift += np.einsum("n,nkf->f", row_weight, centred)
            variance += np.einsum("n,nkf,nkf->f", row_weight, centred, centred)
        variance = np.maximum(variance / total - (drift / total) ** 2, 0.0)
    if not np.isfinite(variance).all():
        raise ValueError(
            f"{name} has values too large to standardize: their squares leave the range of float64"
        )
    # As in sklearn.preprocessing: a spread within the rounding of the mean is none.
    eps = np.finfo(np.float64).eps
    constant = variance <= values.shape[0] * eps * variance + (values.shape[0] * mean * eps) ** 2
    scale = np.where(constant, 1.0, np.sqrt(variance))
    if answers_in is not None:
        _warn_of_lost_digits(mean, np.where(constant, np.inf, scale), answers_in, name)
    return Standard(mean, scale)


def _blocks(values: NDArray[Any], weight: NDArray[np.float64] | None) -> Any:
    """Yield float64 blocks (rows, inner, features) that may be written to, with their rows' weights."""
    n_samples = values.shape[0]
    rows = max(1, _BLOCK_VALUES // max(1, values[0].size))
    for start in range(0, n_samples, rows):
        part = values[start : start + rows]
        block = np.array(part, dtype=np.float64, order="C").reshape(len(part), -1, values.shape[-1])
        yield block, np.ones(len(part)) if weight is None else weight[start : start + rows]


def _row_sizes(values: NDArray[Any], weight: NDArray[np.float64] | None) -> float:
    inner = values[0].size // values.shape[-1]
    return float(inner * (values.shape[0] if weight is None else weight.sum()))


def _warn_of_lost_digits(
    mean: NDArray[np.float64], scale: NDArray[np.float64], dtype: str, name: str
) -> None:
    lost = np.abs(mean) / scale * np.finfo(dtype).eps
    worst = int(np.argmax(lost))
    if lost[worst] > 1e-3:
        warnings.warn(
            f"{name}: column {worst} has mean {mean[worst]:.6g} and standard deviation {scale[worst]:.3g}; "
            f"predictions in {dtype} keep few digits of what varies there. Subtract a constant from it"
            + (', or use dtype="float64".' if dtype == "float32" else "."),
            UserWarning,
            stacklevel=8,
        )
