"""As much of sktime as the adapter calls, for tests where sktime is not installed."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest


class BaseForecaster:
    """Parameters, tags and the names of columns; fit, predict and update call the inner methods at once."""

    _tags: dict[str, Any] = {}  # noqa: RUF012

    def set_tags(self, **tags: Any) -> None:
        self._own_tags = tags

    def get_params(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def _get_columns(self, method: str, alpha: Any) -> pd.MultiIndex:
        assert method == "predict_quantiles"
        return pd.MultiIndex.from_product([self._names, alpha])

    def fit(self, y: pd.DataFrame, X: Any = None, fh: Any = None) -> Any:
        self._fh, self._names = fh, y.columns
        return self._fit(y, X, fh)  # type: ignore[attr-defined]

    def predict(self, X: Any = None) -> pd.DataFrame:
        return self._predict(self._fh, X)  # type: ignore[attr-defined]

    def predict_quantiles(self, alpha: list[float], X: Any = None) -> pd.DataFrame:
        return self._predict_quantiles(self._fh, X, alpha)  # type: ignore[attr-defined]

    def update(self, y: pd.DataFrame, X: Any = None, update_params: bool = True) -> Any:
        return self._update(y, X, update_params)  # type: ignore[attr-defined]


class Horizon:
    """A ForecastingHorizon over integer times: steps after the end, or times."""

    def __init__(self, values: list[int], is_relative: bool = True) -> None:
        self.values, self.is_relative = np.asarray(values), is_relative

    def to_relative(self, end: pd.Index) -> np.ndarray:
        return self.values if self.is_relative else self.values - end[0]

    def to_absolute(self, end: pd.Index) -> Horizon:
        return Horizon(list(self.values + end[0]), False) if self.is_relative else self

    def to_pandas(self) -> pd.Index:
        return pd.Index(self.values)


def get_cutoff(y: pd.DataFrame, return_index: bool) -> pd.Index:
    assert return_index
    return y.index[-1:]


def put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the stand-in in sktime's place; the adapter is imported anew with it."""
    base, data = ModuleType("sktime.forecasting.base"), ModuleType("sktime.datatypes")
    base.BaseForecaster, data.get_cutoff = BaseForecaster, get_cutoff  # type: ignore[attr-defined]
    modules = {"sktime": ModuleType("sktime"), "sktime.forecasting": ModuleType("sktime.forecasting")}
    for name, module in (modules | {base.__name__: base, data.__name__: data}).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "fastgru.adapters.sktime", raising=False)
