"""Permutation importance of features and of time steps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.inspection import permutation_importance as of_columns
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import make_pipeline

from fastgru import GRUClassifier, GRURegressor, SequenceScaler
from fastgru.inspection import permutation_importance

RNG = np.random.default_rng(2)
X = RNG.normal(size=(150, 8, 3))  # not seen by the fit


def target(X: np.ndarray) -> np.ndarray:
    return np.asarray(2 * X[:, 5, 1] + X[:, 2, 1])


Y = target(X)
SEEN = RNG.normal(size=(600, 8, 3))
FITTED = GRURegressor(hidden_size=16, max_iter=40, random_state=0).fit(SEEN, target(SEEN))


def test_the_feature_that_tells_comes_out_on_top() -> None:
    result = permutation_importance(FITTED, X, Y, random_state=0)
    assert result.importances.shape == (3, 5)
    assert result.importances_mean.argmax() == 1
    assert result.importances_mean[1] > 1.0 > 20 * np.abs(result.importances_mean[[0, 2]]).max()
    np.testing.assert_allclose(result.importances_mean, result.importances.mean(axis=1))
    np.testing.assert_allclose(result.importances_std, result.importances.std(axis=1))


def test_the_steps_that_tell_come_out_on_top() -> None:
    result = permutation_importance(FITTED, X, Y, over="time", random_state=0)
    assert result.importances.shape == (8, 5)
    assert list(np.argsort(result.importances_mean)[:-3:-1]) == [5, 2]
    windows = permutation_importance(FITTED, X, Y, over="time", n_steps=3, random_state=0)
    assert windows.importances.shape == (3, 5)  # steps 0-2, 3-5, 6-7
    assert windows.importances_mean.argmax() == 1


def test_the_values_are_those_of_the_exchanged_data() -> None:
    orders = [np.random.RandomState(4).permutation(150)]
    result = permutation_importance(FITTED, X, Y, n_repeats=1, random_state=4)
    exchanged = X.copy()
    exchanged[:, :, 1] = X[orders[0], :, 1]
    assert result.importances[1, 0] == FITTED.score(X, Y) - FITTED.score(exchanged, Y)
    steps = permutation_importance(FITTED, X, Y, over="time", n_repeats=1, random_state=4)
    exchanged = X.copy()
    exchanged[:, 5] = X[orders[0], 5]
    assert steps.importances[5, 0] == FITTED.score(X, Y) - FITTED.score(exchanged, Y)


def test_steps_of_one_variable_rank_as_in_scikit_learn() -> None:
    table = X[:, :, 1]
    fitted = GRURegressor(hidden_size=16, max_iter=40, random_state=0).fit(SEEN[:, :, 1], target(SEEN))
    ours = permutation_importance(fitted, table, Y, over="time", n_repeats=20, random_state=0)
    theirs = of_columns(fitted, table, Y, n_repeats=20, random_state=0)
    np.testing.assert_allclose(ours.importances_mean, theirs.importances_mean, atol=0.15)
    assert permutation_importance(fitted, table, Y, random_state=0).importances.shape == (1, 5)


def test_lists_of_unlike_lengths() -> None:
    sequences = [RNG.normal(size=(RNG.integers(3, 12), 3)) for _ in range(150)]
    y = np.array([sequence[:, 2].mean() for sequence in sequences])
    fitted = GRURegressor(hidden_size=16, max_iter=60, random_state=0).fit(sequences, y)
    before = [sequence.copy() for sequence in sequences]
    result = permutation_importance(fitted, sequences, y, random_state=0)
    assert result.importances_mean.argmax() == 2 and result.importances_mean[2] > 0.5
    assert np.abs(result.importances_mean[:2]).max() < 0.2
    for one, two in zip(sequences, before, strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(
        ValueError, match=r"over='time' needs sequences of one length, got 3 to 11 time steps"
    ):
        permutation_importance(fitted, sequences, y, over="time")
    equal = permutation_importance(FITTED, list(X), Y, over="time", random_state=0)
    array = permutation_importance(FITTED, X, Y, over="time", random_state=0)
    np.testing.assert_allclose(equal.importances, array.importances, rtol=1e-6, atol=1e-9)


def test_taggers_tokens_and_pipelines() -> None:
    tags = X[:, :, 0] > 0
    tagger = GRUClassifier(hidden_size=16, max_iter=30, output="sequence", random_state=0).fit(X, tags)
    assert permutation_importance(tagger, X, tags, random_state=0).importances_mean.argmax() == 0
    tokens = RNG.integers(2, 9, size=(100, 4))
    words = GRUClassifier(embedding_dim=4, hidden_size=8, max_iter=40, random_state=0)
    words.fit(tokens, tokens[:, 3] > 5)
    result = permutation_importance(words, tokens, tokens[:, 3] > 5, over="time", random_state=0)
    assert result.importances_mean.argmax() == 3
    pipeline = make_pipeline(SequenceScaler(), GRURegressor(hidden_size=8, max_iter=60, random_state=0))
    assert permutation_importance(pipeline.fit(X, Y), X, Y, random_state=0).importances_mean.argmax() == 1


def test_frames_keep_their_names() -> None:
    names = ["a", "b", "c"]
    frames = [pd.DataFrame(x, columns=names) for x in X]
    wide = pd.DataFrame(X[:, :, 1], columns=[f"t{t}" for t in range(8)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message=".*hasn't converged")
        fitted = GRURegressor(hidden_size=16, max_iter=40, random_state=0).fit(frames, Y)
        assert permutation_importance(fitted, frames, Y, random_state=0).importances_mean.argmax() == 1
        for table in (wide, pl.from_pandas(wide)):
            fitted = GRURegressor(hidden_size=16, max_iter=40, random_state=0).fit(table, Y)
            steps = permutation_importance(fitted, table, Y, over="time", random_state=0)
            assert steps.importances_mean.argmax() == 5


def test_scores_and_weights() -> None:
    several = permutation_importance(FITTED, X, Y, scoring=["r2", "neg_mean_absolute_error"], random_state=0)
    own = permutation_importance(FITTED, X, Y, random_state=0)
    np.testing.assert_allclose(several["r2"].importances, own.importances)

    def absolute(estimator: Any, X: Any, y: Any) -> float:
        return -float(mean_absolute_error(y, estimator.predict(X)))

    one = permutation_importance(FITTED, X, Y, scoring=absolute, random_state=0)
    np.testing.assert_allclose(several["neg_mean_absolute_error"].importances, one.importances)
    weight = (np.arange(150) < 20).astype(float)
    weighted = permutation_importance(FITTED, X, Y, sample_weight=weight, random_state=0)
    assert not np.allclose(weighted.importances, own.importances)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"over": "samples"}, ValueError, "over must be 'features' or 'time', got 'samples'"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be at least 1, got 0"),
        ({"n_repeats": 1.5}, TypeError, "n_repeats must be an integer, got 1.5"),
        ({"over": "time", "n_steps": 0}, ValueError, "n_steps must be at least 1, got 0"),
        ({"y": Y[:-1]}, ValueError, "inconsistent numbers of samples"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        permutation_importance(FITTED, X, **{"y": Y, **options})
