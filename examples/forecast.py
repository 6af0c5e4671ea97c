"""Forecast a time series: GRU(50) and Dense(1), Adam, squared error, 10 steps of one feature."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru
from fastgru.datasets import load_elnino

STEPS = 10


def main() -> None:
    """Forecast the sea surface temperature of the next month; print the error on the last fifth."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    series = load_elnino()
    X, y = fastgru.make_windows(series.values, length=STEPS)  # (n_samples, 10), (n_samples,)
    split = len(X) * 4 // 5  # in order of time: the test part is the future
    model = fastgru.GRURegressor(
        hidden_size=50,
        loss="squared_error",
        solver="adam",
        learning_rate_init=1e-3,
        batch_size=32,
        max_iter=40,
        random_state=0,
    )
    model.fit(X[:split], y[:split])  # the estimator standardises X and y
    print(model.summary())

    def rmse(forecast: np.ndarray) -> float:
        return float(np.sqrt(np.mean((forecast - y[split:]) ** 2)))

    print(f"{series.title}, next month, {len(X) - split} months not seen")
    print(f"GRU: RMSE {rmse(model.predict(X[split:])):.3f} {series.unit}")
    print(f"persistence (as it is this month): RMSE {rmse(X[split:, -1]):.3f} {series.unit}")


if __name__ == "__main__":
    main()
