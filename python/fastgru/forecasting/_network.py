"""The network of a forecaster: a regressor of quantiles at every step, scored by the loss that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators import GRURegressor
from fastgru.forecasting._metrics import pinball
from fastgru.forecasting._quantiles import LEVELS


class QuantileNetwork(GRURegressor):
    """A `GRURegressor` whose validation score is the pinball loss of all outputs together.

    R² and D² of scikit-learn take the outputs one by one: with a horizon of 12 and seven quantiles, that took
    99 % of the time of a fit.
    """

    _passes_interrupts_on = True  # of a choice between several networks, nothing is kept

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        answers = raw.astype(np.float64).reshape(-1, len(LEVELS))
        return -pinball(answers, y.astype(np.float64).ravel(), LEVELS)
