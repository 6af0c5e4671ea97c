"""The index of a series: order, gaps, step, and how it goes on into the future."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._gaps import HOLIDAYS, has_dates, usual_steps, working_days_alone
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
    step = pd.Timedelta(int(np.median(np.diff(index.asi8))), unit=_unit(index))
    return pd.tseries.frequencies.to_offset(step)


def _dates_from(first: Any, count: int, offset: Any, name: Any) -> Any:
    """Return dates from `first` on. A local time that daylight saving leaves out comes as much later."""
    import pandas as pd

    try:
        return pd.date_range(first, periods=count, freq=offset, name=name)
    except ValueError:
        if first.tz is None:
            raise
    local = pd.date_range(first.tz_localize(None), periods=count, freq=offset, name=name)
    summer = np.ones(count, dtype=bool)  # of two times on the same clock, the first
    return local.tz_localize(first.tz, ambiguous=summer, nonexistent="shift_forward")


def seconds_of_step(index: Any) -> float | None:
    """Return the length of the usual step in seconds, or None without dates."""
    if index is None or len(index) < 2 or not has_dates(index):
        return None
    dates = index.to_timestamp() if is_from("pandas", "PeriodIndex", index) else index
    return float(np.median(np.diff(dates.asi8))) * _SECONDS[_unit(dates)]


def _unit(index: Any) -> str:
    """Return the unit of an index of dates or differences; before pandas 2 it was always ns."""
    return str(getattr(index, "unit", "ns"))


class Clock:
    """Where a series ends, and the times that come after.

    Parameters
    ----------
    index : pandas index or None
        The times of the series; None: none are known.
    n_known : int
        The steps of the series.
    name : str
        What messages call it.
    """

    def __init__(self, index: Any, n_known: int, name: str) -> None:
        self.index, self.n_known, self.name = None if index is None else index[-2:], n_known, name
        self.offset, self._next = None, None
        if index is not None and len(index) > 1 and has_dates(index):
            periods = is_from("pandas", "PeriodIndex", index)
            self.offset = index.freq if periods else step_of(index, name)

    def after(self, steps: int) -> Any:
        """Return the index of the next `steps` steps; None where there is no index."""
        index = self.index
        if index is None:
            return None
        import pandas as pd

        if len(index) and has_dates(index):
            if self.offset is None:
                raise ValueError(f"the index of {self.name} has one date: its step cannot be told")
            if is_from("pandas", "PeriodIndex", index):
                return pd.period_range(index[-1] + 1, periods=steps, freq=self.offset, name=index.name)
            if is_from("pandas", "TimedeltaIndex", index):
                return pd.timedelta_range(index[-1], periods=steps + 1, freq=self.offset, name=index.name)[1:]
            # Days and longer steps keep the local time of a time zone; the last date may lie off their grid.
            found = _dates_from(index[-1], steps + 1, self.offset, index.name)
            first = int(found[0] == index[-1])
            return found[first : first + steps]
        if index.dtype.kind in "iu" and len(index):
            step = int(index[-1] - index[-2]) if len(index) > 1 else 1
            start = int(index[-1]) + step
            return pd.RangeIndex(start, start + step * steps, step, name=index.name)
        return pd.RangeIndex(self.n_known, self.n_known + steps, name=index.name)

    def next(self) -> Any:
        """Return the index of the next step, as `after`."""
        if self._next is None:
            self._next = self.after(1)
        return self._next

    def times(self, index: Any) -> Any:
        """Return the times of new steps; None where they have but names, as those of `fit` had."""
        named = index is not None and self.index is not None and not is_counted(index)
        return None if named and not has_dates(self.index) else index

    def moved(self, index: Any, steps: int) -> Clock:
        """Return the clock after `steps` more steps, whose times `index` has been checked."""
        later = Clock(None, self.n_known + steps, self.name)
        later.offset = self.offset
        if self.index is not None:
            later.index = self.index.append(self.after(steps) if index is None else index)[-2:]
        return later

    def check(self, index: Any, name: str) -> None:
        """Refuse new steps that do not follow at once.

        Raises
        ------
        ValueError
            There is a gap before or between them, or they are known already.
        """
        if index is None or self.index is None or not len(index):
            return
        wanted = self.next() if len(index) == 1 else self.after(len(index))
        if type(index) is not type(wanted) and has_dates(self.index) != has_dates(index):
            raise ValueError(
                f"{name} has an index of {type(index).__name__}, and y of fit one of "
                f"{type(self.index).__name__}"
            )
        if index[0] <= self.index[-1]:
            raise ValueError(
                f"{name} begins at {index[0]}, which is known already: y ends at {self.index[-1]}"
            )
        if len(index) == len(wanted) and (index == wanted).all():
            return
        if type(self.offset).__name__ == "BusinessDay" and _holidays_alone(self.index[-1:].append(index)):
            return
        row = int(np.flatnonzero(index != wanted)[0])
        raise ValueError(
            f"{name} has {index[row]} in row {row}, and the next step is {wanted[row]}: update takes the "
            "steps that follow, without gaps (with missing='mask', NaN for those that are missing)"
        )


def _holidays_alone(index: Any) -> bool:
    """Tell whether an index of working days leaves out no more of them in a row than holidays do."""
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    return bool(np.is_busday(days).all() and (np.busday_count(days[:-1], days[1:]) <= 1 + HOLIDAYS).all())
