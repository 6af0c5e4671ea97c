"""GRUForecaster: what it learns, its choices, quantiles, updates, covariates, sampled paths, bad input."""

from __future__ import annotations

import copy
import pickle
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fastgru
from fastgru import GRUForecaster
from fastgru.datasets import load_co2
from fastgru.forecasting._quantiles import LEVELS, MEDIAN, at_levels, widened, widening
from fastgru.forecasting._steps import Form, changes, offsets, targets, units
from fastgru.forecasting._train import windows

CO2 = load_co2().values
SMALL: dict[str, Any] = {"horizon": 4, "season": 12, "hidden_size": 8, "max_iter": 4, "random_state": 0}
FORMS = [
    {"differencing": each, "scaling": scaling}
    for each in ("none", "first", "seasonal")
    for scaling in ("series", "window")
]


def wave(n: int = 120, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10.0 + 3.0 * np.sin(np.arange(n) * 2 * np.pi / 12) + 0.3 * rng.normal(size=n)


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
    """Training windows before a cut do not change when everything after it does."""
    y, cut = wave(), 80
    garbage = np.concatenate((y[:cut], np.full(40, 1e6)))
    fitted = [GRUForecaster(**SMALL, **form).fit(each[:cut]) for each in (y, garbage)]
    np.testing.assert_array_equal(fitted[0].predict(), fitted[1].predict())
    shape = Form(4, form["differencing"], 12, form["scaling"], 24)
    for part in (changes, offsets):
        np.testing.assert_array_equal(part(y, shape)[:cut], part(garbage, shape)[:cut])
    np.testing.assert_array_equal(units(y, shape, 1.0)[:cut], units(garbage, shape, 1.0)[:cut])


def test_windows_cover_every_target() -> None:
    from fastgru.forecasting._data import Data
    from fastgru.forecasting._index import Clock
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
    factor = widening(narrow, truth)
    wide = widened(narrow, factor)
    inside = (truth >= wide[:, LEVELS.index(0.1)]) & (truth <= wide[:, LEVELS.index(0.9)])
    assert abs(inside.mean() - 0.8) < 0.01
    np.testing.assert_array_equal(wide[:, MEDIAN], narrow[:, MEDIAN])
    assert widening(narrow[:19], truth[:19]) == 1.0  # too few to tell


# --- updates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
@pytest.mark.parametrize("cuts", [(60, 61, 62), (60, 75), (60, 61, 73, 100)])
def test_an_update_is_the_network_on_the_longer_series(form: dict[str, str], cuts: tuple[int, ...]) -> None:
    y = wave()
    model = GRUForecaster(**SMALL, **form).fit(y[: cuts[0]])
    whole = copy.deepcopy(model)
    for start, stop in pairwise(cuts):
        assert model.update(y[start:stop]) is model
    whole.update(y[cuts[0] : cuts[-1]])
    fresh = copy.deepcopy(model)
    fresh._begin(model._data)  # reads everything again from the first step
    np.testing.assert_array_equal(model.predict(), whole.predict())
    np.testing.assert_array_equal(model.predict(), fresh.predict())
    np.testing.assert_array_equal(model.predict_quantiles(), fresh.predict_quantiles())


def test_one_number_is_an_update_and_refit_learns(small: GRUForecaster) -> None:
    one, other = copy.deepcopy(small), copy.deepcopy(small)
    one.update(11.5)
    other.update([11.5])
    np.testing.assert_array_equal(one.predict(), other.predict())
    before = one._network._network.parameters.copy()
    other.update(wave(40, 5), refit=True)
    assert (other._network._network.parameters != before).any()
    np.testing.assert_array_equal(small._network._network.parameters, before)


def test_a_failed_update_leaves_everything(small: GRUForecaster) -> None:
    model = copy.deepcopy(small)
    before = model.predict()
    for bad, message in (
        ([1.0, np.nan], "y has no value in row 1: fill it in, or pass missing='mask'"),
        ([np.inf], "y is infinite in row 0"),
        (np.zeros((2, 3)), "y has 3 series, and fit had 1"),
        (["a"], "y"),
        ([1e300], "so far|too large|not finite"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            model.update(bad)
        np.testing.assert_array_equal(model.predict(), before)
    with pytest.raises(ValueError, match="X was given, but the forecaster has learnt from no columns"):
        model.predict(X=[[1.0]] * 4)


# --- covariates --------------------------------------------------------------------------------------------


def with_cause(n: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A series that follows a covariate of the same step, which nothing else foretells."""
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=n)
    return 2.0 * cause + 0.1 * rng.normal(size=n), cause


def test_what_is_known_in_advance_helps() -> None:
    y, cause = with_cause()
    options = {"horizon": 3, "season": None, "random_state": 0, "max_iter": 60, "differencing": "none"}
    model = GRUForecaster(**options).fit(y[:-3], cause[:-3, None])
    error = np.abs(model.predict(X=cause[-3:, None]) - y[-3:]).max()
    assert error < 1.0  # the covariate's spread gives the series one of 2
    ahead = GRUForecaster(**options).fit(y[:-3], cause[:, None])  # rows after the end of y are kept
    assert np.abs(ahead.predict() - y[-3:]).max() < 1.0


def test_updates_with_covariates_equal_the_longer_series() -> None:
    y, cause = with_cause(100)
    X = np.column_stack((cause, np.arange(100.0)))
    model = GRUForecaster(**{**SMALL, "season": None}, past_columns=[1]).fit(y[:80], X[:80])
    whole = copy.deepcopy(model)
    model.update(y[80:83], X[80:83]).update(y[83:90], X[83:90])
    whole.update(y[80:90], X[80:90])
    fresh = copy.deepcopy(model)
    fresh._begin(model._data)
    for other in (whole, fresh):
        np.testing.assert_array_equal(model.predict(X=X[90:94, :1]), other.predict(X=X[90:94]))


def test_static_numbers_tell_series_apart() -> None:
    panel = {"a": wave(80, 1), "b": wave(80, 2) + 5.0}
    frame = pd.DataFrame(panel)
    static = pd.DataFrame({"size": [2.0, 1.0]}, index=["b", "a"])
    model = GRUForecaster(**SMALL).fit(frame, static=static)
    assert [each.static[0] for each in model._data.series] == [1.0, 2.0]
    assert list(model.predict().columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (None, "X lacks: the covariates of the next 4 steps"),
        (np.zeros((3, 1)), "X has 3 rows, and the next 4 steps are needed"),
        (np.zeros((4, 2)), "X has 2 columns known in advance, and in fit there were 1"),
        (np.full((4, 1), np.nan), "X: column 0 has NaN or infinity in row 0"),
    ],
)
def test_covariates_of_the_future_are_checked(X: Any, message: str) -> None:
    y, cause = with_cause(60)
    model = GRUForecaster(**{**SMALL, "season": None, "max_iter": 1}).fit(y, cause[:, None])
    with pytest.raises(ValueError, match=message):
        model.predict(X=X)


# --- sampled paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
def test_paths_go_on_from_the_series(form: dict[str, str]) -> None:
    y = wave()
    model = GRUForecaster(**{**SMALL, "max_iter": 20}, **form, strategy="recursive", n_paths=50).fit(y[:-24])
    paths = model.sample_paths(horizon=24)
    assert paths.shape == (50, 24)
    np.testing.assert_array_equal(paths, model.sample_paths(horizon=24))
    np.testing.assert_array_equal(paths[:, :5], model.sample_paths(horizon=5))
    assert np.abs(np.median(paths, axis=0) - y[-24:]).mean() < 3.0
    np.testing.assert_allclose(model.predict(24), np.median(paths, axis=0))
    assert (np.diff(model.predict_quantiles([0.1, 0.5, 0.9]), axis=1) >= 0).all()


def test_the_first_step_of_a_path_has_the_learnt_quantiles() -> None:
    model = GRUForecaster(**SMALL, strategy="recursive", n_paths=4000).fit(wave())
    drawn = np.quantile(model.sample_paths(horizon=1), [0.1, 0.5, 0.9])
    unit = model._units[0]
    offset, scale = model._ends[0]
    learnt = widened(offset[:, None] + scale * model._follower.answers(1)[0], model.widening_)[0]
    spread = learnt[LEVELS.index(0.9)] - learnt[LEVELS.index(0.1)]
    np.testing.assert_allclose(drawn, at_levels(learnt, [0.1, 0.5, 0.9]), atol=0.06 * spread)
    assert unit.scale > 0


def test_a_path_fed_back_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recursive forecast whose draws are all the median equals updates with one's own forecasts."""
    from fastgru.forecasting import _paths

    class Half:
        def uniform(self, _low: float, _high: float, size: tuple[int, int]) -> np.ndarray:
            return np.full(size, 0.5)

    model = GRUForecaster(**SMALL, strategy="recursive", n_paths=1, differencing="seasonal").fit(wave())
    monkeypatch.setattr(_paths.np.random, "default_rng", lambda _: Half())
    path = model.sample_paths(horizon=15)[0]
    for value in path:
        np.testing.assert_allclose(model.predict(1)[0], value, rtol=1e-6)
        model.update(value)


# --- missing values ----------------------------------------------------------------------------------------


def test_missing_values_are_named_or_masked() -> None:
    y = wave()
    y[[30, 31, 70]] = np.nan
    with pytest.raises(ValueError, match=r"y has no value in row 30: fill it in, or pass missing='mask'"):
        GRUForecaster(**SMALL).fit(y)
    dates = pd.Series(y, index=pd.date_range("2001-01-31", periods=120, freq="D"))
    with pytest.raises(ValueError, match=r"row 30 \(2001-03-02 00:00:00\)"):
        GRUForecaster(**SMALL).fit(dates)
    for form in FORMS:
        model = GRUForecaster(**SMALL, **form, missing="mask").fit(y)
        assert np.isfinite(model.predict()).all()
        last = copy.deepcopy(model).update([np.nan])
        assert np.isfinite(last.predict()).all()
        fresh = copy.deepcopy(last)
        fresh._begin(last._data)
        np.testing.assert_array_equal(last.predict(), fresh.predict())


def test_a_gap_in_the_dates_is_named_or_filled_with_missing_values() -> None:
    dates = pd.date_range("2001-01-01", periods=120, freq="h").delete([50, 51])
    y = pd.Series(wave(118), index=dates)
    with pytest.raises(ValueError, match=r"gap between rows 49 and 50 \(2001-01-03 01:00:00 and"):
        GRUForecaster(**SMALL).fit(y)
    model = GRUForecaster(**SMALL, missing="mask").fit(y)
    assert len(model._data.series[0]) == 120
    assert model.predict().index[0] == pd.Timestamp("2001-01-06 00:00")


# --- storage -----------------------------------------------------------------------------------------------


def test_pickle_copy_and_clone(small: GRUForecaster) -> None:
    for again in (pickle.loads(pickle.dumps(small)), copy.deepcopy(small)):
        np.testing.assert_array_equal(again.predict(), small.predict())
        again.update(3.0)
        assert (again.predict() != small.predict()).any()
    assert clone(small).get_params() == small.get_params()
    with pytest.raises(NotFittedError):
        clone(small).predict()


def test_a_failed_or_interrupted_fit_leaves_everything(
    small: GRUForecaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = copy.deepcopy(small)
    before = model.predict()
    with pytest.raises(ValueError, match="at least"):
        model.fit([1.0, 2.0])
    np.testing.assert_array_equal(model.predict(), before)

    def interrupted(*_: object, **__: object) -> None:
        warnings.warn("Training interrupted by user: the best weights are kept.", UserWarning, stacklevel=2)

    monkeypatch.setattr("fastgru.forecasting._network.QuantileNetwork.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(wave())
    np.testing.assert_array_equal(model.predict(), before)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_a_file_goes_on_with_the_same_bits(tmp_path: Path, strategy: str) -> None:
    dates = pd.date_range("2001-01-01", periods=100, freq="D", tz="Europe/Rome")
    y = pd.DataFrame({"a": wave(100, 1), "b": wave(100, 2)}, index=dates)
    X = pd.DataFrame({"t": np.arange(100.0)}, index=dates)
    model = GRUForecaster(**SMALL, strategy=strategy).fit(y[:80], X[:80], static=[[1.0], [2.0]])
    model.save(tmp_path / "f.safetensors", metadata={"made": "today"})
    again = fastgru.load(tmp_path / "f.safetensors")
    assert type(again) is GRUForecaster
    assert again.get_params() == model.get_params()
    assert again.metadata_ == {"made": "today"}
    for name in ("season_", "differencing_", "window_", "n_iter_", "widening_", "beats_naive_", "calendar_"):
        assert getattr(again, name) == getattr(model, name), name
    pd.testing.assert_frame_equal(again.predict(X=X[80:]), model.predict(X=X[80:]))
    for each in (model, again):
        each.update(y[80:90], X[80:90])
    pd.testing.assert_frame_equal(again.predict_quantiles(X=X[90:]), model.predict_quantiles(X=X[90:]))
    again.save(tmp_path / "g.safetensors")


def test_the_file_is_a_network_for_cpp(tmp_path: Path, small: GRUForecaster) -> None:
    """The network in the file answers with quantiles in units of the series."""
    small.save(tmp_path / "f.safetensors")
    kind, _, _, network, tensors, _ = fastgru._core.load_model(str(tmp_path / "f.safetensors"))
    assert kind == "GRUForecaster"
    assert set(tensors) >= {"series.y", "series.X", "series.static", "series.lengths"}
    stream, (steps,) = network.stream(), small._data.steps(small._form, small._units)
    for row in steps.inputs:
        answer = stream.step(row)
    offset, unit = small._ends[0]
    values = widened(offset[:, None] + unit * answer.reshape(4, -1).astype(float), small.widening_)
    np.testing.assert_array_equal(values[:, MEDIAN], small.predict())


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
