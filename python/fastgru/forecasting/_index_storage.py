"""An index as JSON values, and back."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fastgru._gaps import has_dates
from fastgru._tables import is_from

_KINDS = {"DatetimeIndex": "dates", "PeriodIndex": "periods", "TimedeltaIndex": "differences"}


def index_for_file(index: Any) -> dict[str, Any] | None:
    """Return the kind, the whole numbers and the names that make an index; None of none.

    An index of neither dates nor integers is saved as the numbers of its rows.
    """
    if index is None:
        return None
    name = index.name if isinstance(index.name, str) else None
    if has_dates(index):
        kind = next(short for full, short in _KINDS.items() if is_from("pandas", full, index))
        saved = {"kind": kind, "name": name, "values": _compressed(index.asi8)}
        saved["freq"] = _freq_text(index)
        saved["unit"] = None if kind == "periods" else str(getattr(index, "unit", "ns"))
        saved["zone"] = _zone_text(index) if kind == "dates" and index.tz is not None else None
        return saved
    whole = index.to_numpy() if index.dtype.kind in "iu" else np.arange(len(index))
    return {"kind": "integers", "name": name, "values": _compressed(whole)}


def _freq_text(index: Any) -> str | None:
    """Return the frequency of dates as the text that makes it again."""
    import pandas as pd

    if index.freq is None:
        return None
    if (
        is_from("pandas", "PeriodIndex", index)
        or pd.tseries.frequencies.to_offset(index.freqstr) == index.freq
    ):
        return str(index.freqstr)
    raise ValueError(
        f"the frequency {index.freq!r} of y cannot be written to a model file, which holds no holidays: take "
        "dates of working days with freq=None"
    )


def _zone_text(index: Any) -> str:
    """Return the time zone of dates as the text that makes it again."""
    import pandas as pd

    try:
        if pd.Timestamp(0, tz=str(index.tz)).utcoffset() is not None:
            return str(index.tz)
    except (ValueError, KeyError):
        pass
    raise ValueError(
        f"the time zone {index.tz!r} of y cannot be written to a model file: give its name, as in "
        "y.tz_convert('Europe/Rome')"
    )


def index_from_file(saved: Any, n_rows: int) -> Any:
    """Invert `index_for_file`.

    Raises
    ------
    ValueError
        It is no index of so many rows.
    """
    if saved is None:
        return None
    if not isinstance(saved, dict) or saved.get("kind") not in {*_KINDS.values(), "integers"}:
        raise ValueError(f"index must be null or an object with a known kind, got {str(saved)[:80]}")
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(
            'this forecaster has an index of dates or labels, which needs pandas: pip install "fastgru[demo]"'
        ) from None
    values, name = _expanded(saved["values"], n_rows), saved["name"]
    if not (name is None or isinstance(name, str)):
        raise ValueError(f"the name of an index must be a text, got {name!r}")
    if saved["kind"] == "integers":
        return pd.Index(values, name=name)
    freq, unit = saved["freq"], saved["unit"]
    if saved["kind"] == "periods":
        return pd.PeriodIndex.from_ordinals(values, freq=freq, name=name)
    if unit not in {"s", "ms", "us", "ns"}:
        raise ValueError(f"the unit of an index must be s, ms, us or ns, got {unit!r}")
    if saved["kind"] == "differences":
        return pd.TimedeltaIndex(values.astype(f"m8[{unit}]"), freq=freq, name=name)
    dates = pd.DatetimeIndex(values.astype(f"M8[{unit}]"), name=name)
    if saved["zone"] is not None:
        dates = dates.tz_localize("UTC").tz_convert(saved["zone"])
    if freq is not None:
        dates.freq = freq
    return dates


def _compressed(values: Any) -> dict[str, Any]:
    """Return whole numbers as their first and the runs of equal steps between them."""
    whole = np.asarray(values, dtype=np.int64)
    steps = np.diff(whole)
    ends = np.flatnonzero(np.diff(steps)) + 1
    bounds = np.concatenate(([0], ends, [len(steps)])) if len(steps) else np.array([0])
    runs = [[int(steps[start]), int(stop - start)] for start, stop in itertools.pairwise(bounds)]
    return {"first": int(whole[0]) if len(whole) else 0, "runs": runs}


def _expanded(saved: Any, n_rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Invert `_compressed`; the number of rows is checked before memory is taken for them."""
    first, runs = saved["first"], saved["runs"]
    whole = isinstance(runs, list) and all(
        isinstance(run, list) and len(run) == 2 and all(type(part) is int for part in run) and run[1] > 0
        for run in runs
    )
    if type(first) is not int or not whole or sum(run[1] for run in runs) != max(0, n_rows - 1):
        raise ValueError(f"index must have the steps of {n_rows} rows")
    steps = np.repeat([run[0] for run in runs], [run[1] for run in runs]) if runs else np.empty(0, np.int64)
    return first + np.concatenate(([0], np.cumsum(steps.astype(np.int64)))).astype(np.int64)[:n_rows]
