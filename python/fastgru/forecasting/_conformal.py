"""Intervals calibrated on the errors of earlier folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An interval of one series in one fold, with what came.

    Attributes
    ----------
    fold : int
        Its place among the folds, from 0.
    low, high : ndarray of shape (horizon,)
        The ends.
    truth : ndarray of shape (horizon,)
        What came; NaN where missing.
    unit : float
        The naive error of the series before the fold, in which errors of different series are counted.
    """

    fold: int
    low: _Floats
    high: _Floats
    truth: _Floats
    unit: float


def margin(scores: _Floats, coverage: float) -> float:
    """Return by how much to widen intervals: the ceil((n + 1) * coverage)-th smallest of n scores.

    NaN if there are fewer scores than that.
    """
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else float("nan")


def scores_of(part: Interval) -> _Floats:
    """Return how far each value lies outside the interval (negative: inside), in units of the series."""
    score = np.maximum(part.low - part.truth, part.truth - part.high) / part.unit
    return score[np.isfinite(score)]


def calibrated(
    parts: Sequence[Interval], coverage: float, between: int
) -> list[tuple[_Floats, _Floats] | None]:
    """Return the intervals widened by the errors of the folds that lie completely before; None where none do.

    Split conformal prediction of quantiles: Y. Romano, E. Patterson, E. J. Candès, "Conformalized quantile
    regression", 2019. It promises the coverage for values that could be exchanged; of a time series, whose
    errors depend on each other, it is an approximation.

    Parameters
    ----------
    parts : sequence of Interval
        Of all folds.
    coverage : float
        Share of values that the intervals shall hold.
    between : int
        Folds k - `between` and earlier end before fold k begins.
    """
    scores = [scores_of(part) if part.unit > 0.0 else np.empty(0) for part in parts]
    found: list[tuple[_Floats, _Floats] | None] = []
    for part in parts:
        earlier = [
            score for other, score in zip(parts, scores, strict=True) if other.fold <= part.fold - between
        ]
        wide = margin(np.concatenate(earlier), coverage) * part.unit if earlier else float("nan")
        if not np.isfinite(wide):
            found.append(None)
            continue
        middle = (part.low + part.high) / 2.0
        found.append((np.minimum(part.low - wide, middle), np.maximum(part.high + wide, middle)))
    return found
