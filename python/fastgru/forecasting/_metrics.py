"""Errors of forecasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


def rmse(forecast: _Floats, truth: _Floats) -> float:
    """Return the root mean squared error, in the unit of the series."""
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


def mae(forecast: _Floats, truth: _Floats) -> float:
    """Return the mean absolute error, in the unit of the series."""
    return float(np.mean(np.abs(forecast - truth)))
