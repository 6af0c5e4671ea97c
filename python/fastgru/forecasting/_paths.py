"""Forecasts step by step: each path draws the next value from the network's quantiles and reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._quantiles import LEVELS, at_levels, widened
from fastgru.forecasting._steps import Form, without_gaps

_Floats = NDArray[np.float64]

_EDGE = 0.005  # levels drawn lie between this and one less it: beyond, the quantiles are extrapolated


def sampled_paths(
    stream: Any,
    answers: _Floats,
    past: _Floats,
    form: Form,
    centre: float,
    scale: float,
    widths: float,
    others: _Floats,
    seed: int,
) -> _Floats:
    """Draw paths of one series.

    Parameters
    ----------
    stream : stream of a network
        As many rows as paths, each with the state at the end of the series.
    answers : ndarray of shape (n_levels,)
        The network's answer there.
    past : ndarray of shape (n,)
        The last values, `form.memory` of them or all; NaN where missing.
    form : Form
        With a horizon of one step.
    centre, scale : float
        The unit of the series.
    widths : float
        The factor of the intervals.
    others : ndarray of shape (n_steps - 1, n_others)
        The inputs besides the change, at each step but the last.
    seed : int
        Of the draws, which are the same for every series.

    Returns
    -------
    ndarray of shape (n_paths, n_steps)
        Values in the unit of the series.
    """
    n_paths, steps = stream.batch_size, len(others) + 1
    levels = np.random.default_rng(seed).uniform(_EDGE, 1.0 - _EDGE, (steps, n_paths))
    values = np.concatenate((np.repeat(past[None], n_paths, axis=0), np.empty((n_paths, steps))), axis=1)
    filled = values.copy()
    filled[:, : len(past)] = without_gaps(past, form)
    learnt = np.repeat(answers[None], n_paths, axis=0)
    n = len(past)
    for step in range(steps):
        now = n + step
        drawn = _one_each(widened(learnt, widths), levels[step])
        unit = _unit(values[:, :now], form, scale)
        values[:, now] = _offset(filled[:, :now], form) + centre + unit * drawn
        filled[:, now] = values[:, now]
        if step + 1 == steps:
            break
        after = values[:, : now + 1]
        change = (after[:, -1] - _lagged(after, form) - centre) / _unit(after, form, scale)
        inputs = np.concatenate((change[:, None], np.repeat(others[[step]], n_paths, axis=0)), axis=1)
        learnt = np.asarray(stream.step(inputs), dtype=np.float64).reshape(n_paths, len(LEVELS))
    return values[:, n:]


def _one_each(learnt: _Floats, levels: _Floats) -> _Floats:
    """Return one quantile of each row, at a level of its own."""
    return at_levels(learnt, levels)[np.arange(len(levels)), np.arange(len(levels))]


def _offset(filled: _Floats, form: Form) -> _Floats:
    """Return what the next value is counted from, as `_steps.offsets` does."""
    return filled[:, -form.lag] if form.lag else np.zeros(len(filled))


def _lagged(known: _Floats, form: Form) -> _Floats:
    return known[:, -1 - form.lag] if form.lag else np.zeros(len(known))


def _unit(known: _Floats, form: Form, scale: float) -> _Floats:
    """Return the unit of the last step, as `_steps.units` does."""
    if form.scaling != "window":
        return np.full(len(known), scale)
    window = np.abs(known[:, -form.window :])
    there = np.isfinite(window)
    level = np.where(there, window, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    unit: _Floats = np.maximum(level, 1e-3 * scale)
    return unit
