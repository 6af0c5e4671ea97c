"""GRUAnomalyDetector: what it finds, the forms of X, its modes, its threshold, and what it explains."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score

from fastgru import GRUAnomalyDetector

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
T = np.arange(1000)
CLEAN = np.column_stack([20 + 3 * np.sin(T / 5), 1013 + 8 * np.cos(T / 11)]) + RNG.normal(size=(1000, 2)) * [
    0.1,
    0.3,
]
TRAIN, TEST = CLEAN[:600], CLEAN[600:]
TEST_WAVE = np.sin(T / 5) + 0.1 * RNG.normal(size=1000)
LABELS = np.zeros(400, dtype=bool)
LABELS[[100, 101, 102, 103, 250, 251, 300, 301, 302]] = True  # the jumps back among them


def small(**params: Any) -> GRUAnomalyDetector:
    return GRUAnomalyDetector(**{"hidden_size": 16, "max_iter": 40, "random_state": 0, **params})


def spoilt() -> NDArray[np.float64]:
    """The test part with a shift of the first variable, a spike of the second, and one of both."""
    x = TEST.copy()
    x[100:103, 0] += 3
    x[250, 1] -= 9
    x[300:302] += [2, 6]
    return x


@pytest.fixture(scope="module")
def fitted() -> GRUAnomalyDetector:
    return small().fit(TRAIN)


def test_it_finds_what_was_not_there_in_training(fitted: GRUAnomalyDetector) -> None:
    x = spoilt()
    scores = fitted.score_samples(x)
    assert scores.shape == (400,) and scores.dtype == np.float64
    assert average_precision_score(LABELS, -scores) > 0.85
    rival = -np.abs((x - TRAIN.mean(axis=0)) / TRAIN.std(axis=0)).max(axis=1)
    assert average_precision_score(LABELS, -rival) < 0.75
    found = fitted.predict(x)
    assert set(found) == {1, -1} and found.dtype.kind == "i"
    assert (found[LABELS] == -1).sum() >= 7
    assert (found[~LABELS] == -1).mean() < 0.03  # the steps after an anomaly, for the most part
    assert (fitted.predict(TEST) == -1).mean() < 0.02
    np.testing.assert_array_equal(fitted.decision_function(x), scores - fitted.offset_)
    np.testing.assert_array_equal(found == -1, scores < fitted.offset_)


def test_usual_steps_score_about_one_from_the_first(fitted: GRUAnomalyDetector) -> None:
    starts = np.array([fitted.score_samples(TEST[start : start + 30]) for start in range(0, 360, 12)])
    middle = np.median(starts, axis=0)
    assert ((middle < -0.3) & (middle > -2.0)).all(), middle
    far = TEST[:30] + np.array([40, 0])  # nothing is known but the median
    assert fitted.score_samples(far)[0] < -5


def test_the_share_of_contamination_is_that_of_the_threshold() -> None:
    for share in (0.02, 0.2):
        detector = small(contamination=share).fit(TRAIN)
        assert (detector.predict(TRAIN) == -1).sum() == round(share * len(TRAIN))
        np.testing.assert_allclose(
            detector.offset_, np.percentile(detector.score_samples(TRAIN), 100 * share), rtol=1e-12
        )
    automatic = small().fit(TRAIN)
    assert 1 <= (automatic.predict(TRAIN) == -1).sum() < 12
    np.testing.assert_array_equal(small().fit_predict(TRAIN), automatic.predict(TRAIN))


def test_smoothing_is_a_running_mean_of_the_errors(fitted: GRUAnomalyDetector) -> None:
    x = spoilt()
    plain = clone(fitted).set_params(smoothing=0.0).fit(TRAIN)
    errors, smooth = -plain.score_samples(x), -fitted.score_samples(x)
    wanted = errors[0]
    for error, found in zip(errors[1:], smooth[1:], strict=True):
        wanted = 0.4 * wanted + 0.6 * error
        assert found == pytest.approx(wanted, rel=1e-12)


def test_long_wild_stretches_stay_abnormal_in_the_training_data_too() -> None:
    x = TRAIN[:, 0].copy()
    x[300:320] = -50
    scores = small().fit(x).score_samples(x)
    assert scores[300:320].max() < np.delete(scores, slice(295, 330)).min()


def test_a_trend_goes_on() -> None:
    x = 0.05 * T + TEST_WAVE
    detector = small(max_iter=100).fit(x[:500])
    assert x[600:].min() > x[:500].max()  # far beyond all that was seen
    bad = x[500:].copy()
    bad[300] += 3
    scores, found = detector.score_samples(bad), detector.predict(bad) < 0
    assert scores.argmin() in (300, 301) and found[300]
    assert np.delete(found, range(298, 306)).mean() < 0.03
    assert detector.predict(x[900:])[0] == 1  # a series may begin anywhere
    level = small(max_iter=100).fit(TEST_WAVE[:500])
    assert (level.predict(x[700:]) < 0).mean() > 0.9  # where nothing drifted, another level is an anomaly


def test_counters_and_trends_with_holes() -> None:
    counter = np.column_stack([1e9 + 5.0 * T, 1e6 + np.cumsum(40 + RNG.normal(size=1000))])
    counter[1::2, 1] = np.nan  # read every other time
    detector = small(missing="mask").fit(counter[:600])
    bad = counter[600:].copy()
    bad[100:, 0] += 2.0  # the meter was turned
    bad[200:, 1] += 60.0
    scores, parts = detector.score_samples(bad), detector.contributions(bad)
    assert set(np.argsort(scores)[:2]) <= {100, 101, 200, 201}
    assert parts[100].argmax() == 0 and parts[200].argmax() == 1
    assert (detector.predict(counter[600:]) < 0).mean() < 0.03


def test_the_variable_to_blame(fitted: GRUAnomalyDetector) -> None:
    x = spoilt()
    parts = fitted.contributions(x)
    assert parts.shape == x.shape and (parts >= 0).all()
    np.testing.assert_allclose(parts.sum(axis=1), -fitted.score_samples(x), rtol=1e-12)
    assert parts[100, 0] > 5 * parts[100, 1]
    assert parts[250, 1] > 5 * parts[250, 0]


def test_expected_values_are_in_the_units_of_x(fitted: GRUAnomalyDetector) -> None:
    expected = fitted.expected(TEST)
    assert expected.shape == TEST.shape
    np.testing.assert_allclose(expected[0], np.median(TRAIN, axis=0))
    errors = np.abs(expected - TEST)[20:]
    changes = np.abs(np.diff(TEST, axis=0))[19:]
    assert (errors.mean(axis=0) < 0.75 * changes.mean(axis=0)).all()
    np.testing.assert_allclose(np.median(errors, axis=0) / 0.67, fitted.spread_, rtol=0.4)


def test_the_forms_of_series(fitted: GRUAnomalyDetector) -> None:
    wanted = fitted.score_samples(TEST)
    dates = pd.date_range("2024-01-01", periods=400, freq="h")
    for index in (None, dates, [f"row {i}" for i in range(400)]):
        frame = pd.DataFrame(TEST, index=index)
        np.testing.assert_array_equal(fitted.score_samples(frame), wanted)
    np.testing.assert_array_equal(fitted.score_samples(TEST.tolist()), wanted)
    np.testing.assert_array_equal(fitted.score_samples(np.asfortranarray(TEST)), wanted)
    several = fitted.score_samples([TEST, TEST[:50], TEST[:0]])
    assert [len(each) for each in several] == [400, 50, 0]
    np.testing.assert_array_equal(several[0], wanted)
    np.testing.assert_array_equal(several[1], wanted[:50])
    array = np.stack([TEST[:90], TEST[90:180]])
    assert fitted.score_samples(array).shape == fitted.predict(array).shape == (2, 90)
    np.testing.assert_array_equal(fitted.score_samples(array)[0], wanted[:90])
    assert fitted.contributions(array).shape == fitted.expected(array).shape == (2, 90, 2)
    assert [each.dtype.kind for each in fitted.predict([TEST, TEST[:5]])] == ["i", "i"]
    assert fitted.decision_function([TEST])[0][0] == wanted[0] - fitted.offset_


def test_a_series_of_one_variable_has_one_axis_or_two() -> None:
    x = TRAIN[:, 0]
    wanted = small().fit(x).score_samples(x)
    for given in (x[:, np.newaxis], pd.Series(x, name="temperature"), x.tolist()):
        np.testing.assert_array_equal(small().fit(given).score_samples(given), wanted)
    several = small().fit([x[:300], x[300:]])
    assert several.n_features_in_ == 1 and len(several.score_samples([x])[0]) == 600


def test_many_short_series() -> None:
    starts = RNG.integers(0, 500, size=40)
    series = [TRAIN[start : start + 30] for start in starts]
    detector = small().fit(series)
    assert detector.validation_scores_ is not None
    bad = series[0].copy()
    bad[20] += [6, 0]
    assert detector.score_samples([bad])[0].argmin() in (20, 21)


def test_sequences_have_one_score_each() -> None:
    X = np.stack([TRAIN[start : start + 40] for start in range(0, 550, 5)])
    detector = small(samples="sequences").fit(X)
    bad = X[:20].copy()
    bad[::2, 15:18, 1] += 9
    scores = detector.score_samples(bad)
    assert scores.shape == (20,) and scores[::2].max() < scores[1::2].min()
    assert (detector.predict(bad)[::2] == -1).all()
    parts = detector.contributions(bad)
    assert parts.shape == (20, 2) and (parts[::2].argmax(axis=1) == 1).all()
    np.testing.assert_allclose(parts.sum(axis=1), -scores, rtol=1e-12)
    np.testing.assert_array_equal(detector.score_samples(list(bad)), scores)
    np.testing.assert_array_equal(detector.score_samples(bad[3:4]), scores[3:4])
    assert detector.expected(bad).shape == bad.shape
    flat = small(samples="sequences").fit(X[:, :, 0])
    assert flat.n_features_in_ == 40 and flat.score_samples(X[:3, :, 0]).shape == (3,)


def test_missing_values_have_no_error() -> None:
    x = TRAIN.copy()
    x[RNG.random(x.shape) < 0.15] = np.nan
    x[:2] = np.nan
    detector = small(missing="mask").fit(x)
    test = spoilt()
    test[100:103, 1] = np.nan  # the first variable alone shows the anomaly
    test[200:204] = np.nan
    scores, parts = detector.score_samples(test), detector.contributions(test)
    assert np.isfinite(scores).all() and scores[101] < detector.offset_
    np.testing.assert_array_equal(scores[200:204], scores[199])  # carried on
    np.testing.assert_array_equal(parts[200:204], parts[[199] * 4])
    assert (parts[101] > 0)[0] and parts[102, 1] < parts[100, 1] < parts[99, 1]
    np.testing.assert_allclose(parts.sum(axis=1), -scores, rtol=1e-12)
    begins = np.vstack([np.full((3, 2), np.nan), TEST])
    start = detector.score_samples(begins)
    np.testing.assert_array_equal(start[:3], start[0])
    assert start[0] > detector.offset_
    assert np.isfinite(detector.expected(test)).all()
    with pytest.raises(ValueError, match="NaN"):
        small().fit(x)


def test_equal_bits_for_an_equal_seed(fitted: GRUAnomalyDetector) -> None:
    again = small(n_jobs=2).fit(TRAIN)
    np.testing.assert_array_equal(again.score_samples(TEST), fitted.score_samples(TEST))
    assert again.offset_ == fitted.offset_
    other = small(random_state=1).fit(TRAIN)
    assert not np.array_equal(other.score_samples(TEST), fitted.score_samples(TEST))
    state = small(random_state=np.random.RandomState(3)).fit(TRAIN)
    again = small(random_state=np.random.RandomState(3)).fit(TRAIN)
    np.testing.assert_array_equal(state.score_samples(TEST), again.score_samples(TEST))


def test_columns_are_compared_by_name() -> None:
    frame = pd.DataFrame(TRAIN, columns=["temperature", "pressure"])
    detector = small().fit(frame)
    assert list(detector.feature_names_in_) == ["temperature", "pressure"]
    with pytest.raises(ValueError, match="feature names should match"):
        detector.predict(frame[["pressure", "temperature"]])
    stream = detector.stream()
    stream.step(frame.iloc[0])
    with pytest.raises(ValueError, match="x has the columns"):
        stream.step(frame.iloc[0][::-1])


def test_constant_and_rare_variables() -> None:
    x = np.column_stack([TRAIN[:, 0], np.full(600, 7.0), np.zeros(600)])
    x[::97, 2] = 1.0
    detector = small().fit(x)
    assert np.isfinite(detector.score_samples(x)).all()
    wrong = x[:100].copy()
    wrong[50, 1] = 7.5
    scores = detector.score_samples(wrong)
    assert scores.argmin() == 50 and detector.contributions(wrong)[50].argmax() == 1
    constant = small().fit(np.full(100, 3.0))
    assert np.isfinite(constant.score_samples(np.full(50, 3.0))).all()
    assert constant.predict([3.0] * 20 + [4.0])[-1] == -1


BAD: dict[str, tuple[dict[str, Any], Any, str]] = {
    "rank 4": ({}, np.zeros((2, 3, 4, 5)), r"one series, or a list of such series, got a 4D array"),
    "a number": ({}, 3.0, "one series"),
    "text": ({}, [["a", "b"]] * 9, "X"),
    "infinity": ({}, np.full((9, 2), np.inf), "infinity"),
    "no steps": ({}, np.zeros((0, 2)), "0 sample"),
    "one step": ({}, np.zeros((1, 2)), r"1 time steps \(n_samples = 1\)"),
    "sequences of one step": ({"samples": "sequences"}, np.zeros((9, 1)), "take samples='steps'"),
    "nothing there": ({"missing": "mask"}, np.column_stack([T[:50], np.full(50, np.nan)]), "variable 1 has"),
    "nothing to train on": (
        {"missing": "mask"},
        pd.DataFrame({"a": T[:100] * 1.0, "b": np.where(T[:100] < 95, np.nan, 1.0)}),
        "variable 'b' has no value in the part that is trained on: validation_fraction=0.2",
    ),
    "samples": ({"samples": "rows"}, TRAIN, "'samples' parameter"),
    "contamination": ({"contamination": 0.6}, TRAIN, "'contamination' parameter"),
    "smoothing": ({"smoothing": 1.0}, TRAIN, "'smoothing' parameter"),
    "loss": ({"loss": "quantile"}, TRAIN, "'loss' parameter"),
    "chunk_length": ({"chunk_length": 0}, TRAIN, "'chunk_length' parameter"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    params, X, message = BAD[case]
    with pytest.raises((ValueError, TypeError), match=message):
        small(**params).fit(X)


def test_the_wrong_mode_is_noticed(fitted: GRUAnomalyDetector) -> None:
    with pytest.raises(NotFittedError):
        small().predict(TRAIN)
    with pytest.raises(ValueError, match="reads the rows of X as the time steps of one series"):
        fitted.predict(np.zeros((30, 5)))
    with pytest.raises(ValueError, match=r"one time step: X\[np.newaxis\]"):
        fitted.predict(TEST[0])
    waves = np.stack([np.sin(T[:50] / 4 + phase) for phase in RNG.uniform(0, 6, size=40)])
    with pytest.warns(UserWarning, match="its columns follow each other like time steps"):
        small(max_iter=2).fit(waves)
    with pytest.warns(UserWarning, match="its rows follow each other like time steps"):
        small(samples="sequences", max_iter=2).fit(TRAIN)
    with pytest.raises(ValueError, match="for one series, whose rows are time steps"):
        small(samples="sequences", max_iter=2).fit(waves).predict(TEST)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", category=Warning)
        warnings.filterwarnings("error", message=".*follow each other.*")
        small(max_iter=2).fit(TRAIN)
        small(samples="sequences", max_iter=2).fit(waves)
