"""A detector step by step: the bits of the batch, refusals, copies, the threshold that adapts."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from fastgru import GRUAnomalyDetector

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(1)
T = np.arange(500)
X = np.column_stack([np.sin(T / 5), np.cos(T / 8), T % 7 / 3]) + 0.05 * RNG.normal(size=(500, 3))
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
HOLES[[0, 1, 60, 61]] = np.nan


def small(**params: Any) -> GRUAnomalyDetector:
    return GRUAnomalyDetector(**{"hidden_size": 12, "max_iter": 10, "random_state": 0, **params})


@pytest.fixture(scope="module")
def detector() -> GRUAnomalyDetector:
    return small().fit(X)


KINDS: dict[str, tuple[dict[str, Any], NDArray[np.float64]]] = {
    "plain": ({}, X),
    "unsmoothed": ({"smoothing": 0.0}, X),
    "float64": ({"dtype": "float64", "num_layers": 2}, X),
    "wide": ({"hidden_size": 70}, X),
    "int8": ({"precision": "int8"}, X),
    "high": ({"precision": "high", "hidden_size": 40}, X),
    "missing": ({"missing": "mask"}, HOLES),
    "one variable": ({}, X[:, :1]),
    "trend": ({}, X + T[:, np.newaxis] * [0, 0.1, -0.2]),
    "trend with holes": ({"missing": "mask"}, HOLES + T[:, np.newaxis] * [0, 0.1, -0.2]),
    "sequences": ({"samples": "sequences"}, X),
    "sequences with holes": ({"samples": "sequences", "missing": "mask"}, HOLES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gives_the_bits_of_the_batch(kind: str) -> None:
    params, x = KINDS[kind]
    if params.get("samples") == "sequences":
        parts = x.reshape(20, 25, -1)
        fitted = small(**params).fit(parts)
        for part in parts[:5]:
            stream = fitted.stream()
            scores = [stream.step(x_t) for x_t in part]
            wanted = [fitted.score_samples(part[np.newaxis, : t + 1])[0] for t in range(25)]
            np.testing.assert_array_equal(scores, wanted)
            parts_of_it = fitted.contributions(part[np.newaxis])[0]
            np.testing.assert_allclose(stream.contributions, parts_of_it, rtol=1e-9, atol=1e-12)
        return
    fitted = small(**params).fit(x)
    stream = fitted.stream()
    np.testing.assert_array_equal(stream.expected, fitted.expected(x)[0])
    for t, (x_t, score, flag) in enumerate(zip(x, fitted.score_samples(x), fitted.predict(x), strict=True)):
        assert stream.step(x_t) == score == stream.score, t
        assert stream.prediction == flag
        if t in (0, 1, 60, 61, 62, 200):
            np.testing.assert_array_equal(stream.expected, fitted.expected(x[: t + 2])[t + 1])
            np.testing.assert_array_equal(stream.contributions, fitted.contributions(x)[t])


def test_several_series_side_by_side(detector: GRUAnomalyDetector) -> None:
    stream = detector.stream(batch_size=3)
    starts = [0, 100, 200]
    scores = np.array([stream.step(X[[start + t for start in starts]]) for t in range(50)])
    for column, start in enumerate(starts):
        np.testing.assert_array_equal(scores[:, column], detector.score_samples(X[start : start + 50]))
    assert stream.prediction.shape == (3,) and stream.contributions.shape == stream.expected.shape == (3, 3)


@pytest.mark.parametrize(
    "copied", [lambda s: s.copy(), copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
@pytest.mark.parametrize("samples", ["steps", "sequences"])
def test_copies_and_pickles_go_on_by_themselves(copied: Any, samples: str) -> None:
    detector = small(samples=samples).fit(X if samples == "steps" else X.reshape(20, 25, 3))
    stream = detector.stream(adapt=0.1)
    for x_t in X[:30]:
        stream.step(x_t)
    twin = copied(stream)
    wanted = [(stream.step(x_t), stream.prediction, stream.offset) for x_t in X[30:60]]
    twin.step(9 + X[30])  # the one does not move the other
    twin = copied(stream)
    again = [(stream.step(x_t), stream.prediction, stream.offset) for x_t in X[60:90]]
    assert [(twin.step(x_t), twin.prediction, twin.offset) for x_t in X[60:90]] == again
    stream.reset()
    for x_t in X[:30]:
        stream.step(x_t)
    assert [(stream.step(x_t), stream.prediction, stream.offset) for x_t in X[30:60]] == wanted


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "NaN": ([np.nan, 0, 0], ValueError, "missing='mask'"),
    "infinity": ([np.inf, 0, 0], ValueError, "infinity"),
    "too large": ([1e39, 0, 0], ValueError, "too large"),
    "few": ([1.0, 2.0], ValueError, r"x must have shape \(1, 3\) or \(3,\), got \(2,\)"),
    "a number": (1.0, ValueError, r"got \(1,\)"),
    "two rows": (np.zeros((2, 3)), ValueError, "x must have shape"),
    "text": (["a", "b", "c"], (TypeError, ValueError), "x"),
    "complex": (np.zeros(3, complex), TypeError, "real numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_step_changes_nothing(case: str, detector: GRUAnomalyDetector) -> None:
    x, error, message = REFUSED[case]
    stream, whole = detector.stream(adapt=0.5), detector.stream(adapt=0.5)
    for x_t in X[:10]:
        whole.step(x_t)
        stream.step(x_t)
    before = (stream.score, stream.prediction, stream.offset)
    with pytest.raises(error, match=message):
        stream.step(x)
    assert (stream.score, stream.prediction, stream.offset) == before
    np.testing.assert_array_equal(stream.expected, whole.expected)
    assert [stream.step(x_t) for x_t in X[10:40]] == [whole.step(x_t) for x_t in X[10:40]]


def test_steps_in_other_containers(detector: GRUAnomalyDetector) -> None:
    wanted = detector.stream().step(X[0])
    for given in (X[0].tolist(), tuple(X[0]), X[:1], X[:1].astype(object)):
        assert np.all(detector.stream().step(given) == wanted)
    one = small().fit(X[:, 0])
    assert one.stream().step(0.5) == one.stream().step([0.5]) == one.stream().step(np.float64(0.5))


def test_the_threshold_adapts_to_the_share_it_was_fitted_for() -> None:
    louder = np.random.default_rng(2).normal(size=8000) * 2
    detector = small(contamination=0.05).fit(louder[:1000] / 2)
    fixed, adapting = detector.stream(), detector.stream(adapt=0.05)
    flags = np.empty((2, 8000))
    for t, value in enumerate(louder):
        scores = fixed.step(value), adapting.step(value)
        assert scores[0] == scores[1]
        flags[:, t] = fixed.prediction, adapting.prediction
    assert fixed.offset == detector.offset_ > adapting.offset
    assert (flags[0, 2000:] == -1).mean() > 0.15
    assert (flags[1, 2000:] == -1).mean() == pytest.approx(0.05, abs=0.015)
    adapting.reset()
    assert adapting.offset == detector.offset_


def test_bad_arguments_of_stream(detector: GRUAnomalyDetector) -> None:
    with pytest.raises(NotFittedError):
        small().stream()
    for adapt in (0, 1, -0.1, float("nan"), "fast", True):
        with pytest.raises(ValueError, match="adapt must be a number between 0 and 1"):
            detector.stream(adapt=adapt)
    with pytest.raises((ValueError, TypeError), match="batch_size"):
        detector.stream(0)
