"""From one long series to the samples an estimator takes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from fastgru._containers import read_sequence

__all__ = ["make_windows"]


def make_windows(
    series: ArrayLike, length: int, horizon: int = 1, step: int = 1
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut a series into windows, each with the values that follow it as the target.

    Sample i is ``X[i] = series[i*step : i*step + length]`` with the target ``y[i] = series[i*step + length :
    i*step + length + horizon]``. Samples are in order of time, so a split in time is a split by rows;
    neighbouring windows overlap unless ``step >= length + horizon``.

    Parameters
    ----------
    series : array-like of shape (n_timesteps,) or (n_timesteps, n_features)
        The values, oldest first, evenly spaced. Lists, pandas Series and frames work. float32 and float64
        are kept, other numbers become float64. NaN is kept, too (the estimators refuse it by default).
    length : int
        Time steps in a window, at least 1.
    horizon : int, default=1
        Number of steps after the window in the target, at least 1.
    step : int, default=1
        Time steps from the start of one window to the start of the next, at least 1.

    Returns
    -------
    X : ndarray of shape (n_samples, length) or (n_samples, length, n_features)
        The windows, a read-only view of `series` if its dtype allows it: copy it before writing to it.
    y : ndarray
        The targets. For a series of shape (n_timesteps,): (n_samples,), or (n_samples, horizon) with
        ``horizon > 1``. For (n_timesteps, n_features): (n_samples, horizon * n_features), the features of the
        first step first; ``y.reshape(-1, horizon, n_features)`` separates them.

    Raises
    ------
    TypeError
        A size is not an integer, or `series` does not hold real numbers.
    ValueError
        A size is below 1, `series` has another rank, no features, or fewer than ``length + horizon`` steps.

    Examples
    --------
    >>> from fastgru import make_windows
    >>> X, y = make_windows([0.0, 1.0, 2.0, 3.0, 4.0], length=3)
    >>> X
    array([[0., 1., 2.],
           [1., 2., 3.]])
    >>> y
    array([3., 4.])
    """
    length = _at_least_one("length", length)
    horizon = _at_least_one("horizon", horizon)
    step = _at_least_one("step", step)
    values = _as_series(series)
    n_timesteps = values.shape[0]
    if n_timesteps < length + horizon:
        raise ValueError(
            f"series has {n_timesteps} time steps, one window needs {length + horizon}: "
            f"length={length} and horizon={horizon} after it"
        )
    # sliding_window_view puts the axis inside a window last: (positions, features, length + horizon).
    windows = sliding_window_view(values, length + horizon, axis=0)[::step]
    if values.ndim == 1:
        X, y = windows[:, :length], windows[:, length:]
        return X, y[:, 0] if horizon == 1 else y
    windows = windows.transpose(0, 2, 1)
    return windows[:, :length], windows[:, length:].reshape(len(windows), -1)


def _at_least_one(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)) or number < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    return number


def _as_series(series: ArrayLike) -> NDArray[Any]:
    values = np.asarray(read_sequence(series, "series"))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"series must hold real numbers, got dtype {values.dtype}")
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] == 0):
        raise ValueError(
            f"series must have shape (n_timesteps,) or (n_timesteps, n_features), got {values.shape}"
        )
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    return values
