"""The forecaster behind the interfaces of other libraries.

`SktimeGRUForecaster` is a forecaster of sktime, `NixtlaGRUForecaster` takes and returns the long frames of
Nixtla's libraries. Each is imported when it is first used; the former needs sktime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgru.adapters.nixtla import NixtlaGRUForecaster
    from fastgru.adapters.sktime import SktimeGRUForecaster

__all__ = ["NixtlaGRUForecaster", "SktimeGRUForecaster"]

_HOMES = {"NixtlaGRUForecaster": "fastgru.adapters.nixtla", "SktimeGRUForecaster": "fastgru.adapters.sktime"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'fastgru.adapters' has no attribute {name!r}")
        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
