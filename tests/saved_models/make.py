"""Write the model files of this version of the format: python tests/saved_models/make.py

The files of a version are made once, by the first fastgru that writes it, and stay: every later fastgru has
to load them and give the same answers. They go to the folder v<format version>, which must not be there yet.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import fastgru
from fastgru import _core

HERE = Path(__file__).parent


def regressor(features: int, outputs: int, **options: Any) -> fastgru.GRURegressor:
    rng = np.random.default_rng(features)
    X, y = 20 + 3 * rng.normal(size=(40, 10, features)), 1000 + 50 * rng.normal(size=(40, outputs))
    X, y = (X[:, :, 0] if features == 1 else X), (y[:, 0] if outputs == 1 else y)
    return fastgru.GRURegressor(max_iter=4, random_state=0, **options).fit(X, y)


def classifier(classes: list[Any], **options: Any) -> fastgru.GRUClassifier:
    rng = np.random.default_rng(5)
    X, y = 20 + 3 * rng.normal(size=(40, 10, 2)), np.array(classes)[rng.integers(len(classes), size=40)]
    return fastgru.GRUClassifier(hidden_size=9, max_iter=4, random_state=0, **options).fit(X, y)


def models() -> dict[str, Any]:
    """One of each kind and precision; both reset variants, several layers and two directions among them."""
    return {
        "layer": fastgru.GRU(3, 20, random_state=1),
        "layer_before": fastgru.GRU(2, 9, 2, bias=False, reset_after=False, batch_first=True, random_state=2),
        "layer_both": fastgru.GRU(1, 7, 2, bidirectional=True, dropout=0.25, random_state=3),
        "layer_float64": fastgru.GRU(3, 6, dtype="float64", random_state=4),
        "regressor": regressor(1, 1, hidden_size=16),
        "regressor_deep": regressor(3, 2, hidden_size=10, num_layers=2, dropout=0.1, reset_after=False),
        "regressor_both": regressor(2, 1, hidden_size=8, bidirectional=True, standardize=False),
        "regressor_quantiles": regressor(2, 2, hidden_size=8, loss="quantile", quantile=[0.1, 0.5, 0.9]),
        "regressor_mean": regressor(2, 1, hidden_size=8, pooling="mean", missing="mask"),
        "regressor_frames": regressor(2, 1, hidden_size=8, frame_length=3, frame_step=2, pooling="max"),
        "classifier": classifier(["no", "yes"]),
        "classifier_max": classifier([3, 5, 8], pooling="max", num_layers=2),
        "regressor_float64": regressor(2, 2, hidden_size=5, dtype="float64", early_stopping=True),
    }


def inputs(model: Any) -> np.ndarray[Any, Any]:
    """Samples for a model: two rows of seven steps, in the rank that it was fitted with."""
    rng = np.random.default_rng(11)
    if isinstance(model, fastgru.GRU):
        return rng.normal(size=(7, 2, model.input_size)).astype(model.dtype)
    univariate = model._n_dims == 2
    return 20 + 3 * rng.normal(size=(2, 10) if univariate else (2, 10, model.n_features_in_))


def _predict(model: Any, x: np.ndarray[Any, Any]) -> Any:
    return model.predict_proba(x) if isinstance(model, fastgru.GRUClassifier) else model.predict(x)


def answers(model: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(model(x)[0] if isinstance(model, fastgru.GRU) else _predict(model, x))


def main() -> None:
    """Write the folder of the version that the installed fastgru writes."""
    warnings.simplefilter("ignore")
    made = models()
    first = HERE / "new.safetensors"
    made["layer"].save(first)
    version = _core.read_safetensors(first)[0]["format_version"]
    first.unlink()
    folder = HERE / f"v{version}"
    folder.mkdir()
    kept = {}
    for name, model in made.items():
        model.save(folder / f"{name}.safetensors", metadata={"name": name, "sample_rate": "16000"})
        kept[f"{name}.x"] = inputs(model)
        kept[f"{name}.y"] = answers(model, kept[f"{name}.x"])
    said = {"written_by": f"fastgru {fastgru.__version__}, {_core.isa()}"}
    _core.write_safetensors(folder / "answers.safetensors", kept, said)
    print(f"{folder}: {len(made)} models", file=sys.stderr)


if __name__ == "__main__":
    main()
