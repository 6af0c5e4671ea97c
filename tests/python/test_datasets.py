"""The series that come with the package: complete, as published, and with their source stated."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from fastgru import datasets
from fastgru.datasets import TimeSeries, load_airline, load_co2, load_elnino, load_sunspots

SERIES = {
    "airline": (load_airline, 144, "1949-01", "1960-12"),
    "sunspots": (load_sunspots, 3120, "1749-01", "2008-12"),
    "co2": (load_co2, 451, "1964-06", "2001-12"),
    "elnino": (load_elnino, 732, "1950-01", "2010-12"),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_are_whole(name: str) -> None:
    load, count, first, last = SERIES[name]
    series = load()
    assert isinstance(series, TimeSeries)
    assert len(series) == count
    assert series.values.shape == series.dates.shape == (count,)
    assert series.values.dtype == np.float64
    assert series.dates.dtype == np.dtype("datetime64[M]")
    assert np.isfinite(series.values).all()
    assert (str(series.dates[0]), str(series.dates[-1])) == (first, last)
    assert (np.diff(series.dates) == np.timedelta64(1, "M")).all()
    assert series.licence == "public domain"
    assert "http" in series.source
    assert series.name in repr(series)


@pytest.mark.parametrize(
    ("series", "month", "value"),
    [
        (load_sunspots, "1749-01", 58.0),
        (load_sunspots, "1957-10", 253.8),  # the highest month of the record
        (load_sunspots, "2008-12", 0.8),
        (load_airline, "1949-01", 112.0),
        (load_airline, "1960-07", 622.0),  # the highest month
        (load_co2, "1964-06", 321.75),  # the mean of 322.0 and 321.5, two weeks have no value
        (load_co2, "2001-12", 371.02),
        (load_elnino, "1950-01", 24.83),
        (load_elnino, "1997-11", 29.13),
    ],
)
def test_values_are_the_published_ones(series: object, month: str, value: float) -> None:
    loaded = series()  # type: ignore[operator]
    assert loaded.values[loaded.dates == np.datetime64(month)] == [pytest.approx(value)]


def test_regions_differ_and_a_wrong_one_is_named() -> None:
    means = [load_elnino(region).values.mean() for region in ("1+2", "3", "3.4", "4")]
    assert means == sorted(means)  # the sea is warmer the further west
    assert len(set(means)) == 4
    with pytest.raises(ValueError, match=r"region must be one of '1\+2', '3', '3\.4', '4'; got '5'"):
        load_elnino("5")


def test_each_call_gives_arrays_of_its_own() -> None:
    first = load_co2()
    first.values[:] = 0.0
    assert load_co2().values[0] > 300.0


@pytest.mark.parametrize("name", SERIES)
def test_files_state_source_and_licence(name: str) -> None:
    folder = files(datasets)
    head = folder.joinpath(f"{name}.csv").read_text(encoding="utf-8").split("\n", 8)
    comments = [line for line in head if line.startswith("#")]
    assert any("Source:" in line for line in comments)
    assert any("Licence: public domain" in line for line in comments)
    assert f"`{name}.csv`" in folder.joinpath("README.md").read_text(encoding="utf-8")
