"""The forecaster behind the interfaces of sktime and Nixtla: both give the numbers of GRUForecaster."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import stand_in_sktime
from sklearn.exceptions import NotFittedError
from stand_in_sktime import Horizon

import fastgru.adapters
from fastgru import GRUForecaster
from fastgru.adapters import NixtlaGRUForecaster

SMALL: dict[str, Any] = {"season": None, "hidden_size": 4, "max_iter": 2, "random_state": 0}
N = 60
DATES = pd.date_range("2020-01-01", periods=N + 4, freq="D")


def wave(seed: int, n: int = N) -> np.ndarray:
    return np.sin(np.arange(n) / 3) + 0.1 * np.random.default_rng(seed).normal(size=n)


# --- Nixtla's names ----------------------------------------------------------------------------------------

DF = pd.DataFrame(
    {"unique_id": np.repeat(["b", "a"], N), "ds": np.tile(DATES[:N], 2), "y": np.r_[wave(1), wave(2)]}
)
COVARIATES = pd.DataFrame(
    {
        "unique_id": np.repeat(["b", "a"], N + 4),
        "ds": np.tile(DATES, 2),
        "t": np.tile(np.arange(N + 4.0), 2),
        "u": np.tile(np.cos(np.arange(N + 4.0)), 2),
    }
)
WITH_X = DF.merge(COVARIATES, on=["unique_id", "ds"])
AHEAD = COVARIATES[COVARIATES["ds"].isin(DATES[N:])]


def nixtla(**options: Any) -> NixtlaGRUForecaster:
    return NixtlaGRUForecaster(GRUForecaster(horizon=4, **{**SMALL, **options}))


def test_nixtla_names_and_numbers() -> None:
    model, plain = nixtla().fit(DF), GRUForecaster(horizon=4, **SMALL).fit(DF)
    assert list(model.predict().columns) == ["unique_id", "ds", "GRU"]
    found = model.predict(3, level=[95, 80, 97.5])
    sides = [f"GRU-{side}-{level}" for side in ("lo", "hi") for level in ("80", "95", "97.5")]
    assert list(found.columns) == ["unique_id", "ds", "GRU", *sides]
    wanted = plain.predict(3)
    pd.testing.assert_frame_equal(found[["unique_id", "ds"]], wanted[["unique_id", "ds"]])
    np.testing.assert_array_equal(found["GRU"], wanted["y"])
    quantiles = plain.predict_quantiles([0.1, 0.9, 0.025, 0.975], 3)
    for label, level in (("lo-80", 0.1), ("hi-80", 0.9), ("lo-95", 0.025), ("hi-95", 0.975)):
        np.testing.assert_array_equal(found[f"GRU-{label}"], quantiles[str(level)])
    later = DF.groupby("unique_id", sort=False).tail(1).assign(ds=DATES[N])
    np.testing.assert_array_equal(model.update(later).predict()["GRU"], plain.update(later).predict()["y"])


def test_nixtla_columns_of_other_names() -> None:
    names = {"unique_id": "shop", "ds": "when", "y": "sold"}
    columns = {"id_col": "shop", "time_col": "when", "target_col": "sold"}
    other = DF.rename(columns=names)
    model = NixtlaGRUForecaster(GRUForecaster(horizon=4, **SMALL), alias="net").fit(other, **columns)
    found = model.predict(level=[80])
    assert list(found.columns) == ["shop", "when", "net", "net-lo-80", "net-hi-80"]
    np.testing.assert_array_equal(found["net"], nixtla().fit(DF).predict()["GRU"])
    model.update(other.groupby("shop", sort=False).tail(1).assign(when=DATES[N]))
    with pytest.raises(ValueError, match="df has a column 'y' besides 'sold', which takes its place"):
        model.fit(other.assign(y=0.0), **columns)


def test_nixtla_covariates_in_any_order() -> None:
    model = nixtla(past_columns=["u"]).fit(WITH_X)
    plain = GRUForecaster(horizon=4, past_columns=["u"], **SMALL).fit(DF, WITH_X)
    wanted = plain.predict(X=AHEAD)["y"]
    np.testing.assert_array_equal(model.predict(X_df=AHEAD[["u", "ds", "t", "unique_id"]])["GRU"], wanted)
    np.testing.assert_array_equal(model.predict(X_df=AHEAD.drop(columns="u"))["GRU"], wanted)
    swapped = nixtla().fit(WITH_X[["u", "t", "y", "ds", "unique_id"]])
    np.testing.assert_array_equal(
        swapped.predict(X_df=AHEAD)["GRU"],
        swapped.predict(X_df=AHEAD[::-1][["u", "t", "ds", "unique_id"]])["GRU"],
    )
    later = AHEAD[AHEAD["ds"] == DATES[N]].assign(y=0.5)
    assert np.isfinite(model.update(later[["u", "y", "t", "ds", "unique_id"]])._fitted()._ends[0][1])
    with pytest.raises(ValueError, match="X_df has no columns 't'"):
        model.predict(X_df=AHEAD.drop(columns="t"))
    with pytest.raises(ValueError, match="df has no columns 'u'"):
        model.update(later.drop(columns="u"))


def test_nixtla_numbers_of_each_series() -> None:
    numbers = pd.DataFrame({"unique_id": ["a", "b"], "size": [1.0, 2.0]})
    wanted = GRUForecaster(horizon=4, **SMALL).fit(DF, static=numbers.set_index("unique_id")).predict()["y"]
    np.testing.assert_array_equal(nixtla().fit(DF, numbers).predict()["GRU"], wanted)
    assert not np.array_equal(nixtla().fit(DF).predict()["GRU"], wanted)
    with pytest.raises(ValueError, match="static_df has no columns 'unique_id'"):
        nixtla().fit(DF, numbers.set_index("unique_id"))


@pytest.mark.parametrize("ds", ["dates", "integers"])
def test_nixtla_frames_of_polars(ds: str) -> None:
    df = DF if ds == "dates" else DF.assign(ds=np.tile(np.arange(100, 100 + N), 2))
    dtype = pl.Date if ds == "dates" else pl.Int32
    frame = pl.DataFrame({name: df[name].to_list() for name in df}).with_columns(
        pl.col("unique_id").cast(pl.Categorical), pl.col("ds").cast(dtype)
    )
    model, plain = nixtla().fit(frame), nixtla().fit(df)
    found, wanted = model.predict(level=[80]), plain.predict(level=[80])
    assert isinstance(found, pl.DataFrame)
    assert found.columns == list(wanted.columns)
    assert found.schema["unique_id"] == pl.Categorical
    assert found.schema["ds"] == dtype
    assert found["unique_id"].to_list() == wanted["unique_id"].tolist()
    np.testing.assert_array_equal(found[:, 2:].to_numpy(), wanted.iloc[:, 2:].to_numpy())
    model.update(found.select("unique_id", "ds", y="GRU").filter(pl.int_range(pl.len()) % 4 == 0))
    plain.update(wanted[::4].rename(columns={"GRU": "y"})[["unique_id", "ds", "y"]])
    np.testing.assert_array_equal(model.predict()["GRU"].to_numpy(), plain.predict()["GRU"].to_numpy())


def test_nixtla_refuses_by_name_and_stays_as_it_was() -> None:
    model = nixtla()
    with pytest.raises(NotFittedError, match="call fit"):
        model.predict()
    model.fit(DF)
    before = model.predict()
    for call, kind, message in (
        (lambda: model.fit(DF.drop(columns="y")), ValueError, "df has no columns 'y'"),
        (lambda: model.fit(DF["y"]), TypeError, "df must be a frame of pandas or polars, got Series"),
        (lambda: model.fit(DF.assign(ds=DF["ds"].astype(str))), TypeError, "column 'ds' has dtype"),
        (lambda: model.fit(DF[:3]), ValueError, "at least"),
        (lambda: model.predict(5), ValueError, "horizon=5"),
        (lambda: model.predict(level=[100]), ValueError, "level must hold percentages"),
        (lambda: model.update(DF[-1:]), ValueError, "known already"),
        (lambda: model.fit(pl.DataFrame({"a": [1]}).lazy()), TypeError, "df is a LazyFrame"),
    ):
        with pytest.raises(kind, match=message):
            call()
        pd.testing.assert_frame_equal(model.predict(), before)


# --- sktime ------------------------------------------------------------------------------------------------


def test_without_sktime_the_error_names_the_package() -> None:
    code = (
        "import sys; sys.modules['sktime'] = None\n"
        "import fastgru.adapters\n"
        "fastgru.adapters.NixtlaGRUForecaster\n"
        "fastgru.adapters.SktimeGRUForecaster\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: SktimeGRUForecaster needs the package sktime" in done.stderr
    assert "pip install sktime" in done.stderr
    assert set(fastgru.adapters.__all__) <= set(dir(fastgru.adapters))
    with pytest.raises(AttributeError, match="no attribute 'Prophet'"):
        fastgru.adapters.Prophet  # noqa: B018


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    stand_in_sktime.put_in(monkeypatch)
    yield fastgru.adapters.SktimeGRUForecaster
    del sys.modules["fastgru.adapters.sktime"]  # that of the stand-in


def series(n: int = N) -> pd.DataFrame:
    return pd.DataFrame({"flow": wave(1, N)[:n]}, index=pd.RangeIndex(10, 10 + n))


def test_sktime_parameters_are_those_of_the_forecaster(adapter: Any) -> None:
    own = inspect.signature(GRUForecaster).parameters
    found = inspect.signature(adapter).parameters
    assert list(found) == [name for name in own if name != "horizon"]
    assert {name: each.default for name, each in found.items()} == {name: own[name].default for name in found}
    for params in adapter.get_test_params():
        adapter(**params)


@pytest.mark.parametrize(
    ("fh", "steps"),
    [
        (Horizon([1, 2, 3]), [1, 2, 3]),
        (Horizon([2, 5]), [2, 5]),
        (Horizon([10 + N, 13 + N], is_relative=False), [1, 4]),
    ],
)
def test_sktime_horizons(adapter: Any, fh: Horizon, steps: list[int]) -> None:
    model = adapter(**SMALL).fit(series(), fh=fh)
    plain = GRUForecaster(horizon=steps[-1], **SMALL).fit(series())
    rows = [step - 1 for step in steps]
    pd.testing.assert_frame_equal(model.predict(), plain.predict().iloc[rows], check_index_type=False)
    quantiles = model.predict_quantiles([0.1, 0.9])
    assert list(quantiles.columns) == [("flow", 0.1), ("flow", 0.9)]
    np.testing.assert_array_equal(quantiles, plain.predict_quantiles([0.1, 0.9]).iloc[rows])


def test_sktime_steps_within_the_sample_are_refused(adapter: Any) -> None:
    assert adapter._tags["capability:insample"] is False
    with pytest.raises(NotImplementedError, match="within the sample, whose last time is 69"):
        adapter(**SMALL).fit(series(), fh=Horizon([0, 1]))


def test_sktime_panels_are_learnt_at_once_and_end_when_they_do(adapter: Any) -> None:
    panel = pd.concat({"a": series(), "b": series(50)}, names=["city", "time"])
    model = adapter(**SMALL).fit(panel, fh=Horizon([1, 3]))
    found = model.predict()
    assert found.index.tolist() == [("a", 70), ("a", 72), ("b", 60), ("b", 62)]
    assert found.index.names == ["city", "time"]
    plain = GRUForecaster(horizon=3, **SMALL).fit(panel)
    pd.testing.assert_frame_equal(found, plain.predict().loc[found.index])
    absolute = adapter(**SMALL).fit(panel, fh=Horizon([71], is_relative=False))
    assert absolute.forecaster_.horizon == 12
    assert absolute.predict().index.tolist() == [("a", 71), ("b", 71)]
    model.update(panel.loc[["b"]][-1:].set_axis(pd.MultiIndex.from_tuples([("b", 60)])), update_params=False)
    assert model.predict().index.tolist() == [("a", 70), ("a", 72), ("b", 61), ("b", 63)]


@pytest.mark.parametrize("refit", [False, True])
def test_sktime_updates(adapter: Any, refit: bool) -> None:
    whole = series()
    model = adapter(**SMALL).fit(whole[:50], fh=Horizon([1, 2]))
    plain = GRUForecaster(horizon=2, **SMALL).fit(whole[:50]).update(whole[50:55], refit=refit)
    model.update(whole[45:55], update_params=refit)  # windows may overlap
    pd.testing.assert_frame_equal(model.predict(), plain.predict(), check_index_type=False)
    model.update(whole[52:55], update_params=refit)  # nothing new
    pd.testing.assert_frame_equal(model.predict(), plain.predict(), check_index_type=False)
    with pytest.raises(ValueError, match="y ends at 59, and the forecaster knows the series up to 64"):
        model.update(whole[:50])


def test_sktime_covariates(adapter: Any) -> None:
    X = pd.DataFrame({"t": np.arange(N + 4.0), "u": np.cos(np.arange(N + 4.0))}, index=range(10, 14 + N))
    for past in (None, ["u"], ["t", "u"]):
        options = {**SMALL, "past_columns": past}
        model = adapter(**options).fit(series(), X[:N], fh=Horizon([1, 3]))
        plain = GRUForecaster(horizon=3, **options).fit(series(), X[:N])
        wanted = plain.predict(X=None if past == ["t", "u"] else X[N:])
        np.testing.assert_array_equal(model.predict(X[N:]), wanted.iloc[[0, 2]])
        model.update(series(N)[-1:].set_axis([70]), X, update_params=False)
        assert model.predict(X[N + 1 :]).index.tolist() == [71, 73]


def test_all_checks_of_sktime_pass() -> None:
    pytest.importorskip("sktime", reason="sktime is not installed")
    from sktime.utils.estimator_checks import check_estimator

    found = check_estimator(fastgru.adapters.SktimeGRUForecaster, raise_exceptions=False, verbose=False)
    counts = Counter("passed" if each == "PASSED" else "failed" for each in found.values())
    print(dict(counts))
    assert len(found) > 500
    assert counts["failed"] == 0, {name: each for name, each in found.items() if each != "PASSED"}


def test_sktime_itself() -> None:
    pytest.importorskip("sktime", reason="sktime is not installed")
    from sktime.forecasting.base import ForecastingHorizon

    y = pd.Series(wave(1), index=pd.period_range("2000-01", periods=N, freq="M"), name="flow")
    plain = GRUForecaster(horizon=5, **SMALL).fit(y)
    for fh in ([2, 5], ForecastingHorizon(pd.PeriodIndex(["2005-02", "2005-05"], freq="M"), False)):
        model = fastgru.adapters.SktimeGRUForecaster(**SMALL).fit(y, fh=fh)
        pd.testing.assert_series_equal(model.predict(), plain.predict().iloc[[1, 4]], check_freq=False)
        interval = model.predict_interval(coverage=0.8)
        np.testing.assert_array_equal(interval, plain.predict_interval(0.8).iloc[[1, 4]])
    with pytest.raises(NotImplementedError, match="in-sample"):
        fastgru.adapters.SktimeGRUForecaster(**SMALL).fit(y, fh=[-1, 1])
    masked = y.copy()
    masked.iloc[30] = np.nan
    model = fastgru.adapters.SktimeGRUForecaster(**SMALL, missing="mask").fit(masked, fh=[1])
    assert np.isfinite(model.predict()).all()
