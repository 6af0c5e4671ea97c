"""Tokens with a learnt embedding: learning, padding, unknown ids, files, streams, bad input."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(21)
LENGTHS = RNG.integers(2, 12, 120)
X = [RNG.integers(1, 9, n) for n in LENGTHS]
Y = np.array([(x == 5).sum() - (x == 3).sum() for x in X], dtype=float)
PADDED = np.stack([np.pad(x, (0, 12 - len(x))) for x in X])
BEFORE = np.stack([np.pad(x, (12 - len(x), 0)) for x in X])
TAGS = [np.where(np.cumsum(x == 5) % 2 == 1, "in", "out") for x in X]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"embedding_dim": 4, "hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"embedding_dim": 4, "hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


LONG = {"max_iter": 150, "learning_rate_init": 0.01, "hidden_size": 16, "embedding_dim": 8}


def test_learns() -> None:
    assert regressor(**LONG).fit(X, Y).score(X, Y) > 0.9
    assert classifier(**LONG, pooling="mean", bidirectional=True).fit(X, Y > 0).score(X, Y > 0) > 0.9
    tagger = classifier(**LONG, output="sequence").fit(X, TAGS)
    assert tagger.score(X, TAGS) > 0.9 and tagger.predict(X)[3].shape == X[3].shape


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_padding_is_left_out(dtype: str) -> None:
    wanted = regressor(dtype=dtype).fit(X, Y).predict(X)
    for form in (
        PADDED,
        BEFORE,
        PADDED.astype(np.int8),
        PADDED.astype(float),
        PADDED.tolist(),
        PADDED[..., None],
    ):
        np.testing.assert_array_equal(regressor(dtype=dtype).fit(form, Y).predict(form), wanted)
    np.testing.assert_array_equal(regressor(dtype=dtype).fit(X, Y).predict(BEFORE), wanted)
    np.testing.assert_array_equal(
        wanted, [regressor(dtype=dtype).fit(X, Y).predict([x])[0] for x in X[:3]] + list(wanted[3:])
    )


def test_ids_that_fit_did_not_know_are_unknown() -> None:
    estimator = regressor().fit(X, Y)
    np.testing.assert_array_equal(estimator.predict([[4, 99, 2]]), estimator.predict([[4, 1, 2]]))
    assert (estimator.predict([[4, 99, 2]]) != estimator.predict([[4, 2, 2]])).all()
    larger = regressor(vocabulary_size=50).fit(X, Y)
    assert (larger.predict([[4, 49, 2]]) != larger.predict([[4, 50, 2]])).all()
    never = regressor(max_iter=1).fit([x + 1 for x in X], Y)  # without a 1: it says nothing
    embedding = dict(zip(["weight"], [never._network.parameters[-10 * 4 :].reshape(10, 4)], strict=True))[
        "weight"
    ]
    assert (embedding[:2] == 0).all() and (embedding[2:] != 0).all()


def test_equal_rows_stay_an_array_and_searches_work() -> None:
    table = RNG.integers(1, 9, (60, 6))
    y = (table == 5).sum(axis=1).astype(float)
    estimator = regressor().fit(table, y)
    assert estimator.n_features_in_ == 1 and estimator.predict(table[:, :3]).shape == (60,)
    assert cross_val_score(regressor(), X, Y, cv=3).shape == (3,)
    tagged = regressor(output="sequence").fit(table, (table == 5).astype(float))
    assert tagged.predict(table).shape == (60, 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_pickles_and_streams(dtype: str, tmp_path: Path) -> None:
    estimator = regressor(dtype=dtype, num_layers=2).fit(X, Y)
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    for other in (loaded, pickle.loads(pickle.dumps(estimator))):
        np.testing.assert_array_equal(other.predict(PADDED), estimator.predict(X))
    stream = loaded.stream()
    for token in X[0]:
        answer = stream.step([token])
    np.testing.assert_allclose(answer, estimator.predict(X[:1]), rtol=1e-5)
    with pytest.raises(TypeError, match="x must hold tokens"):
        stream.step([1.5])


def test_partial_fit_and_warm_start() -> None:
    estimator = regressor(vocabulary_size=9)
    for first in list(range(0, 120, 30)) * 5:
        estimator.partial_fit(X[first : first + 30], Y[first : first + 30])
    assert np.isfinite(estimator.predict(X)).all()
    halves = regressor(max_iter=2, warm_start=True).fit(X, Y).set_params(max_iter=3).fit(X, Y)
    np.testing.assert_array_equal(halves.predict(X), regressor().fit(X, Y).predict(X))


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "fractions": (lambda: regressor().fit([[1.5, 2.0]], [0]), TypeError, "X must hold integer tokens"),
    "NaN": (lambda: regressor().fit([[np.nan, 2.0]], [0]), TypeError, "X must hold .* a missing value"),
    "texts": (
        lambda: regressor().fit([["a", "b"]], [0]),
        TypeError,
        "X must hold integer tokens .* dtype <U1",
    ),
    "negative": (lambda: regressor().fit([[2, 3], [3, -4]], [0, 1]), ValueError, r"X\[1\] has the token -4"),
    "padding alone": (lambda: regressor().fit([[0, 0], [0, 0]], [0, 1]), ValueError, "X has no time steps"),
    "padding between": (
        lambda: regressor().fit([[2, 3, 4], [0, 3, 2], [2, 0, 3]], [0, 1, 2]),
        ValueError,
        r"X\[2\] has the padding id 0 between tokens, at step 1",
    ),
    "padding, every step": (
        lambda: classifier(output="sequence").fit(PADDED, PADDED),
        ValueError,
        "to which output='sequence' has no answer",
    ),
    "beyond the vocabulary": (
        lambda: regressor(vocabulary_size=5).fit([[2, 3], [3, 5]], [0, 1]),
        ValueError,
        r"X\[1\] has the token 5, beyond vocabulary_size=5",
    ),
    "ragged below": (
        lambda: regressor().fit([[[2], [3, 4]], [[3], [2]]], [0, 1]),
        ValueError,
        "X: its parts differ in length",
    ),
    "missing": (
        lambda: regressor().fit([np.array([2, None]), X[1]], [0, 1]),
        TypeError,
        r"X\[0\] must hold integer tokens .* got a missing value",
    ),
    "one row": (lambda: regressor().fit(X, Y).predict(X[0]), ValueError, r"Reshape your data"),
    "empty": (lambda: regressor().fit([[], []], [0, 1]), ValueError, "X has no time steps"),
    "several features": (
        lambda: regressor().fit(np.ones((3, 4, 2), int), [0, 1, 2]),
        ValueError,
        r"\(3, 4, 2\)",
    ),
    "warm start": (
        lambda: regressor(warm_start=True).fit(X, Y).set_params(embedding_dim=5).fit(X, Y),
        ValueError,
        "embedding_dim=5 and vocabulary_size=None, but .* has 4 and 9",
    ),
    "warm start, numbers": (
        lambda: regressor(warm_start=True).fit(X, Y).set_params(embedding_dim=None).fit(X, Y),
        ValueError,
        "embedding_dim=None",
    ),
    "beyond memory": (
        lambda: regressor(vocabulary_size=10**12, embedding_dim=10**6).fit(X, Y),
        (ValueError, MemoryError),
        "more parameters than can be counted|not enough memory",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str) -> None:
    call, error, message = CASES[case]
    with pytest.raises(error, match=message):
        call()
