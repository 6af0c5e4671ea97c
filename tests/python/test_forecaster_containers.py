"""GRUForecaster: series in every container, and forecasts that keep index and names."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastgru import GRUForecaster

SMALL: dict[str, Any] = {"horizon": 3, "season": None, "hidden_size": 4, "max_iter": 2, "random_state": 0}


def wave(n: int = 60, seed: int = 0) -> np.ndarray:
    return np.sin(np.arange(n) / 3) + 0.1 * np.random.default_rng(seed).normal(size=n)


def forecaster(**options: Any) -> GRUForecaster:
    return GRUForecaster(**{**SMALL, "calendar": None, **options})


PLAIN = forecaster().fit(wave()).predict()

INDEXES = {
    "days": pd.date_range("2020-01-30", periods=63, freq="D"),
    "month starts": pd.date_range("2020-01-01", periods=63, freq="MS"),
    "month ends": pd.date_range("2020-01-31", periods=63, freq=pd.offsets.MonthEnd()),
    "quarters": pd.date_range("2000-03-31", periods=63, freq=pd.offsets.QuarterEnd()),
    "weeks on Wednesday": pd.date_range("2020-01-01", periods=63, freq="W-WED"),
    "the 15th": pd.date_range("2020-01-01", periods=63, freq="MS") + pd.Timedelta(days=14),
    "the 30th, every quarter": pd.DatetimeIndex(
        [pd.Timestamp("2001-02-28") + pd.DateOffset(months=3 * k, day=30) for k in range(63)]
    ),
    "hours of business": pd.date_range("2020-01-01 09:00", periods=63, freq="bh"),
    "working days": pd.bdate_range("2020-01-01", periods=63),
    "90 seconds": pd.date_range("2020-01-01", periods=63, freq="90s"),
    "hours through daylight saving": pd.date_range("2021-03-26", periods=63, freq="h", tz="Europe/Rome"),
    "days through daylight saving": pd.date_range("2021-02-20", periods=63, freq="D", tz="Europe/Rome"),
    "periods of months": pd.period_range("2020-01", periods=63, freq="M"),
    "periods of 2 hours": pd.period_range("2020-01-01", periods=63, freq="2h"),
    "time differences": pd.timedelta_range("0s", periods=63, freq="250ms"),
    "integers": pd.RangeIndex(5, 68),
    "years": pd.Index(np.arange(1800, 1926, 2), name="year"),
}


@pytest.mark.parametrize("with_freq", [True, False])
@pytest.mark.parametrize("name", INDEXES)
def test_the_index_goes_on(name: str, with_freq: bool) -> None:
    index = INDEXES[name].rename("when")
    if not with_freq and hasattr(index, "freq") and not isinstance(index, pd.PeriodIndex):
        index = index._with_freq(None)
    y = pd.Series(wave(), index=index[:60], name="flow")
    if not with_freq and name == "hours of business":  # nights are gaps
        with pytest.raises(ValueError, match="the index of y has a gap"):
            forecaster().fit(y)
        return
    model = forecaster().fit(y)
    found = model.predict()
    assert found.name == "flow"
    assert list(found.index) == list(index[60:])
    assert found.index.name == "when"
    np.testing.assert_array_equal(found.to_numpy(), PLAIN)
    model.update(pd.Series([0.5], index=index[60:61]))
    assert list(model.predict(2).index) == list(index[61:])


def test_labels_without_order_are_numbered() -> None:
    y = pd.Series(wave(), index=[f"row {k:03d}" for k in range(60)])
    assert list(forecaster().fit(y).predict().index) == [60, 61, 62]


def test_holidays_are_no_gaps_of_working_days() -> None:
    days = pd.bdate_range("2020-01-01", periods=64).delete([20, 41])
    model = forecaster().fit(pd.Series(wave(), index=days[:60]))
    assert list(model.predict(2).index) == list(days[60:62])
    model.update(pd.Series([0.0], index=days[61:62]))  # a holiday before it
    with pytest.raises(ValueError, match="known already"):
        model.update(pd.Series([0.0], index=days[61:62]))


PANEL = {"a": wave(60, 1), "b": wave(60, 2)}
DATES = pd.date_range("2020-01-01", periods=63, freq="D")
WIDE = pd.DataFrame(PANEL, index=DATES[:60])
LONG = WIDE.stack().rename("v").swaplevel().sort_index().to_frame()
LONG.index.names = ["city", "day"]
RECORDS = LONG.reset_index().set_axis(["unique_id", "ds", "y"], axis=1)
LISTED = [WIDE["a"], WIDE["b"]]


def panel_forecasts() -> dict[str, Any]:
    return {
        "wide": forecaster().fit(WIDE),
        "array": forecaster().fit(WIDE.to_numpy()),
        "list": forecaster().fit(LISTED),
        "arrays": forecaster().fit([PANEL["a"], list(PANEL["b"])]),
        "long": forecaster().fit(LONG),
        "records": forecaster().fit(RECORDS),
        "shuffled": forecaster().fit(RECORDS.sample(frac=1.0, random_state=0).sort_values("unique_id")),
    }


def test_panels_in_every_container() -> None:
    found = {name: model.predict() for name, model in panel_forecasts().items()}
    wide = found["wide"]
    assert list(wide.columns) == ["a", "b"]
    assert list(wide.index) == list(DATES[60:])
    np.testing.assert_array_equal(found["array"], wide.to_numpy())
    for k, name in enumerate("ab"):
        np.testing.assert_array_equal(found["arrays"][k], wide[name])
        pd.testing.assert_series_equal(found["list"][k], wide[name], check_names=False)
    assert found["long"].index.names == ["city", "day"]
    np.testing.assert_array_equal(found["long"].loc["b", "v"], wide["b"])
    assert list(found["records"].columns) == ["unique_id", "ds", "y"]
    pd.testing.assert_frame_equal(found["records"], found["shuffled"])
    np.testing.assert_array_equal(found["records"]["y"], found["long"]["v"])


def test_quantiles_in_every_container() -> None:
    for name, model in panel_forecasts().items():
        quantiles, interval = model.predict_quantiles([0.1, 0.9]), model.predict_interval(0.8)
        if name == "wide":
            assert list(quantiles.columns) == [("a", 0.1), ("a", 0.9), ("b", 0.1), ("b", 0.9)]
            assert list(interval.columns[:2]) == [("a", 0.8, "lower"), ("a", 0.8, "upper")]
            np.testing.assert_array_equal(quantiles.to_numpy(), interval.to_numpy())
            wide = quantiles
        elif name == "array":
            assert quantiles.shape == (3, 2, 2)
            np.testing.assert_array_equal(quantiles[:, 1], wide["b"])
        elif name in {"arrays", "list"}:
            np.testing.assert_array_equal(quantiles[1], wide["b"])
        elif name == "long":
            assert list(quantiles.columns) == [("v", 0.1), ("v", 0.9)]
            np.testing.assert_array_equal(quantiles.loc["b"], wide["b"])
        else:
            assert list(quantiles.columns) == ["unique_id", "ds", "0.1", "0.9"]
            assert list(interval.columns) == ["unique_id", "ds", "0.8-lower", "0.8-upper"]


def test_updates_in_every_container() -> None:
    new = pd.DataFrame({"a": [0.1, 0.2], "b": [0.3, 0.4]}, index=DATES[60:62])
    long = new.stack().rename("v").swaplevel().sort_index().to_frame()
    records = long.reset_index().set_axis(["unique_id", "ds", "y"], axis=1)
    brought = {
        "wide": new[["b", "a"]],  # by name
        "array": new.to_numpy(),
        "list": [new["a"], new["b"]],
        "arrays": [[0.1, 0.2], [0.3, 0.4]],
        "long": long,
        "records": records,
        "shuffled": records[::-1],
    }
    results = []
    for name, model in panel_forecasts().items():
        found = model.update(brought[name]).predict()
        results.append(np.concatenate(found) if isinstance(found, list) else found)
    wide = results[0].to_numpy()
    np.testing.assert_array_equal(results[1], wide)
    for each in results[2:4]:
        np.testing.assert_array_equal(each, wide.T.ravel())
    for each in results[4:]:
        np.testing.assert_array_equal(each.iloc[:, -1], wide.T.ravel())


def test_some_series_of_a_long_frame_may_move_on_alone() -> None:
    model = forecaster().fit(RECORDS)
    before = model.predict().set_index("unique_id")
    both = copy.deepcopy(model)
    model.update(pd.DataFrame({"unique_id": ["b"], "ds": DATES[60:61], "y": [0.3]}))
    after = model.predict().set_index("unique_id")
    pd.testing.assert_frame_equal(after.loc[["a"]], before.loc[["a"]])
    assert after.loc["b", "ds"].iloc[0] == DATES[61]
    both.update(pd.DataFrame({"unique_id": ["a", "b"], "ds": DATES[[60, 60]], "y": [0.1, 0.3]}))
    np.testing.assert_array_equal(both.predict().set_index("unique_id").loc["b", "y"], after.loc["b", "y"])


def test_columns_of_a_table_may_begin_late() -> None:
    late = WIDE.copy()
    late.loc[DATES[:25], "b"] = np.nan
    model = forecaster().fit(late)
    assert [len(each) for each in model._data.series] == [60, 35]
    assert np.isfinite(model.predict().to_numpy()).all()


def test_covariates_by_name_and_date() -> None:
    X = pd.DataFrame({"t": np.arange(63.0), "u": np.ones(63)}, index=DATES)
    one = forecaster(past_columns=["u"]).fit(WIDE["a"], X[:60])
    other = forecaster(past_columns=["u"]).fit(WIDE["a"], X[["u", "t"]][:60])
    pd.testing.assert_series_equal(one.predict(X=X[60:]), other.predict(X=X[["t"]]))
    with pytest.raises(ValueError, match="X has no row for 2020-03-02"):
        one.predict(X=X[:61])
    with pytest.raises(ValueError, match="X has no row for 2020-02-29 00:00:00 of y"):
        forecaster().fit(WIDE["a"], X[:59])
    with pytest.raises(ValueError, match="past_columns has 'w', which is no column of X"):
        forecaster(past_columns=["w"]).fit(WIDE["a"], X)
    panel = forecaster().fit(WIDE, X)
    pd.testing.assert_frame_equal(panel.predict(), panel.predict(X=X))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (WIDE["a"][::-1], r"runs backwards in row 1"),
        (pd.concat([WIDE["a"], WIDE["a"][-1:]]), "repeats a date in row 60"),
        (WIDE["a"].set_axis([pd.NaT, *DATES[1:60]]), "no date in row 0"),
        (WIDE.assign(a="x"), "column 'a'"),
        (RECORDS.drop(columns="y"), "no 'y'"),
        (pd.concat([RECORDS, RECORDS[:1]]), "have the same series and time"),
        (WIDE.set_axis(["a", "a"], axis=1), "two columns 'a'"),
        ([WIDE], r"parts are not one series each|must have one column"),
        (WIDE["a"].to_frame().iloc[:, :0], "no columns"),
    ],
)
def test_what_is_no_series_is_named(y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster().fit(y)


def test_updates_that_do_not_follow_are_refused() -> None:
    model = forecaster().fit(WIDE)
    before = model.predict()
    for new, message in (
        (WIDE[-1:], "known already"),
        (
            WIDE[:1].set_axis(DATES[61:62]),
            "2020-03-02 00:00:00 in row 0, and the next step is 2020-03-01",
        ),
        (pd.DataFrame({"c": [1.0]}, index=DATES[60:61]), "the series 'c', which fit did not know"),
        (np.zeros((1, 3)), "y has 3 series, and fit had 2"),
        (
            pd.DataFrame({"a": [1.0], "b": [1.0]}),
            "y, series 'a' has numbers as its index, and y of fit has dates without a time zone",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.update(new)
        pd.testing.assert_frame_equal(model.predict(), before)


def test_calendars_are_read_where_the_dates_pass_through_them() -> None:
    hours = pd.date_range("2021-03-20", periods=24 * 20, freq="h", tz="Europe/Rome")
    y = pd.Series(np.cos(2 * np.pi * hours.hour / 24) * (hours.day_of_week < 5), index=hours)
    model = GRUForecaster(**{**SMALL, "max_iter": 30, "horizon": 24, "hidden_size": 16}).fit(y[:-24])
    assert model.calendar_ == ("hour", "weekday")
    assert np.abs(model.predict() - y[-24:]).mean() < 0.35
    assert GRUForecaster(**SMALL).fit(WIDE["a"]).calendar_ == ("weekday",)


def test_polars_series() -> None:
    polars = pytest.importorskip("polars")
    np.testing.assert_array_equal(forecaster().fit(polars.Series("a", wave())).predict(), PLAIN)
