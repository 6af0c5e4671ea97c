"""Losses and quantiles of the regressor; predictions at every step and pooling of both estimators."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_pinball_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(11)
X3 = RNG.standard_normal((150, 8, 2))
Y = X3[:, -1, 0] + 0.5 * X3[:, -2, 1] + 10
Y2 = np.stack([Y, 100 * X3[:, -1, 1]], axis=1)
LENGTHS = RNG.integers(1, 9, 150)
X = [x[:n] for x, n in zip(X3, LENGTHS, strict=True)]
SUMS = X3.cumsum(axis=1)  # (150, 8, 2): a target for every step
LABELS = np.where(SUMS[:, :, 0] > 0, "plus", "minus")
THREE = np.digitize(SUMS[:, :, 0], [-1, 1])


def ragged(array: np.ndarray) -> list[np.ndarray]:
    return [part[:n] for part, n in zip(array, LENGTHS, strict=True)]


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


LONG = {"max_iter": 120, "learning_rate_init": 0.01, "hidden_size": 16}


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_every_loss_learns(loss: str) -> None:
    assert regressor(loss=loss, **LONG).fit(X3, Y2).score(X3, Y2) > 0.9


def test_the_losses_are_what_they_say() -> None:
    still = {"learning_rate_init": 1e-12, "max_iter": 1, "batch_size": 150, "dtype": "float64"}

    def errors(estimator: GRURegressor) -> np.ndarray:
        return (estimator.predict(X3) - Y2) / Y2.std(axis=0)

    absolute = regressor(loss="absolute_error", **still).fit(X3, Y2)
    assert absolute.loss_ == pytest.approx(np.abs(errors(absolute)).mean(), rel=1e-6)
    huber = regressor(loss="huber", huber_delta=0.5, **still).fit(X3, Y2)
    e = np.abs(errors(huber))
    assert huber.loss_ == pytest.approx(np.where(e < 0.5, e**2 / 2, 0.5 * (e - 0.25)).mean(), rel=1e-6)
    several = regressor(loss="quantile", quantile=[0.2, 0.7], **still).fit(X3, Y)
    losses = [mean_pinball_loss(Y, several.predict(X3)[:, q], alpha=a) for q, a in enumerate([0.2, 0.7])]
    assert several.loss_ == pytest.approx(np.mean(losses) / Y.std(), rel=1e-6)


def test_robust_losses_shrug_at_outliers() -> None:
    wild = Y.copy()
    wild[::15] += 30
    assert r2_score(Y, regressor(loss="absolute_error", **LONG).fit(X3, wild).predict(X3)) > 0.3
    assert r2_score(Y, regressor(**{**LONG, "max_iter": 30}).fit(X3, wild).predict(X3)) < 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_quantiles_do_not_cross_and_cover(dtype: str) -> None:
    noise = RNG.standard_normal((600, 5))
    y = noise[:, -1] + (1 + (noise[:, 0] > 0)) * RNG.standard_normal(600) + 1e6
    levels = [0.9, 0.1, 0.5, 0.05, 0.95]
    estimator = regressor(loss="quantile", quantile=levels, dtype=dtype, max_iter=60).fit(noise, y)
    far = np.concatenate([noise, 100 * noise])
    answers = estimator.predict(far)
    assert answers.shape == (1200, 5) and (np.diff(answers, axis=1) >= 0).all()
    covered = (y[:, None] <= estimator.predict(noise)).mean(axis=0)
    np.testing.assert_allclose(covered, np.sort(levels), atol=0.08)
    assert 0 < estimator.score(noise, y) < 1


def test_shapes_of_quantiles(tmp_path: Path) -> None:
    assert regressor(loss="quantile").fit(X3, Y).predict(X3).shape == (150,)
    assert regressor(loss="quantile", quantile=0.3).fit(X3, Y2).predict(X3).shape == (150, 2)
    several = regressor(loss="quantile", quantile=np.array([0.1, 0.5, 0.9])).fit(X3, Y2)
    assert several.predict(X3).shape == (150, 2, 3) and (np.diff(several.predict(X3)) >= 0).all()
    several.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(X3), several.predict(X3))
    stream = loaded.stream()
    for t in range(8):
        answer = stream.step(X3[0, t])
    np.testing.assert_allclose(answer.reshape(2, 3), several.predict(X3[:1])[0], rtol=1e-6)
    np.testing.assert_array_equal(several.set_params(quantile=0.4).predict(X3), loaded.predict(X3))


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling(pooling: str, bidirectional: bool, tmp_path: Path) -> None:
    params = {"pooling": pooling, "bidirectional": bidirectional}
    y = np.array([x[:, 0].mean() if pooling == "mean" else x[:, 0].max() for x in X])
    if pooling != "last":
        assert regressor(**LONG, **params).fit(X, y).score(X, y) > 0.9
        assert classifier(**LONG, **params).fit(X, y > 0).score(X, y > 0) > 0.9
    estimator = regressor(**params).fit(X, y)
    together = estimator.predict(X)
    np.testing.assert_array_equal(together, [estimator.predict([x])[0] for x in X])
    estimator.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastgru.load(tmp_path / "m.safetensors").predict(X), together)
    if bidirectional:
        return
    stream = estimator.stream()
    for row in (0, 1):
        for step in X[row]:
            answer = stream.step(step)
        np.testing.assert_allclose(answer, together[row], rtol=1e-5)
        stream.reset()
    if pooling != "last":
        with pytest.raises(ValueError, match="state cannot be set where the states so far are pooled"):
            stream.state = stream.state


@pytest.mark.parametrize("listed", [False, True], ids=["array", "list"])
def test_a_regression_for_every_step(listed: bool, tmp_path: Path) -> None:
    data, y = (X, ragged(SUMS)) if listed else (X3, SUMS)
    estimator = regressor(output="sequence", **LONG).fit(data, y)
    answers = estimator.predict(data)
    assert estimator.score(data, y) > 0.9 and estimator.n_outputs_ == 2
    flat, wanted = (np.concatenate(each) if listed else each.reshape(-1, 2) for each in (answers, y))
    assert estimator.score(data, y) == pytest.approx(r2_score(wanted, flat))
    for i in range(0, 150, 30):
        assert answers[i].shape == y[i].shape
        np.testing.assert_array_equal(estimator.predict([data[i]])[0], answers[i])
    one = regressor(output="sequence").fit(data, ragged(SUMS[:, :, 0]) if listed else SUMS[:, :, 0])
    assert one.predict(data)[0].shape == (len(data[0]),)
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(data)[3], answers[3])
    stream = pickle.loads(pickle.dumps(estimator)).stream()
    for t, step in enumerate(data[5]):
        np.testing.assert_allclose(stream.step(step), answers[5][t], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("listed", [False, True], ids=["array", "list"])
@pytest.mark.parametrize("labels", [LABELS, THREE], ids=["two", "three"])
def test_a_label_for_every_step(labels: np.ndarray, listed: bool, tmp_path: Path) -> None:
    data, y = (X, ragged(labels)) if listed else (X3, labels)
    estimator = classifier(output="sequence", bidirectional=True, **LONG).fit(data, y)
    answers, p, scores = (
        estimator.predict(data),
        estimator.predict_proba(data),
        estimator.decision_function(data),
    )
    log_p = estimator.predict_log_proba(data)
    assert estimator.score(data, y) > 0.85
    n_classes = len(np.unique(labels))
    for i in range(0, 150, 30):
        assert answers[i].shape == y[i].shape and p[i].shape == (*y[i].shape, n_classes)
        np.testing.assert_array_equal(answers[i], estimator.classes_[p[i].argmax(axis=-1)])
        np.testing.assert_allclose(np.exp(log_p[i]), p[i], rtol=1e-4)
        assert scores[i].shape == (y[i].shape if n_classes == 2 else p[i].shape)
    flat, wanted = (np.concatenate(each) for each in (answers, y))
    assert estimator.score(data, y) == pytest.approx(accuracy_score(wanted.ravel(), flat.ravel()))
    estimator.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastgru.load(tmp_path / "m.safetensors").predict(data)[7], answers[7])


def test_weights_searches_and_early_stopping_of_sequences() -> None:
    weight = RNG.integers(0, 3, 150).astype(float)
    y = ragged(SUMS)
    rows = np.repeat(np.arange(150), weight.astype(int))
    full = {"output": "sequence", "batch_size": 1000, "dtype": "float64", "shuffle": False}
    weighted = regressor(**full).fit(X, y, weight)
    repeated = regressor(**full).fit([X[i] for i in rows], [y[i] for i in rows])
    np.testing.assert_allclose(weighted.predict(X)[0], repeated.predict(X)[0], rtol=1e-8)
    assert weighted.score(X, y, weight) == pytest.approx(
        weighted.score([X[i] for i in rows], [y[i] for i in rows])
    )
    early = regressor(output="sequence", early_stopping=True, max_iter=30).fit(X, y, weight)
    assert len(early.validation_scores_) == early.n_iter_
    assert cross_val_score(classifier(output="sequence"), X, ragged(LABELS), cv=3).shape == (3,)
    search = GridSearchCV(regressor(), {"output": ["sequence"], "hidden_size": [3, 4]}, cv=2).fit(X3, SUMS)
    assert search.predict(X3).shape == SUMS.shape


def test_class_weights_of_steps() -> None:
    y = ragged(np.where(RNG.uniform(size=(150, 8)) < 0.1, "rare", "usual"))
    plain = classifier(output="sequence", max_iter=20).fit(X, y)
    balanced = classifier(output="sequence", class_weight="balanced").fit(X, y)
    given = classifier(output="sequence", class_weight={"rare": 9.0, "usual": 1.0}).fit(X, y)

    def share(estimator: GRUClassifier) -> float:
        return float(np.concatenate(estimator.predict_proba(X))[:, 0].mean())

    assert share(plain) < 0.25 and share(balanced) > 0.35 and share(given) > 0.35


def test_several_labels_at_every_step() -> None:
    y = (SUMS > 0).astype(int)
    estimator = classifier(output="sequence", **LONG).fit(X3, y)
    assert estimator.multilabel_ and estimator.predict(X3).shape == y.shape
    assert (estimator.predict(X3) == y).mean() > 0.9


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "loss": (lambda: regressor(loss="hinge").fit(X3, Y), ValueError, "'loss' parameter"),
    "quantile 0": (
        lambda: regressor(loss="quantile", quantile=0.0).fit(X3, Y),
        ValueError,
        "'quantile' parameter",
    ),
    "quantile list": (
        lambda: regressor(loss="quantile", quantile=[0.5, 1.0]).fit(X3, Y),
        ValueError,
        "quantile must be numbers between 0 and 1",
    ),
    "quantile twice": (
        lambda: regressor(loss="quantile", quantile=[0.5, 0.5]).fit(X3, Y),
        ValueError,
        "different numbers",
    ),
    "quantile none": (
        lambda: regressor(loss="quantile", quantile=[]).fit(X3, Y),
        ValueError,
        "different numbers",
    ),
    "huber_delta": (lambda: regressor(huber_delta=0.0).fit(X3, Y), ValueError, "'huber_delta' parameter"),
    "output": (lambda: regressor(output="all").fit(X3, Y), ValueError, "'output' parameter"),
    "pooling": (lambda: classifier(pooling="sum").fit(X3, Y > 10), ValueError, "'pooling' parameter"),
    "pooling of sequences": (
        lambda: regressor(output="sequence", pooling="mean").fit(X3, SUMS),
        ValueError,
        "pooling must be 'last'",
    ),
    "y per sample": (
        lambda: regressor(output="sequence").fit(X3, Y),
        ValueError,
        r"y should be of shape \(150, 8\) or .* got \(150,\)",
    ),
    "y other steps": (
        lambda: regressor(output="sequence").fit(X3, SUMS[:, :7]),
        ValueError,
        r"y should be of shape \(150, 8\) .* got \(150, 7, 2\)",
    ),
    "y one step short": (
        lambda: regressor(output="sequence").fit(X, [*ragged(SUMS)[:149], SUMS[149, : LENGTHS[149] - 1]]),
        ValueError,
        r"y\[149\] should be of shape",
    ),
    "y ragged outputs": (
        lambda: regressor(output="sequence").fit(list(X3), [*SUMS[:149], SUMS[149, :, 0]]),
        ValueError,
        r"y\[149\] has shape \(8,\), but y\[0\] has \(8, 2\)",
    ),
    "y shorter": (
        lambda: classifier(output="sequence").fit(X, ragged(LABELS)[:-1]),
        ValueError,
        "inconsistent numbers of samples",
    ),
    "y one class": (
        lambda: classifier(output="sequence").fit(X3, np.ones((150, 8), int)),
        ValueError,
        "one class alone",
    ),
    "y infinite": (
        lambda: regressor(output="sequence").fit(X3, np.where(SUMS > 4, np.inf, SUMS)),
        ValueError,
        "y contains infinity",
    ),
    "sequences with y None": (lambda: regressor(output="sequence").fit(X3, None), ValueError, "requires y"),
    "warm start output": (
        lambda: regressor(warm_start=True).fit(X3, Y).set_params(output="sequence").fit(X3, SUMS),
        ValueError,
        "output='sequence', but .* output='last'",
    ),
    "warm start loss": (
        lambda: regressor(warm_start=True).fit(X3, Y).set_params(loss="huber").fit(X3, Y),
        ValueError,
        "loss='huber', but .* loss='squared_error'",
    ),
    "weights of labels at every step": (
        lambda: classifier(output="sequence", class_weight="balanced").fit(X3, (SUMS > 0).astype(int)),
        ValueError,
        "class_weight is not possible for several labels at every step",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str) -> None:
    call, error, message = CASES[case]
    with pytest.raises(error, match=message):
        call()
