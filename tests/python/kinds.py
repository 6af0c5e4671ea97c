"""A model of every kind, for tests that compare other ways to run it with Python's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastgru

WORDS = np.array(["calm", "*/ rise", "größer"])
UP_OR_DOWN = np.array(["up", "down"])


def layer(inputs: int, hidden: int, num_layers: int = 1, **options: Any) -> Callable[[], Any]:
    return lambda: fastgru.GRU(inputs, hidden, num_layers, random_state=1, **options)


def regressor(features: int, outputs: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X, y = 5 + rng.normal(size=(40, 6, features)), 1000 + 10 * rng.normal(size=(40, outputs))
        if options.get("missing") == "mask":
            X[rng.random(X.shape) < 0.2] = np.nan
        if options.get("output") == "sequence":
            y = np.stack([y] * 6, axis=1) + rng.normal(size=(40, 6, outputs))
        target = y[..., 0] if outputs == 1 else y
        return fastgru.GRURegressor(max_iter=3, random_state=0, **options).fit(X, target)

    return make


def classifier(labels: Callable[[np.random.Generator], Any], **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X = 5 + rng.normal(size=(40, 6, 2))
        if "embedding_dim" in options:
            X = rng.integers(1, 9, size=(40, 6))
        if options.get("missing") == "mask":
            X[rng.random(X.shape) < 0.2] = np.nan
        return fastgru.GRUClassifier(hidden_size=7, max_iter=3, random_state=0, **options).fit(X, labels(rng))

    return make


def transcriber(**options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X = [5 + rng.normal(size=(24, 2)) for _ in range(20)]
        y = ["".join(rng.choice(list("*/ü "), 5)) for _ in X]
        return fastgru.GRUTranscriber(hidden_size=6, max_iter=2, random_state=0, **options).fit(X, y)

    return make


def language_model(**options: Any) -> Callable[[], Any]:
    texts = ["the cat sat on the mat", "größer */ than"]
    return lambda: fastgru.GRULanguageModel(7, bptt=5, max_iter=3, random_state=0, **options).fit(texts)


def quantized(make: Callable[[], Any]) -> Callable[[], Any]:
    """With weights of one byte, measured on what the kind is fitted on."""

    def rounded() -> Any:
        model = make()
        return model.quantize(inputs_of(model).reshape(20, 25, -1))

    return rounded


def two(rng: np.random.Generator) -> Any:
    return np.resize(UP_OR_DOWN, 40)


def three(rng: np.random.Generator) -> Any:
    return np.resize(WORDS, 40)


def several(rng: np.random.Generator) -> Any:
    return rng.integers(0, 2, size=(40, 4))


def three_each(rng: np.random.Generator) -> Any:
    return WORDS[rng.integers(0, 3, size=(40, 6))]


QUANTILES = {"loss": "quantile", "quantile": [0.05, 0.3, 0.5, 0.6, 0.99]}
MODELS = {
    "one": layer(1, 1),
    "eight": layer(8, 8),
    "sixteen": layer(8, 16),
    "thirty_two": layer(8, 32),
    "before": layer(3, 9, reset_after=False),
    "deep": layer(4, 10, 3, bias=False),
    "float64": layer(2, 7, 2, dtype="float64"),
    "both": layer(3, 6, 2, bidirectional=True),
    "both_once": layer(20, 2, bidirectional=True, reset_after=False),  # wider than its states
    "regressor": regressor(3, 1, hidden_size=12),
    "regressor_many": regressor(2, 3, hidden_size=8, num_layers=2, reset_after=False),
    "regressor_float64": regressor(1, 2, hidden_size=5, dtype="float64"),
    "regressor_mean": regressor(2, 1, hidden_size=6, pooling="mean"),
    "regressor_max": regressor(2, 2, hidden_size=6, pooling="max"),
    "regressor_mask": regressor(3, 1, hidden_size=6, missing="mask"),
    "regressor_mask_float64": regressor(3, 1, hidden_size=6, missing="mask", dtype="float64", pooling="max"),
    "regressor_plain": regressor(3, 1, hidden_size=6, standardize=False),
    "quantiles": regressor(2, 2, hidden_size=6, **QUANTILES),
    "quantile": regressor(2, 2, hidden_size=6, loss="quantile", quantile=0.1),
    "quantiles_float64": regressor(2, 1, hidden_size=6, dtype="float64", **QUANTILES),
    "huber": regressor(2, 1, hidden_size=6, loss="huber", dropout=0.1, input_dropout=0.2),
    "each_step": regressor(2, 1, hidden_size=6, output="sequence"),
    "both_last": regressor(2, 1, hidden_size=6, bidirectional=True),
    "both_mean": regressor(2, 1, hidden_size=3, bidirectional=True, pooling="mean", num_layers=2),
    "both_max": classifier(three, bidirectional=True, pooling="max", num_layers=3),
    "both_each": regressor(2, 2, hidden_size=3, bidirectional=True, output="sequence"),
    "both_float64": classifier(two, bidirectional=True, dtype="float64", missing="mask"),
    "two_classes": classifier(two),
    "three_classes": classifier(three),
    "three_classes_float64": classifier(three, dtype="float64", pooling="mean"),
    "several_labels": classifier(several, missing="mask"),
    "tagger": classifier(three_each, output="sequence"),
    "frames": regressor(2, 1, hidden_size=6, frame_length=4, frame_step=2),
    "frames_mask": classifier(three, missing="mask", pooling="max", frame_length=3, frame_step=1),
    "frames_mean": regressor(1, 2, hidden_size=6, num_layers=2, pooling="mean", frame_length=5, frame_step=5),
    "frames_float64": classifier(two, dtype="float64", frame_length=3, frame_step=7),
    "frames_each": regressor(2, 1, hidden_size=6, output="sequence", frame_length=4, frame_step=2),
    "frames_both": classifier(three, bidirectional=True, pooling="max", frame_length=4, frame_step=3),
    "frames_both_long": regressor(2, 1, hidden_size=6, bidirectional=True, frame_length=30, frame_step=4),
    "frames_both_each": classifier(
        three_each, bidirectional=True, output="sequence", frame_length=4, frame_step=3
    ),
    "transcriber": transcriber(bidirectional=False, num_layers=1, frame_length=4, frame_step=2),
    "transcriber_both": transcriber(frame_length=1),
    "int8": layer(3, 40, 2, precision="int8"),
    "int8_both": layer(5, 9, 2, bidirectional=True, precision="int8"),
    "int8_regressor": quantized(regressor(2, 2, hidden_size=24, missing="mask", pooling="mean")),
    "int8_tokens": quantized(classifier(three, embedding_dim=4, bidirectional=True)),
    "tokens": classifier(three, embedding_dim=4),
    "language_model": language_model(),
    "language_model_tied": language_model(tied_embedding=True, num_layers=2, dtype="float64"),
    "tokens_both": classifier(three_each, embedding_dim=4, bidirectional=True, output="sequence"),
}


def inputs_of(model: Any) -> NDArray[Any]:
    """500 steps for a model, of the type that its C code reads."""
    rng = np.random.default_rng(5)
    if isinstance(model, fastgru.GRU):
        return rng.normal(size=(500, model.input_size)).astype(model.dtype)
    if getattr(model, "embedding_dim", None) or isinstance(model, fastgru.GRULanguageModel):
        return rng.integers(1, 12, size=(500, 1)).astype(np.int32)  # some of them unknown
    x = 5 + rng.normal(size=(500, model.n_features_in_))
    if getattr(model, "missing", "") == "mask":
        x[rng.random(x.shape) < 0.2] = np.nan
    return x.astype(model.dtype)


def python_answers(model: Any, x: NDArray[Any]) -> NDArray[Any]:
    """A stream's answers to x; of two directions, those to 20 sequences, the parts of x."""
    given = x.astype(np.int64) if x.dtype == np.int32 else x
    if isinstance(model, fastgru.GRULanguageModel):
        stream = model._network.stream()
        return np.array([stream.step(x_t) for x_t in given])
    if model.bidirectional:
        parts = np.stack(np.split(given, 20))
        if isinstance(model, fastgru.GRU):
            return model(parts.transpose(1, 0, 2))[0].transpose(1, 0, 2).reshape(500, -1)
        answers = model._network.predict(parts)
        return np.asarray(answers).reshape(-1, answers.shape[-1])
    transcribes = isinstance(model, fastgru.GRUTranscriber)  # its own stream answers with texts
    stream = model._network.stream() if transcribes else model.stream()
    return np.array([np.array(stream.step(x_t)).ravel() for x_t in given])
