"""GRUForecaster: polars' frames and Series give the bits of pandas', and forecasts in frames like them."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fastgru
from fastgru import GRUForecaster

SMALL: dict[str, Any] = {"horizon": 3, "season": None, "hidden_size": 4, "max_iter": 2, "random_state": 0}
N = 60
DATES = pd.date_range("2020-01-01", periods=N + 3, freq="D")
HOURS = pd.date_range("2021-03-27", periods=N + 3, freq="h", tz="Europe/Rome")


def wave(seed: int = 0) -> np.ndarray:
    return np.sin(np.arange(N) / 3) + 0.1 * np.random.default_rng(seed).normal(size=N)


WIDE = pd.DataFrame({"a": wave(1), "b": wave(2)}, index=DATES[:N].rename("day"))
RECORDS = pd.concat(
    [pd.DataFrame({"unique_id": name, "ds": DATES[:N], "y": WIDE[name].to_numpy()}) for name in "ab"],
    ignore_index=True,
)
X = pd.DataFrame({"t": np.arange(N + 3.0), "u": np.cos(np.arange(N + 3.0))}, index=DATES.rename("day"))


def forecaster(**options: Any) -> GRUForecaster:
    return GRUForecaster(**{**SMALL, **options})


def in_polars(frame: pd.DataFrame, dtype: Any = None) -> pl.DataFrame:
    """The frame with its index, if it has a name, as a column; without pyarrow and from_pandas' choices."""
    frame = frame.reset_index() if frame.index.name else frame
    columns = {}
    for label in frame:
        column, zone = frame[label], getattr(frame[label].dtype, "tz", None)
        if zone is not None:
            naive = pl.Series(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
            columns[label] = naive.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
        else:
            columns[label] = pl.Series(column.to_numpy() if column.dtype.kind in "fmMiu" else column.tolist())
    found = pl.DataFrame(columns)
    return found if dtype is None else found.with_columns(pl.col("day").cast(dtype))


@pytest.mark.parametrize(
    ("index", "dtype"),
    [
        (DATES, pl.Date),
        (DATES, pl.Datetime("ms")),
        (DATES, pl.Datetime("ns")),
        (HOURS, pl.Datetime("us", "Europe/Rome")),
        (pd.timedelta_range("0s", periods=N + 3, freq="250ms"), pl.Duration("us")),
        (pd.date_range("2015-01-31", periods=N + 3, freq=pd.offsets.MonthEnd()), pl.Date),
    ],
)
def test_a_column_of_times_is_the_index(index: Any, dtype: Any) -> None:
    index = index.rename("day")
    wide = WIDE.set_axis(index[:N])
    model, expected = forecaster().fit(in_polars(wide, dtype)), forecaster().fit(wide)
    found = model.predict()
    assert isinstance(found, pl.DataFrame)
    assert found.schema == {"day": dtype, "a": pl.Float64, "b": pl.Float64}
    assert found["day"].to_list() == list(in_polars(pd.DataFrame({"v": 0.0}, index=index), dtype)["day"][N:])
    np.testing.assert_array_equal(found.drop("day").to_numpy(), expected.predict().to_numpy())
    assert model.calendar_ == expected.calendar_
    model.update(in_polars(pd.DataFrame({"b": [0.5], "a": [0.1]}, index=index[N : N + 1]), dtype))
    expected.update(pd.DataFrame({"b": [0.5], "a": [0.1]}, index=index[N : N + 1]))
    np.testing.assert_array_equal(model.predict().drop("day").to_numpy(), expected.predict().to_numpy())


def test_quantiles_of_a_table_have_flat_labels() -> None:
    model, expected = forecaster().fit(in_polars(WIDE)), forecaster().fit(WIDE)
    found = model.predict_quantiles([0.1, 0.9])
    assert found.columns == ["day", "a-0.1", "a-0.9", "b-0.1", "b-0.9"]
    np.testing.assert_array_equal(
        found.drop("day").to_numpy(), expected.predict_quantiles([0.1, 0.9]).to_numpy()
    )
    assert model.predict_interval(0.8).columns[1:3] == ["a-0.8-lower", "a-0.8-upper"]


@pytest.mark.parametrize("time", ["date", "datetime", "whole"])
def test_long_frames(time: str) -> None:
    records, long = RECORDS, in_polars(RECORDS)
    if time == "date":
        long = long.with_columns(pl.col("ds").cast(pl.Date))
    elif time == "whole":
        records = RECORDS.assign(ds=np.tile(np.arange(N, dtype=np.int64), 2))
        long = in_polars(records).with_columns(pl.col("ds").cast(pl.Int32))
    model, expected = forecaster().fit(long), forecaster().fit(records)
    found, wanted = model.predict(), expected.predict()
    assert found.schema["ds"] == long.schema["ds"]
    assert found["unique_id"].to_list() == wanted["unique_id"].tolist()
    assert found["ds"].cast(pl.Int64).to_list() == list(
        pl.Series(wanted["ds"].to_numpy()).cast(long.schema["ds"]).cast(pl.Int64)
    )
    np.testing.assert_array_equal(found["y"].to_numpy(), wanted["y"].to_numpy())
    levels = model.predict_interval([0.5, 0.8])
    assert levels.columns == ["unique_id", "ds", "0.5-lower", "0.5-upper", "0.8-lower", "0.8-upper"]
    np.testing.assert_array_equal(
        levels[:, 2:].to_numpy(), expected.predict_interval([0.5, 0.8]).iloc[:, 2:].to_numpy()
    )
    last = {"unique_id": ["b"], "y": [0.25]}
    model.update(pl.DataFrame(last | {"ds": found["ds"][3:4]})[["unique_id", "ds", "y"]])
    expected.update(pd.DataFrame(last | {"ds": wanted["ds"][3:4].to_numpy()}))
    np.testing.assert_array_equal(model.predict()["y"].to_numpy(), expected.predict()["y"].to_numpy())


def test_covariates_and_numbers_of_each_series() -> None:
    numbers = pd.DataFrame({"size": [2.0, 1.0]}, index=["b", "a"])
    table = pl.DataFrame({"unique_id": ["b", "a"], "size": [2.0, 1.0]})
    options = {"past_columns": ["u"]}
    expected = forecaster(**options).fit(RECORDS, _long(X[:N]), static=numbers)
    model = forecaster(**options).fit(in_polars(RECORDS), in_polars(_long(X[:N])), static=table)
    ahead = _long(X[N:])
    np.testing.assert_array_equal(
        model.predict(X=in_polars(ahead))["y"].to_numpy(), expected.predict(X=ahead)["y"].to_numpy()
    )
    named = numbers.rename_axis("unique_id").reset_index()
    again = forecaster(**options).fit(RECORDS, _long(X[:N]), static=named)
    pd.testing.assert_frame_equal(again.predict(X=ahead), expected.predict(X=ahead))
    one = forecaster().fit(in_polars(WIDE), in_polars(X[:N]))
    np.testing.assert_array_equal(
        one.predict(X=in_polars(X[N:])).drop("day").to_numpy(),
        forecaster().fit(WIDE, X[:N]).predict(X=X[N:]).to_numpy(),
    )


def _long(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(
        [table.rename_axis("ds").reset_index().assign(unique_id=name) for name in "ba"], ignore_index=True
    )


def test_series_and_frames_without_times() -> None:
    plain = forecaster().fit(wave(1))
    one = forecaster().fit(pl.Series("flow", wave(1)))
    found = one.predict()
    assert isinstance(found, pl.Series)
    assert found.name == "flow"
    np.testing.assert_array_equal(found.to_numpy(), plain.predict())
    assert one.predict_quantiles([0.1, 0.9]).columns == ["0.1", "0.9"]
    table = forecaster().fit(WIDE.to_numpy())
    frame = forecaster().fit(pl.DataFrame({"a": wave(1), "b": wave(2)}))
    assert frame.predict().columns == ["a", "b"]
    np.testing.assert_array_equal(frame.predict().to_numpy(), table.predict())
    frame.update(pl.DataFrame({"b": [0.2], "a": [0.1]}))  # by name
    np.testing.assert_array_equal(frame.predict().to_numpy(), table.update(np.array([[0.1, 0.2]])).predict())


def test_lists() -> None:
    parts = [in_polars(WIDE[[name]]) for name in "ab"]
    expected = forecaster().fit([WIDE["a"], WIDE["b"]]).predict()
    found = forecaster().fit([part.rename({part.columns[1]: "v"}) for part in parts]).predict()
    assert [each.columns for each in found] == [["day", "v"]] * 2
    for each, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(each["v"].to_numpy(), wanted.to_numpy())
    series = forecaster(calendar=None).fit([pl.Series("a", wave(1)), pl.Series("b", wave(2))])
    assert [each.name for each in series.predict()] == ["a", "b"]
    assert [each.columns for each in series.predict_quantiles([0.5])] == [["0.5"]] * 2


def test_nulls_are_missing_values() -> None:
    holes = in_polars(WIDE[["a"]]).with_columns(
        pl.when(pl.int_range(pl.len()) == 30).then(None).otherwise(pl.col("a")).alias("a")
    )
    with pytest.raises(ValueError, match="no value in row 30"):
        forecaster().fit(holes)
    gap = WIDE["a"].copy()
    gap.iloc[30] = np.nan
    np.testing.assert_array_equal(
        forecaster(missing="mask").fit(holes).predict()["a"].to_numpy(),
        forecaster(missing="mask").fit(gap).predict().to_numpy(),
    )


def test_files_keep_the_frame(tmp_path: Path) -> None:
    for y in (
        in_polars(WIDE, pl.Date),
        in_polars(RECORDS),
        in_polars(WIDE.set_axis(HOURS[:N].rename("day"))),
        pl.Series("flow", wave()),
    ):
        model = forecaster().fit(y)
        model.save(tmp_path / "model")
        found, wanted = fastgru.load(tmp_path / "model").predict(), model.predict()
        assert type(found) is type(wanted)
        assert found.equals(wanted)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (in_polars(WIDE)[::-1], r"runs backwards in row 1 .*: y\.sort\('day'\) puts the oldest first"),
        (in_polars(WIDE).with_columns(pl.lit(datetime.date(2020, 1, 1)).alias("then")), "'day' and 'then'"),
        (in_polars(WIDE)[["day"]], "no columns besides that of its times"),
        (in_polars(WIDE).with_columns(pl.lit("x").alias("a")), "column 'a' has dtype String"),
        (in_polars(WIDE).lazy(), r"pass y\.collect\(\)"),
        (in_polars(RECORDS).drop("y"), "no 'y'"),
    ],
)
def test_what_is_no_series_is_named(y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster().fit(y)


def test_backtests_of_polars_frames() -> None:
    options: dict[str, Any] = {"horizon": 3, "folds": 2, "season": None}
    late = WIDE.copy()
    late.loc[late.index[:52], "a"] = np.nan  # takes part in no fold but the last
    for wide in (WIDE, late):
        expected = fastgru.backtest(forecaster(), wide, **options)
        found = fastgru.backtest(forecaster(), in_polars(wide, pl.Date), **options)
        pd.testing.assert_frame_equal(found.scores, expected.scores)
    expected = fastgru.backtest(forecaster(), RECORDS, **options)
    found = fastgru.backtest(forecaster(), in_polars(RECORDS), **options)
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    one = fastgru.backtest(forecaster(), [in_polars(WIDE[["a"]]), in_polars(WIDE[["a"]])], **options)
    pd.testing.assert_frame_equal(
        one.scores, fastgru.backtest(forecaster(), [WIDE[["a"]], WIDE[["a"]]], **options).scores
    )


def test_pandas_is_needed_for_times_alone() -> None:
    code = """if True:
        import sys; sys.modules["pandas"] = None
        import numpy as np, polars as pl
        from fastgru import GRUForecaster
        model = GRUForecaster(horizon=2, season=None, max_iter=1, hidden_size=2, random_state=0)
        y = np.sin(np.arange(40) / 3)
        assert model.fit(y).predict_interval(0.8).shape == (2, 2)
        table = pl.DataFrame({"a": y, "b": y + 1})
        assert model.fit(table).update(table[:1]).predict().columns == ["a", "b"]
        model.fit(table.select(unique_id=pl.lit("a"), ds=pl.int_range(pl.len()), y="a"))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: y has times in the column 'ds', and reading times needs pandas: pip install pandas"
    )
