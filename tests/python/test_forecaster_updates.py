"""GRUForecaster: updates, covariates, sampled paths, missing values, pickles and files."""

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
from small_forecaster import FORMS, SMALL, wave

import fastgru
from fastgru import GRUForecaster
from fastgru.forecasting._quantiles import LEVELS, MEDIAN, at_levels, widened


@pytest.fixture(scope="module")
def small() -> GRUForecaster:
    return GRUForecaster(**SMALL).fit(wave())


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

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastgru.estimators._samples.Samples.run_epoch", interrupted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that something were kept
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
