"""GRUForecaster: covariates by name and date, odd numbers and indexes, constant series."""

from __future__ import annotations

import copy
import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_forecaster import FORMS, wave

import fastgru
from fastgru import GRUForecaster
from fastgru.forecasting._quantiles import checked_levels

SMALL: dict[str, Any] = {"horizon": 3, "season": None, "hidden_size": 4, "max_iter": 2, "random_state": 0}
DATES = pd.date_range("2020-01-01", periods=66)
Y = pd.Series(wave(60), index=DATES[:60])
WIDE = pd.DataFrame({"a": wave(60, 1), "b": wave(60, 2)}, index=DATES[:60])
X = pd.DataFrame({"p": wave(66, 3), "q": wave(66, 4), "r": wave(66, 5)}, index=DATES)
LONG = WIDE.stack().rename("y").swaplevel().sort_index().rename_axis(["unique_id", "ds"]).reset_index()


def forecaster(**options: Any) -> GRUForecaster:
    return GRUForecaster(**{**SMALL, **options})


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# --- covariates --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def caused() -> GRUForecaster:
    return forecaster(past_columns=["q"]).fit(Y, X[:60])


def test_columns_are_found_by_their_names(caused: GRUForecaster, tmp_path: Path) -> None:
    caused.save(tmp_path / "f.safetensors")
    for model in (caused, fastgru.load(tmp_path / "f.safetensors")):
        wanted = model.predict(X=X[60:])
        for table in (X[["r", "q", "p"]], X[["r", "p"]]):
            pd.testing.assert_series_equal(model.predict(X=table), wanted)
        for table in (X.to_numpy()[60:], X[["p", "r"]].to_numpy()[60:]):
            np.testing.assert_array_equal(model.predict(X=table), wanted)


def test_updates_find_columns_and_dates(caused: GRUForecaster) -> None:
    new = pd.Series([9.0, 12.0], index=DATES[60:62])
    wanted = copy.deepcopy(caused).update(new, X[60:62]).predict(X=X)
    for y, table in (
        (new, X[["r", "q", "p"]][60:62]),
        (new, X),
        (new.to_numpy(), X),
        (new, X.to_numpy()[60:62]),
    ):
        pd.testing.assert_series_equal(copy.deepcopy(caused).update(y, table).predict(X=X), wanted)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X[["p", "q"]], "X lacks the column 'r' of fit: it has .'p', 'q'."),
        (X.rename(columns={"r": "z"}), "X lacks the column 'r' of fit"),
        (X.assign(z=1.0), "X has the column 'z', which fit did not know"),
        (X[:40], "X has no row for 2020-03-01"),
        (X.set_axis(["p", "p", "r"], axis=1), "X has two columns 'p'"),
    ],
)
def test_columns_that_are_not_those_of_fit_are_named(caused: GRUForecaster, table: Any, message: str) -> None:
    for call in (
        lambda: caused.predict(X=table),
        lambda: caused.update(pd.Series([1.0], index=DATES[60:61]), table),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({}, {"past_columns": ["q"]}, "past_columns has 'q', and fit was given no X"),
        ({"static": ["a"]}, {}, "static must hold real numbers, got dtype <U1"),
        ({"static": [[1j]]}, {}, "static must hold real numbers, got dtype complex128"),
        ({"static": 1.0}, {}, "static must hold real numbers, got float"),
        ({"X": LONG[["unique_id", "ds"]]}, {}, "X has no columns besides 'unique_id', 'ds'"),
    ],
)
def test_what_goes_with_the_series_is_checked(given: Any, options: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster(**options).fit(Y, **given)
    twice = pd.DataFrame({"size": [1.0, 2.0, 3.0]}, index=["a", "b", "a"])
    with pytest.raises(ValueError, match="static has two rows for the series 'a'"):
        forecaster().fit(WIDE, static=twice)


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_a_constant_series_stays_what_it_is(form: dict[str, str], strategy: str) -> None:
    for value in (0.0, 5.0, -1e-6, 0.1, 1e9):
        y = np.full(60, value)
        y[7] = np.nan
        model = forecaster(**{**form, "season": 4}, strategy=strategy, missing="mask").fit([y, wave(60)])
        np.testing.assert_array_equal(model.predict()[0], np.full(3, value))
        np.testing.assert_array_equal(model.predict_interval(0.9)[0], np.full((3, 2), value))
        model.update([[value], [np.nan]])
        np.testing.assert_array_equal(model.predict()[0], np.full(3, value))
        model.update([[value + 1.0 + abs(value)], []])
        assert np.isfinite(model.predict()[0]).all()
        assert (np.ptp(model.predict_interval(0.9)[0], axis=1) > 0).all()


@pytest.mark.parametrize("scaling", ["series", "window"])
def test_the_unit_of_a_series_does_not_matter(scaling: str) -> None:
    y = wave(60)
    wanted = forecaster(scaling=scaling).fit(y).predict()
    for factor in (1e-310, 1e-300, 1e-30, 1e30, 1e98):
        found = forecaster(scaling=scaling).fit(factor * y).predict()
        np.testing.assert_allclose(found / factor, wanted, rtol=1e-6)


def test_few_values_and_few_distinct_ones_are_learnt() -> None:
    rng = np.random.default_rng(0)
    for y in (rng.integers(0, 2, 60), rng.random(60) > 0.9, wave(60).astype(np.float16), np.arange(60)):
        interval = forecaster().fit(y).predict_interval([1e-9, 0.9, 1.0 - 1e-16])
        assert np.isfinite(interval).all()
        assert (np.diff(interval[:, [4, 2, 3, 5]], axis=1) >= 0).all()
    for n in range(16, 31):
        assert np.isfinite(
            GRUForecaster(max_iter=1, hidden_size=4, random_state=0).fit(wave(n)).predict()
        ).all()


def test_masked_values_are_missing() -> None:
    y = np.ma.masked_array(wave(60), mask=np.arange(60) == 5)
    y.data[5] = 1e9
    with pytest.raises(ValueError, match="y has no value in row 5"):
        forecaster().fit(y)
    plain = y.filled(np.nan)
    masked = forecaster(missing="mask")
    np.testing.assert_array_equal(masked.fit(y).predict(), masked.fit(plain).predict())
    np.testing.assert_array_equal(
        masked.fit([y, wave()]).predict()[0], masked.fit([plain, wave()]).predict()[0]
    )


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.where(np.arange(60) == 7, 1e300, wave(60)),
            r"y is too large \(1e\+300, more than 1e\+100\) in row 7",
        ),
        (WIDE.assign(b=-1e101), r"y, series 'b' is too large \(-1e\+101"),
        (Y.replace(Y.iloc[3], np.inf), "y is infinite in row 3"),
        ({"a": wave()}, "y must be a series, a table of series or a list of them, got dict"),
        ((value for value in Y), "got generator"),
        ("abc", "got str"),
        (None, "got NoneType"),
        (3.0, "got float"),
        (wave().astype(complex), "y must hold real numbers, got dtype complex128"),
        (Y.astype(str), "y has dtype str"),
        (pd.DataFrame(), "y has no columns"),
        (WIDE[:0], "y, series 'a' has 0 values, and at least 7 are needed"),
        (WIDE.assign(b=np.nan), "y, series 'b' has 0 values"),
        (pd.concat([LONG, LONG[["y"]]], axis=1), "y has two columns 'y'"),
    ],
)
def test_what_is_no_series_of_numbers_is_named(y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster().fit(y)


@pytest.mark.parametrize("levels", ["a", None, [], [[0.1]], [[0.1], 0.2], [0.1 + 1j], [np.nan], 1, 80])
def test_what_is_no_level_is_named(levels: Any) -> None:
    with pytest.raises(ValueError, match="levels must be numbers between 0 and 1, without both, got"):
        checked_levels(levels, "levels")


def test_a_season_longer_than_the_series_has_no_naive_forecast() -> None:
    model = forecaster(season=100).fit(wave(60))
    assert set(model.naive_mae_) == {"persistence"}
    assert isinstance(model.beats_naive_, bool)


def test_numbers_of_numpy_are_parameters(tmp_path: Path) -> None:
    options = {
        "horizon": np.int64(3),
        "season": np.int32(7),
        "window": np.int64(9),
        "hidden_size": np.int16(4),
    }
    model = forecaster(**options, validation_fraction=np.float32(0.25)).fit(Y)
    model.save(tmp_path / "f.safetensors")
    again = fastgru.load(tmp_path / "f.safetensors")
    pd.testing.assert_series_equal(again.predict(np.int64(2)), model.predict(2))


# --- indexes -----------------------------------------------------------------------------------------------

UTC = [each.tz_localize("UTC") for each in DATES[:60]]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            pd.MultiIndex.from_product([[1], [2], range(60)]),
            "y has an index of 3 levels: it may have one, or",
        ),
        (pd.Index([*UTC[:5], *DATES[5:60]], dtype=object), "the dates of y mix time zones"),
        (pd.Index(["a", *range(59)], dtype=object), "the index of y mixes int, str: times are of one kind"),
        ([str(each) for each in DATES[:60]], r"the dates of y are texts \('2020-01-01.*pandas.to_datetime"),
        ([f"{each:%Y/%m}" for each in DATES[:60]], "the dates of y are texts"),
    ],
)
def test_what_is_no_index_of_times_is_named(index: Any, message: str) -> None:
    for y in (pd.Series(wave(60), index=index), pd.DataFrame({"a": wave(60)}, index=index)):
        with pytest.raises(ValueError, match=message):
            forecaster().fit(y)
    with pytest.raises(ValueError, match="the dates of y are texts"):
        forecaster().fit(LONG.assign(ds=LONG["ds"].astype(str)))


def test_a_list_with_dates_and_without_is_refused() -> None:
    for other in (wave(60), pd.Series(wave(60))):
        with pytest.raises(ValueError, match="y, series 1 has no dates, and y, series 0 has: give"):
            forecaster().fit([Y, other])


def test_dates_of_python_are_dates() -> None:
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=k) for k in range(63)]
    model = forecaster().fit(pd.Series(wave(60), index=days[:60]))
    assert list(model.predict().index) == list(DATES[60:63])
    assert model.calendar_ == ("weekday",)
    model.update(pd.Series([1.0], index=days[60:61]))
    assert model.predict(1).index[0] == DATES[61]


def test_names_of_rows_have_no_order_and_may_be_anything_in_updates() -> None:
    names = [f"{'zyx'[k % 3]}{k}" for k in range(62)]
    table = pd.DataFrame({"p": wave(62)}, index=names)
    model = forecaster().fit(pd.Series(wave(60), index=names[:60]), table[:60])
    model.update(pd.Series([9.0], index=names[60:61]), table[60:61])
    future = table[:3].set_axis(["x", "y", "z"])
    assert list(model.predict(2, X=future).index) == [61, 62]
    model.update([9.0], future[:1])
    assert list(model.predict(2, X=future).index) == [62, 63]


@pytest.mark.parametrize(("last", "wanted"), [("2021-03-27", "03:00"), ("2021-10-30", "02:30")])
def test_days_go_on_at_times_that_daylight_saving_leaves_out_or_repeats(last: str, wanted: str) -> None:
    days = pd.date_range(end=f"{last} 02:30", periods=60, tz="Europe/Rome")
    found = forecaster().fit(pd.Series(wave(60), index=days)).predict().index
    assert [f"{each:%H:%M}" for each in found] == [wanted, "02:30", "02:30"]
    assert found[0] - days[-1] == pd.Timedelta(hours=24 if wanted == "02:30" else 23.5)


def test_columns_that_end_at_different_times_stand_at_their_own() -> None:
    model = forecaster().fit(WIDE)
    before = model.predict()
    model.update(pd.DataFrame({"a": [9.0]}, index=DATES[60:61]))
    found = model.predict()
    assert list(found.index) == list(DATES[60:64])
    np.testing.assert_array_equal(found["b"], [*before["b"], np.nan])
    assert np.isnan(found["a"].iloc[0])
    assert np.isfinite(found["a"].iloc[1:]).all()
    quantiles = model.predict_quantiles([0.1, 0.5])
    np.testing.assert_array_equal(quantiles[("b", 0.5)], found["b"])
    np.testing.assert_array_equal(quantiles[("a", 0.5)], found["a"])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            pd.date_range(
                "2020-01-01", periods=60, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-06"])
            ),
            "the frequency .* cannot be written to a model file, which holds no holidays",
        ),
        (DATES[:60].tz_localize("dateutil/Europe/Rome"), "the time zone tzfile.* cannot be written"),
    ],
)
def test_an_index_that_a_file_cannot_hold_is_named(index: Any, message: str, tmp_path: Path) -> None:
    model = forecaster().fit(pd.Series(wave(60), index=index))
    with pytest.raises(ValueError, match=message):
        model.save(tmp_path / "f.safetensors")
    assert not list(tmp_path.iterdir())


def test_polars_columns_that_end_at_different_times_stand_at_their_own() -> None:
    polars = pytest.importorskip("polars")
    days = DATES[:61].to_numpy()
    model = forecaster().fit(polars.DataFrame({"day": days[:60], "a": WIDE["a"], "b": WIDE["b"]}))
    found = model.update(polars.DataFrame({"day": days[60:], "a": [9.0]})).predict()
    assert found["day"].to_list() == DATES[60:64].to_pydatetime().tolist()
    assert np.isnan(found["a"][0])
    assert np.isnan(found["b"][3])


def test_columns_of_one_table_share_their_times(tmp_path: Path) -> None:
    """The times are computed once for all of them, and one that ends elsewhere has its own."""
    model = forecaster().fit(WIDE.assign(c=wave(60, 3)))
    model.save(tmp_path / "f.safetensors")
    for each in (model, fastgru.load(tmp_path / "f.safetensors")):
        each.update(pd.DataFrame(9.0, index=DATES[60:62], columns=["a", "b", "c"]))
        clocks = each._data.clocks
        assert clocks[0] is clocks[1] is clocks[2]
        each.update(pd.DataFrame(9.0, index=DATES[62:63], columns=["a", "c"]))
        assert [clock.after(1)[0] for clock in each._data.clocks] == [DATES[63], DATES[62], DATES[63]]
        assert [clock.n_known for clock in each._data.clocks] == [63, 62, 63]
        each.predict().index.name = "mine"
        assert each.predict().index.name is None


def test_series_of_long_covariates_are_found_by_their_names() -> None:
    table = pd.concat({"b": -X, "c": X, "a": X})
    wanted = forecaster().fit(WIDE, [X, -X]).predict()
    for y in (WIDE, LONG):
        model = forecaster().fit(y, table)
        found = model.predict(X=table)
        np.testing.assert_array_equal(np.ravel(found["a"] if y is WIDE else found["y"][:3]), wanted["a"])
        new = LONG[:1].assign(unique_id="b", ds=DATES[60])
        whole = copy.deepcopy(model).update(new, table)._data.series[1]
        np.testing.assert_array_equal(whole.future[60], -X.iloc[60])
    with pytest.raises(ValueError, match="X has no rows for the series 'b' of y"):
        forecaster().fit(WIDE, table.loc[["a", "c"]])


def test_what_the_user_does_to_the_data_later_changes_nothing() -> None:
    y, table, static = wave(60), X.to_numpy(copy=True), np.ones((1, 1))
    model = forecaster(scaling="window").fit(y, table, static=static)
    wanted = copy.deepcopy(model).update([9.0], table[60:61]).predict(X=table[61:64])
    new, later = np.array([9.0]), table.copy()
    for each in (y, table, static):
        each[:] = 7.0
    model.update(new, later[60:61])
    new[:] = 7.0
    np.testing.assert_array_equal(model.predict(X=later[61:64]), wanted)


def test_parameters_that_are_changed_after_fit_are_named() -> None:
    model = forecaster().fit(Y).set_params(strategy="recursive")
    with pytest.raises(ValueError, match="strategy was 'direct' at fit, and is 'recursive' now: fit again"):
        model.predict()
    for bad in (0, 2.5, True):
        paths = forecaster(strategy="recursive").fit(Y).set_params(n_paths=bad)
        with pytest.raises(ValueError, match=f"n_paths must be an integer of at least 1, got {bad}"):
            paths.predict()


@pytest.mark.parametrize(
    ("index", "others"),
    [
        (
            DATES,
            [
                DATES.tz_localize("UTC"),
                DATES.to_period("D"),
                pd.RangeIndex(66),
                DATES.strftime("day %j"),
            ],
        ),
        (pd.period_range("2020-01", periods=66, freq="M"), [DATES, DATES.to_period("Q")]),
        (pd.RangeIndex(66), [DATES, pd.timedelta_range("0s", periods=66, freq="s")]),
    ],
)
def test_updates_with_another_kind_of_index_are_named(index: Any, others: list[Any]) -> None:
    model = forecaster().fit(pd.Series(wave(60), index=index[:60]))
    for other in others:
        with pytest.raises(ValueError, match=r"y has .* as its index, and y of fit has"):
            model.update(pd.Series([1.0], index=other[60:61]))


@pytest.mark.parametrize("n", [20, 25, 26, 27, 40])
def test_days_go_on_through_a_midnight_that_daylight_saving_leaves_out(n: int) -> None:
    days = pd.date_range("2021-03-02", periods=46).tz_localize("Asia/Beirut", nonexistent="shift_forward")
    model = forecaster().fit(pd.Series(wave(n), index=days[:n]))
    assert list(model.predict().index) == list(days[n : n + 3])
    for k in range(n, n + 3):
        model.update(pd.Series([9.0], index=days[k : k + 1]))
    assert list(model.predict().index) == list(days[n + 3 : n + 6])
