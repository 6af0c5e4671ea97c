"""Loaders of the bundled CSV files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

_PUBLIC_DOMAIN = "public domain"
_REGIONS = {"1+2": "nino12", "3": "nino3", "3.4": "nino34", "4": "nino4"}


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """An evenly spaced series with its source.

    Attributes
    ----------
    name : str
        Short name, the column of the CSV file.
    title : str
        Name of the measured quantity, for the title of a plot.
    unit : str
        Unit of `values`; empty for a plain number.
    values : ndarray of shape (n,), float64
        The measurements, without gaps.
    dates : ndarray of shape (n,), datetime64[M]
        The month of each value.
    source : str
        The publishing agency and the address.
    licence : str
        The terms of the data.

    Examples
    --------
    >>> from fastgru.datasets import load_sunspots
    >>> sunspots = load_sunspots()
    >>> len(sunspots), str(sunspots.dates[0]), float(sunspots.values[0])
    (3120, '1749-01', 58.0)
    """

    name: str
    title: str
    unit: str
    values: NDArray[np.float64]
    dates: NDArray[np.datetime64]
    source: str
    licence: str

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"TimeSeries({self.name!r}, {len(self)} values, {self.dates[0]} to {self.dates[-1]})"


def _read(file_name: str, column: str) -> tuple[NDArray[np.float64], NDArray[np.datetime64]]:
    text = files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))
    index = rows[0].index(column)
    values = np.array([float(row[index]) for row in rows[1:]], dtype=np.float64)
    return values, np.array([row[0] for row in rows[1:]], dtype="datetime64[M]")


def load_sunspots() -> TimeSeries:
    """Load the monthly mean sunspot number, January 1749 to December 2008.

    Returns
    -------
    TimeSeries
        3120 values without a unit; they show the well-known cycle of about eleven years.

    Notes
    -----
    Published by NOAA's National Geophysical Data Center. The value of February 1824 is the publisher's
    interpolation.

    Examples
    --------
    >>> from fastgru.datasets import load_sunspots
    >>> load_sunspots()
    TimeSeries('sunspots', 3120 values, 1749-01 to 2008-12)
    """
    values, dates = _read("sunspots.csv", "sunspots")
    return TimeSeries(
        name="sunspots",
        title="Monthly mean sunspot number",
        unit="",
        values=values,
        dates=dates,
        source="NOAA National Geophysical Data Center, http://www.ngdc.noaa.gov/stp/solar/solarda3.html",
        licence=_PUBLIC_DOMAIN,
    )


def load_airline() -> TimeSeries:
    """Load the monthly number of international airline passengers, January 1949 to December 1960.

    Returns
    -------
    TimeSeries
        144 values in thousands: a rising trend, with a yearly season that grows with it.

    Notes
    -----
    Series G of G. E. P. Box and G. M. Jenkins, on which forecasts have been compared ever since.

    Examples
    --------
    >>> from fastgru.datasets import load_airline
    >>> load_airline()
    TimeSeries('airline', 144 values, 1949-01 to 1960-12)
    """
    values, dates = _read("airline.csv", "airline")
    return TimeSeries(
        name="airline",
        title="International airline passengers",
        unit="thousand",
        values=values,
        dates=dates,
        source="G. E. P. Box, G. M. Jenkins, Time Series Analysis: Forecasting and Control, 1976, Series G; "
        "https://stat.ethz.ch/R-manual/R-devel/library/datasets/html/AirPassengers.html",
        licence=_PUBLIC_DOMAIN,
    )


def load_co2() -> TimeSeries:
    """Load the monthly mean CO2 in the air at Mauna Loa, June 1964 to December 2001.

    Returns
    -------
    TimeSeries
        451 values in parts per million by volume (ppm): a rising trend with a yearly cycle.

    Notes
    -----
    Measured by C. D. Keeling and T. P. Whorf (Scripps Institution of Oceanography), published by the Carbon
    Dioxide Information Analysis Center of the US Department of Energy. Each value is the mean of the weekly
    values published for that month; the record begins in 1958, but some months before June 1964 lack one.

    Examples
    --------
    >>> from fastgru.datasets import load_co2
    >>> load_co2().unit
    'ppm'
    """
    values, dates = _read("co2.csv", "co2")
    return TimeSeries(
        name="co2",
        title="CO2 in the air at Mauna Loa",
        unit="ppm",
        values=values,
        dates=dates,
        source="CDIAC, Oak Ridge National Laboratory, US Department of Energy, "
        "http://cdiac.ornl.gov/trends/co2/sio-keel-flask/sio-keel-flaskmlo_c.html",
        licence=_PUBLIC_DOMAIN,
    )


def load_elnino(region: str = "3.4") -> TimeSeries:
    """Load the monthly sea surface temperature of the tropical Pacific, January 1950 to December 2010.

    Parameters
    ----------
    region : {"1+2", "3", "3.4", "4"}, default="3.4"
        The Niño region. "1+2" lies off Peru and has a strong yearly cycle; "3.4" is the region by which El
        Niño is declared.

    Returns
    -------
    TimeSeries
        732 values in degrees Celsius (°C).

    Raises
    ------
    ValueError
        If `region` is none of the four.

    Notes
    -----
    ERSST.v3b, by NOAA's Climate Prediction Center.

    Examples
    --------
    >>> from fastgru.datasets import load_elnino
    >>> round(float(load_elnino("1+2").values.mean()), 1)
    23.1
    """
    column = _REGIONS.get(region)
    if column is None:
        raise ValueError(f"region must be one of {', '.join(map(repr, _REGIONS))}; got {region!r}")
    values, dates = _read("elnino.csv", column)
    return TimeSeries(
        name=column,
        title=f"Sea surface temperature, Niño {region}",
        unit="°C",
        values=values,
        dates=dates,
        source="NOAA National Weather Service, Climate Prediction Center, "
        "http://www.cpc.ncep.noaa.gov/data/indices/",
        licence=_PUBLIC_DOMAIN,
    )
