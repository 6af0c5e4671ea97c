"""Small real series that come with the package, for examples and the demo; README.md has the sources."""

from fastgru.datasets._series import TimeSeries, load_co2, load_elnino, load_sunspots

__all__ = ["TimeSeries", "load_co2", "load_elnino", "load_sunspots"]
