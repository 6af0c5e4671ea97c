"""The index of a series: order, gaps, step."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._gaps import has_dates, usual_steps, working_days_alone
from fastgru._tables import is_from

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_TEXTS = {"str", "string"}
_DATE = re.compile(r"\d{4}[-/]\d{1,2}(\D|$)")  # how a date begins that is a text
_WIDE = 1.5  # as in make_windows: a step is a gap if it is longer than this many usual ones


def times_of(index: Any, name: str) -> Any:
    """Return an index of one level; Python's dates become those of pandas.

    Raises
    ------
    ValueError
        It has several levels, mixes kinds or time zones, or its dates are texts.
    """
    if index is None or (index.dtype.kind != "O" and str(index.dtype) not in _TEXTS):
        return index
    if index.nlevels > 1:
        raise ValueError(f"{name} has an index of {index.nlevels} levels: it may have one, or (series, time)")
    import pandas as pd

    kind = index.inferred_type
    if kind in {"date", "datetime"}:
        try:
            return pd.DatetimeIndex(index, name=index.name)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the dates of {name} mix time zones: {error}") from None
    if kind.startswith("mixed"):
        kinds = ", ".join(sorted({type(each).__name__ for each in index})[:4])
        raise ValueError(f"the index of {name} mixes {kinds}: times are of one kind")
    if kind == "string" and len(index) and _DATE.match(str(index[0])):
        raise ValueError(
            f"the dates of {name} are texts ({str(index[0])!r}): pandas.to_datetime turns them into dates"
        )
    return index


def is_counted(index: Any) -> bool:
    """Tell whether an index holds times: dates or whole numbers. Others are names of rows."""
    return has_dates(index) or index.dtype.kind in "iu"


def can_find(times: Any, index: Any) -> bool:
    """Tell whether rows are to be found by their times: not in an index of names, where steps are numbers."""
    if index is None or times is None:
        return False
    return has_dates(times) or is_counted(index)


def numbered(index: Any) -> Any:
    """Return the numbers of its rows for an index of their names."""
    import pandas as pd

    return pd.RangeIndex(len(index), name=index.name)


def check_order(index: Any, name: str, column: str | None = None) -> None:
    """Refuse times that are missing, repeat or run backwards; names of rows have no order.

    Parameters
    ----------
    index : pandas index or None
        The dates.
    name : str
        What messages call the series.
    column : str or None
        The column of the dates of a polars frame.
    """
    if index is None or len(index) < 2:
        return
    if index.isna().any():
        raise ValueError(f"{name} has no date in row {int(np.flatnonzero(index.isna())[0])} of its index")
    if not has_dates(index) and index.dtype.kind not in "iuf":
        return
    if index.is_monotonic_increasing and index.is_unique:
        return
    row = next(k for k in range(1, len(index)) if not index[k] > index[k - 1])
    what = "repeats a date" if index[row] == index[row - 1] else "runs backwards"
    mend = "sort_index()" if column is None else f"sort({column!r})"
    raise ValueError(
        f"the index of {name} {what} in row {row} ({index[row]} after {index[row - 1]}): {name}.{mend} "
        "puts the oldest first, and each time stands once"
    )


def first_gap(index: Any) -> int | None:
    """Return the first row after a gap, or None. Integers have gaps where they leave numbers out."""
    if index is None or len(index) < 3:
        return None
    if has_dates(index):
        if index.freq is not None and not is_from("pandas", "PeriodIndex", index):
            return None  # every step of its own frequency is there, as nights between hours of business
        steps = usual_steps(index)
    elif index.dtype.kind in "iu":
        differences = np.diff(index.to_numpy())
        steps = differences / np.median(differences)
    else:
        return None
    wide = np.flatnonzero(steps > _WIDE)
    return int(wide[0]) + 1 if len(wide) else None


def on_a_grid(index: Any, values: NDArray[np.float64], name: str) -> tuple[Any, NDArray[np.float64]]:
    """Return a series with a row for every step, NaN in those that its index leaves out.

    Raises
    ------
    ValueError
        The dates do not lie on a grid of even steps.
    """
    if first_gap(index) is None:
        return index, values
    full = _full_index(index, name)
    places = full.get_indexer(index)
    if (places < 0).any():
        row = int(np.flatnonzero(places < 0)[0])
        raise ValueError(
            f"the index of {name} has gaps and no even step: {index[row]} (row {row}) does not lie on the "
            f"steps from {full[0]} on"
        )
    filled = np.full((len(full), values.shape[1]), np.nan)
    filled[places] = values
    return full, filled


def _full_index(index: Any, name: str) -> Any:
    import pandas as pd

    if is_from("pandas", "PeriodIndex", index):
        return pd.period_range(index[0], index[-1], freq=index.freq)
    if index.dtype.kind in "iu":
        step = int(np.median(np.diff(index.to_numpy())))
        return pd.RangeIndex(int(index[0]), int(index[-1]) + 1, step)
    offset = step_of(index, name)
    if is_from("pandas", "TimedeltaIndex", index):
        return pd.timedelta_range(index[0], index[-1], freq=offset)
    return pd.date_range(index[0], index[-1], freq=offset)


def step_of(index: Any, name: str) -> Any:
    """Return the step of dates as a pandas offset: their own frequency, an inferred one, or the median step.

    Raises
    ------
    ValueError
        There are too few dates to tell.
    """
    import pandas as pd

    if index.freq is not None:
        return index.freq
    if len(index) < 2:
        raise ValueError(f"the index of {name} has one date: its step cannot be told (set its freq)")
    if working_days_alone(index):
        return pd.tseries.offsets.BDay()
    steps = usual_steps(index)
    edges = np.flatnonzero((steps > _WIDE) | (steps < 1 / _WIDE)) + 1
    bounds = np.concatenate(([0], edges, [len(index)]))
    longest = int(np.argmax(np.diff(bounds)))
    stretch = index[bounds[longest] : bounds[longest + 1]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that pandas 4 will return an offset: to_offset takes either
        inferred = pd.infer_freq(stretch) if len(stretch) >= 3 else None
    if inferred is not None:
        return pd.tseries.frequencies.to_offset(inferred)
    if is_from("pandas", "DatetimeIndex", index) and (months := _months_between(stretch)) is not None:
        return pd.DateOffset(months=months, day=int(stretch.day.max()))
    step = pd.Timedelta(int(np.median(np.diff(index.asi8))), unit=_unit(index))
    days = step / pd.Timedelta(days=1)
    if days >= 1 and days.is_integer() and is_from("pandas", "DatetimeIndex", index):
        return pd.offsets.Day(int(days))  # in local time, where a day may have 23 hours
    return pd.tseries.frequencies.to_offset(step)


def _months_between(dates: Any) -> int | None:
    """Return the months from each date to the next, on the same day: the 15th, or the 30th (28 February)."""
    if len(dates) < 3:
        return None
    months = np.diff(12 * dates.year + dates.month)
    days = np.minimum(dates.day.max(), dates.days_in_month)
    local = dates.tz_localize(None)
    clock = local - local.normalize()
    if months[0] < 1 or (months != months[0]).any() or (dates.day != days).any() or clock.nunique() > 1:
        return None
    return int(months[0])


def seconds_of_step(index: Any) -> float | None:
    """Return the length of the usual step in seconds, or None without dates."""
    if index is None or len(index) < 2 or not has_dates(index):
        return None
    dates = index.to_timestamp() if is_from("pandas", "PeriodIndex", index) else index
    return float(np.median(np.diff(dates.asi8))) * _SECONDS[_unit(dates)]


def _unit(index: Any) -> str:
    """Return the unit of an index of dates or differences; before pandas 2 it was always ns."""
    return str(getattr(index, "unit", "ns"))
