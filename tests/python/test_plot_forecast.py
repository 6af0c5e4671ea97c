"""Pictures of forecasts and backtests show their numbers, on light and dark grounds; errors are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.dates import date2num
from small_forecaster import SMALL, wave
from stand_in_forecaster import Average, Last

import fastgru
from fastgru import plot

MONTHS = pd.date_range("2015-01-01", periods=72, freq="MS")
SALES = pd.Series(wave(72), index=MONTHS, name="Sales ($)")
PANEL = pd.DataFrame({"a": wave(72, 1), "b": wave(72, 2)}, index=MONTHS)
LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax: Any, label: str) -> Any:
    return next(each for each in ax.get_lines() if each.get_label() == label)


def edges(band: Any) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of a band at each of its places, ascending."""
    points = band.get_paths()[0].vertices
    places = np.unique(points[:, 0])
    low = np.array([points[points[:, 0] == place, 1].min() for place in places])
    high = np.array([points[points[:, 0] == place, 1].max() for place in places])
    return low, high


# --- forecasts ----------------------------------------------------------------------------------------------


def test_fan_shows_the_quantiles_after_the_history() -> None:
    model = Average().fit(SALES[:-4])
    ax = plot.forecast(model, SALES[:-4], horizon=4, coverages=(0.8, 0.5), truth=SALES[-4:])
    assert labels(ax) == ["History", "Forecast", "50 %", "80 %", "Truth"]
    quantiles = model.predict_quantiles(LEVELS, 4).to_numpy()
    last = SALES.iloc[-5]
    for band, columns in zip(ax.collections, ((0, 4), (1, 3)), strict=True):  # the widest lies below
        low, high = edges(band)
        np.testing.assert_allclose(low, [last, *quantiles[:, columns[0]]])
        np.testing.assert_allclose(high, [last, *quantiles[:, columns[1]]])
    np.testing.assert_array_equal(line(ax, "Forecast").get_ydata(), [last, *quantiles[:, 2]])
    np.testing.assert_array_equal(
        date2num(line(ax, "Forecast").get_xdata()), date2num(MONTHS[-5:].to_numpy())
    )
    np.testing.assert_array_equal(line(ax, "Truth").get_ydata(), SALES[-4:])
    np.testing.assert_array_equal(line(ax, "History").get_ydata(), SALES[-44:-4])  # 40 steps at least
    assert ax.get_ylabel() == r"Sales (\$)"


def test_titles_units_and_axes_are_the_users() -> None:
    model = Average().fit(SALES)
    figure, given = plt.subplots()
    ax = plot.forecast(model, SALES, horizon=3, shown=7, title="Next", ylabel="Sales (k)", ax=given)
    assert ax is given
    assert (ax.get_title(loc="left"), ax.get_ylabel()) == ("Next", "Sales (k)")
    assert len(line(ax, "History").get_ydata()) == 7
    assert len(figure.axes) == 1


def test_a_grus_history_is_known() -> None:
    model = fastgru.GRUForecaster(**{**SMALL, "max_iter": 1}).fit(SALES)
    ax = plot.forecast(model)
    np.testing.assert_array_equal(line(ax, "History").get_ydata(), SALES[-40:])
    np.testing.assert_array_equal(line(ax, "Forecast").get_ydata()[1:], model.predict())


@pytest.mark.parametrize(
    "container",
    ["frame", "list", "array", "records", "long"],
)
def test_series_of_a_panel_stand_below_each_other(container: str) -> None:
    long = PANEL.melt(ignore_index=False, var_name="unique_id", value_name="y").rename_axis("ds")
    y = {
        "frame": PANEL,
        "list": [PANEL["a"], PANEL["b"]],
        "array": PANEL.to_numpy(),
        "records": long.reset_index(),
        "long": long.reset_index().set_index(["unique_id", "ds"]),
    }[container]
    model = Average().fit(y)
    axes = plot.forecast(model, y, horizon=5, title="Two", ylabel="m")
    assert len(axes) == 2
    for ax, name in zip(axes, "ab", strict=True):
        np.testing.assert_array_equal(line(ax, "History").get_ydata(), PANEL[name][-40:])
        np.testing.assert_allclose(line(ax, "Forecast").get_ydata()[1:], PANEL[name].mean())
    names = [0, 1] if container == "array" else ["a", "b"]
    assert [ax.get_title(loc="left") for ax in axes] == [f"Two: {names[0]}", f"{names[1]}"]
    one = plot.forecast(model, y, horizon=5, series=names[1])
    np.testing.assert_allclose(line(one, "Forecast").get_ydata()[1:], PANEL["b"].mean())


@pytest.mark.parametrize("container", ["one", "frame", "records", "long"])
def test_frames_of_quantiles_are_drawn_without_a_forecaster(container: str) -> None:
    long = (
        PANEL.melt(ignore_index=False, var_name="unique_id", value_name="y").rename_axis("ds").reset_index()
    )
    y = {"one": SALES, "frame": PANEL, "records": long, "long": long.set_index(["unique_id", "ds"])}[
        container
    ]
    frame = Average().fit(y).predict_quantiles([0.5, 0.9, 0.1], 3)
    axes = np.atleast_1d(plot.forecast(frame))
    assert len(axes) == (1 if container == "one" else 2)
    for ax, values in zip(axes, [SALES] if container == "one" else [PANEL["a"], PANEL["b"]], strict=True):
        (band,) = ax.collections
        low, high = edges(band)
        np.testing.assert_allclose((low + high) / 2, values.mean())
        np.testing.assert_allclose(line(ax, "Forecast").get_ydata(), values.mean())
        assert (low < high).all()
    assert labels(axes[0]) == ["Forecast", "80 %"]


@pytest.mark.parametrize("container", ["wide", "records", "without times"])
def test_forecasts_of_polars(container: str) -> None:
    wide = pl.from_pandas(PANEL.rename_axis("ds").reset_index())
    y = {
        "wide": wide,
        "records": wide.unpivot(index="ds", variable_name="unique_id", value_name="y"),
        "without times": wide.drop("ds"),
    }[container]
    model = fastgru.GRUForecaster(**{**SMALL, "max_iter": 1}).fit(y)
    for axes in (plot.forecast(model), plot.forecast(model.predict_quantiles([0.1, 0.5, 0.9]))):
        assert [ax.get_ylabel() for ax in axes] == ["a", "b"]
        forecast = model.predict()
        wanted = forecast["y"][-4:] if container == "records" else forecast["b"]
        np.testing.assert_allclose(line(axes[1], "Forecast").get_ydata()[-4:], wanted.to_numpy())


@pytest.mark.parametrize(
    ("index", "label"),
    [
        (None, "Step"),
        (pd.RangeIndex(100, 172), "Step"),
        (MONTHS.to_period("M"), ""),
        (MONTHS.tz_localize("Europe/Berlin"), ""),
        (pd.timedelta_range("0h", periods=72, freq="2h"), "Hours"),
    ],
)
def test_every_kind_of_time_axis(index: Any, label: str) -> None:
    y = SALES.to_numpy() if index is None else pd.Series(SALES.to_numpy(), index=index)
    ax = plot.forecast(Average().fit(y), y, horizon=4)
    assert ax.get_xlabel() == label
    x = line(ax, "Forecast").get_xdata()
    numbers = date2num(x) if np.asarray(x).dtype.kind == "M" else x
    history = line(ax, "History").get_xdata()[-1]
    assert numbers[0] == (date2num(history) if np.asarray(x).dtype.kind == "M" else history)
    assert (np.diff(numbers) > 0).all()
    ax.figure.canvas.draw()


def test_ink_is_dark_on_light_and_light_on_dark() -> None:
    result = fastgru.backtest(Average(), SALES, folds=2, season=12, baselines="naive")
    for style, bright in (("default", False), ("dark_background", True)):
        with plt.style.context(style):
            shown = plot.forecast(Average().fit(SALES), SALES), plot.backtest(result)
            for ax, label in zip(shown, ("History", "Truth"), strict=True):
                assert (sum(to_rgb(line(ax, label).get_color())) > 1.5) is bright
                ax.figure.canvas.draw()
                grid = ax.yaxis.get_gridlines()[0]
                assert (sum(to_rgb(grid.get_color())) > 1.5) is bright
            assert (sum(to_rgb(plot.calibration(result).get_lines()[0].get_color())) > 1.5) is bright


# --- backtests ----------------------------------------------------------------------------------------------


def test_folds_over_the_series() -> None:
    result = fastgru.backtest(Average(), SALES, horizon=6, folds=3, season=12, baselines="naive")
    ax = result.plot(methods=["seasonal naive"], title="Three folds", ylabel="Sales")
    assert labels(ax) == ["Truth", "Average", "80 %", "seasonal naive"]
    assert (ax.get_title(loc="left"), ax.get_ylabel()) == ("Three folds", "Sales")
    np.testing.assert_array_equal(line(ax, "Truth").get_ydata(), SALES[-27:])  # half as many before
    drawn = [each for each in ax.get_lines() if len(each.get_xdata()) == 6]
    for fold, (own, naive) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
        rows = result.forecasts[result.forecasts["fold"] == fold + 1]
        np.testing.assert_array_equal(own.get_ydata(), rows["Average"])
        np.testing.assert_array_equal(naive.get_ydata(), rows["seasonal naive"])
        low, high = edges(ax.collections[fold])
        np.testing.assert_allclose(low, rows["low"])
        np.testing.assert_allclose(high, rows["high"])
        np.testing.assert_array_equal(date2num(own.get_xdata()), date2num(rows["time"].to_numpy()))
    assert ax.get_legend() is not None


def test_a_panels_folds_and_overlapping_ones() -> None:
    result = fastgru.backtest(Average(), PANEL, horizon=6, step=3, folds=3, season=12, baselines="naive")
    axes = plot.backtest(result, shown=10)
    assert [ax.get_ylabel() for ax in axes] == ["a", "b"]
    own = [each for each in axes[1].get_lines() if len(each.get_xdata()) == 6]
    assert len({each.get_color() for each in own}) == 2
    assert len(line(axes[1], "Truth").get_ydata()) == 12 + 10
    assert plot.backtest(result, series="b").get_ylabel() == "b"


def test_one_step_folds_and_point_forecasts_can_be_seen() -> None:
    ax = plot.backtest(fastgru.backtest(Average(), SALES, horizon=1, folds=4, season=12, baselines="naive"))
    assert [each.get_marker() for each in ax.get_lines() if len(each.get_xdata()) == 1] == ["o"] * 4
    assert len(ax.collections) == 4
    bare = plot.backtest(fastgru.backtest(Last(), SALES.to_numpy(), horizon=2, folds=4, baselines="naive"))
    assert not bare.collections
    assert labels(bare) == ["Truth", "Last"]


def test_calibration_shows_promised_and_observed_shares() -> None:
    noise = np.random.default_rng(0).normal(size=300)
    result = fastgru.backtest(
        Average(), noise, horizon=20, folds=8, season=None, baselines="naive", conformal=True
    )
    ax = plot.calibration(result)
    own, after = line(ax, "Average"), line(ax, "Average, calibrated")
    np.testing.assert_allclose(own.get_xdata(), [50, 80, 90])
    inside = result.forecasts["truth"].between(result.forecasts["low"], result.forecasts["high"]).mean()
    assert own.get_ydata()[1] == pytest.approx(100 * inside)
    np.testing.assert_allclose(after.get_ydata(), 100 * result.calibration["after"])
    assert labels(ax) == ["Average", "random walk", "drift", "Average, calibrated"]
    assert labels(plot.calibration(result, methods=["drift"], title="Shares")) == ["drift"]


# --- errors -------------------------------------------------------------------------------------------------


def test_errors_name_the_argument() -> None:
    model = Average().fit(PANEL)
    result = fastgru.backtest(Last(), SALES.to_numpy(), horizon=2, folds=2, baselines=[])
    with pytest.raises(TypeError, match=r"forecaster must be a forecaster, or the frame .*, got int"):
        plot.forecast(3)
    with pytest.raises(ValueError, match=r"forecaster must be the frame .* the columns \['a', 'b'\]"):
        plot.forecast(PANEL)
    with pytest.raises(ValueError, match="series must be one of 'a', 'b', got 'c'"):
        plot.forecast(model, series="c")
    with pytest.raises(ValueError, match="y has 1 series, and there are forecasts of 2"):
        plot.forecast(model, SALES)
    with pytest.raises(ValueError, match=r"coverages must be numbers between 0 and 1, .* got \(0.5, 1\)"):
        plot.forecast(model, coverages=(0.5, 1))
    with pytest.raises(ValueError, match="ax must be 2 Axes, one for each series, got 1"):
        plot.forecast(model, ax=plt.subplots()[1])
    with pytest.raises(TypeError, match=r"result must be what fastgru.backtest returned, got int"):
        plot.backtest(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"methods must be some of .*, got 'drift'"):
        plot.backtest(result, methods=["drift"])
    with pytest.raises(ValueError, match="no method with intervals to draw; there are none"):
        plot.calibration(result)
    many = Average().fit(np.tile(SALES.to_numpy()[:, None], 7))
    with pytest.raises(ValueError, match=r"there are 7 series, and a figure holds 6: series= names one"):
        plot.forecast(many)
