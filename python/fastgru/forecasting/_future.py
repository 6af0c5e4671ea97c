"""Forecasts with covariates that are known in advance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._calendar import calendar_inputs
from fastgru.forecasting._data import Data, arranged
from fastgru.forecasting._follow import Follower
from fastgru.forecasting._index import can_find
from fastgru.forecasting._known import Unit
from fastgru.forecasting._panel import Panel, read_covariates
from fastgru.forecasting._steps import Form

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Future:
    """The follower at the end of the series, which has read what is known in advance.

    Attributes
    ----------
    follower : Follower
        At the last step.
    ahead : tuple of ndarray of shape (n_rows, n_future)
        The covariates of the steps to forecast; no columns without any.
    horizon : int
        Steps that the network answers at once.
    """

    follower: Follower
    ahead: tuple[_Floats, ...]
    horizon: int

    @property
    def answers(self) -> _Floats:
        """The network's answers: (n_series, horizon, n_levels)."""
        return self.follower.answers(self.horizon)

    def others(self, place: int, data: Data, steps: int) -> _Floats:
        """Return the inputs besides the change, at each forecast step but the last: (steps - 1, n_others)."""
        known, rows = data.series[place], steps - 1
        parts = []
        if data.cycles:
            dates = data.clocks[place].after(steps)
            parts.append(calendar_inputs(dates, data.cycles, steps)[1:])
        parts.append(self.ahead[place][1:steps])
        parts.append(np.broadcast_to(known.static, (rows, len(known.static))))
        return np.concatenate(parts, axis=1)


def with_future(
    data: Data,
    form: Form,
    units: Sequence[Unit],
    follower: Follower,
    X: Any,
    shape: Panel,
    rows: int,
    past: Sequence[Hashable],
) -> Future:
    """Read the covariates of the next steps.

    Parameters
    ----------
    X : Any
        What ``predict`` was given.
    rows : int
        Steps that X must hold.

    Raises
    ------
    TypeError, ValueError
        X lacks, or is not needed, or does not fit.
    """
    columns = data.series[0].future.shape[1]
    if not columns:
        if X is not None:
            raise ValueError("X was given, but the forecaster has learnt from no columns known in advance")
        return Future(follower, (np.empty((rows, 0)),) * len(data.series), form.horizon)
    ahead = _ahead(data, X, shape, rows, past)
    extended = replace(
        data,
        series=tuple(
            replace(known, future=np.concatenate((known.future[: len(known)], new)))
            for known, new in zip(data.series, ahead, strict=True)
        ),
    )
    waiting = data.waiting(form)
    inputs = []
    for place, unit in enumerate(units):
        known = extended.series[place]
        last = None if not np.isfinite(known.y).all() else min(len(known), waiting + form.reach)
        steps = extended.steps_of(place, form, unit, last)
        inputs.append(steps.inputs[max(0, len(steps.inputs) - waiting) :])
    return Future(follower.moved(inputs), ahead, form.horizon)


def _ahead(data: Data, X: Any, shape: Panel, rows: int, past: Sequence[Hashable]) -> tuple[_Floats, ...]:
    """Return the covariates of the next `rows` steps of each series."""
    known = tuple(each.future[len(each) :] for each in data.series)
    if X is None:
        if all(len(each) >= rows for each in known):
            return tuple(each[:rows] for each in known)
        raise ValueError(
            f"X lacks: the covariates of the next {rows} steps, of the columns that are not in past_columns"
        )
    panel = arranged(read_covariates(X, shape), data.columns, past)
    found = []
    for place, clock in enumerate(data.clocks):
        values, name = _future_columns(panel, place, past, data.series[place].future.shape[1]), "X"
        index, wanted = panel.indexes[place], clock.after(rows)
        if can_find(wanted, index):
            places = index.get_indexer(wanted)
            if (places < 0).any():
                lacking = wanted[int(np.flatnonzero(places < 0)[0])]
                raise ValueError(
                    f"{panel.described(place, name)} has no row for {lacking}, a step to forecast"
                )
            values = values[places]
        if len(values) < rows:
            raise ValueError(
                f"{panel.described(place, name)} has {len(values)} rows, and the next {rows} steps are needed"
            )
        found.append(values[:rows])
    return tuple(found)


def _future_columns(panel: Panel, place: int, past: Sequence[Hashable], columns: int) -> _Floats:
    """Return the columns known in advance; those of `past_columns` may be there or not."""
    values, skipped = panel.values[place], set(past)
    if panel.columns:
        values = values[:, [label not in skipped for label in panel.columns]]
    elif skipped and values.shape[1] != columns:
        values = values[:, [k not in skipped for k in range(values.shape[1])]]
    if values.shape[1] != columns:
        raise ValueError(f"X has {values.shape[1]} columns known in advance, and in fit there were {columns}")
    return values
