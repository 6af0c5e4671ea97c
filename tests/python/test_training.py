"""Missing values, dropout, truncation, schedules, callbacks, Ctrl-C, and the gates: both estimators."""

from __future__ import annotations

import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(31)
X3 = RNG.standard_normal((150, 9, 2))
Y = X3[:, -1, 0] + 0.5 * X3[:, -2, 1] + 10
LENGTHS = RNG.integers(1, 10, 150)
X = [x[:n] for x, n in zip(X3, LENGTHS, strict=True)]
SUMS = X3.cumsum(axis=1)
HOLES = np.where(RNG.uniform(size=X3.shape) < 0.2, np.nan, X3 * [1, 1000] + [5, -3000])

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = ignore_convergence


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


LONG = {"max_iter": 120, "learning_rate_init": 0.01, "hidden_size": 16}


def test_missing_values(tmp_path: Path) -> None:
    y = np.nansum(HOLES[:, -3:, 0], axis=1)
    estimator = regressor(missing="mask", **LONG).fit(HOLES, y)
    assert estimator.score(HOLES, y) > 0.9 and estimator.n_features_in_ == 2
    x_mean, x_scale, _, _ = estimator._network.scaling
    np.testing.assert_allclose(x_mean, np.nanmean(HOLES, axis=(0, 1)))
    np.testing.assert_allclose(x_scale, np.nanstd(HOLES, axis=(0, 1)))
    listed = [x[:n] for x, n in zip(HOLES, LENGTHS, strict=True)]
    ragged = regressor(missing="mask").fit(listed, Y)
    np.testing.assert_array_equal(ragged.predict(listed), [ragged.predict([x])[0] for x in listed])
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(HOLES), estimator.predict(HOLES))
    stream = loaded.stream()
    for step in HOLES[0]:
        answer = stream.step(step)
    np.testing.assert_allclose(answer, estimator.predict(HOLES[:1]), rtol=1e-5)
    labels = GRUClassifier(missing="mask", max_iter=5, random_state=0).fit(HOLES, y > 15)
    assert labels.predict(HOLES).shape == (150,)


def test_missing_values_in_frames_and_of_whole_features() -> None:
    frame = pd.DataFrame(HOLES[:, :, 0], columns=[f"t{i}" for i in range(9)])
    frame["t3"] = np.nan
    estimator = regressor(missing="mask").fit(frame, Y)
    assert np.isfinite(estimator.predict(frame)).all()
    empty = HOLES.copy()
    empty[:, :, 1] = np.nan
    assert np.isfinite(regressor(missing="mask").fit(empty, Y).predict(empty)).all()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        regressor().fit(HOLES, Y)
    with pytest.raises(ValueError, match=r"Input X\[\d+\] contains NaN"):
        regressor().fit(list(HOLES), Y)
    for bad in (np.where(np.isnan(HOLES), np.inf, HOLES), list(np.where(np.isnan(HOLES), np.inf, HOLES))):
        with pytest.raises(ValueError, match=r"Input X.* contains infinity"):
            regressor(missing="mask").fit(bad, Y)


@pytest.mark.parametrize("params", [{"input_dropout": 0.3}, {"recurrent_dropout": 0.3}, {"bptt": 4}], ids=str)
def test_regularisers_and_truncation(params: dict[str, Any], tmp_path: Path) -> None:
    plain = regressor().fit(X, Y)
    estimator = regressor(**params).fit(X, Y)
    again = regressor(n_jobs=1, **params).fit(X, Y)
    np.testing.assert_array_equal(estimator.predict(X), again.predict(X))
    assert not np.allclose(estimator.predict(X), plain.predict(X))
    assert regressor(**params, **LONG).fit(X3, Y).score(X3, Y) > 0.6
    assert regressor(output="sequence", **params, **LONG).fit(X3, SUMS).score(X3, SUMS) > 0.6
    halves = (
        regressor(**{**params, "max_iter": 2}, warm_start=True).fit(X, Y).set_params(max_iter=3).fit(X, Y)
    )
    np.testing.assert_array_equal(halves.predict(X), estimator.predict(X))
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert loaded.get_params() == estimator.get_params()
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def test_truncation_bites_only_beyond_its_length() -> None:
    for kind in ({}, {"output": "sequence"}):
        y = SUMS if kind else Y
        whole = regressor(**kind).fit(X3, y).predict(X3)
        np.testing.assert_array_equal(regressor(bptt=9, **kind).fit(X3, y).predict(X3), whole)
        assert not np.allclose(regressor(bptt=8, **kind).fit(X3, y).predict(X3), whole)


def test_learning_rates() -> None:
    seen: list[dict[str, Any]] = []
    regressor(learning_rate="cosine", callbacks=seen.append, max_iter=10).fit(X3, Y)
    wanted = 5e-3 * 0.5 * (1 + np.cos(np.pi * np.arange(10) / 10))
    np.testing.assert_allclose([event["learning_rate"] for event in seen], wanted)
    seen.clear()
    plateau = regressor(
        learning_rate="plateau", callbacks=[seen.append], max_iter=200, n_iter_no_change=2, tol=10.0
    ).fit(X3, Y)
    rates = np.array([event["learning_rate"] for event in seen])
    assert plateau.n_iter_ < 200 and rates.min() == pytest.approx(5e-3 / 5**5) and (np.diff(rates) <= 0).all()
    np.testing.assert_allclose(np.unique(rates)[::-1], 5e-3 / 5.0 ** np.arange(6))
    seen.clear()
    regressor(callbacks=seen.append).fit(X3, Y)
    assert {event["learning_rate"] for event in seen} == {5e-3}


def test_callbacks_see_every_epoch_and_may_stop(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def stop_at_three(event: dict[str, Any]) -> bool:
        return bool(event["epoch"] == 3)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        estimator = regressor(callbacks=[stop_at_three, seen.append], early_stopping=True, max_iter=50).fit(
            X3, Y
        )
    assert estimator.n_iter_ == len(seen) == 3
    assert [event["loss"] for event in seen] == estimator.loss_curve_
    assert [event["validation_score"] for event in seen] == estimator.validation_scores_
    best = int(np.argmax(estimator.validation_scores_)) + 1
    np.testing.assert_array_equal(
        estimator.predict(X3), regressor(early_stopping=True, max_iter=best).fit(X3, Y).predict(X3)
    )
    estimator.save(tmp_path / "m.safetensors")
    assert fastgru.load(tmp_path / "m.safetensors").callbacks is None
    assert clone(regressor(callbacks=[print])).callbacks == [print]


@pytest.mark.parametrize("estimator", [GRURegressor(), GRUClassifier()], ids=["regressor", "classifier"])
def test_ctrl_c_stops_fit_soon_and_keeps_the_best_weights(estimator: Any) -> None:
    X_long = RNG.standard_normal((600, 60, 4))
    y = (X_long[:, -1, 0] > 0).astype(int)
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(1.5, press)
    estimator.set_params(hidden_size=32, max_iter=10**6, n_iter_no_change=np.inf, random_state=0)
    timer.start()
    with pytest.warns(UserWarning, match="interrupted by user: the best weights of .* whole epochs are kept"):
        estimator.fit(X_long, y)
    took = time.perf_counter() - pressed[0]
    timer.join()
    assert estimator.n_iter_ >= 1
    assert took < 5  # 0.2 s on an idle machine, which no test asserts
    count = int(np.argmin(estimator.loss_curve_)) + 1
    same = clone(estimator).set_params(max_iter=count).fit(X_long, y)
    np.testing.assert_array_equal(estimator.predict(X_long), same.predict(X_long))


def test_metadata_is_routed_and_tags_are_true() -> None:
    weight = np.tile([0.0, 1.0], 75)
    with config_context(enable_metadata_routing=True):
        for estimator in (regressor(), GRUClassifier(hidden_size=4, max_iter=3, random_state=0)):
            routed = estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            GridSearchCV(routed, {"hidden_size": [3]}, cv=2).fit(X3, Y > 10, sample_weight=weight)
        GRUClassifier().set_partial_fit_request(classes=True, sample_weight=True)
    assert regressor(missing="mask").__sklearn_tags__().input_tags.allow_nan
    assert not regressor().__sklearn_tags__().input_tags.allow_nan
    assert GRUClassifier().__sklearn_tags__().classifier_tags.multi_label


def reference_states(gates: Any, bidirectional: bool) -> np.ndarray:
    """h = (1 - z) n + z h_prev, computed from the gates alone."""
    size = gates.state.shape[-1] // (2 if bidirectional else 1)
    z, n, h = gates.update, gates.candidate, gates.state
    before = np.zeros_like(h)
    before[:, 1:, :size] = h[:, :-1, :size]
    if bidirectional:
        before[:, :-1, size:] = h[:, 1:, size:]
    return (1 - z) * n + z * before


@pytest.mark.parametrize(
    "params", [{}, {"reset_after": False}, {"bidirectional": True}, {"dtype": "float64"}], ids=str
)
def test_gates_explain_the_states(params: dict[str, Any]) -> None:
    estimator = regressor(num_layers=2, output="sequence", **params).fit(X3, SUMS)
    both = params.get("bidirectional", False)
    for layer in (0, 1, -1):
        gates = estimator.gates(X3[:5], layer=layer)
        for part in gates[:2]:
            assert part.shape == (5, 9, 16 if both else 8) and (part > 0).all() and (part < 1).all()
        np.testing.assert_allclose(reference_states(gates, both), gates.state, atol=1e-6)
    weight, bias = _head(estimator)
    mean, scale = estimator._network.scaling[2:]
    answers = (gates.state @ weight.T + bias) * scale + mean
    np.testing.assert_allclose(answers, estimator.predict(X3[:5]), rtol=1e-4, atol=1e-4)
    listed = estimator.gates(X[:4])
    assert [part.shape[0] for part in listed.update] == list(LENGTHS[:4])
    np.testing.assert_allclose(listed.state[2], estimator.gates([X[2]]).state[0])


def _head(estimator: GRURegressor) -> tuple[np.ndarray, np.ndarray]:
    flat = estimator._network.parameters.astype(float)
    layout = dict(estimator._network.parameter_layout)
    outputs, inputs = layout["head.weight"]
    return flat[-outputs * (inputs + 1) : -outputs].reshape(outputs, inputs), flat[-outputs:]


def test_gates_of_tokens_and_missing_values() -> None:
    tokens = RNG.integers(1, 9, (40, 6))
    gates = regressor(embedding_dim=3).fit(tokens, tokens[:, -1]).gates(tokens[:2])
    np.testing.assert_allclose(reference_states(gates, False), gates.state, atol=1e-6)
    gates = regressor(missing="mask").fit(HOLES, Y).gates(HOLES[:2])
    np.testing.assert_allclose(reference_states(gates, False), gates.state, atol=1e-6)


def test_everything_survives_a_pickle() -> None:
    estimator = GRUClassifier(
        missing="mask", bptt=5, input_dropout=0.1, recurrent_dropout=0.1, learning_rate="cosine", max_iter=3
    ).fit(HOLES, Y > 10)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.predict_proba(HOLES), estimator.predict_proba(HOLES))


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "bptt, two directions": (
        lambda: regressor(bptt=3, bidirectional=True).fit(X3, Y),
        ValueError,
        "bptt is not",
    ),
    "bptt, pooling": (
        lambda: regressor(bptt=3, pooling="mean").fit(X3, Y),
        ValueError,
        "bptt is not possible",
    ),
    "layer": (lambda: regressor().fit(X3, Y).gates(X3, layer=1), ValueError, "layer must be one of 1"),
    "gates features": (lambda: regressor().fit(X3, Y).gates(X3[..., :1]), ValueError, "X has 1 features"),
    "callback not callable": (
        lambda: regressor(callbacks=[print, 3]).fit(X3, Y),
        ValueError,
        r"callbacks\[1\] must be callable, got 3",
    ),
    "missing later": (
        lambda: regressor().fit(X3, Y).set_params(missing="mask").predict(HOLES),
        ValueError,
        "Input X contains NaN",
    ),
    "warm start missing": (
        lambda: regressor(warm_start=True).fit(X3, Y).set_params(missing="mask").fit(X3, Y),
        ValueError,
        "missing",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str) -> None:
    call, error, message = CASES[case]
    with pytest.raises(error, match=message):
        call()
