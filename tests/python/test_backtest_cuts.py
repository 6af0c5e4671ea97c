"""Backtests: what each fold gets in every container, and that nothing leaks from the future."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_forecaster import SMALL, wave
from stand_in_forecaster import Average

import fastgru
from fastgru import GRUForecaster
from fastgru.datasets import load_co2

DATES = pd.date_range("2020-01-01", periods=60, freq="D")
TABLE = np.column_stack([wave(60, 0), 5 * wave(60, 1)])
OPTIONS: dict[str, Any] = {"horizon": 4, "folds": 3, "season": 12, "baselines": "naive"}


@pytest.fixture
def seen() -> Iterator[list[dict[str, Any]]]:
    """What the copies of `Average` are given, in order of the folds."""
    Average.seen = []
    yield Average.seen
    Average.seen = None


def records(values: np.ndarray = TABLE) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], len(values)),
            "ds": np.tile(DATES[: len(values)], 2),
            "y": values.T.ravel(),
        }
    )


CONTAINERS: dict[str, Any] = {
    "array": TABLE,
    "frame": pd.DataFrame(TABLE, index=DATES, columns=["a", "b"]),
    "periods": pd.DataFrame(TABLE, index=DATES.to_period("D"), columns=["a", "b"]),
    "list of arrays": [TABLE[:, 0], TABLE[:, 1]],
    "list of lists": [TABLE[:, 0].tolist(), TABLE[:, 1].tolist()],
    "list of Series": [pd.Series(TABLE[:, k], index=DATES, name=name) for k, name in enumerate("ab")],
    "records": records(),
    "long": records().set_index(["unique_id", "ds"]),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_give_the_same_scores_and_reach_the_forecaster(
    name: str, seen: list[dict[str, Any]]
) -> None:
    wanted = fastgru.backtest(Average(), TABLE, **OPTIONS)
    seen.clear()
    result = fastgru.backtest(Average(), CONTAINERS[name], **OPTIONS)
    pd.testing.assert_frame_equal(result.scores, wanted.scores)
    assert np.isfinite(result.scores).all(axis=None)
    for given, steps in zip(seen, (48, 52, 56), strict=True):
        y = given["y"]
        assert type(y) is type(CONTAINERS[name])
        rows = [len(each) for each in y] if isinstance(y, list) else [len(y)]
        assert rows == ([2 * steps] if name in {"records", "long"} else [steps] * len(rows))
    if name not in {"array", "list of arrays", "list of lists"}:
        assert set(result.forecasts["series"]) == {"a", "b"}
        assert (
            list(result.forecasts["time"].iloc[:4])
            == list(DATES.to_period("D") if name == "periods" else DATES)[48:52]
        )


@pytest.mark.parametrize("as_list", [False, True])
def test_one_series_as_array_and_list(as_list: bool) -> None:
    y = TABLE[:, 0]
    array = fastgru.backtest(Average(), y.tolist() if as_list else y, **OPTIONS)
    dated = fastgru.backtest(Average(), pd.Series(y, index=DATES, name="sales"), **OPTIONS)
    pd.testing.assert_frame_equal(array.scores, dated.scores)
    assert array.series == (0,)
    assert dated.series == ("sales",)


def test_order_of_rows_and_series_does_not_matter() -> None:
    shuffled = records().sample(frac=1.0, random_state=0)
    one, other = (fastgru.backtest(Average(), y, **OPTIONS) for y in (records(), shuffled))
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12)
    key = ["series", "method"]
    np.testing.assert_array_equal(
        one.by_series.set_index(key).sort_index(), other.by_series.set_index(key).sort_index()
    )


def test_processes_do_not_change_results() -> None:
    one, two = (fastgru.backtest(Average(), TABLE, n_jobs=jobs, **OPTIONS) for jobs in (None, 2))
    pd.testing.assert_frame_equal(one.forecasts, two.forecasts)
    pd.testing.assert_frame_equal(one.folds, two.folds)
    assert str(one) == str(two)


def forecasts_of(result: Any, folds: int) -> pd.DataFrame:
    frame = result.forecasts
    return frame[frame["fold"] <= folds].drop(columns="truth")


@pytest.mark.parametrize("panel", [False, True])
def test_the_future_changes_no_forecast_of_the_past(panel: bool) -> None:
    y = np.column_stack([wave(90, 0), wave(90, 1)]) if panel else wave(90)
    x = np.random.default_rng(0).normal(size=(90, 2))
    options: dict[str, Any] = {"horizon": 4, "folds": 3, "baselines": "naive"}
    model = fastgru.GRUForecaster(**{**SMALL, "season": "auto", "max_iter": 2}, past_columns=[0])
    before = fastgru.backtest(model, y, x, **options)
    garbage, x_later = y.copy(), x.copy()
    garbage[82:] = 1e6 * np.random.default_rng(1).normal(size=garbage[82:].shape)  # from the second fold on
    x_later[82:, 0] = 1e6  # not known in advance
    x_later[86:, 1] = -1e6
    after = fastgru.backtest(model, garbage, x_later, **options)
    assert before.season == after.season == 12
    pd.testing.assert_frame_equal(forecasts_of(before, 2), forecasts_of(after, 2), check_exact=True)
    assert not forecasts_of(before, 3).equals(forecasts_of(after, 3))
    assert not before.folds[before.folds["fold"] == 2].equals(after.folds[after.folds["fold"] == 2])
    mine = before.folds["fold"] == 1
    pd.testing.assert_frame_equal(before.folds[mine], after.folds[mine], check_exact=True)


def test_forecaster_is_not_touched_and_gets_the_horizon(seen: list[dict[str, Any]]) -> None:
    model = Average(horizon=99)
    fastgru.backtest(model, TABLE, **OPTIONS)
    assert not hasattr(model, "shape_")
    assert model.horizon == 99
    assert len(seen) == 3
    assert fastgru.backtest(Average(horizon=5), TABLE, folds=2).horizon == 5


# --- covariates ---------------------------------------------------------------------------------------------


def test_covariates_of_the_horizon_alone_are_handed_over(seen: list[dict[str, Any]]) -> None:
    x = np.arange(120.0).reshape(60, 2)
    fastgru.backtest(Average(), TABLE[:, 0], x, **OPTIONS)
    np.testing.assert_array_equal(seen[1]["X"], x[:52])
    np.testing.assert_array_equal(seen[1]["ahead"], x[52:56])
    seen.clear()
    fastgru.backtest(Average(past_columns=[0]), TABLE[:, 0], x, **OPTIONS)
    np.testing.assert_array_equal(seen[1]["X"], x[:52])
    np.testing.assert_array_equal(seen[1]["ahead"], x[52:56, 1:])
    seen.clear()
    fastgru.backtest(Average(past_columns=[0, 1]), TABLE[:, 0], x, **OPTIONS)
    assert seen[1]["ahead"] is None


@pytest.mark.parametrize("kind", ["frame", "records", "long", "list"])
def test_covariates_in_containers(kind: str, seen: list[dict[str, Any]]) -> None:
    later = pd.date_range(DATES[0], periods=70, freq="D")  # X goes on after y
    x = pd.DataFrame({"price": np.arange(70.0), "rain": -np.arange(70.0)}, index=later)
    both = pd.concat([x, x]).rename_axis("ds").reset_index().assign(unique_id=np.repeat(["b", "a"], 70))
    X = {
        "frame": x,
        "records": both,
        "long": both.set_index(["unique_id", "ds"]),
        "list": [x, x],
    }[kind]
    y = {"frame": CONTAINERS["frame"], "records": records(), "long": CONTAINERS["long"]}.get(
        kind, CONTAINERS["list of Series"]
    )
    fastgru.backtest(Average(past_columns=["rain"]), y, X, **OPTIONS)
    for given, start in zip(seen, (48, 52, 56), strict=True):
        ahead = given["ahead"][0] if kind == "list" else given["ahead"]
        assert "rain" not in ahead.columns
        assert sorted(set(ahead["price"])) == list(range(start, start + 4))
        known = given["X"][0] if kind == "list" else given["X"]
        assert known["rain"].min() == 1 - start


def test_static_numbers_go_with_their_series(seen: list[dict[str, Any]]) -> None:
    y = [TABLE[:, 0], TABLE[-10:, 1], TABLE[:, 1]]  # the second begins too late for these folds
    fastgru.backtest(Average(), y, static=np.arange(6.0).reshape(3, 2), **{**OPTIONS, "folds": 2})
    for given in seen:
        assert len(given["y"]) == 2
        np.testing.assert_array_equal(given["static"], [[0, 1], [4, 5]])


# --- times --------------------------------------------------------------------------------------------------


def test_series_are_cut_at_the_same_dates() -> None:
    early = pd.Series(TABLE[:-6, 0], index=DATES[:-6], name="early")  # ends six days before the other
    late = pd.Series(TABLE[:, 1], index=DATES, name="late")
    result = fastgru.backtest(Average(), [early, late], **OPTIONS)
    times = result.forecasts.groupby(["fold", "series"])["time"].agg(["min", "count"])
    assert times.loc[(1, "early")].tolist() == [DATES[48], 4]
    assert times.loc[(1, "late")].tolist() == [DATES[48], 4]
    assert times.loc[(2, "early")].tolist() == [DATES[52], 2]
    assert (3, "early") not in times.index
    assert any("1 of 3 folds" in note for note in result.notes)


def test_series_whose_covariates_end_in_a_fold_are_left_out() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    table = pd.DataFrame({"ds": days, "y": wave(60), "p": np.arange(60.0)})
    frame = pd.concat([table.assign(unique_id="a"), table[:58].assign(unique_id="b")])
    y, X = frame[["unique_id", "ds", "y"]], frame[["unique_id", "ds", "p"]]
    found = fastgru.backtest(Average(), y, X, horizon=4, folds=2, baselines="naive")
    assert "1 of 2 folds are without some of the 2 series (down to 1)" in found.notes[-1]
    assert found.forecasts.groupby("fold")["series"].unique().map(list).to_list() == [["a", "b"], ["a"]]
    with pytest.raises(ValueError, match=r"fold 2 of 2: no series .* and rows of X for all of it"):
        fastgru.backtest(Average(), y[:60], X[:58], horizon=4, folds=2, baselines="naive")


def test_covariates_go_on_where_a_gap_in_the_series_lies_across_the_origin() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    table = pd.DataFrame({"p": np.arange(60.0)}, index=days)
    y = pd.Series(wave(60), index=days).drop(days[51:54])
    model = GRUForecaster(**{**SMALL, "horizon": 4, "max_iter": 1, "missing": "mask"})
    for series, X in ((y, table), ([y], [table])):
        found = fastgru.backtest(model, series, X, folds=2, baselines="naive")
        first = found.forecasts[found.forecasts["fold"] == 1]
        assert first["time"].to_list() == days[51:55].to_list()
        assert first["truth"].isna().to_list() == [True, True, True, False]


def test_names_of_rows_are_cut_in_their_order(seen: list[dict[str, Any]]) -> None:
    names = [f"{'zyx'[k % 3]}{k}" for k in range(60)]
    y = pd.Series(TABLE[:, 0], index=names)
    found = fastgru.backtest(Average(), y, pd.DataFrame({"p": wave(60)}, index=names), **OPTIONS)
    assert [list(each["y"].index) for each in seen] == [names[:48], names[:52], names[:56]]
    assert [list(each["ahead"].index) for each in seen] == [names[48:52], names[52:56], names[56:]]
    np.testing.assert_array_equal(found.forecasts["truth"], TABLE[48:, 0])


def test_gaps_count_as_steps() -> None:
    whole = pd.Series(TABLE[:, 0], index=DATES)
    holes = whole.drop(DATES[[20, 51, 53]])
    result = fastgru.backtest(Average(), holes, **OPTIONS)
    second = result.forecasts[result.forecasts["fold"] == 2]
    # The day before the second origin is missing: what follows the last known day is forecast.
    assert list(second["time"]) == list(DATES[51:55])
    assert second["truth"].isna().tolist() == [True, False, True, False]
    assert second["Average"].iloc[0] == pytest.approx(holes[: DATES[50]].mean())
    assert np.isfinite(result.scores.to_numpy()).all()


def test_folds_may_overlap_and_lie_apart() -> None:
    near = fastgru.backtest(Average(), TABLE[:, 0], step=1, **OPTIONS).forecasts
    assert near.groupby("fold")["time"].min().tolist() == [54, 55, 56]
    far = fastgru.backtest(Average(), TABLE[:, 0], step=10, **OPTIONS).forecasts
    assert far.groupby("fold")["time"].min().tolist() == [36, 46, 56]


def test_season_comes_from_the_forecaster_or_what_lies_before() -> None:
    y = wave(100)
    found = fastgru.backtest(Average(), y, folds=2, baselines="naive")
    assert found.season == 12
    model = fastgru.GRUForecaster(**{**SMALL, "season": 7, "max_iter": 1})
    assert fastgru.backtest(model, y, folds=1, baselines="naive").season == 7
    assert fastgru.backtest(Average(), y, folds=2, season=None, baselines="naive").season is None


def test_forecaster_with_quantiles_on_real_data() -> None:
    model = fastgru.GRUForecaster(horizon=12, season=12, differencing="seasonal", window=24, random_state=0)
    result = fastgru.backtest(model, load_co2().values, folds=2, baselines="naive")
    assert result.scores.loc["GRUForecaster", "MASE"] < 0.6 * result.scores.loc["seasonal naive", "MASE"]
    assert "GRUForecaster is worth it: better than every naive method" in str(result).splitlines()[-1]
    assert len(result.seconds) == 2
