"""From one long series to the samples an estimator takes."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from fastgru._containers import read_sequence
from fastgru._gaps import rows_after_gaps
from fastgru._tables import index_of, is_frame, labels_of, materialised

__all__ = ["make_windows"]


def make_windows(
    series: ArrayLike,
    length: int,
    horizon: int = 1,
    step: int = 1,
    *,
    target: Hashable | Sequence[Hashable] | None = None,
    gaps: str | Sequence[int] | NDArray[np.integer] = "warn",
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut a series into windows, each with the values that follow it as the target.

    Sample i is ``X[i] = series[i*step : i*step + length]`` with the target ``y[i] = series[i*step + length :
    i*step + length + horizon]``. Samples are in order of time, so a split in time is a split by rows;
    neighbouring windows overlap unless ``step >= length + horizon``.

    Parameters
    ----------
    series : array-like of shape (n_timesteps,) or (n_timesteps, n_features)
        The values, oldest first, evenly spaced, in any container (lists, frames and Series of pandas and
        polars, tensors). float32 and float64 are kept, other numbers become float64. Missing values are NaN
        (the estimators refuse it by default).
    length : int
        Time steps in a window, at least 1.
    horizon : int, default=1
        Number of steps after the window in the target, at least 1.
    step : int, default=1
        Time steps from the start of one window to the start of the next, at least 1.
    target : label, int, list of these, or None, default=None
        The columns that y holds, by their label in a frame or by their place from 0; X has every column.
        None: all of them.
    gaps : {"warn", "skip", "raise", "ignore"} or array-like of int, default="warn"
        What to do where the dates in the index of a pandas `series` leave out steps, repeat or run
        backwards. warn: say where, and cut windows across. skip: leave these windows out; each stretch
        between gaps then begins with a window of its own. raise: ValueError. Integers: as skip, with the
        gaps before these rows. A step is a gap if it is longer than 1.5 usual (median) ones; where there
        are working days alone, if more than two of them are missing in a row.

    Returns
    -------
    X : ndarray of shape (n_samples, length) or (n_samples, length, n_features)
        The windows, a read-only view of `series` if its dtype allows it and no window is left out: copy it
        before writing to it.
    y : ndarray
        The targets. For a series of shape (n_timesteps,): (n_samples,), or (n_samples, horizon) with
        ``horizon > 1``. For (n_timesteps, n_features): (n_samples, horizon * n_features), the features of the
        first step first; ``y.reshape(-1, horizon, n_features)`` separates them. With one `target`: as for
        a series of one axis; with a list of them, they are the features.

    Raises
    ------
    TypeError
        A size is not an integer, or `series` does not hold real numbers.
    ValueError
        A size is below 1, `series` has another rank, no features, or fewer than ``length + horizon`` steps;
        there is no such target; or no window lies between the gaps.

    Warns
    -----
    UserWarning
        With ``gaps="warn"``, where the dates have a gap or do not rise.

    Examples
    --------
    >>> from fastgru import make_windows
    >>> X, y = make_windows([0.0, 1.0, 2.0, 3.0, 4.0], length=3)
    >>> X
    array([[0., 1., 2.],
           [1., 2., 3.]])
    >>> y
    array([3., 4.])

    One column as the target, and no window across the gap in the dates:

    >>> import pandas as pd
    >>> days = pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-07", "2026-03-08"])
    >>> frame = pd.DataFrame({"rain": [0.0, 1.0, 2.0, 3.0, 4.0], "level": [5.0, 6.0, 7.0, 8.0, 9.0]}, days)
    >>> X, y = make_windows(frame, length=1, target="level", gaps="skip")
    >>> y
    array([6., 7., 9.])
    """
    length = _at_least_one("length", length)
    horizon = _at_least_one("horizon", horizon)
    step = _at_least_one("step", step)
    series = materialised(series, "series")
    values = _as_series(series)
    columns = _target_columns(series, values, target)
    n_timesteps = values.shape[0]
    if n_timesteps < length + horizon:
        raise ValueError(
            f"series has {n_timesteps} time steps, one window needs {length + horizon}: "
            f"length={length} and horizon={horizon} after it"
        )
    rows = rows_after_gaps(index_of(series), gaps, n_timesteps)
    # sliding_window_view puts the axis inside a window last: (positions, features, length + horizon).
    windows = sliding_window_view(values, length + horizon, axis=0)
    windows = windows[_starts(rows, n_timesteps, length + horizon, step)] if len(rows) else windows[::step]
    if values.ndim == 1:
        X, y = windows[:, :length], windows[:, length:]
        return X, y[:, 0] if horizon == 1 else y
    windows = windows.transpose(0, 2, 1)
    X, y = windows[:, :length], windows[:, length:]
    if isinstance(columns, list):
        return X, (y if target is None else y[:, :, columns]).reshape(len(windows), -1)
    return X, y[:, 0, columns] if horizon == 1 else y[:, :, columns]


def _at_least_one(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)) or number < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    return number


def _starts(rows: NDArray[np.int64], n_timesteps: int, size: int, step: int) -> NDArray[np.int64]:
    """Return the first rows of windows of `size` steps that lie between the gaps before `rows`."""
    edges = [0, *rows.tolist(), n_timesteps]
    starts = [np.arange(first, last - size + 1, step) for first, last in pairwise(edges)]
    found = np.concatenate(starts)
    if not len(found):
        longest = max(last - first for first, last in pairwise(edges))
        raise ValueError(
            f"no window of {size} time steps (length and horizon) lies between the {len(rows)} gaps of "
            f"series: its longest stretch has {longest}"
        )
    return found


def _target_columns(series: Any, values: NDArray[Any], target: Any) -> int | list[int]:
    """Return the place of the target, or the places of several."""
    labels = labels_of(series) if is_frame(series) else [getattr(series, "name", None)]
    count = 1 if values.ndim == 1 else values.shape[1]
    if target is None:
        return list(range(count))
    if isinstance(target, (list, np.ndarray)):
        if len(target) == 0:
            raise ValueError("target has no columns: name at least one, or pass None for all")
        return [_place(one, labels, count) for one in target]
    return _place(target, labels, count)


def _place(target: Any, labels: list[Any], count: int) -> int:
    """Return the place of a column, given by its label or else by its place."""
    named = [place for place, label in enumerate(labels) if label is not None and label == target]
    if len(named) == 1:
        return named[0]
    if len(named) > 1:
        raise ValueError(f"target: series has {len(named)} columns {target!r}")
    whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
    if whole and -count <= target < count:
        return int(target) % count
    there = f"; it has {', '.join(map(repr, labels[:20]))}" if labels != [None] else ""
    raise ValueError(f"target: series of {count} columns has no column {target!r}{there}")


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
