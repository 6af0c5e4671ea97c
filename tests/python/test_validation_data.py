"""`fit(…, validation_data=…)`: samples of the caller's own that decide or only watch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fastgru
from fastgru import GRUClassifier, GRURegressor, SequenceScaler

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 5, 2))
Y = X.sum(axis=(1, 2))
XV = RNG.normal(size=(20, 5, 2))
YV = XV.sum(axis=(1, 2))
SMALL: dict[str, Any] = {"hidden_size": 6, "max_iter": 12, "random_state": 0, "n_iter_no_change": 50}


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{**SMALL, **params})


def weights_of(estimator: Any) -> np.ndarray:
    return np.asarray(estimator._network.parameters)


def score_after(estimator: Callable[..., Any], epochs: int, *data: Any) -> float:
    return float(estimator(max_iter=epochs).fit(X, Y).score(*data))


def test_without_early_stopping_the_data_watch_alone() -> None:
    watched = regressor().fit(X, Y, validation_data=(XV, YV))
    plain = regressor().fit(X, Y)
    np.testing.assert_array_equal(weights_of(watched), weights_of(plain))
    assert watched.loss_curve_ == plain.loss_curve_
    assert watched.best_loss_ == plain.best_loss_ and plain.validation_scores_ is None
    assert len(watched.validation_scores_) == 12
    assert watched.best_validation_score_ == max(watched.validation_scores_)
    for epoch in (1, 5, 12):
        wanted = score_after(regressor, epoch, XV, YV)
        assert watched.validation_scores_[epoch - 1] == pytest.approx(wanted, rel=1e-6)


def test_early_stopping_keeps_the_best_weights_on_the_data_and_trains_on_every_sample() -> None:
    noise = np.random.default_rng(1).normal(size=20)  # nothing to learn: the score falls
    stopped = regressor(early_stopping=True, n_iter_no_change=3, max_iter=100).fit(
        X, Y, validation_data=(XV, noise)
    )
    scores = stopped.validation_scores_
    assert len(scores) < 100 and stopped.best_loss_ is None
    best = int(np.argmax(scores)) + 1
    assert stopped.best_validation_score_ == scores[best - 1]
    all_of_x = regressor(max_iter=best).fit(X, Y)  # no sample is held out
    np.testing.assert_array_equal(weights_of(stopped), weights_of(all_of_x))
    assert stopped.score(XV, noise) == pytest.approx(max(scores), rel=1e-6)


def test_weights_of_the_data_count() -> None:
    weight = RNG.uniform(size=20)
    watched = regressor().fit(X, Y, validation_data=(XV, YV, weight))
    assert watched.validation_scores_[-1] == pytest.approx(watched.score(XV, YV, weight), rel=1e-6)
    weight[:10] = 0
    half = regressor().fit(X, Y, validation_data=[XV, YV, weight])
    assert half.validation_scores_[-1] == pytest.approx(half.score(XV[10:], YV[10:], weight[10:]), rel=1e-6)


def test_classes_lists_and_steps() -> None:
    tags = np.where(X.sum(axis=2) > 0, "up", "down")
    unlabelled = np.where(XV.sum(axis=2) > 0, "up", "down").astype(object)
    unlabelled[:, 2] = None
    lists = [x[: 2 + i % 4] for i, x in enumerate(XV)]
    labels = [row[: 2 + i % 4] for i, row in enumerate(unlabelled)]
    tagger = GRUClassifier(**SMALL, output="sequence", early_stopping=True)
    tagger.fit(list(X), list(tags), validation_data=(lists, labels))
    assert tagger.best_validation_score_ == tagger.score(lists, labels)
    one = GRUClassifier(**SMALL).fit(X, Y > 0, validation_data=(XV, YV > 0))
    assert one.validation_scores_[-1] == one.score(XV, YV > 0)
    tokens = RNG.integers(1, 9, size=(60, 4))
    words = GRUClassifier(**SMALL, embedding_dim=3).fit(
        tokens, Y > 0, validation_data=(RNG.integers(1, 30, size=(20, 4)), YV > 0)
    )  # tokens that training did not see are unknown ones, as in predict
    assert len(words.validation_scores_) == 12


def test_columns_that_the_data_lack_are_not_scored() -> None:
    two = np.stack([Y, X[:, 0, 0]], axis=1)
    lacking = np.stack([YV, np.full(20, np.nan)], axis=1)
    watched = regressor().fit(X, two, validation_data=(XV, lacking))
    assert watched.validation_scores_[-1] == pytest.approx(watched.score(XV, lacking), rel=1e-6)


def test_warm_start_goes_on_with_the_curve() -> None:
    estimator = regressor(warm_start=True, max_iter=6)
    for _ in range(2):
        estimator.fit(X, Y, validation_data=(XV, YV))
    once = regressor(max_iter=12).fit(X, Y, validation_data=(XV, YV))
    assert estimator.validation_scores_ == once.validation_scores_
    estimator.fit(X, Y)
    assert estimator.validation_scores_ is None and len(estimator.loss_curve_) == 18


def test_callbacks_files_and_searches(tmp_path: Any) -> None:
    seen: list[float] = []
    estimator = regressor(callbacks=lambda event: seen.append(event["validation_score"]))
    estimator.fit(X, Y, validation_data=(XV, YV))
    assert seen == estimator.validation_scores_
    estimator.save(tmp_path / "model.safetensors")
    loaded = fastgru.load(tmp_path / "model.safetensors")
    for name in ("validation_scores_", "best_validation_score_", "best_loss_", "loss_curve_"):
        assert getattr(loaded, name) == getattr(estimator, name)
    search = GridSearchCV(regressor(max_iter=2), {"hidden_size": [3, 4]}, cv=2)
    search.fit(X, Y, validation_data=(XV, YV))
    assert len(search.best_estimator_.validation_scores_) == 2
    pipeline = make_pipeline(SequenceScaler(), regressor(max_iter=2))
    pipeline.fit(X, Y, gruregressor__validation_data=(XV, YV))
    assert len(pipeline[-1].validation_scores_) == 2


BAD: dict[str, tuple[Any, str]] = {
    "no tuple": (XV, "validation_data must be (X, y) or (X, y, sample_weight), got ndarray"),
    "one part": ((XV,), "validation_data must be (X, y) or (X, y, sample_weight), got 1 parts"),
    "features": ((XV[:, :, :1], YV), "validation_data: X has 1 features"),
    "NaN": ((np.where(XV > 2, np.nan, XV), YV), "validation_data: Input X contains NaN"),
    "lengths": ((XV, YV[:-1]), "validation_data: Found input variables with inconsistent"),
    "outputs": ((XV, np.stack([YV, YV], axis=1)), "validation_data: y has 2 outputs"),
    "one sample": ((XV[:1], YV[:1]), "validation_data has 1 sample"),
    "weights": ((XV, YV, -np.ones(20)), "validation_data: sample_weight must not be negative"),
    "weight of one": ((XV, YV, np.eye(20)[0]), "validation_data has 1 sample that counts"),
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str, early_stopping: bool) -> None:
    data, message = BAD[name]
    estimator = regressor(early_stopping=early_stopping, max_iter=2).fit(X, Y, validation_data=(XV, YV))
    before = weights_of(estimator).copy()
    with pytest.raises(ValueError, match=re.escape(message)):
        estimator.fit(X, Y, validation_data=data)
    np.testing.assert_array_equal(weights_of(estimator), before)


def test_a_label_that_training_lacks_is_refused() -> None:
    labels = np.where(YV > 0, "yes", "perhaps")
    with pytest.raises(ValueError, match=r"validation_data: y has the labels perhaps"):
        GRUClassifier(**SMALL).fit(X, np.where(Y > 0, "yes", "no"), validation_data=(XV, labels))
