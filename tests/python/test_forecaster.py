"""GRUForecaster: what it learns, its choices, inputs and targets, quantiles, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_forecaster import FORMS, SMALL, wave

from fastgru import GRUForecaster
from fastgru.datasets import load_co2
from fastgru.forecasting._quantiles import LEVELS, MEDIAN, at_levels, widened, widening
from fastgru.forecasting._steps import Form, changes, offsets, targets, units
from fastgru.forecasting._train import windows

CO2 = load_co2().values


@pytest.fixture(scope="module")
def small() -> GRUForecaster:
    return GRUForecaster(**SMALL).fit(wave())


# --- learning ----------------------------------------------------------------------------------------------


def test_beats_the_naive_forecasts_of_co2_and_says_so() -> None:
    model = GRUForecaster(horizon=12, random_state=0).fit(CO2[:-12])
    naive = np.abs(CO2[-24:-12] - CO2[-12:]).mean()
    assert np.abs(model.predict() - CO2[-12:]).mean() < 0.5 * naive
    assert model.season_ == 12
    assert model.beats_naive_
    assert set(model.naive_mae_) == {"persistence", "seasonal naive"}
    tried = {(each["differencing"], each["window"]) for each in model.validation_}
    assert len(tried) == 4  # three ways of differencing, and a longer window of the best
    assert [each["pinball"] for each in model.validation_] == sorted(
        each["pinball"] for each in model.validation_
    )
    assert model.validation_[0]["differencing"] == model.differencing_
    assert model.validation_[0]["window"] == model.window_


def test_a_random_walk_is_not_said_to_be_beaten_by_far() -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(size=400))
    model = GRUForecaster(horizon=3, season=None, max_iter=30, random_state=0).fit(walk)
    best = model.validation_[0]
    assert best["mae"] > 0.9 * model.naive_mae_["persistence"]
    assert model.season_ is None


def test_choices_are_taken_as_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    model = GRUForecaster(**SMALL, differencing="first", window=17, calendar=None, verbose=True).fit(wave())
    assert (model.differencing_, model.window_, model.calendar_) == ("first", 17, ())
    assert len(model.validation_) == 1
    assert "differencing='first', window=17" in capsys.readouterr().out


def test_a_series_too_short_to_hold_out_is_learnt_all_the_same() -> None:
    model = GRUForecaster(horizon=2, season=None, random_state=0, max_iter=3).fit(np.arange(9.0))
    assert model.validation_ == []
    assert model.beats_naive_ is None
    assert np.isfinite(model.predict()).all()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
def test_threads_and_the_order_of_the_series_do_not_change_a_bit(form: dict[str, str]) -> None:
    panel = [wave(90, 1), wave(70, 2), 5.0 * wave(81, 3)]
    first = GRUForecaster(**SMALL, **form).fit(panel).predict()
    again = GRUForecaster(**SMALL, **form, n_jobs=1).fit([panel[2], panel[0], panel[1]]).predict()
    for one, other in zip(first, [again[1], again[2], again[0]], strict=True):
        np.testing.assert_array_equal(one, other)


# --- inputs and targets ------------------------------------------------------------------------------------


def test_inputs_and_targets_by_hand() -> None:
    y = np.array([1.0, 2.0, 4.0, 7.0, 11.0, 16.0])
    first = Form(2, "first", 3, "series", 2)
    np.testing.assert_array_equal(changes(y, first), [np.nan, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(targets(y, first)[:2], [[2, 4], [4, 7]])
    np.testing.assert_array_equal(targets(y, first)[-2:], [[16, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(offsets(y, first)[3], [7, 7])
    seasonal = Form(4, "seasonal", 3, "series", 2)
    np.testing.assert_array_equal(changes(y, seasonal)[3:], [6, 9, 12])
    # From row 5 the next values are those of rows 3, 4, 5 and again 3: the season before.
    np.testing.assert_array_equal(offsets(y, seasonal)[5], [7, 11, 16, 7])
    assert np.isnan(offsets(y, seasonal)[0, 0])
    window = Form(1, "none", 1, "window", 2)
    np.testing.assert_allclose(units(y, window, 1.0), [1, 1.5, 3, 5.5, 9, 13.5])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
def test_nothing_of_the_future_is_read(form: dict[str, str]) -> None:
    """What the network reads before a cut does not change when everything after it does."""
    y, cut = wave(), 80
    garbage = np.concatenate((y[:cut], np.full(40, 1e6)))
    shape = Form(4, form["differencing"], 12, form["scaling"], 24)
    for part in (changes, offsets):
        np.testing.assert_array_equal(part(y, shape)[:cut], part(garbage, shape)[:cut])
    np.testing.assert_array_equal(units(y, shape, 1.0)[:cut], units(garbage, shape, 1.0)[:cut])


def test_windows_cover_every_target() -> None:
    from fastgru.forecasting._clock import Clock
    from fastgru.forecasting._data import Data
    from fastgru.forecasting._known import Known, Unit

    none = np.empty((200, 0))
    known = Known(np.arange(200.0), none, none, np.empty(0), None, None)
    form = Form(3, "none", 12, "none", 24)
    steps = Data((known,), (Clock(None, 200, "y"),), ()).steps(form, [Unit(0.0, 1.0)])
    X, Y = windows(steps, 40, form)
    rows = np.concatenate([x[np.isfinite(y).any(axis=1), 0] for x, y in zip(X, Y, strict=True)])
    assert set(rows) == set(range(199))  # the last has no value after it
    assert all(len(x) == len(y) <= 40 for x, y in zip(X, Y, strict=True))


# --- quantiles ---------------------------------------------------------------------------------------------


def test_quantiles_of_any_level_do_not_cross(small: GRUForecaster) -> None:
    levels = np.linspace(0.01, 0.99, 99)
    found = small.predict_quantiles(levels)
    assert found.shape == (4, 99)
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_array_equal(found[:, 49], small.predict())
    np.testing.assert_array_equal(small.predict_quantiles(0.5)[:, 0], small.predict())
    interval = small.predict_interval([0.5, 0.8])
    np.testing.assert_array_equal(interval, small.predict_quantiles([0.25, 0.75, 0.1, 0.9]))


def test_interpolation_is_exact_for_the_normal_distribution() -> None:
    from scipy.stats import norm

    learnt = norm.ppf(np.array(LEVELS))[None] * 2.0 + 5.0
    wanted = [0.01, 0.05, 0.3, 0.5, 0.9, 0.999]
    np.testing.assert_allclose(at_levels(learnt, wanted)[0], 5.0 + 2.0 * norm.ppf(wanted), atol=1e-12)


def test_widening_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    narrow = np.array(LEVELS)[None] * np.ones((2000, 1)) - 0.5  # quantiles of another distribution
    factor = widening(narrow, truth, 2000)
    wide = widened(narrow, factor)
    inside = (truth >= wide[:, LEVELS.index(0.1)]) & (truth <= wide[:, LEVELS.index(0.9)])
    assert abs(inside.mean() - 0.8) < 0.01
    np.testing.assert_array_equal(wide[:, MEDIAN], narrow[:, MEDIAN])
    assert widening(narrow[:19], truth[:19], 19) == 1.0  # too few to tell


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"horizon": 0}, wave(), "horizon"),
        ({"season": 1}, wave(), "season"),
        ({"differencing": "second"}, wave(), "differencing"),
        ({"calendar": ["month"]}, wave(), r"calendar must be 'auto', None or some of minute, .* got 'month'"),
        ({"calendar": ["hour"]}, wave(), r"calendar=.* needs an index of dates, got none"),
        ({"strategy": "recursive", "past_columns": [0]}, wave(), "past_columns cannot be fed back"),
        ({"differencing": "seasonal", "season": None}, wave(), "differencing='seasonal' needs a season"),
        ({"horizon": 12}, [1.0] * 9, "y has 9 values, and at least 16 are needed to learn to look 12 ahead"),
        ({}, [], "y has 0 values"),
        ({}, np.zeros((3, 3, 3)), r"y must be a series .* got shape \(3, 3, 3\)"),
        ({}, ["a", "b"], "y"),
        ({}, None, "y"),
        ({}, [[1.0, 2.0], [1.0]], r"y, series 0 has 2 values"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        GRUForecaster(**options).fit(y)


def test_horizons_beyond_what_was_learnt(small: GRUForecaster) -> None:
    np.testing.assert_array_equal(small.predict(2), small.predict()[:2])
    with pytest.raises(ValueError, match="horizon=5, but the forecaster has learnt 4 steps ahead"):
        small.predict(5)
    with pytest.raises(ValueError, match="horizon must be an integer of at least 1, got 0"):
        small.predict(0)
    with pytest.raises(ValueError, match="sample_paths needs strategy='recursive', got 'direct'"):
        small.sample_paths()
    with pytest.raises(
        ValueError, match=r"levels must be numbers between 0 and 1, without both, got \[0, 1\]"
    ):
        small.predict_quantiles([0, 1])


@pytest.mark.parametrize("n", range(8, 24))
@pytest.mark.parametrize("gap", [slice(0, 0), slice(-4, -1)])
def test_short_ends_to_hold_out(n: int, gap: slice) -> None:
    y = wave(n)
    y[gap] = np.nan
    options = {**SMALL, "horizon": 1, "season": None, "differencing": "first", "missing": "mask"}
    if np.isfinite(y).sum() >= 8:
        assert np.isfinite(GRUForecaster(**options).fit(y).predict()).all()
