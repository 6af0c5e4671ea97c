"""What is known of each series, and the inputs of the network at each step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._calendar import calendar_inputs
from fastgru.forecasting._steps import Form, centre_of, changes, offsets, scale_of, start_of, targets, units

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """One series as far as it is known, with what goes with it.

    Attributes
    ----------
    y : ndarray of shape (n,)
        The values; NaN where missing.
    past : ndarray of shape (n, n_past)
        Covariates that are known up to the present.
    future : ndarray of shape (n or more, n_future)
        Covariates that are known in advance.
    static : ndarray of shape (n_static,)
        Numbers that belong to the series.
    index : pandas index or None
        The times of `y`.
    id : hashable
        The name of the series.
    """

    y: _Floats
    past: _Floats
    future: _Floats
    static: _Floats
    index: Any
    id: Hashable

    def __len__(self) -> int:
        return len(self.y)

    @property
    def constant(self) -> float | None:
        """The value that all known ones have; None where they differ."""
        if self.y[0] != self.y[-1] and np.isfinite(self.y[[0, -1]]).all():
            return None
        known = self.y[np.isfinite(self.y)]
        return float(known[0]) if len(known) and (known == known[0]).all() else None

    def until(self, stop: int) -> Known:
        """Return the first `stop` steps, without anything that was known in advance."""
        index = None if self.index is None else self.index[:stop]
        return Known(self.y[:stop], self.past[:stop], self.future[:stop], self.static, index, self.id)

    def last(self, count: int) -> Known:
        """Return the last `count` steps, with what is known in advance."""
        first = len(self) - count
        index = None if self.index is None else self.index[first:]
        return Known(self.y[first:], self.past[first:], self.future[first:], self.static, index, self.id)


@dataclass(frozen=True)
class Unit:
    """The level and spread of a series at fit, in which the network counts it."""

    centre: float
    scale: float


@dataclass(frozen=True)
class Steps:
    """What the network reads and learns at each step of one series, from `start` on.

    Attributes
    ----------
    inputs : ndarray of shape (n, n_inputs)
        What it reads.
    targets : ndarray of shape (n, horizon)
        What it is to answer, in units; NaN where not known.
    offset : ndarray of shape (n, horizon)
        What an answer is counted from.
    unit : ndarray of shape (n,)
        The unit of each answer.
    start : int
        First step of the series that is read; these arrays begin there.
    """

    inputs: _Floats
    targets: _Floats
    offset: _Floats
    unit: _Floats
    start: int

    def values(self, answers: _Floats, rows: slice) -> _Floats:
        """Return answers (n, horizon, n_levels) at some steps in the unit of the series."""
        found: _Floats = self.offset[rows, :, None] + self.unit[rows, None, None] * answers
        return found


def end_of(known: Known, steps: Steps) -> tuple[_Floats, float]:
    """Return what forecasts after the last step are counted from, (horizon,), and their unit.

    A series that has never changed has no unit: its forecasts are its value.
    """
    if (value := known.constant) is not None:
        return np.full(steps.offset.shape[1], value), 0.0
    return steps.offset[-1], float(steps.unit[-1])


def unit_of(known: Known, form: Form) -> Unit:
    """Return the level and spread of a series."""
    return Unit(centre_of(known.y, form), scale_of(known.y, form))


def steps_of(known: Known, form: Form, unit: Unit, calendar: _Floats) -> Steps:
    """Return inputs and targets of a series.

    Parameters
    ----------
    known : Known
        The series. Where its covariates end less than a horizon after a step, the last row is repeated: such
        steps have no targets.
    form : Form
        What is computed.
    unit : Unit
        Of the series.
    calendar : ndarray of shape (n + 1, n_calendar)
        The calendar of each step and of the one after the last.
    """
    y, n, horizon = known.y, len(known), form.horizon
    start = start_of(y, form)
    each = units(y, form, unit.scale)
    counted = offsets(y, form) + unit.centre
    wanted = (targets(y, form) - counted) / each[:, None]
    parts = [((changes(y, form) - unit.centre) / each)[:, None], known.past[:n], calendar[1 : n + 1]]
    if known.future.shape[1]:
        parts.append(_ahead(known.future, n, horizon))
        wanted[max(0, len(known.future) - horizon) :] = np.nan
    if len(known.static):
        parts.append(np.broadcast_to(known.static, (n, len(known.static))))
    inputs = np.concatenate(parts, axis=1)
    return Steps(inputs[start:], wanted[start:], counted[start:], each[start:], start)


def calendar_of(index: Any, cycles: tuple[str, ...], n: int, following: Any) -> _Floats:
    """Return the calendar of `n` steps and of the one after: (n + 1, n_calendar)."""
    if not cycles:
        return np.empty((n + 1, 0))
    whole = index if index is None else index.append(following)
    return calendar_inputs(whole, cycles, n + 1)


def _ahead(future: _Floats, n: int, horizon: int) -> _Floats:
    """Return the covariates of the next `horizon` steps at each step: (n, horizon * n_future)."""
    wanted = n + horizon
    if len(future) < wanted:
        last = future[-1:] if len(future) else np.zeros((1, future.shape[1]))
        future = np.concatenate((future, np.repeat(last, wanted - len(future), axis=0)))
    rows = np.lib.stride_tricks.sliding_window_view(future[1:wanted], horizon, axis=0)  # (n, k, horizon)
    return rows.reshape(n, -1)
