"""fastgru: a fast, exact GRU for the CPU.

The layer is `GRU`; the scikit-learn estimators over it are `GRURegressor` and
`GRUClassifier`; `GRUForecaster` forecasts time series, `GRUAnomalyDetector` finds anomalies,
`GRUTranscriber` writes down speech. `from_torch`, `from_onnx`, `from_keras` and `to_…` convert models, and
`fastgru.torch` has modules that replace PyTorch's. Names are imported on first use, so that
``import fastgru`` costs little more than NumPy, and scikit-learn is imported only for an estimator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fastgru._version import __version__

if TYPE_CHECKING:
    import fastgru.inspection as inspection  # noqa: PLR0402
    import fastgru.torch as torch  # noqa: F401, PLR0402
    from fastgru import metrics, plot
    from fastgru._conversion import ConversionError
    from fastgru._core import ModelFormatError, get_num_threads
    from fastgru._model_file import load
    from fastgru.anomalies import GRUAnomalyDetector
    from fastgru.config import set_num_threads, set_reproducible, show_config
    from fastgru.convert.from_keras import from_keras
    from fastgru.convert.from_onnx import from_onnx
    from fastgru.convert.pytorch import from_torch, to_torch
    from fastgru.convert.to_keras import to_keras
    from fastgru.convert.to_onnx import to_onnx
    from fastgru.estimators import GRUClassifier, GRURegressor, SequenceScaler
    from fastgru.estimators.many import fit_many
    from fastgru.forecasting.backtest import backtest
    from fastgru.forecasting.forecaster import GRUForecaster
    from fastgru.frames import to_sequences
    from fastgru.gru import GRU, GRUNetwork, explain
    from fastgru.sequences.language_model import GRULanguageModel
    from fastgru.sequences.seq2seq import GRUSeq2Seq
    from fastgru.sequences.transcriber import GRUTranscriber
    from fastgru.windows import make_windows

__all__ = [
    "GRU",
    "ConversionError",
    "GRUAnomalyDetector",
    "GRUClassifier",
    "GRUForecaster",
    "GRULanguageModel",
    "GRUNetwork",
    "GRURegressor",
    "GRUSeq2Seq",
    "GRUTranscriber",
    "ModelFormatError",
    "SequenceScaler",
    "__version__",
    "backtest",
    "explain",
    "fit_many",
    "from_keras",
    "from_onnx",
    "from_torch",
    "get_num_threads",
    "inspection",
    "load",
    "make_windows",
    "metrics",
    "plot",
    "set_num_threads",
    "set_reproducible",
    "show_config",
    "to_keras",
    "to_onnx",
    "to_sequences",
    "to_torch",
]

_HOMES = {
    "ConversionError": "fastgru._conversion",
    "GRU": "fastgru.gru",
    "GRUAnomalyDetector": "fastgru.anomalies",
    "GRUClassifier": "fastgru.estimators",
    "GRUForecaster": "fastgru.forecasting.forecaster",
    "GRULanguageModel": "fastgru.sequences.language_model",
    "GRUNetwork": "fastgru.gru",
    "GRURegressor": "fastgru.estimators",
    "GRUSeq2Seq": "fastgru.sequences.seq2seq",
    "GRUTranscriber": "fastgru.sequences.transcriber",
    "ModelFormatError": "fastgru._core",
    "SequenceScaler": "fastgru.estimators",
    "backtest": "fastgru.forecasting.backtest",
    "explain": "fastgru.gru",
    "fit_many": "fastgru.estimators.many",
    "from_keras": "fastgru.convert.from_keras",
    "from_onnx": "fastgru.convert.from_onnx",
    "from_torch": "fastgru.convert.pytorch",
    "get_num_threads": "fastgru._core",
    "inspection": "fastgru.inspection",  # a module
    "load": "fastgru._model_file",
    "make_windows": "fastgru.windows",
    "metrics": "fastgru.metrics",  # a module
    "plot": "fastgru.plot",  # a module
    "set_num_threads": "fastgru.config",
    "set_reproducible": "fastgru.config",
    "show_config": "fastgru.config",
    "to_keras": "fastgru.convert.to_keras",
    "to_onnx": "fastgru.convert.to_onnx",
    "to_sequences": "fastgru.frames",
    "to_torch": "fastgru.convert.pytorch",
    "torch": "fastgru.torch",  # a module; not in __all__, as it needs PyTorch
}

if not TYPE_CHECKING:  # a type checker shall see the names above, not "any name at all"

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'fastgru' has no attribute {name!r}")
        module = import_module(home)
        value = module if home == f"fastgru.{name}" else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
