"""The X of a detector: one series, several, or sequences as the other estimators take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from fastgru._containers import Given, read
from fastgru.estimators._axes import _smoothness, refuse_one_sequence
from fastgru.estimators._sequence_list import SequenceList, require_steps
from fastgru.estimators._validation import as_sequences, check_features, check_sequences
from fastgru.estimators._warning import warn_user

_Floats = NDArray[np.float64]

_SMOOTH = 0.5  # the correlation of neighbours from which an axis looks like time
_MARGIN = 0.3  # by which one axis must look more like time than the other
_FEWEST_ALIKE = 8  # steps or columns below which smoothness says little


@dataclass(frozen=True)
class Series:
    """Checked series, each (n_timesteps_i, n_variables), and the form in which they were given."""

    parts: list[_Floats]
    form: str  # "one", "array" or "list"

    def wrapped(self, results: Sequence[NDArray[Any]]) -> Any:
        """Return the results of each series in the form in which the series were given."""
        if self.form == "one":
            return results[0]
        return np.stack(results) if self.form == "array" else list(results)


def read_series(estimator: Any, X: Any, *, reset: bool) -> Series:
    """Check `X` in the mode of the estimator's `samples`, and record (`reset`) or compare its features.

    Raises
    ------
    TypeError
        `X` is sparse or holds objects that are not numbers.
    ValueError
        Wrong rank, an empty axis, text, NaN where nothing may be missing, other features than at ``fit``.
    """
    given = read(X)
    if estimator.samples == "sequences":
        return _read_sequences(estimator, given, reset=reset)
    values = given.values
    rank = 3 if isinstance(values, list) and values else getattr(values, "ndim", 0)
    if rank not in (1, 2, 3):
        raise ValueError(
            f"Expected X of shape (n_timesteps,) or (n_timesteps, n_features), one series, or a list of "
            f"such series, got a {rank}D array of shape {np.shape(values)}. Reshape your data."
        )
    if rank == 1:
        values = np.asarray(values).reshape(-1, 1)
    checked = _checked(estimator, Given(values, given.frame), reset=reset)
    parts: Any = [checked] if rank < 3 else checked
    _check_variables(estimator, given.frame, parts, reset=reset)
    if reset:
        if rank == 2:
            _warn_of_sequences(parts[0])
        estimator._n_dims = 3
    return _series(parts, "one" if rank < 3 else _form(checked))


def _read_sequences(estimator: Any, given: Given, *, reset: bool) -> Series:
    checked = _checked(estimator, given, reset=reset)
    try:
        check_features(estimator, given, checked, reset=reset)
    except ValueError as error:
        raise ValueError(
            f"{error} samples='sequences' reads the first axis as samples; for one series, whose rows are "
            "time steps, there is samples='steps'."
        ) from error
    refuse_one_sequence(checked, estimator._n_dims)
    if reset and not isinstance(checked, list) and checked.ndim == 2:
        _warn_of_one_series(checked)
    return _series(as_sequences(checked), _form(checked))


def _checked(estimator: Any, given: Given, *, reset: bool) -> NDArray[Any] | SequenceList:
    dtype, missing = estimator.dtype, estimator.missing == "mask"
    if not reset:
        dtype, missing = estimator._architecture["dtype"], estimator._architecture["missing_mask"]
    checked = check_sequences(estimator, given, dtype=dtype, allow_nan=missing)
    if reset:
        require_steps(checked)
    return checked


def _check_variables(estimator: Any, frame: Any, parts: Any, *, reset: bool) -> None:
    try:
        first = parts[0] if len(parts[0]) else np.zeros((1, parts[0].shape[1]))
        validate_data(estimator, first if frame is None else frame, reset=reset, skip_check_array=True)
    except ValueError as error:
        if "names" in str(error):  # of columns: it says all
            raise
        raise ValueError(
            f"{error} samples='steps' reads the rows of X as the time steps of one series; if each row is "
            "a sequence of its own, take samples='sequences'. Reshape your data if X is one time step: "
            "X[np.newaxis]."
        ) from error


def _form(checked: NDArray[Any] | SequenceList) -> str:
    return "list" if isinstance(checked, list) else "array"


def _series(parts: Any, form: str) -> Series:
    return Series([np.ascontiguousarray(part, dtype=np.float64) for part in parts], form)


def _warn_of_sequences(table: NDArray[Any]) -> None:
    """Warn where the columns of a series follow each other like time steps, and its rows do not."""
    along_rows, along_columns = _smoothness(table[np.newaxis])
    if table.shape[1] < _FEWEST_ALIKE or along_columns < max(_SMOOTH, along_rows + _MARGIN):
        return
    warn_user(
        f"X of shape {table.shape} is read as one series of {table.shape[0]} time steps of "
        f"{table.shape[1]} variables, but its columns follow each other like time steps. If each row is a "
        "sequence, take samples='sequences'."
    )


def _warn_of_one_series(table: NDArray[Any]) -> None:
    """Warn where the rows of samples follow each other like time steps, and their steps are few."""
    n_samples, n_steps = table.shape
    if n_steps >= _FEWEST_ALIKE or n_samples < 2 * _FEWEST_ALIKE:
        return
    along_rows, along_columns = _smoothness(table[np.newaxis])
    if along_rows < max(_SMOOTH, along_columns + _MARGIN):
        return
    warn_user(
        f"X of shape {table.shape} is read as {n_samples} sequences of {n_steps} time steps, but its rows "
        "follow each other like time steps. If X is one series of several variables, take samples='steps'."
    )
