"""Small real time series bundled for examples and the demo; README.md lists the sources."""

from fastgru.datasets._series import TimeSeries, load_airline, load_co2, load_elnino, load_sunspots

__all__ = ["TimeSeries", "load_airline", "load_co2", "load_elnino", "load_sunspots"]
