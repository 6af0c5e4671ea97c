"""What a forecaster learns from: the series with their covariates, in an order that does not matter."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._gaps import has_dates
from fastgru._tables import array_of, is_frame, is_from, materialised, table_values
from fastgru.forecasting._clock import Clock
from fastgru.forecasting._index import first_gap, is_counted, numbered, on_a_grid
from fastgru.forecasting._known import Known, Steps, Unit, calendar_of, steps_of
from fastgru.forecasting._panel import LONG_COLUMNS, Panel, read_covariates, read_target
from fastgru.forecasting._steps import Form

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """The series of a model, with their clocks.

    Attributes
    ----------
    series : tuple of Known
        In the user's order.
    clocks : tuple of Clock
        Where each ends.
    cycles : tuple of str
        The cycles of the calendar that the network reads.
    columns : tuple
        Labels of the covariates; empty where they have none.
    """

    series: tuple[Known, ...]
    clocks: tuple[Clock, ...]
    cycles: tuple[str, ...]
    columns: tuple[Hashable, ...] = ()

    def steps(self, form: Form, units: Sequence[Unit]) -> list[Steps]:
        """Return inputs and targets of each series."""
        return [self.steps_of(place, form, unit) for place, unit in enumerate(units)]

    def steps_of(self, place: int, form: Form, unit: Unit, last: int | None = None) -> Steps:
        """Return inputs and targets of one series; with `last`, of so many steps at its end."""
        known = self.series[place] if last is None else self.series[place].last(last)
        following = self.clocks[place].next() if self.cycles else None
        return steps_of(known, form, unit, calendar_of(known.index, self.cycles, len(known), following))

    def waiting(self, form: Form) -> int:
        """Return how many last steps cannot be read yet, for want of covariates known in advance."""
        return form.horizon if self.series[0].future.shape[1] else 0

    def order(self) -> list[int]:
        """Return the places of the series in an order that their values decide, not the user."""
        return sorted(range(len(self.series)), key=lambda place: _digest(self.series[place]))

    def in_order(self) -> Data:
        """Return the series in that order."""
        order = self.order()
        return replace(
            self,
            series=tuple(self.series[k] for k in order),
            clocks=tuple(self.clocks[k] for k in order),
        )


def read_data(
    y: Any, X: Any, static: Any, *, past: Sequence[Hashable], missing: str, cycles: Any
) -> tuple[Panel, Data]:
    """Read what `fit` was given.

    Parameters
    ----------
    past : sequence
        The columns of X that are not known in advance.
    cycles : callable
        Takes the index of the longest series and returns the cycles of the calendar.

    Raises
    ------
    TypeError, ValueError
        It is not what a forecaster can learn from; the message says what and where.
    """
    target = read_target(y)
    if not len(target):
        raise ValueError("y has no series")
    _check_dates(target)
    if X is None and past:
        raise ValueError(f"past_columns has {past[0]!r}, and fit was given no X")
    covariates = None if X is None else read_covariates(X, target)
    numbers = static_numbers(static, target)
    series = []
    for place in range(len(target)):
        name = target.described(place, "y")
        index, values = _without_gaps(target.indexes[place], target.values[place], name, missing)
        first = int(np.argmax(np.isfinite(values[:, 0]))) if np.isfinite(values).any() else len(values)
        if target.kind == "wide" and first:  # columns of one table begin when they do
            values, index = values[first:], None if index is None else index[first:]
        check_missing(values[:, 0], index, name, missing)
        first = first if target.kind == "wide" else 0
        after, ahead = covariates_of(covariates, place, index, len(values), past, first)
        if index is not None and not is_counted(index):
            index = numbered(index)
        series.append(Known(values[:, 0].copy(), after, ahead, numbers[place], index, target.ids[place]))
    clocks = clocks_of(series, [target.described(k, "y") for k in range(len(series))], target.kind)
    longest = max(series, key=len)
    columns = () if covariates is None else covariates.columns
    return target, Data(tuple(series), clocks, tuple(cycles(longest.index)), columns)


def _check_dates(target: Panel) -> None:
    """Refuse a list in which some series have dates and others have none: one calendar is read for all."""
    dated = [index is not None and has_dates(index) for index in target.indexes]
    if any(dated) and not all(dated):
        lacks, has = (target.described(dated.index(each), "y") for each in (False, True))
        raise ValueError(f"{lacks} has no dates, and {has} has: give dates to all of them, or to none")


def clocks_of(series: Sequence[Known], names: Sequence[str], kind: str) -> tuple[Clock, ...]:
    """Return where each series ends; columns of one table with the same index share a clock."""
    shared: dict[int, Clock] = {}
    found = []
    for each, name in zip(series, names, strict=True):
        clock = shared.get(id(each.index)) if kind == "wide" and each.index is not None else None
        found.append(Clock(each.index, len(each), name) if clock is None else clock)
        shared[id(each.index)] = found[-1]
    return tuple(found)


def check_missing(values: _Floats, index: Any, name: str, missing: str) -> None:
    """Refuse missing values, unless they are masked."""
    if missing == "mask" or np.isfinite(values).all():
        return
    row = int(np.flatnonzero(~np.isfinite(values))[0])
    when = f"row {row}" if index is None else f"row {row} ({index[row]})"
    raise ValueError(f"{name} has no value in {when}: fill it in, or pass missing='mask'")


def arranged(panel: Panel, columns: Sequence[Hashable], spare: Sequence[Hashable] = ()) -> Panel:
    """Return covariates with their columns in the order of `columns`, those of `fit`.

    An array has its columns in that order.

    Parameters
    ----------
    spare : sequence
        Columns that may be left out.

    Raises
    ------
    ValueError
        A column lacks, or was not there in `fit`.
    """
    if not columns or panel.columns == tuple(columns):
        return panel
    if not panel.columns:
        whole = all(values.shape[1] == len(columns) for values in panel.values)
        return replace(panel, columns=tuple(columns)) if whole else panel
    unknown = [label for label in panel.columns if label not in columns]
    lacking = [label for label in columns if label not in panel.columns and label not in spare]
    if lacking:
        raise ValueError(f"X lacks the column {lacking[0]!r} of fit: it has {list(panel.columns)[:20]!r}")
    if unknown:
        raise ValueError(f"X has the column {unknown[0]!r}, which fit did not know")
    order = [panel.columns.index(label) for label in columns if label in panel.columns]
    return replace(
        panel,
        columns=tuple(panel.columns[k] for k in order),
        values=tuple(values[:, order] for values in panel.values),
    )


def split_columns(panel: Panel, place: int, past: Sequence[Hashable]) -> tuple[_Floats, _Floats]:
    """Return the covariates of a series that are known up to the present, and those known in advance."""
    values = panel.values[place]
    labels = list(panel.columns) if panel.columns else list(range(values.shape[1]))
    unknown = [label for label in past if label not in labels]
    if unknown:
        raise ValueError(f"past_columns has {unknown[0]!r}, which is no column of X: {labels[:20]!r}")
    is_past = np.array([label in set(past) for label in labels], dtype=bool)
    return values[:, is_past], values[:, ~is_past]


def static_numbers(static: Any, target: Panel) -> list[_Floats]:
    """Return the numbers that belong to each series."""
    if static is None:
        return [np.empty(0)] * len(target)
    names, static = static_names(static)
    values = table_values(static, "static") if is_frame(static) else array_of(static, "static")
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        kind = f"dtype {values.dtype}" if isinstance(values, np.ndarray) else type(static).__name__
        raise TypeError(f"static must hold real numbers, got {kind}")
    values = np.array(values, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(
            f"static must have a row per series and a column per number, got shape {values.shape}"
        )
    if names is not None and target.kind != "list":
        twice = next((each for each in names if names.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"static has two rows for the series {twice!r}")
        lacking = [each for each in target.ids if each not in names]
        if lacking and len(target) > 1:
            raise ValueError(f"static has no row for the series {lacking[0]!r} of y")
        if not lacking:
            values = values[[names.index(each) for each in target.ids]]
    if len(values) != len(target):
        raise ValueError(f"static has {len(values)} rows, and y has {len(target)} series")
    if not np.isfinite(values).all():
        raise ValueError("static has NaN or infinity")
    return list(values)


def static_names(static: Any) -> tuple[list[Hashable] | None, Any]:
    """Return the series of the rows of `static`, and their numbers.

    A column `unique_id` names the series, or the index of a pandas frame; None: nothing does.
    """
    static = materialised(static, "static")
    if is_frame(static) and LONG_COLUMNS[0] in list(static.columns):
        names = static[LONG_COLUMNS[0]].to_list()
        polars = is_from("polars", "DataFrame", static)
        return names, static.drop(LONG_COLUMNS[0]) if polars else static.drop(columns=LONG_COLUMNS[0])
    return (static.index.to_list() if is_from("pandas", "DataFrame", static) else None), static


def _without_gaps(index: Any, values: _Floats, name: str, missing: str) -> tuple[Any, _Floats]:
    row = first_gap(index)
    if row is None:
        return index, values
    if missing != "mask":
        raise ValueError(
            f"the index of {name} has a gap between rows {row - 1} and {row} ({index[row - 1]} and "
            f"{index[row]}): put in the steps that lack, or pass missing='mask', which reads them as missing"
        )
    return on_a_grid(index, values, name)


def covariates_of(
    panel: Panel | None, place: int, index: Any, n: int, past: Sequence[Hashable], first: int = 0
) -> tuple[_Floats, _Floats]:
    """Return past (n rows) and future covariates (n rows or more) of one series, in its rows.

    Rows are found by the times of `index`, or counted from row `first` on where one of the two has none.
    """
    if panel is None:
        return np.empty((n, 0)), np.empty((n, 0))
    after, ahead = split_columns(panel, place, past)
    given, name = panel.indexes[place], panel.described(place, "X")
    if given is not None and index is not None and given.is_unique and index.is_unique:
        places = given.get_indexer(index)
        if (places < 0).any():
            raise ValueError(f"{name} has no row for {index[int(np.flatnonzero(places < 0)[0])]} of y")
        rest = np.arange(places[-1] + 1, len(given)) if n else np.empty(0, np.int64)
        return after[places], ahead[np.concatenate((places, rest))]
    after, ahead = after[first:], ahead[first:]
    if len(ahead) < n:
        raise ValueError(f"{name} has {len(ahead)} rows, and y has {n}")
    return after[:n], ahead


def _digest(known: Known) -> bytes:
    parts = (known.y, known.past, known.future, known.static)
    return hashlib.blake2b(
        b"".join(np.ascontiguousarray(part).tobytes() for part in parts), digest_size=16
    ).digest()
