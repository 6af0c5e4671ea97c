"""Quantiles of a forecast: any level from those that were learnt, widened as past errors ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

_Floats = NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)  # that the network learns
MEDIAN = LEVELS.index(0.5)
_OUTER = (LEVELS.index(0.1), LEVELS.index(0.9))
_COVERAGE = 0.8  # of the interval that calibration sets right
_MOST = 0.92  # share of past values that the 80 % interval shall hold where they are few
_FEWEST = 20  # errors below which nothing is widened


def checked_levels(levels: float | Sequence[float], name: str) -> list[float]:
    """Return levels as a list; each lies between 0 and 1."""
    try:
        given = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.ndim != 1 or not len(given) or not np.all((given > 0.0) & (given < 1.0)):
        raise ValueError(f"{name} must be numbers between 0 and 1, without both, got {levels!r}")
    return [float(level) for level in given]


def ends_of(shares: Sequence[float]) -> list[float]:
    """Return the levels of the lower and the upper end of each central interval."""
    highest = float(np.nextafter(1.0, 0.0))  # to which the end of an interval may round
    return [level for share in shares for level in (0.5 - share / 2, min(0.5 + share / 2, highest))]


def at_levels(learnt: _Floats, levels: Sequence[float] | _Floats) -> _Floats:
    """Return the quantiles of any levels, (..., n_levels), from the learnt ones, (..., len(LEVELS)).

    Between two learnt levels the quantile is interpolated linearly over the normal distribution's quantile of
    the level, and beyond the outermost continued so: of a normal distribution this is exact.
    """
    knots, wanted = ndtri(np.array(LEVELS)), ndtri(np.asarray(levels, dtype=np.float64))
    upper = np.clip(np.searchsorted(knots, wanted), 1, len(knots) - 1)
    share = (wanted - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    low, high = learnt[..., upper - 1], learnt[..., upper]
    found: _Floats = np.where(share == 1.0, high, low + (high - low) * share)
    return found


def widening(learnt: _Floats, truth: _Floats, origins: float) -> float:
    """Return the factor for the widths that lets the 80 % interval hold 80 % of past values.

    Split conformal prediction with scaled scores (Lei et al., 2018): a value's score is how many half widths
    it lies from the median, and the factor is the quantile of the scores, with the correction for their
    number.

    Parameters
    ----------
    learnt : ndarray of shape (n, len(LEVELS))
        Quantiles that were forecast for values not learnt from.
    truth : ndarray of shape (n,)
        The values; NaN where there is none.
    origins : float
        How many forecasts lie side by side in them, without a step in common: errors of forecasts that
        overlap are alike, and so are those of the series of a panel. The correction counts these.
    """
    known = np.isfinite(truth) & np.isfinite(learnt).all(axis=1)
    if known.sum() < _FEWEST:
        return 1.0
    learnt, truth = learnt[known], truth[known]
    middle = learnt[:, MEDIAN]
    below, above = middle - learnt[:, _OUTER[0]], learnt[:, _OUTER[1]] - middle
    tiny = 1e-9 * (np.abs(truth).max() + 1e-300)
    scores = np.where(
        truth < middle, (middle - truth) / np.maximum(below, tiny), (truth - middle) / np.maximum(above, tiny)
    )
    share = min(_MOST, _COVERAGE * (1.0 + 1.0 / origins))
    return float(np.clip(np.quantile(scores, share), 0.1, 10.0))


def widened(learnt: _Floats, factor: float) -> _Floats:
    """Return quantiles whose distances from the median are `factor` times as large."""
    middle = learnt[..., MEDIAN : MEDIAN + 1]
    wide: _Floats = middle + (learnt - middle) * factor
    wide[..., MEDIAN] = learnt[..., MEDIAN]
    return wide
