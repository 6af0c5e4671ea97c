"""Converts the arguments of users to arrays of the engine, with scikit-learn's errors where it has them."""

from __future__ import annotations

import re
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import _check_sample_weight, validate_data

from fastgru import _core
from fastgru._containers import Given, read
from fastgru._targets import read_targets, read_weights
from fastgru.estimators._axes import order_hint, warn_of_few_steps
from fastgru.estimators._finite import check_finite
from fastgru.estimators._sequence_list import SequenceList, check_sequence_list
from fastgru.estimators._steps import StepLayout

_SHAPES = "(n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)"


def check_sequences(
    estimator: BaseEstimator, X: Any, *, dtype: str, allow_nan: bool = False
) -> NDArray[Any] | SequenceList:
    """Return `X` as a finite float32 or float64 array of rank 2 or 3; an array of either is not copied.

    `X` is any container, or a `Given` that was read already. Sequences are a list of arrays; see
    `check_sequence_list`. `allow_nan`: NaN is a value that is missing.

    Raises
    ------
    TypeError
        `X` is sparse or holds objects that are not numbers.
    ValueError
        Wrong rank, an empty axis, text, complex numbers, NaN, or values beyond the range of `dtype`.
    """
    values = read(X).values
    if isinstance(values, list) and values:
        return check_sequence_list(estimator, values, dtype=dtype, allow_nan=allow_nan)
    array = _as_numbers(values, "X", estimator)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"Expected X of shape {_SHAPES}, got a {array.ndim}D array of shape {array.shape}. Reshape your "
            "data: X.reshape(1, -1) if it is one univariate sample, X.reshape(-1, 1) if every row is a "
            "sample of one time step."
        )
    if array.size == 0:  # three axes: check_array checks two
        raise ValueError(f"X has shape {array.shape}: at least one time step and one feature are required.")
    kept_in = np.float32 if np.can_cast(array.dtype, np.float32) else np.float64
    return _finite_as(array, np.dtype(kept_in), dtype, "X", allow_nan=allow_nan)


def as_sequences(checked: NDArray[Any] | SequenceList) -> NDArray[Any] | SequenceList:
    """Return a checked `X` as (n_samples, n_timesteps, n_features), without a copy, or as the list it is."""
    return checked[:, :, np.newaxis] if isinstance(checked, np.ndarray) and checked.ndim == 2 else checked


def check_features(
    estimator: BaseEstimator, X: Any, checked: NDArray[Any] | SequenceList, *, reset: bool
) -> None:
    """Record (`reset`) or compare ``feature_names_in_`` and ``n_features_in_``; `checked` is `X`, checked.

    The features of a rank 2 `X` are its time steps (one variable), those of a rank 3 `X` or of a list its
    last axis, so that the number of time steps may then differ from one call to the next. What was fitted
    with one feature in that way takes a rank 2 `X`, too. `X` is any container, or a `Given`.

    Raises
    ------
    ValueError
        Another number of features, other names, or another rank than at ``fit``.
    """
    n_dims = 3 if isinstance(checked, list) else checked.ndim
    univariate = not reset and estimator._n_dims == 3 and estimator.n_features_in_ == 1
    if not reset and n_dims != estimator._n_dims and not univariate:
        name, wanted = type(estimator).__name__, estimator._n_dims
        hint = "pass (n_samples, n_timesteps, n_features)"
        if wanted == 2:
            hint = "to let the number of time steps of one variable differ, fit with X[..., np.newaxis]"
        raise ValueError(
            f"X has {n_dims} dimensions, but {name} was fitted with {wanted}: {hint}."
            + order_hint(checked, wanted, estimator.n_features_in_)
        )
    try:
        features = _with_features(read(X), checked, by_step=n_dims == 2 and not univariate)
        validate_data(estimator, features, reset=reset, skip_check_array=True)
    except ValueError as error:
        hint = "" if reset else order_hint(checked, estimator._n_dims, estimator.n_features_in_)
        raise ValueError(f"{error}{hint}") from error
    if reset:
        warn_of_few_steps(checked)
        estimator._n_dims = n_dims


def _with_features(given: Given, checked: NDArray[Any] | SequenceList, *, by_step: bool) -> Any:
    """Return what scikit-learn shall take the features and their names from: a frame or an array.

    `by_step`: every time step is a feature.
    """
    if given.frame is not None and (by_step or isinstance(given.values, list)):
        return given.frame
    return checked if by_step else np.asarray(as_sequences(checked)[0])[:1]


def check_real_targets(
    estimator: BaseEstimator, y: Any, *, dtype: str, every_step: bool = False
) -> NDArray[Any]:
    """Return `y` as a finite float64 array (n_samples, n_outputs); a column vector with the usual warning.

    NaN of several outputs, and of `every_step`, is a target that is missing.

    Raises
    ------
    TypeError
        `y` is sparse or holds objects that are not numbers.
    ValueError
        No `y`, wrong rank, no outputs, text, complex numbers, NaN, or values beyond the range of `dtype`.
    """
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    array = _as_numbers(read_targets(y), "y", estimator)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"y should be of shape (n_samples,) or (n_samples, n_outputs), got {array.shape}")
    allow_nan = every_step or (array.ndim == 2 and array.shape[1] > 1)
    array = _finite_as(array, np.dtype(np.float64), dtype, "y", allow_nan=allow_nan)
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    return array.reshape(len(array), -1)


def check_weights(sample_weight: Any, X: NDArray[Any] | SequenceList) -> NDArray[np.float64] | None:
    """Return weights of mean 1 over the rows that count, or None without weights.

    Raises
    ------
    ValueError
        Wrong shape, negative, NaN or infinite weights, or weights that are all zero.
    """
    if sample_weight is None:
        return None
    weight = _check_sample_weight(read_weights(sample_weight), X, dtype=np.float64)
    if np.any(weight < 0):
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min()} at row {int(weight.argmin())}"
        )
    largest = weight.max()
    if largest == 0:
        raise ValueError("sample_weight must contain at least one non-zero number: every weight is zero")
    # Only ratios matter. Dividing by the largest first keeps huge and tiny weights in range.
    weight = weight / largest
    return np.asarray(weight / weight[weight > 0].mean(), dtype=np.float64)


def weights_of_steps(sample_weight: Any, layout: StepLayout) -> NDArray[np.float64] | None:
    """Return the weight of every step, with mean 1, from those of sequences or of steps, or None.

    Raises
    ------
    ValueError
        As `check_weights`; or there are weights for other steps.
    """
    of_steps = layout.join_weights(sample_weight)
    if of_steps is not None:
        return check_weights(of_steps, of_steps)
    return layout.repeat(check_weights(sample_weight, layout.lengths))


def thread_count(n_jobs: int | None) -> int:
    """Return the threads for `n_jobs`: negative by joblib's rules; None gives 0, the package's setting."""
    return 0 if n_jobs is None else min(int(joblib.effective_n_jobs(n_jobs)), _core.max_threads)


def _as_numbers(values: Any, name: str, estimator: BaseEstimator) -> NDArray[Any]:
    """Convert to a numeric array of any rank, naming the argument where scikit-learn's message does not."""
    try:
        array = check_array(
            values,
            dtype="numeric",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=int(name == "X"),
            ensure_min_features=int(name == "X"),
            estimator=estimator,
            input_name=name,
        )
        if array.dtype.kind == "O":  # frames with text, before scikit-learn 1.7
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        message = str(error)
        if re.search(rf"\b{name}\b", message) or "Complex data" in message:
            raise
        if "inhomogeneous" in message or "setting an array element with a sequence" in message:
            message = f"its parts differ in length or nesting ({message})"
            if name == "X":
                message += ". Sequences of unlike length are a list of NumPy arrays"
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {message}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return np.asarray(array)


def _finite_as(
    array: NDArray[Any],
    kept_in: np.dtype[Any],
    computed_in: str,
    name: str,
    *,
    allow_nan: bool = False,
) -> NDArray[Any]:
    """Return `array` in one dtype, after a check that another dtype can hold its values as well."""
    with np.errstate(over="ignore"):  # values out of range become infinite and are refused below
        array = array.astype(kept_in, copy=False)
    check_finite(array, computed_in, name, allow_nan=allow_nan)
    return array
