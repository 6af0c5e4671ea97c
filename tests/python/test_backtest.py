"""Backtests: errors and naive forecasts by hand, the verdict, calibration, rivals, bad input."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from stand_in_forecaster import Average, Last

import fastgru
from fastgru.forecasting import _metrics, _rivals, _scoring
from fastgru.forecasting._baselines import DRIFT, NAIVE, SEASONAL, WALK, naive_error, naive_forecast
from fastgru.forecasting._conformal import Interval, calibrated, margin

NAN = float("nan")
F, Y = np.array([1.0, 2.0, 5.0, 9.0]), np.array([2.0, 2.0, 1.0, NAN])  # the last step does not count
NOISE = np.random.default_rng(0).normal(size=80)
WAVE = 10.0 + 3.0 * np.sin(np.arange(80) * np.pi / 6) + 0.1 * NOISE


# --- errors and naive forecasts by hand ---------------------------------------------------------------------


def test_errors_by_hand() -> None:
    assert _metrics.mae(F, Y) == pytest.approx(5 / 3)
    assert _metrics.rmse(F, Y) == pytest.approx(np.sqrt(17 / 3))
    assert _metrics.mase(F, Y, 0.5) == pytest.approx(10 / 3)
    assert np.isnan(_metrics.mase(F, Y, 0.0))
    assert _metrics.smape(F, Y) == pytest.approx(200 / 3 * (1 / 3 + 0 + 4 / 6))
    assert _metrics.smape(np.zeros(2), np.array([0.0, 1.0])) == 100.0
    assert _metrics.coverage(F - 1, F, Y) == pytest.approx(1 / 3)
    assert _metrics.coverage(F - 4, F + 1, Y) == 1.0
    assert np.isnan(_metrics.coverage(F * NAN, F, Y))
    assert _metrics.width(F - 1, F + F, Y) == pytest.approx((2 + 3 + 6) / 3)


def test_pinball_loss_by_hand() -> None:
    quantiles = np.array([[0.0, 3.0], [1.0, 1.0], [7.0, 8.0]])
    truth = np.array([2.0, 3.0, NAN])
    # Step 0: 2 above the tenth and 1 below the ninetieth. Step 1: 2 above both.
    assert _metrics.pinball(quantiles[:1], truth[:1], [0.1, 0.9]) == pytest.approx((0.2 + 0.1) / 2)
    assert _metrics.pinball(quantiles, truth, [0.1, 0.9]) == pytest.approx((0.2 + 0.1 + 0.2 + 1.8) / 4)


def test_naive_forecasts_by_hand() -> None:
    values = np.array([1.0, 4.0, 2.0, 6.0])
    walk = naive_forecast(WALK, values, 3, None)
    np.testing.assert_array_equal(walk.mean, [6, 6, 6])
    np.testing.assert_allclose(walk.spread, np.sqrt((9 + 4 + 16) / 3) * np.sqrt([1, 2, 3]))
    season = naive_forecast(SEASONAL, values, 3, 2)
    np.testing.assert_array_equal(season.mean, [2, 6, 2])
    np.testing.assert_allclose(season.spread, np.sqrt((1 + 4) / 2) * np.sqrt([1, 1, 2]))
    line = naive_forecast(DRIFT, values, 2, None)
    np.testing.assert_allclose(line.mean, [6 + 5 / 3, 6 + 10 / 3])
    rest = np.array([3, -2, 4]) - 5 / 3
    np.testing.assert_allclose(line.spread, np.sqrt(np.mean(rest**2)) * np.sqrt([1 + 1 / 3, 2 * (1 + 2 / 3)]))


def test_naive_forecasts_bridge_missing_values() -> None:
    values = np.array([NAN, 1.0, 4.0, 2.0, 6.0, NAN])
    np.testing.assert_array_equal(naive_forecast(WALK, values, 2, None).mean, [6, 6])
    np.testing.assert_array_equal(naive_forecast(SEASONAL, values, 3, 2).mean, [6, 2, 6])
    np.testing.assert_allclose(naive_forecast(DRIFT, values, 1, None).mean, [6 + 2 * 5 / 3])


def test_a_series_that_repeats_has_no_unit_and_is_judged_by_mae() -> None:
    y = np.sin(np.arange(60) * 2 * np.pi / 6)
    assert naive_error(y, 6) == 0.0
    assert naive_error(y, 1) > 0.1
    result = fastgru.backtest(Last(), y, horizon=6, folds=2, season=6, baselines="naive")
    assert result.scores["MASE"].isna().all()
    assert "(MAE 0.8660 against " in str(result)


def test_scores_by_hand() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 3.0, 3.0, 5.0, 6.0])
    result = fastgru.backtest(Last(), y, horizon=2, folds=2, season=None, baselines=[WALK])
    units = np.abs(np.diff(y[:8])).mean(), np.abs(np.diff(y[:10])).mean()
    own = result.scores.loc["Last"]
    assert own["MAE"] == pytest.approx((2 + 2.5) / 2)
    assert own["RMSE"] == pytest.approx((2 + np.sqrt((4 + 9) / 2)) / 2)
    assert own["MASE"] == pytest.approx((2 / units[0] + 2.5 / units[1]) / 2)
    assert own["sMAPE"] == pytest.approx((100 + 100 * (2 / 8 + 3 / 9)) / 2)
    assert own[["pinball", "coverage", "width"]].isna().all()
    walk = result.scores.loc[WALK]
    assert walk["MAE"] == own["MAE"]
    spread = np.sqrt(np.mean(np.diff(y[:8]) ** 2)), np.sqrt(np.mean(np.diff(y[:10]) ** 2))
    widths = [2 * ndtri(0.9) * each * (1 + np.sqrt(2)) / 2 for each in spread]
    assert walk["width"] == pytest.approx(np.mean(widths))
    assert list(result.folds["fold"]) == [1, 1, 2, 2]
    assert list(result.forecasts["truth"]) == [3, 3, 5, 6]
    assert list(result.forecasts["time"]) == [8, 9, 10, 11]
    assert list(result.forecasts["step"]) == [1, 2, 1, 2]
    assert list(result.forecasts["Last"]) == [1, 1, 3, 3]


def test_means_are_over_series_then_folds() -> None:
    short = WAVE[-30:]  # too short for the first of these folds
    result = fastgru.backtest(Average(), [WAVE, 10 * short], horizon=8, folds=4, season=12, baselines="naive")
    assert set(result.by_series["series"]) == {0, 1}
    assert len(result.folds) == 4 * 4
    forecasts = result.forecasts
    assert set(forecasts.loc[forecasts["fold"] == 1, "series"]) == {0}
    errors = (forecasts["truth"] - forecasts["Average"]).abs()
    by_part = errors.groupby([forecasts["fold"], forecasts["series"]]).mean()
    assert result.scores.loc["Average", "MAE"] == pytest.approx(by_part.groupby("fold").mean().mean())
    mine = result.by_series.query("series == 1 and method == 'Average'")
    assert mine["MAE"].item() == pytest.approx(by_part.xs(1, level="series").mean())
    assert any("down to 1" in note for note in result.notes)


# --- the text -----------------------------------------------------------------------------------------------


def test_table_and_verdict() -> None:
    result = fastgru.backtest(Average(), WAVE, horizon=6, folds=3, season=12, baselines="naive")
    lines = str(result).splitlines()
    assert lines[0] == "Backtest of Average: 3 folds of 6 steps, season 12"
    assert lines[1].split() == ["MAE", "RMSE", "MASE", "sMAPE", "pinball", "in", "80", "%", "width"]
    assert [line[:14].strip() for line in lines[2:6]] == ["Average", *NAIVE]
    mae = result.scores["MAE"]
    assert f"{mae['Average']:#.4g}" in lines[2]
    assert lines[-1].startswith(f"Average is not better than the {SEASONAL} (MASE ")
    assert lines[-1].endswith("lower in 0 of 3 folds): use that.")


def verdict_of(errors: dict[str, list[float]]) -> str:
    """The verdict over methods whose MAE and MASE in each fold are these."""
    parts = [
        _scoring.Part(
            fold,
            0,
            0,
            0,
            np.arange(1),
            np.zeros(1),
            1.0,
            {name: _rivals.Forecast(np.array([each[fold]]), None) for name, each in errors.items()},
        )
        for fold in range(len(errors["GRU"]))
    ]
    from fastgru.forecasting._verdict import verdict

    return verdict(_scoring.Scores(parts, tuple(errors), _scoring.levels_of([0.8], 0.8)))


def test_verdict_in_all_cases() -> None:
    naive = {WALK: [2.0, 2.0, 2.0], SEASONAL: [1.0, 1.0, 1.0]}
    assert verdict_of({"GRU": [0.5, 0.5, 1.1], **naive}) == (
        f"GRU is worth it: better than every naive method, than the best of them, the {SEASONAL}, by 30 % "
        "(MASE 0.7000 against 1.000, lower in 2 of 3 folds)."
    )
    assert "may not be worth it" in verdict_of({"GRU": [0.1, 1.1, 1.1], **naive})
    little = verdict_of({"GRU": [0.99, 0.99, 1.0], **naive})
    assert "may not be worth it" in little and "on average, but by little" in little
    assert "but not in most folds (MASE 0.7667 against 1.000, lower in 1 of 3 folds)" in verdict_of(
        {"GRU": [0.1, 1.1, 1.1], **naive}
    )
    assert verdict_of({"GRU": [1.5, 1.5, 0.5], **naive}) == (
        f"GRU is not better than the {SEASONAL} (MASE 1.167 against 1.000, lower in 1 of 3 folds): use that."
    )
    assert verdict_of({"GRU": [0.5] * 3, **naive, "AutoETS": [0.4] * 3}).endswith(
        "; AutoETS is better still, by 20 %."
    )
    assert verdict_of({"GRU": [1.5] * 3, **naive, "AutoETS": [0.4] * 3}).endswith(
        "use that, or AutoETS, which is the best of all (0.4000)."
    )
    assert "than the random walk by 50 %" in verdict_of({"GRU": [1.0] * 3, WALK: [2.0] * 3})
    assert "compared with nothing" in verdict_of({"GRU": [1.0]})
    assert "no numbers" in verdict_of({"GRU": [NAN], WALK: [1.0]})


def test_without_pandas_frames_are_dicts(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fastgru.backtest(Last(), WAVE, horizon=4, folds=2, season=12, baselines=[WALK])
    frame = fastgru.backtest(Last(), WAVE, horizon=4, folds=2, season=12, baselines=[WALK]).scores
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(_scoring, "find_spec", lambda name: None)
    assert result.scores["method"] == ["Last", WALK]
    assert result.scores["MAE"].tolist() == frame["MAE"].tolist()
    assert len(result.forecasts["truth"]) == 8
    assert "Last is" in str(result)


# --- calibration --------------------------------------------------------------------------------------------


def test_margin_is_the_score_of_the_rank() -> None:
    scores = np.array([3.0, 1.0, 2.0, 4.0])
    assert margin(scores, 0.8) == 4.0  # ceil(5 * 0.8) = 4
    assert margin(scores, 0.5) == 3.0
    assert np.isnan(margin(scores, 0.9))  # rank 5 of 4


def test_calibration_by_hand() -> None:
    def part(fold: int, truth: list[float], unit: float = 1.0) -> Interval:
        return Interval(fold, np.full(4, -1.0), np.full(4, 1.0), np.array(truth), unit)

    parts = [part(0, [0, 2, 3, -2]), part(1, [0, 0, 0, NAN], 2.0), part(2, [9, 9, 9, 9])]
    first, second, third = calibrated(parts, 0.5, 1)
    assert first is None
    assert second is not None
    np.testing.assert_array_equal(second[1], np.full(4, 1.0 + 1.0 * 2.0))  # scores -1, 1, 2, 1: rank 3 is 1
    assert third is not None
    scores = [-1, 1, 2, 1, -0.5, -0.5, -0.5]  # rank 4 of 7
    np.testing.assert_array_equal(third[1], np.full(4, 1.0 + sorted(scores)[3]))
    np.testing.assert_array_equal(third[0], -third[1])
    assert calibrated(parts, 0.5, 2)[1] is None  # fold 0 overlaps with fold 1


def test_calibration_mends_intervals_that_are_too_narrow() -> None:
    noise = np.random.default_rng(3).normal(size=400)
    result = fastgru.backtest(
        Average(bias=2.0), noise, horizon=20, folds=10, season=None, baselines=[WALK], conformal=True
    )
    row = result.calibration.loc[0.8]
    assert row["folds"] == 9
    assert row["before"] < 0.5
    assert 0.7 < row["after"] < 0.9
    assert row["width after"] > row["width before"]
    line = str(result).splitlines()[-2]
    assert line.startswith("Calibrated on the errors of earlier folds, in 9 of 10 folds: ")
    forecasts = result.forecasts
    later = forecasts["fold"] > 1
    assert forecasts.loc[~later, "low_calibrated"].isna().all()
    inside = forecasts["truth"].between(forecasts["low_calibrated"], forecasts["high_calibrated"])
    assert inside[later].mean() == pytest.approx(row["after"])
    assert fastgru.backtest(Average(), noise, horizon=20, folds=2, baselines=[WALK]).calibration is None


def test_calibration_gives_point_forecasts_an_interval() -> None:
    result = fastgru.backtest(
        Last(), NOISE, horizon=8, folds=6, season=None, baselines=[WALK], conformal=True
    )
    assert np.isfinite(result.calibration.loc[0.8, "after"])
    assert result.calibration.loc[0.8, "width before"] == 0.0


# --- rivals -------------------------------------------------------------------------------------------------


def test_absent_statsforecast_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rivals, "find_spec", lambda name: None)
    result = fastgru.backtest(Last(), WAVE, horizon=4, folds=2, season=12)
    assert result.methods == ("Last", *NAIVE)
    assert "AutoETS, AutoARIMA: not installed (pip install statsforecast)." in str(result).splitlines()


@pytest.mark.skipif(find_spec("statsforecast") is None, reason="statsforecast is not installed")
def test_statsforecast_stands_beside() -> None:
    result = fastgru.backtest(Average(), WAVE, horizon=6, folds=2, season=12)
    assert result.methods == ("Average", *NAIVE, "AutoETS", "AutoARIMA")
    assert np.isfinite(result.scores.loc["AutoETS"]).all()
    assert result.scores.loc["AutoETS", "MASE"] < 1.5
    assert result.scores.loc["AutoETS", "width"] > 0


def test_a_rival_that_fails_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no convergence")

    monkeypatch.setattr(_rivals, "find_spec", lambda name: True)
    monkeypatch.setattr(_rivals, "_statistical", fails)
    result = fastgru.backtest(Last(), WAVE, horizon=4, folds=2, season=12)
    assert result.methods == ("Last", *NAIVE)
    assert "AutoETS: failed in fold 2 (no convergence)." in str(result).splitlines()


def test_slow_rivals_are_left_out_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rivals, "find_spec", lambda name: True)
    names, notes = _rivals.chosen_rivals("auto", 48, 100, 1)
    assert names == (*NAIVE, "AutoETS")
    assert notes[0].startswith("AutoARIMA: left out")
    assert _rivals.chosen_rivals(["AutoARIMA"], 48, 10**5, 1) == (("AutoARIMA",), [])
    assert _rivals.chosen_rivals("auto", 12, 100, 1)[0] == _rivals.RIVALS
    names, notes = _rivals.chosen_rivals("naive", None, 100, 1)
    assert names == (WALK, DRIFT)
    assert "no season is known" in notes[0]


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"folds": 40}, ValueError, r"y has 80 steps, .* 18 folds would fit \(folds=18\)"),
        ({"horizon": 60}, ValueError, "a fold needs 60 steps before its horizon, 120 in all"),
        ({"folds": 0}, ValueError, "folds must be at least 1, got 0"),
        ({"folds": 2.5}, TypeError, "folds must be an integer, got 2.5"),
        ({"step": True}, TypeError, "step must be an integer, got True"),
        ({"horizon": "a"}, TypeError, "horizon must be an integer, got 'a'"),
        ({"coverage": 1.0}, ValueError, "coverage must be a number between 0 and 1, without both, got 1.0"),
        ({"coverage": "wide"}, TypeError, "coverage must be a number between 0 and 1, got 'wide'"),
        ({"season": "year"}, ValueError, "season must be 'auto', None or a number of steps, got 'year'"),
        ({"season": 1.5}, TypeError, "season must be 'auto', None or an integer, got 1.5"),
        ({"season": 0}, ValueError, "season must be at least 1, got 0"),
        ({"baselines": ["best"]}, ValueError, "baselines must be .*, got 'best'"),
        ({"baselines": 3}, TypeError, "baselines must be 'auto', 'naive' or names of methods, got 3"),
        ({"folds": 1, "conformal": True}, ValueError, "folds must be at least 2"),
        ({"folds": 3, "step": 1, "conformal": True}, ValueError, "folds must be at least 5"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fastgru.backtest(Average(), WAVE, **{"season": None, "baselines": "naive", **options})


def test_bad_forecasters_are_named() -> None:
    class Short(Last):
        def predict(self, horizon: int) -> Any:
            return np.zeros(horizon - 1)

    with pytest.raises(ValueError, match=r"horizon must be given: Last has none"):
        fastgru.backtest(Last(), WAVE)
    with pytest.raises(ValueError, match=r"fold 1 of 3, .*: Short.predict should return 5 steps, got \(4,"):
        fastgru.backtest(Short(), WAVE, horizon=5, folds=3)
    with pytest.raises(ValueError, match=r"y is infinite in row 3"):
        fastgru.backtest(Last(), np.where(np.arange(80) == 3, np.inf, WAVE), horizon=5)
    with pytest.raises(ValueError, match=r"fold 1 of 2, 72 steps to learn from: y has no value"):
        fastgru.backtest(fastgru.GRUForecaster(horizon=4), np.where(np.arange(80) == 3, NAN, WAVE), folds=2)
