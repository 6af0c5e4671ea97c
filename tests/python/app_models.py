"""Saved models of every kind, and what the programs in tests/consumer must print for them: Python's bits."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastgru

Case = tuple[Path, NDArray[np.float64], str]


def layer(**options: Any) -> Callable[[], Any]:
    return lambda: fastgru.GRU(3, 20, batch_first=True, random_state=1, **options)


def regressor(*, features: int, outputs: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X, y = 5 + rng.normal(size=(40, 6, features)), 100 * rng.normal(size=(40, outputs))
        y = y[:, 0] if outputs == 1 else y
        return fastgru.GRURegressor(hidden_size=12, max_iter=2, random_state=0, **options).fit(X, y)

    return make


def classifier(count: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(4)
        X, y = 5 + rng.normal(size=(40, 6, 2)), rng.integers(count, size=40)
        return fastgru.GRUClassifier(hidden_size=12, max_iter=2, random_state=0, **options).fit(X, y)

    return make


def every_step() -> Any:
    rng = np.random.default_rng(5)
    X, y = 5 + rng.normal(size=(30, 6, 2)), rng.normal(size=(30, 6))
    return fastgru.GRURegressor(hidden_size=12, max_iter=2, output="sequence", random_state=0).fit(X, y)


def tokens() -> Any:
    rng = np.random.default_rng(6)
    X, y = rng.integers(2, 12, size=(30, 6)), rng.normal(size=30)
    return fastgru.GRURegressor(hidden_size=9, max_iter=2, embedding_dim=4, random_state=0).fit(X, y)


MODELS = {
    "classifier, three classes": classifier(3),
    "classifier, two classes": classifier(2, pooling="mean"),
    "regressor, quantiles": regressor(features=2, outputs=2, loss="quantile", quantile=[0.1, 0.5, 0.9]),
    "regressor, missing values": regressor(features=2, outputs=1, missing="mask", pooling="max"),
    "regressor, every step": every_step,
    "regressor, tokens": tokens,
    "layer": layer(),
    "layer, float64": layer(dtype="float64", num_layers=2),
    "layer, two directions": layer(bidirectional=True, reset_after=False),
    "regressor": regressor(features=3, outputs=1),
    "regressor, float64": regressor(features=1, outputs=2, dtype="float64"),
    "regressor, two directions": regressor(features=2, outputs=2, bidirectional=True, num_layers=2),
}


def bits(values: Any) -> str:
    return " ".join(f"{int(b):016x}" for b in np.asarray(values, np.float64).ravel().view(np.uint64))


def reads_tokens(model: Any) -> bool:
    return not isinstance(model, fastgru.GRU) and model._architecture["vocabulary_size"] > 0


def asked(model: Any, x: NDArray[np.float64]) -> NDArray[Any]:
    """Samples in the form that the model's network reads."""
    return x.astype(np.int64) if reads_tokens(model) else x


def expected(model: Any, x: NDArray[np.float64]) -> str:
    """The expected output of the consumer."""
    lines = [f"kind {type(model).__name__}"]
    is_layer = isinstance(model, fastgru.GRU)
    answers = model(x.astype(model.dtype))[0] if is_layer else model._network.predict(asked(model, x))
    lines.append(f"forward {bits(answers)}")
    if not model.bidirectional:
        stream = model.stream()
        steps = x[0].astype(model.dtype) if is_layer else asked(model, x)[0]
        lines += [f"step {bits(stream.step(x_t))}" for x_t in steps]
    return "\n".join(lines) + "\n"


def save_model(name: str, path: Path) -> Case:
    """A model of this name in a file: its path, samples, and the bits of Python's predictions for them."""
    model = MODELS[name]()
    model.save(path)
    features = model.input_size if isinstance(model, fastgru.GRU) else model.n_features_in_
    x = 5 + np.random.default_rng(7).normal(size=(3, 9, 1 if reads_tokens(model) else features))
    if reads_tokens(model):
        x = np.floor(x)
    elif getattr(model, "missing", "error") == "mask":
        x[0, 4, 1] = np.nan
    return path, x, expected(model, x)


def output_of(program: Path, path: Path, x: NDArray[np.float64]) -> str:
    done = subprocess.run(
        [program, path, str(x.shape[0]), str(x.shape[1])], input=x.tobytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
