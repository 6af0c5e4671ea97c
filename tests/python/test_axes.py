"""Shapes that can be read in two ways: an error, or a warning that names the transposition."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from fastgru import GRUClassifier, GRURegressor, SequenceScaler
from fastgru.estimators._axes import warn_of_few_steps

RNG = np.random.default_rng(9)
N, T, CHANNELS = 24, 40, 3
LEVELS = np.array([0.0, 100.0, -7.0])
WALK = RNG.standard_normal((N, T, CHANNELS)).cumsum(axis=1) + LEVELS
NOISE = RNG.standard_normal((N, T, CHANNELS))
LENGTHS = RNG.integers(10, T, size=N)
Y = RNG.standard_normal(N)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 3, "max_iter": 1, "random_state": 0, **params})


def with_gaps(X: Any) -> Any:
    return np.where(RNG.random(X.shape) < 0.3, np.nan, X)


TURNED: dict[str, tuple[Any, dict[str, Any]]] = {
    "smooth": (WALK.transpose(0, 2, 1), {}),
    "noise": (NOISE.transpose(0, 2, 1), {}),
    "one channel": (WALK[:, None, :, 0], {}),
    "one channel of noise": (NOISE[:, None, :, 0], {}),
    "float32": (WALK.astype(np.float32).transpose(0, 2, 1), {}),
    "not many more": (WALK[:, :5].transpose(0, 2, 1), {}),
    "with gaps": (with_gaps(WALK).transpose(0, 2, 1), {"missing": "mask"}),
}


@pytest.mark.parametrize("case", TURNED)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_channels_first_is_noticed(case: str, method: str) -> None:
    X, params = TURNED[case]
    message = rf"X of shape \({N}, .* is read as {X.shape[1]} time steps of {X.shape[2]} features.*transpose"
    with pytest.warns(UserWarning, match=message) as noticed:
        getattr(small(**params), method)(X, Y)
    assert noticed[0].filename == __file__


def test_a_look_at_the_axes_takes_little_memory() -> None:
    X = np.broadcast_to(np.float32(1.0), (1000, 2000, 100_000))  # 800 GB, if somebody copied it
    tracemalloc.start()
    with pytest.warns(UserWarning, match="2000 time steps of 100000 features"):
        warn_of_few_steps(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


def test_channels_first_is_noticed_by_the_scaler_and_the_classifier() -> None:
    X = WALK.transpose(0, 2, 1)
    for fit in (lambda: SequenceScaler().fit(X), lambda: GRUClassifier(max_iter=1).fit(X, Y > 0)):
        with pytest.warns(UserWarning, match=r"pass X\.transpose\(0, 2, 1\)") as noticed:
            fit()
        assert noticed[0].filename == __file__


def test_lists_of_channels_first_are_noticed() -> None:
    equal = [x.T for x in WALK]
    with pytest.warns(UserWarning, match=r"A list of 24 sequences is read as 3 time steps .* pass x\.T"):
        small().fit(equal, Y)
    unlike = [x[:length].T for x, length in zip(WALK, LENGTHS, strict=True)]
    with pytest.raises(ValueError, match=r"in their number of time steps only\. If each is .*pass x\.T"):
        small().fit(unlike, Y)


OURS: dict[str, tuple[Any, dict[str, Any]]] = {
    "usual": (WALK, {}),
    "table": (WALK[:, :, 0], {}),
    "one feature": (WALK[:, :, :1], {}),
    "one step of a few": (WALK[:, 0, None, :], {}),
    "many features": (RNG.standard_normal((N, 10, 40)).cumsum(axis=1), {}),
    "twice as many features of noise": (RNG.standard_normal((N, 10, 20)), {}),
    "as many": (RNG.standard_normal((N, 8, 8)).cumsum(axis=2), {}),
    "constant": (np.ones((N, 10, 20)), {}),
    "always missing": (np.full((N, 10, 20), np.nan), {"missing": "mask"}),
    "tokens": (RNG.integers(1, 9, size=(N, 12)), {"embedding_dim": 2}),
    "list": ([x[:length] for x, length in zip(WALK, LENGTHS, strict=True)], {}),
}


@pytest.mark.filterwarnings("default")
def test_the_other_warnings_point_at_the_callers_line_too() -> None:
    data = RNG.standard_normal((N, 5)) + 1e7
    with pytest.warns(UserWarning) as noticed:
        small().fit(data, Y + 1e9)
    texts = [str(each.message) for each in noticed]
    assert any("keep few digits" in text for text in texts), texts
    assert any("Maximum iterations" in text for text in texts), texts
    assert {each.filename for each in noticed} == {__file__}
    with pytest.warns(UserWarning) as noticed:
        small(early_stopping=True).fit(data, Y)
    assert {each.filename for each in noticed} == {__file__}


@pytest.mark.parametrize("case", OURS)
def test_nothing_is_said_about_the_usual_order(case: str) -> None:
    X, params = OURS[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", "Stochastic Optimizer")
        small(**params).fit(X, Y)


def fitted(features: int) -> GRURegressor:
    return small().fit(WALK[:, :, :features], Y)


@pytest.mark.parametrize("method", ["predict", "gates", "score"])
def test_one_sequence_without_its_axis_is_refused(method: str) -> None:
    estimator, sequence = fitted(1), WALK[0, :, :1]
    more = [np.zeros(T)] if method == "score" else []
    with pytest.raises(
        ValueError, match=r"X of shape \(40, 1\) can be read in two ways: pass X\[np.newaxis\]"
    ):
        getattr(estimator, method)(sequence, *more)
    assert estimator.predict(sequence[np.newaxis]).shape == (1,)
    assert estimator.predict(sequence[:, np.newaxis]).shape == (T,)
    assert estimator.predict(sequence[:1]).shape == (1,)  # one step: one answer in both ways
    assert estimator.predict(sequence.T).shape == (1,)


def test_a_classifier_refuses_one_sequence_without_its_axis() -> None:
    estimator = GRUClassifier(hidden_size=3, max_iter=1).fit(WALK[:, :, :1], Y > 0)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(ValueError, match="can be read in two ways"):
            getattr(estimator, method)(WALK[0, :, :1])


REFUSED: dict[str, tuple[int, Any, str]] = {
    "channels first": (3, WALK.transpose(0, 2, 1), r"expecting 3 .* pass X\.transpose\(0, 2, 1\)"),
    "one channel first": (1, WALK[:, None, :, 0], r"expecting 1 .* pass X\.transpose\(0, 2, 1\)"),
    "list": (3, [x.T for x in WALK], r"expecting 3 .* pass x\.T"),
    "one sequence": (3, WALK[0], r"was fitted with 3: .* If X is one sequence, pass X\[np\.newaxis\]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_shapes_are_refused_with_the_right_one(case: str) -> None:
    features, X, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        fitted(features).predict(X)


def test_other_numbers_of_features_get_no_such_advice() -> None:
    with pytest.raises(ValueError, match=r"X has 5 features, but GRURegressor is expecting 3 .*input\.$"):
        fitted(3).predict(np.zeros((2, 7, 5)))
