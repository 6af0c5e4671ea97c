"""Targets that are missing: NaN in y, steps without a label, and weights of single time steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, r2_score

from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(5)
N, T = 40, 6
X = RNG.normal(size=(N, T, 2))
SUMS = X.sum(axis=2).cumsum(axis=1)  # a target for every step
LENGTHS = RNG.integers(2, T + 1, size=N)
LIST = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
SUM_LIST = [y[:length] for y, length in zip(SUMS, LENGTHS, strict=True)]
GAPS = RNG.uniform(size=(N, T)) < 0.3
GAPS[:, 0] = False  # every sequence has a target
TWO = np.stack([SUMS[:, -1], X[:, 0, 0]], axis=1)  # two outputs
SOME = RNG.uniform(size=N) < 0.4

SMALL: dict[str, Any] = {"hidden_size": 5, "max_iter": 4, "random_state": 0, "dtype": "float64"}


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{**SMALL, **params})


def tagger(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{**SMALL, "output": "sequence", **params})


def weights_of(estimator: Any) -> np.ndarray:
    return np.asarray(estimator._network.parameters)


def cut(values: np.ndarray) -> list[np.ndarray]:
    return [row[:length] for row, length in zip(values, LENGTHS, strict=True)]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_a_missing_step_is_a_step_of_weight_zero(loss: str, early_stopping: bool) -> None:
    params = {"output": "sequence", "loss": loss, "early_stopping": early_stopping}
    masked = regressor(**params).fit(X, np.where(GAPS, np.nan, SUMS))
    other = np.where(GAPS, 1e6, SUMS)  # weight zero: whatever they are
    weighted = regressor(**params).fit(X, other, sample_weight=np.where(GAPS, 0.0, 3.0))
    np.testing.assert_array_equal(weights_of(masked), weights_of(weighted))
    assert masked.loss_curve_ == weighted.loss_curve_
    assert masked.validation_scores_ == weighted.validation_scores_
    assert not np.array_equal(weights_of(masked), weights_of(regressor(**params).fit(X, SUMS)))


def test_lists_as_arrays_with_missing_steps() -> None:
    whole = regressor(output="sequence").fit(list(X), list(np.where(GAPS, np.nan, SUMS)))
    array = regressor(output="sequence").fit(X, np.where(GAPS, np.nan, SUMS))
    np.testing.assert_allclose(weights_of(whole), weights_of(array), rtol=1e-10)
    ragged = regressor(output="sequence").fit(LIST, cut(np.where(GAPS, np.nan, SUMS)))
    weighted = regressor(output="sequence").fit(LIST, SUM_LIST, cut(np.where(GAPS, 0.0, 1.0)))
    np.testing.assert_array_equal(weights_of(ragged), weights_of(weighted))


def test_targets_at_the_last_step_alone_train_like_one_answer_per_sequence() -> None:
    y = np.full((N, T), np.nan)
    y[:, -1] = SUMS[:, -1]
    steps = regressor(output="sequence").fit(X, y)
    last = regressor().fit(X, SUMS[:, -1])
    np.testing.assert_allclose(steps.loss_curve_, last.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(weights_of(steps), weights_of(last), rtol=1e-6, atol=1e-9)
    tags = np.where(y > 0, "up", "down").astype(object)
    tags[np.isnan(y)] = None
    np.testing.assert_allclose(
        weights_of(tagger().fit(X, tags)),
        weights_of(tagger().fit(X, np.where(np.isnan(y), np.nan, y > 0))),
        rtol=0,
    )


def test_an_output_that_a_sample_lacks_does_not_move_its_weights() -> None:
    y = np.where(SOME[:, np.newaxis] & np.array([False, True]), np.nan, TWO)
    estimator = regressor(solver="sgd", momentum=0.0, clip_norm=None, batch_size=N, max_iter=1, tol=0.0)
    fitted = estimator.fit(X, y)
    # The head's bias starts at 0 and moves by the mean over the targets that there are.
    mean, scale = np.nanmean(y, axis=0), np.nanstd(y, axis=0)
    initial = regressor(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y)
    error = (initial.predict(X) - y) / scale
    present = np.count_nonzero(~np.isnan(y))
    gradient = 2 * np.nansum(error, axis=0) / present
    np.testing.assert_allclose(fitted._network.scaling[2], mean, rtol=1e-12)
    np.testing.assert_allclose(fitted._network.scaling[3], scale, rtol=1e-12)
    np.testing.assert_allclose(weights_of(fitted)[-2:], -0.005 * gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.loss_, np.nansum(error**2) / present, rtol=1e-10)


def test_weights_of_samples_and_of_steps_agree() -> None:
    weight = RNG.uniform(0.5, 2.0, size=N)
    of_samples = regressor(output="sequence").fit(X, SUMS, sample_weight=weight)
    of_steps = regressor(output="sequence").fit(X, SUMS, sample_weight=np.repeat(weight[:, None], T, axis=1))
    np.testing.assert_allclose(weights_of(of_samples), weights_of(of_steps), rtol=1e-9)
    np.testing.assert_allclose(of_samples.loss_curve_, of_steps.loss_curve_, rtol=1e-10)


WEIGHTS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda w: w,
    "(n, T, 1)": lambda w: w[:, :, np.newaxis],
    "lists": lambda w: w.tolist(),
    "list of arrays": list,
    "list of Series": lambda w: [pd.Series(row) for row in w],
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("container", WEIGHTS)
def test_weights_of_steps_in_any_container(container: str) -> None:
    weight = RNG.uniform(size=(N, T))
    given = WEIGHTS[container](weight)
    wanted = regressor(output="sequence").fit(X, SUMS, weight)
    found = regressor(output="sequence").fit(X, SUMS, given)
    np.testing.assert_array_equal(weights_of(wanted), weights_of(found))
    assert found.score(X, SUMS, given) == pytest.approx(
        r2_score(SUMS.ravel(), found.predict(X).ravel(), sample_weight=weight.ravel())
    )


def test_a_sequence_whose_steps_weigh_nothing_is_left_out() -> None:
    weight = np.ones((N, T))
    weight[3] = 0
    without = np.arange(N) != 3
    one = regressor(output="sequence", shuffle=False, batch_size=N).fit(X, SUMS, weight)
    two = regressor(output="sequence", shuffle=False, batch_size=N).fit(X[without], SUMS[without])
    np.testing.assert_allclose(weights_of(one), weights_of(two), rtol=1e-9)


def as_objects(labels: np.ndarray, none: Any) -> np.ndarray:
    objects = labels.astype(object)
    objects[GAPS] = none
    return objects


TAGS = np.where(SUMS > 0, "up", "down")
NUMBERS = (SUMS > 0).astype(np.int64) - 1  # -1 is a label
UNLABELLED: dict[str, tuple[Any, np.ndarray]] = {
    "None among texts": (as_objects(TAGS, None), TAGS),
    "NaN among texts": (as_objects(TAGS, np.nan), TAGS),
    "NA among texts": (as_objects(TAGS, pd.NA), TAGS),
    "lists of texts": (as_objects(TAGS, None).tolist(), TAGS),
    "lists with NaN": (as_objects(TAGS, np.nan).tolist(), TAGS),
    "floats": (np.where(GAPS, np.nan, NUMBERS), NUMBERS),
    "integers with None": (as_objects(NUMBERS, None), NUMBERS),
    "nullable": ([pd.Series(row).astype("Int64") for row in as_objects(NUMBERS, pd.NA)], NUMBERS),
    "strings": ([pd.Series(row, dtype="string") for row in as_objects(TAGS, pd.NA)], TAGS),
}


@pytest.mark.parametrize("name", UNLABELLED)
def test_steps_without_a_label(name: str) -> None:
    y, labels = UNLABELLED[name]
    fitted = tagger().fit(X, y)
    weighted = tagger().fit(X, labels, np.where(GAPS, 0.0, 1.0))
    np.testing.assert_array_equal(fitted.classes_.astype(labels.dtype), np.unique(labels))
    np.testing.assert_array_equal(weights_of(fitted), weights_of(weighted))
    predicted = weighted.predict(X)
    assert fitted.score(X, y) == accuracy_score(labels[~GAPS], predicted[~GAPS])


def test_minus_one_is_a_label() -> None:
    np.testing.assert_array_equal(tagger().fit(X, NUMBERS).classes_, [-1, 0])


def test_class_weight_counts_labelled_steps_alone() -> None:
    y = np.where(GAPS, np.nan, NUMBERS)
    count = np.array([np.sum(y == -1), np.sum(y == 0)])
    balanced = {label: count.sum() / (2 * n) for label, n in zip([-1, 0], count, strict=True)}
    one = tagger(class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(
        weights_of(one), weights_of(tagger(class_weight=balanced).fit(X, y)), rtol=1e-12
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_table_of_labels_with_unknown_ones(early_stopping: bool) -> None:
    table = (TWO > 0).astype(float)
    unknown = np.where(SOME[:, np.newaxis] & np.array([False, True]), np.nan, table)
    fitted = GRUClassifier(**SMALL, early_stopping=early_stopping).fit(X, unknown)
    assert fitted.multilabel_ and np.isfinite(fitted.loss_)
    right = (fitted.predict(X) == table) | np.isnan(unknown)
    assert fitted.score(X, unknown) == pytest.approx(right.all(axis=1).mean())
    flipped = np.where(np.isnan(unknown), np.nan, 1 - table)
    assert GRUClassifier(**SMALL).fit(X, flipped).score(X, flipped) == pytest.approx(
        GRUClassifier(**SMALL).fit(X, flipped).score(X, flipped)
    )


def test_the_score_of_regressors_leaves_missing_targets_out() -> None:
    y = np.where(SOME[:, np.newaxis] & np.array([False, True]), np.nan, TWO)
    fitted = regressor().fit(X, y)
    answers = fitted.predict(X)
    of_each = [r2_score(TWO[:, 0], answers[:, 0]), r2_score(TWO[~SOME, 1], answers[~SOME, 1])]
    assert fitted.score(X, y) == pytest.approx(np.mean(of_each))
    quantiles = regressor(loss="quantile", quantile=[0.2, 0.8], early_stopping=True).fit(X, y)
    assert np.isfinite(quantiles.score(X, y)) and quantiles.predict(X).shape == (N, 2, 2)


def test_float32_trains_with_missing_steps_too() -> None:
    y = np.where(GAPS, np.nan, SUMS)
    estimator = GRURegressor(output="sequence", hidden_size=16, max_iter=60, random_state=0).fit(X, y)
    assert estimator.score(X[:, :, :], SUMS) > 0.9


ALL_MISSING = np.where(np.arange(N)[:, np.newaxis] == 7, np.nan, SUMS)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "sample": (
        lambda: regressor().fit(X, np.where(np.arange(N)[:, np.newaxis] == 2, np.nan, TWO)),
        "y[2] has no target: it is missing in every output. Leave the sample out, or give it weight zero",
    ),
    "column": (lambda: regressor().fit(X, TWO * [1, np.nan]), "y has no target in column 1"),
    "sequence": (
        lambda: regressor(output="sequence").fit(X, ALL_MISSING),
        "y[7] has no target: it is missing at every step",
    ),
    "sequence of weight zero at its targets": (
        lambda: regressor(output="sequence").fit(X, np.where(GAPS, np.nan, SUMS), np.where(GAPS, 1.0, 0.0)),
        "has no target: it is missing at every step",
    ),
    "one output": (lambda: regressor().fit(X, np.where(SOME, np.nan, SUMS[:, -1])), "Input y contains NaN"),
    "infinite step": (
        lambda: regressor(output="sequence").fit(X, np.where(GAPS, np.inf, SUMS)),
        "y contains infinity",
    ),
    "no labels": (lambda: tagger().fit(X, np.full((N, T), np.nan)), "y has no label: every one is missing"),
    "one label missing": (
        lambda: GRUClassifier(**SMALL).fit(X, np.where(SOME, np.nan, 1.0)),
        "Input y contains NaN",
    ),
    "class weights of a table": (
        lambda: GRUClassifier(**SMALL, class_weight=[{0: 1, 1: 2}] * 2).fit(
            X, np.where(SOME[:, np.newaxis] & np.array([False, True]), np.nan, TWO > 0)
        ),
        "class_weight is not possible where y has missing labels",
    ),
    "weights of other steps": (
        lambda: regressor(output="sequence").fit(X, SUMS, np.ones((N, T + 1))),
        f"sample_weight should be of shape ({N}, {T}) or ({N}, {T}, 'n_outputs'), a weight for every step",
    ),
    "two weights a step": (
        lambda: regressor(output="sequence").fit(X, SUMS, np.ones((N, T, 2))),
        "sample_weight has 2 weights for every step of X, wanted one",
    ),
    "negative": (
        lambda: regressor(output="sequence").fit(X, SUMS, -np.ones((N, T))),
        "sample_weight must not be negative",
    ),
    "steps of a list": (
        lambda: regressor(output="sequence").fit(LIST, SUM_LIST, [np.ones(1) for _ in LIST]),
        f"sample_weight[{np.flatnonzero(LENGTHS > 1)[0]}] should be of shape",
    ),
    "weights of steps, one answer": (lambda: regressor().fit(X, TWO, np.ones((N, T))), "must be 1D"),
    "nothing to score": (
        lambda: regressor().fit(X, TWO).score(X[:2], [[np.nan, 1.0], [1.0, np.nan]]),
        "y has fewer than two targets in every output",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_samples_of_weight_zero_need_no_target() -> None:
    y = np.where(np.arange(N)[:, np.newaxis] == 2, np.nan, TWO)
    weight = (np.arange(N) != 2).astype(float)
    with_gap = regressor(shuffle=False).fit(X, y, weight)
    np.testing.assert_array_equal(
        weights_of(with_gap), weights_of(regressor(shuffle=False).fit(X, TWO, weight))
    )


def test_a_batch_of_partial_fit_may_lack_an_output() -> None:
    estimator = regressor().partial_fit(X, TWO)
    estimator.partial_fit(X, TWO * [1, np.nan])
    assert np.isfinite(estimator.loss_curve_).all()
