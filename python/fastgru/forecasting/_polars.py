"""polars' frames and Series: their times as a pandas index, and forecasts in frames like them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_from

_Floats = NDArray[np.float64]

_WHOLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_UNITS = ("ms", "us", "ns")
TIME_TYPES = (  # of the column of times, as a forecaster remembers it; no column and texts: ""
    "",
    "Date",
    *_WHOLE,
    *(f"{kind} {unit}" for kind in ("Datetime", "Duration") for unit in _UNITS),
)


def is_polars(data: Any) -> bool:
    """Tell whether `data` is a frame or a Series of polars."""
    return is_from("polars", "DataFrame", data) or is_from("polars", "Series", data)


def time_column(frame: Any, name: str) -> str | None:
    """Return the label of the column of dates or durations, which is the index of a polars frame; or None.

    Raises
    ------
    ValueError
        There are several.
    """
    found = [label for label, dtype in frame.schema.items() if _time_type(dtype) not in {"", *_WHOLE}]
    if len(found) > 1:
        raise ValueError(
            f"{name} has the columns of times {found[0]!r} and {found[1]!r}: a polars frame has one, which "
            "is its index"
        )
    return str(found[0]) if found else None


def without_times(data: Any) -> Any:
    """Return a polars frame without its column of times; other data as they are."""
    label = time_column(data, "y") if is_from("polars", "DataFrame", data) else None
    return data if label is None else data.drop(label)


def needed_pandas(name: str, column: str) -> Any:
    """Return the package pandas, whose indexes hold the times of the column of that label."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            f"{name} has times in the column {column!r}, and reading times needs pandas: pip install pandas"
        ) from None
    return pandas


def read_times(column: Any, name: str) -> tuple[Any, str]:
    """Return the times of a polars Series as a pandas index, and their type in `TIME_TYPES`."""
    pd = needed_pandas(name, column.name)
    kind = _time_type(column.dtype)
    index = pd.Index(column.to_numpy(), name=column.name)  # NumPy has no time zones: they are in UTC
    zone = getattr(column.dtype, "time_zone", None)
    return (index if zone is None else index.tz_localize("UTC").tz_convert(zone)), kind


def times_of(index: Any, kind: str) -> Any:
    """Return a pandas index as a polars Series of a type in `TIME_TYPES`."""
    polars = sys.modules["polars"]
    name = "" if index.name is None else str(index.name)
    if kind == "Date":
        return polars.Series(name, index.to_numpy().astype("M8[D]"))
    if kind in _WHOLE:
        return polars.Series(name, index.to_numpy(), dtype=getattr(polars, kind))
    if not kind:
        return polars.Series(name, index.to_numpy())
    what, unit = kind.split()
    if what == "Duration":
        return polars.Series(name, index.to_numpy().astype(f"m8[{unit}]"))
    zone = index.tz
    utc = index if zone is None else index.tz_convert("UTC").tz_localize(None)
    found = polars.Series(name, utc.to_numpy().astype(f"M8[{unit}]"))
    return found if zone is None else found.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))


def series_of(values: _Floats, name: Any) -> Any:
    """Return a polars Series of numbers."""
    return _loaded().Series("" if name is None else str(name), values)


def frame_of(columns: Mapping[str, Any]) -> Any:
    """Return a polars frame of NumPy arrays, lists and Series."""
    return _loaded().DataFrame(dict(columns))


def flat_label(parts: Sequence[Any]) -> str:
    """Return one label for the several levels that pandas has: "a-0.8-lower" for ("a", 0.8, "lower")."""
    return "-".join(map(str, parts))


def _loaded() -> Any:
    import polars  # a forecaster from a file answers in polars, too

    return polars


def _time_type(dtype: Any) -> str:
    polars = sys.modules["polars"]
    if dtype == polars.Date or str(dtype) in _WHOLE:
        return str(dtype)
    if isinstance(dtype, (polars.Datetime, polars.Duration)):
        return f"{type(dtype).__name__} {dtype.time_unit}"
    return ""
