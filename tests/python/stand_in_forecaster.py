"""A forecaster that needs no training, in a module of its own: other processes can import it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from fastgru.forecasting._clock import Clock
from fastgru.forecasting._containers import wrapped, wrapped_columns
from fastgru.forecasting._panel import read_target


class Average(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Forecasts the mean of what it was fitted on, and normal quantiles around it; `seen` gets that, too."""

    seen: list[dict[str, Any]] | None = None

    def __init__(self, horizon: int = 4, past_columns: Any = (), bias: float = 0.0) -> None:
        self.horizon = horizon
        self.past_columns = past_columns
        self.bias = bias

    def fit(self, y: Any, X: Any = None, *, static: Any = None) -> Average:
        panel = read_target(y)
        self.shape_ = panel
        self.columns_ = [panel.column(k)[np.isfinite(panel.column(k))] for k in range(len(panel))]
        self.clocks_ = [Clock(index, len(panel.values[k]), "y") for k, index in enumerate(panel.indexes)]
        self.fitted_with_ = {"y": y, "X": X, "static": static}
        if Average.seen is not None:
            Average.seen.append(self.fitted_with_)
        return self

    def predict(self, horizon: int | None = None, X: Any = None) -> Any:
        self.fitted_with_["ahead"] = X
        steps = horizon or self.horizon
        means = [np.full(steps, column.mean() + self.bias) for column in self.columns_]
        return wrapped(self.shape_, self._times(steps), means)

    def predict_quantiles(self, levels: Any, horizon: int | None = None, X: Any = None) -> Any:
        steps = horizon or self.horizon
        values = [
            np.tile(column.mean() + self.bias + column.std() * ndtri(np.array(levels)), (steps, 1))
            for column in self.columns_
        ]
        return wrapped_columns(self.shape_, self._times(steps), values, [(level,) for level in levels])

    def _times(self, steps: int) -> list[Any]:
        return [clock.after(steps) for clock in self.clocks_]


class Last:
    """The smallest forecaster there can be: no parameters, no quantiles, arrays alone."""

    def fit(self, y: Any) -> None:
        self.last = y[-1]

    def predict(self, horizon: int) -> Any:
        return np.full(horizon, self.last)
