"""Axes in another order than ours, (n_samples, n_timesteps, n_features): found by shape and smoothness."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._sequence_list import SequenceList
from fastgru.estimators._warning import warn_user

_SAMPLES, _MOST = 32, 256  # samples, and steps and features of each, that are looked at
_LARGE_RATIO = 4  # this many times more features than steps are rare
_MARGIN = 0.1  # by which one axis must be smoother than the other


def warn_of_few_steps(checked: NDArray[Any] | SequenceList) -> None:
    """Warn where `checked` looks like (n_samples, n_channels, n_timesteps), the order of sktime and aeon.

    That has more features than steps, and is smooth along the last axis, or so long there that the shape
    alone is suspicious. Where neighbouring steps resemble each other more than neighbouring features, the
    order is ours.
    """
    if isinstance(checked, np.ndarray):
        if checked.ndim != 3:
            return
        steps, features = checked.shape[1:]
    else:
        steps, features = max(len(part) for part in checked), checked[0].shape[1]
    if features <= steps:
        return
    along_steps, along_features = _smoothness(checked)
    smooth = along_features > max(0.5, along_steps + _MARGIN)
    ours = along_steps > along_features + _MARGIN
    if not smooth and (ours or features < _LARGE_RATIO * steps):
        return
    if isinstance(checked, list):
        given, other, turned = (
            f"A list of {len(checked)} sequences",
            "each is (n_channels, n_timesteps)",
            "x.T",
        )
    else:
        given, other = f"X of shape {checked.shape}", "it is (n_samples, n_channels, n_timesteps)"
        turned = "X.transpose(0, 2, 1)"
    warn_user(
        f"{given} is read as {steps} time steps of {features} features. If {other}, as sktime and aeon order "
        f"the axes, pass {turned}"
    )


def _smoothness(checked: NDArray[Any] | SequenceList) -> tuple[float, float]:
    """Return how neighbouring steps, and neighbouring features, correlate (0: none)."""
    parts = [np.asarray(part[:_MOST, :_MOST], dtype=np.float64) for part in checked[:_SAMPLES]]
    every = np.concatenate(parts)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that is always missing
        mean, scale = np.nanmean(every, axis=0), np.nanstd(every, axis=0)
        parts = [(part - mean) / np.where(scale > 0, scale, 1.0) for part in parts]
        pairs = (
            [(part[1:] * part[:-1]).ravel() for part in parts],
            [(part[:, 1:] * part[:, :-1]).ravel() for part in parts],
        )
        found = [np.nanmean(np.append(np.concatenate(products), np.nan)) for products in pairs]
    return float(np.nan_to_num(found[0])), float(np.nan_to_num(found[1]))


def refuse_one_sequence(checked: NDArray[Any] | SequenceList, n_dims: int) -> None:
    """Raise ValueError for (n, 1) where sequences of one feature have three axes (`n_dims`).

    It would be n samples of one time step, and is nearly always one sequence of n steps.
    """
    if (
        n_dims == 3
        and isinstance(checked, np.ndarray)
        and checked.ndim == 2
        and checked.shape[1] == 1 < len(checked)
    ):
        n = len(checked)
        raise ValueError(
            f"X of shape {checked.shape} can be read in two ways: pass X[np.newaxis] for one sequence of {n} "
            f"time steps, or X[:, np.newaxis] for {n} samples of one time step"
        )


def order_hint(checked: NDArray[Any] | SequenceList, n_dims: int, n_features: int) -> str:
    """Return a sentence on what to pass where another order of axes has the `n_features` of fit; or ""."""
    if n_dims != 3:
        return ""
    if isinstance(checked, list):
        turned = all(len(part) == n_features for part in checked)
        return " If each sequence is (n_channels, n_timesteps), pass x.T." if turned else ""
    if checked.shape[1] != n_features:
        return ""
    if checked.ndim == 2:
        return " If X is one sequence, pass X[np.newaxis]."
    return " If X is (n_samples, n_channels, n_timesteps), pass X.transpose(0, 2, 1)."
