"""How the index of a series goes on into the future."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgru._gaps import HOLIDAYS, has_dates
from fastgru._tables import is_from
from fastgru.forecasting._index import is_counted, step_of


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
            return self._dates_after(index, steps)
        if index.dtype.kind in "iu" and len(index):
            step = int(index[-1] - index[-2]) if len(index) > 1 else 1
            start = int(index[-1]) + step
            return pd.RangeIndex(start, start + step * steps, step, name=index.name)
        return pd.RangeIndex(self.n_known, self.n_known + steps, name=index.name)

    def _dates_after(self, index: Any, steps: int) -> Any:
        """Return the next dates: days and longer steps keep the local time of a time zone."""
        if len(index) > 1 and index.tz is not None and index[0].time() != index[1].time():
            # The last may have been moved by daylight saving: the one before tells the usual time.
            found = _dates_from(index[0], steps + 2, self.offset, index.name)
            if found[1] == index[1]:
                return found[2:]
        found = _dates_from(index[-1], steps + 1, self.offset, index.name)
        first = int(found[0] == index[-1])  # the last may lie off the grid of its step
        return found[first : first + steps]

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
        given, before = _kind(index), _kind(self.index)
        if given != before:
            raise ValueError(f"{name} has {given} as its index, and y of fit has {before}")
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


def _kind(index: Any) -> str:
    """Return what an index holds, in words: two that differ here cannot be compared."""
    if is_from("pandas", "PeriodIndex", index):
        return f"periods ({index.freqstr})"
    if is_from("pandas", "TimedeltaIndex", index):
        return "time differences"
    if has_dates(index):
        return "dates without a time zone" if index.tz is None else "dates with a time zone"
    return "numbers" if index.dtype.kind in "iuf" else "names"


def _holidays_alone(index: Any) -> bool:
    """Tell whether an index of working days leaves out no more of them in a row than holidays do."""
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    return bool(np.is_busday(days).all() and (np.busday_count(days[:-1], days[1:]) <= 1 + HOLIDAYS).all())


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
