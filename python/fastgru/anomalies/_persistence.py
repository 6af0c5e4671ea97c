"""The fitted state of a detector in a model file, checked by name when it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.anomalies._residuals import Residuals
from fastgru.estimators._persistence import ModelFileMixin

_MOST = float(np.finfo(np.float64).max)


class DetectorFileMixin(ModelFileMixin):
    """``save``, the constructor for ``fastgru.load`` and pickling of a detector."""

    _residuals: Residuals
    _threshold: float
    _usual: float
    _unit: float
    _share: float

    def _fitted_config(self) -> dict[str, Any]:
        own = self._residuals
        return {
            "low": own.low.tolist(),
            "high": own.high.tolist(),
            "drifts": own.drifts.tolist(),
            "center": own.center.tolist(),
            "spread": own.spread.tolist(),
            "threshold": self._threshold,
            "usual": self._usual,
            "unit": self._unit,
            "share": self._share,
        }

    def _restore_fitted(self, fitted: dict[str, Any]) -> None:
        own: Any = self
        variables = self._network.features
        if own.samples == "steps" and self._n_dims != 3:
            raise ValueError(f"n_dims must be 3 with samples='steps', got {self._n_dims!r}")
        low, high, center = (_numbers(fitted, name, variables) for name in ("low", "high", "center"))
        if (low > high).any():
            raise ValueError("low must not lie above high")
        drifts = fitted["drifts"]
        legal = isinstance(drifts, list) and all(isinstance(each, bool) for each in drifts)
        if not legal or len(drifts) != variables:
            raise ValueError(f"drifts must be {variables} truth values, got {str(drifts)[:60]}")
        spread = fitted["spread"]
        if not isinstance(spread, list) or not spread:
            raise ValueError(f"spread must be a list of lists, got {spread!r}")
        rows = [_numbers({"spread": row}, "spread", variables, positive=True) for row in spread]
        self._residuals = Residuals(low, high, np.array(drifts, dtype=bool), center, np.stack(rows))
        for name in ("threshold", "usual", "unit", "share"):
            value = float(_numbers({name: [fitted[name]]}, name, 1, positive=name == "unit")[0])
            if value < 0 and name != "share":
                raise ValueError(f"{name} must not be negative, got {value!r}")
            setattr(self, f"_{name}", value)
        if not 0 < self._share < 1:
            raise ValueError(f"share must lie between 0 and 1, got {self._share!r}")

    def _publish(self) -> None:
        """Set the public fitted attributes from the private ones."""
        history = self._history
        self.offset_ = -self._threshold
        self.spread_ = self._residuals.spread[-1].copy()
        self.n_iter_ = history.n_iter
        self.loss_curve_ = list(history.loss_curve)
        scores = history.validation_scores
        self.validation_scores_ = None if scores is None else list(scores)


def _numbers(values: dict[str, Any], name: str, count: int, *, positive: bool = False) -> NDArray[np.float64]:
    """Return a list of `count` finite numbers."""
    found = values[name]
    legal = isinstance(found, list) and len(found) == count
    if not legal or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in found):
        raise ValueError(f"{name} must be {count} numbers, got {str(found)[:60]}")
    if any(abs(v) > _MOST or (positive and v <= 0) for v in found):
        raise ValueError(f"{name} must be finite{' and above 0' if positive else ''}, got {str(found)[:60]}")
    return np.array(found, dtype=np.float64)
