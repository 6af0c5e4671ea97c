"""Sequences without time steps: answered from the zero state, alone and among others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fastgru
from fastgru import GRUClassifier, GRURegressor, SequenceScaler

RNG = np.random.default_rng(4)
LENGTHS = (3, 0, 4, 5, 0, 6, 7, 8, 1, 0, 4, 5)
X = [RNG.standard_normal((n, 2)) for n in LENGTHS]
Y = np.array([part.sum() for part in X])
EMPTY = [i for i, n in enumerate(LENGTHS) if n == 0]
PARAMS: list[dict[str, Any]] = [
    {},
    {"pooling": "mean"},
    {"pooling": "max", "num_layers": 2, "bidirectional": True},
    {"dropout": 0.3, "input_dropout": 0.2, "recurrent_dropout": 0.2, "num_layers": 2},
    {"bptt": 2},
    {"dtype": "float64"},
    {"batch_size": 1},
    {"missing": "mask"},
    {"early_stopping": True, "validation_fraction": 0.3},
    {"reset_after": False},
    {"frame_length": 4, "frame_step": 2, "pooling": "mean"},
]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 5, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 4, "max_iter": 5, "random_state": 0, **params})


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_answers_alone_and_among_others(params: dict[str, Any]) -> None:
    estimator = regressor(**params).fit(X, Y)
    answers = estimator.predict(X)
    assert np.isfinite(answers).all()
    np.testing.assert_array_equal(answers, [estimator.predict([part])[0] for part in X])
    np.testing.assert_array_equal(estimator.predict([X[i] for i in EMPTY]), answers[EMPTY])
    assert len(set(answers[EMPTY])) == 1


def test_the_answer_is_that_of_the_zero_state() -> None:
    estimator = regressor(dtype="float64").fit(X, Y)
    tensors = estimator._network.tensors
    _, _, mean, scale = estimator._network.scaling
    bias = next(value for name, value in tensors.items() if name.endswith("bias") and value.shape == (1,))
    np.testing.assert_allclose(estimator.predict([X[1]]), bias * scale + mean, rtol=1e-12)


def test_they_teach_the_head() -> None:
    far = np.where([n == 0 for n in LENGTHS], 9.0, 1.0)
    estimator = regressor(max_iter=200, learning_rate_init=0.02).fit(X, far)
    np.testing.assert_allclose(estimator.predict(X), far, atol=0.5)


def test_classifiers_and_steps() -> None:
    labels = np.where(Y > 0, "up", "down")
    p = classifier().fit(X, labels).predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    choices: list[dict[str, Any]] = [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"frame_length": 3},
    ]
    for params in choices:
        for tags in (
            [np.where(part[:, 0] > 0, "a", "b") for part in X],
            [(part[:, 0] > 0) * 1 for part in X],
        ):
            tagger = classifier(output="sequence", **params).fit(X, [part.tolist() for part in tags])
            assert tagger.classes_.dtype.kind in "Ui"
            assert [len(part) for part in tagger.predict(X)] == list(LENGTHS)
            assert tagger.predict([X[1]])[0].shape == (0,)
            assert tagger.score(X, tags) == tagger.score(
                [x for x in X if len(x)], [t for t in tags if len(t)]
            )
    both = regressor(output="sequence").fit(X, X)
    assert both.predict(X)[1].shape == (0, 2)


def test_gates_and_scalers() -> None:
    gates = regressor().fit(X, Y).gates(X)
    assert [part.shape for part in gates.update] == [(n, 4) for n in LENGTHS]
    scaler = SequenceScaler().fit(X)
    np.testing.assert_array_equal(scaler.mean_, SequenceScaler().fit([x for x in X if len(x)]).mean_)
    assert [part.shape for part in scaler.transform(X)] == [(n, 2) for n in LENGTHS]
    with pytest.raises(ValueError, match="X has no time steps"):
        SequenceScaler().fit([X[1], X[4]])
    assert scaler.transform([X[1]])[0].shape == (0, 2)


def test_empty_sequences_of_every_container() -> None:
    wanted = regressor().fit(X, Y).predict(X)
    names = ["a", "b"]
    columns = {name: [part[:, k].tolist() for part in X] for k, name in enumerate(names)}
    forms: list[Any] = [
        [part.tolist() for part in X],  # [] does not show its features
        [part if len(part) else [] for part in X],
        [pd.DataFrame(part, columns=names) for part in X],
        pd.DataFrame(
            {name: pd.Series([np.array(cell) for cell in cells]) for name, cells in columns.items()}
        ),
        pl.DataFrame(columns),
        [part.astype(np.float64) if len(part) else np.empty((0, 2), np.int8) for part in X],
    ]
    for form in forms:
        np.testing.assert_array_equal(regressor().fit(form, Y).predict(form), wanted)
    single = [part.astype(np.float32) for part in X]
    wide = [part if len(part) else np.empty((0, 2)) for part in single]
    np.testing.assert_array_equal(
        regressor().fit(wide, Y).predict(wide), regressor().fit(single, Y).predict(single)
    )
    flat = [part[:, 0] for part in X]
    assert np.isfinite(regressor().fit(flat, Y).predict([*flat, []])).all()


def test_tokens() -> None:
    words = [RNG.integers(1, 9, n) for n in LENGTHS]
    padded = np.stack([np.pad(word, (0, 8 - len(word))) for word in words])
    estimator = regressor(embedding_dim=3).fit(words, Y)
    answers = estimator.predict(words)
    for form in (padded, [word.tolist() for word in words], padded[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(estimator.predict(form), answers)
        np.testing.assert_array_equal(regressor(embedding_dim=3).fit(form, Y).predict(words), answers)
    for alone in ([[]], [np.zeros(3, int)], np.zeros((1, 4), int)):
        np.testing.assert_array_equal(estimator.predict(alone), answers[[1]])


def test_a_saved_estimator_answers_them(tmp_path: Any) -> None:
    estimator = regressor().fit(X, Y)
    estimator.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastgru.load(tmp_path / "m.safetensors").predict(X), estimator.predict(X))
