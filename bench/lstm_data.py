"""The data of ``python -m bench.lstm``: the sets of bench.datasets, and windows of fastgru's series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.datasets_load import SETS, Split, load
from bench.datasets_rivals import score
from fastgru import make_windows
from fastgru.datasets import TimeSeries, load_co2, load_elnino, load_sunspots

TEST_PART = 0.2  # of a series' windows, the last ones


class Series(NamedTuple):
    """How a series is forecast: one value, `horizon` months after a window of `length`.

    `naive`: the forecast that needs no model is the value this many months before the window's end, 1 for
    the last one. `changes`: the values are the changes from month to month.
    """

    load: Callable[[], TimeSeries]
    length: int
    horizon: int
    naive: int = 1
    changes: bool = False


SERIES = {
    "elnino": Series(load_elnino, 24, 3),
    "sunspots": Series(load_sunspots, 48, 1),
    "co2 changes": Series(load_co2, 24, 1, naive=12, changes=True),  # the trend would be extrapolated
}
LEFT_OUT = ("ACSF1", "PLAID")  # of all sets: PyTorch takes minutes for one fit
NAMES = (*SERIES, *(name for name in SETS if name not in LEFT_OUT))


def is_regression(name: str) -> bool:
    return name in SERIES or SETS[name].regression


def load_set(name: str) -> Split:
    """Return a set, or the windows of a series.

    Raises
    ------
    LeftOutError
        A package is not installed, or its version does not bundle the set.
    """
    if name not in SERIES:
        return load(name)
    series = SERIES[name]
    values = series.load().values
    X, y = make_windows(np.diff(values) if series.changes else values, series.length, series.horizon)
    y = y.reshape(len(X), -1)[:, -1]
    rows = [np.ascontiguousarray(window[:, None], np.float32) for window in X]
    first = round(len(X) * (1.0 - TEST_PART))
    return Split(rows[:first], y[:first], rows[first:], y[first:])


def trivial_score(name: str, data: Split) -> float:
    """Return the test score of the naive forecast, of the mean, or of the most frequent class."""
    answers: NDArray[Any]
    if name in SERIES:
        answers = np.array([x[-SERIES[name].naive, 0] for x in data.X_test])
    elif is_regression(name):
        answers = np.full(len(data.y_test), np.mean(data.y))
    else:
        classes, counts = np.unique(data.y, return_counts=True)
        answers = np.full(len(data.y_test), classes[counts.argmax()])
    return score(data.y_test, answers, is_regression(name))
