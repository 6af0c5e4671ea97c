"""Horizons of sktime as steps ahead, and answers at some of them; sktime is imported by its callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]

Last = Mapping[Any, Any]  # of each series of a panel (None: the only one) its last time, an index of one


def last_times(y: Any) -> dict[Any, Any]:
    """Return the last time of each series of a frame of sktime, as an index of length 1."""
    from sktime.datatypes import get_cutoff

    if y.index.nlevels == 1:
        return {None: get_cutoff(y, return_index=True)}
    return {
        name: get_cutoff(part.droplevel(0), return_index=True)
        for name, part in y.groupby(level=0, sort=False)
    }


def steps_ahead(fh: Any, last: Last) -> list[_Ints]:
    """Return which steps after its end `fh` names in each series: from 1."""
    found = [np.asarray(fh.to_relative(end), dtype=np.int64) for end in last.values()]
    for steps, end in zip(found, last.values(), strict=True):
        if len(steps) and steps.min() < 1:
            raise NotImplementedError(
                f"fh has a step within the sample, whose last time is {end[0]}: forecasts begin after it"
            )
    return found


def answers_at(answers: Any, steps: Sequence[_Ints], last: Last, fh: Any) -> Any:
    """Return the rows of a frame of forecasts that stand for `fh`, with sktime's index.

    Parameters
    ----------
    answers : DataFrame
        As `GRUForecaster` gives it: every series from its first step on, series in the order of `last`.
    steps : sequence of ndarray of int
        The steps that are wanted of each series.
    """
    import pandas as pd

    each = len(answers) // len(steps)
    rows = np.concatenate([place * each + wanted - 1 for place, wanted in enumerate(steps)])
    times = [pd.Index(fh.to_absolute(end).to_pandas()) for end in last.values()]
    found = answers.iloc[rows]
    if answers.index.nlevels == 1:
        return found.set_axis(times[0])
    names = np.repeat(np.arange(len(times)), [len(part) for part in times])
    levels = [pd.Index(list(last)).take(names), times[0].append(times[1:])]
    return found.set_axis(pd.MultiIndex.from_arrays(levels, names=answers.index.names))


def later_rows(y: Any, X: Any, last: Last) -> tuple[Any, Any]:
    """Return the rows of an update that lie after the last known times; sktime's windows may overlap.

    Raises
    ------
    ValueError
        All that a series brings ends before its last known time: there is no way back.
    """
    times = y.index.get_level_values(-1)
    names = [None] * len(y) if y.index.nlevels == 1 else y.index.get_level_values(0)
    for name, end in last_times(y).items():
        if name in last and end[0] < last[name][0]:
            raise ValueError(
                f"y ends at {end[0]}, and the forecaster knows the series up to {last[name][0]}: it cannot "
                "be set back, so fit it anew"
            )
    later = [name not in last or time > last[name][0] for name, time in zip(names, times, strict=True)]
    y = y[later]
    return y, None if X is None else X.loc[X.index.isin(y.index)]
