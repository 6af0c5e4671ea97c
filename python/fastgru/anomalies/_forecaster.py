"""The network of a detector: it forecasts how every variable changes until the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.anomalies._residuals import Residuals
from fastgru.estimators import GRURegressor
from fastgru.estimators._samples import Samples

_Floats = NDArray[np.float64]

_CHUNK = 64  # steps
_WHOLE = 256  # steps: sequences up to this length are not cut
_OVERLAP = 8  # chunks that share a step of a short series
_MANY = 512  # chunks that are enough for a long one
_FEWEST_WHOLE = 10  # series from which on some are held out whole
_FEWEST_HELD = 16  # steps that early stopping can judge


class Forecaster(GRURegressor):
    """A regressor of every step, stopped early by the absolute error."""

    def _check_samples(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Samples:
        """Return the pieces of a series, which the detector has checked."""
        if reset:
            self._n_dims, self.n_features_in_ = 3, X[0].shape[1]
        return Samples(X, y, None, missing=any(np.isnan(target).any() for target in y))

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        """Return the share of the mean absolute change that is forecast: outliers do not decide."""
        if not np.isfinite(raw).all():
            return float("nan")
        present = ~np.isnan(y)
        error = np.where(present, np.abs(y - raw), 0.0).sum(axis=0)
        change = np.where(present, np.abs(y), 0.0).sum(axis=0)
        return float(1.0 - np.mean(error / np.where(change > 0, change, 1.0)))


@dataclass(frozen=True)
class Parts:
    """The series to train on and those held out; `whole`: each is a series from its beginning on."""

    train: list[_Floats]
    held: list[_Floats]
    whole: bool


def split(series: list[_Floats], fraction: float, seed: int) -> Parts:
    """Hold out a share of many series at random, or the end of each of a few.

    What is too short to be split is used for both.
    """
    series = [part for part in series if len(part) > 1]
    if len(series) >= _FEWEST_WHOLE:
        count = min(len(series) - 1, max(2, round(fraction * len(series))))
        order = np.random.RandomState(seed % 2**32).permutation(len(series))
        chosen = set(order[:count].tolist())
        train = [part for i, part in enumerate(series) if i not in chosen]
        return Parts(train, [series[i] for i in sorted(chosen)], True)
    cuts = [len(part) - round(fraction * len(part)) for part in series]
    held = [part[cut:] for part, cut in zip(series, cuts, strict=True) if len(part) - cut > 1]
    if sum(map(len, held)) < _FEWEST_HELD:
        return Parts(series, series, False)
    return Parts([part[:cut] for part, cut in zip(series, cuts, strict=True)], held, False)


def chunks(
    parts: list[_Floats], residuals: Residuals, length: int | str, *, whole: bool = False, fewest: int = 1
) -> tuple[list[_Floats], list[_Floats]]:
    """Return overlapping pieces of series as inputs and targets: the change until the step after.

    `fewest`: at least so many pieces are cut, where there are steps for them.
    """
    longest = max(len(part) for part in parts) - 1
    if length == "auto":
        length = longest if whole and longest <= _WHOLE else _CHUNK
    steps = sum(len(part) - 1 for part in parts)
    length = max(1, min(int(length), steps // fewest))
    stride = min(length, max(1, length // _OVERLAP, steps // _MANY))
    inputs, targets = [], []
    for part in parts:
        reading = residuals.reading(part)
        changes = residuals.changes(reading)
        last = max(0, len(changes) - length)
        for start in sorted({*range(0, last, stride), last}):
            target = changes[start : start + length]
            if len(target) and not np.isnan(target).all():
                inputs.append(reading.inputs[start : start + len(target)])
                targets.append(target)
    return inputs, targets
