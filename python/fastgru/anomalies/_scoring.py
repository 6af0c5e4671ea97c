"""Series to errors, with the network of a fitted detector."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru.anomalies._calibration import Predict
from fastgru.anomalies._residuals import errors_of
from fastgru.estimators._validation import thread_count

_Floats = NDArray[np.float64]


class Forecast(NamedTuple):
    """What was expected of a series, and by how much its steps differ: both (n_timesteps, n_variables)."""

    expected: _Floats
    scaled: _Floats


def predictor(detector: Any) -> Predict:
    """Return the function that gives the network's answer after each step of series as it reads them."""
    threads = thread_count(detector.n_jobs)

    def predict(inputs: list[_Floats]) -> list[_Floats]:
        full = [part for part in inputs if len(part)]
        empty = np.empty((0, inputs[0].shape[1]))
        if not full:
            return [empty] * len(inputs)
        flat = detector._network.predict(full, num_threads=threads).reshape(-1, empty.shape[1])
        answers = iter(np.split(flat.astype(np.float64), np.cumsum([len(part) for part in full])[:-1]))
        return [next(answers) if len(part) else empty for part in inputs]

    return predict


def forecasts(detector: Any, series: list[_Floats]) -> list[Forecast]:
    """Return the forecasts of checked series."""
    residuals = detector._residuals
    readings = [residuals.reading(part) for part in series]
    answers = predictor(detector)([reading.inputs for reading in readings])
    found = []
    for x, reading, changes in zip(series, readings, answers, strict=True):
        expected = residuals.expected(reading.seen, changes)
        found.append(Forecast(expected, residuals.scaled(x, expected, np.arange(len(x)))))
    return found


def errors_of_series(detector: Any, series: list[_Floats]) -> list[_Floats]:
    """Return the error of every step of checked series; NaN where all of it is missing."""
    return [errors_of(forecast.scaled) for forecast in forecasts(detector, series)]
