"""The folds of a backtest: what is known at each origin, and what comes after it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import is_frame, is_from, materialised
from fastgru.forecasting._index import is_counted, on_a_grid
from fastgru.forecasting._panel import Panel, read_covariates, read_target
from fastgru.forecasting._rows import TABLES, Rows, rows_of, without_columns

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """What is known at the origin of a fold, and nothing else: a forecaster gets no more.

    Attributes
    ----------
    number : int
        Of the fold, from 1.
    places : tuple of int
        The series that take part.
    ids : tuple
        Their names.
    kind : str
        The kind of container of `y`.
    y : object
        The series up to the origin, in the user's container.
    known : tuple of ndarray
        The same as numbers, on an even grid: NaN for a missing step.
    X, X_ahead : object
        Covariates up to the origin, and of the horizon after it; None without.
    static : object
        Numbers that belong to the series; None without.
    """

    number: int
    places: tuple[int, ...]
    ids: tuple[Hashable, ...]
    kind: str
    y: Any
    known: tuple[_Floats, ...]
    X: Any
    X_ahead: Any
    static: Any


@dataclass(frozen=True)
class History:
    """Series with all that a backtest cuts at its origins.

    Attributes
    ----------
    target : Panel
        The series as given.
    y : Rows
        Their rows in the container.
    covariates : tuple of Panel and Rows, or None
        Covariates.
    past_columns : tuple
        Those of the covariates that are not known in advance.
    static : object
        Numbers that belong to the series, or None.
    values, indexes : tuple
        The series on an even grid, and its times (None: there are none).
    axis : pandas index or None
        All times of all series; without an index the series end at the same time.
    length : int
        Steps of the axis.
    """

    target: Panel
    y: Rows
    covariates: tuple[Panel, Rows] | None
    past_columns: tuple[Hashable, ...]
    static: Any
    values: tuple[_Floats, ...]
    indexes: tuple[Any, ...]
    axis: Any
    length: int

    def origin(self, number: int, cut: int, horizon: int, least: int) -> tuple[Origin, tuple[int, ...]]:
        """Return what is known before the step `cut` of the axis, and the first row of each truth.

        Parameters
        ----------
        number : int
            Of the fold.
        cut : int
            The first step of the axis that is not known.
        horizon : int
            Steps to forecast.
        least : int
            Known steps without which a series does not take part.
        """
        stops = [self._rows_before(self.target, place, cut) for place in range(len(self.target))]
        first = [self._grid_rows(place, stop) for place, stop in enumerate(stops)]
        places = tuple(
            place
            for place, row in enumerate(first)
            if np.isfinite(self.values[place][:row]).sum() >= least
            and np.isfinite(self.values[place][row : row + horizon]).any()
            and self._has_covariates(place, cut, horizon)
        )
        X, ahead = self._covariates_at(cut, horizon, places)
        origin = Origin(
            number,
            places,
            tuple(self.target.ids[place] for place in places),
            self.target.kind,
            self.y.part([0] * len(places), [stops[place] for place in places], places) if places else None,
            tuple(self.values[place][: first[place]] for place in places),
            X,
            ahead,
            self._static_of(places),
        )
        return origin, tuple(first[place] for place in places)

    def known_rows(self, place: int, cut: int) -> int:
        """Return how many rows of a series on its even grid are known before the step `cut` of the axis."""
        return self._grid_rows(place, self._rows_before(self.target, place, cut))

    def _rows_before(self, panel: Panel, place: int, cut: int) -> int:
        """Return how many rows of a series lie before a step of the axis."""
        index = panel.indexes[place]
        if self.axis is None:
            return int(np.clip(cut - (self.length - len(self.values[place])), 0, len(self.values[place])))
        if index is None:  # covariates without an index go along with the rows of the even grid
            return self.known_rows(place, cut)
        return int(index.searchsorted(self.axis[cut], side="left"))

    def _grid_rows(self, place: int, stop: int) -> int:
        """Return how many rows the even grid has up to the first `stop` rows as given."""
        index = self.target.indexes[place]
        if index is None or stop == 0 or not is_counted(index):
            return stop
        return int(self.indexes[place].searchsorted(index[stop - 1], side="right"))

    def _rows_along(self, panel: Panel, place: int, cut: int) -> int:
        """Return how many rows of covariates go along with what is known of a series before a step."""
        index, own = panel.indexes[place], self.target.indexes[place]
        stop = self._rows_before(self.target, place, cut)
        if self.axis is None or index is None or own is None or not stop:
            return self._rows_before(panel, place, cut)
        return int(index.searchsorted(own[stop - 1], side="right"))

    def _has_covariates(self, place: int, cut: int, horizon: int) -> bool:
        """Tell whether the covariates of a series, where they are needed, reach to the end of a horizon."""
        if self.covariates is None or not self._known_in_advance():
            return True
        panel, _ = self.covariates
        return len(panel.values[place]) >= self._rows_along(panel, place, cut) + horizon

    def _known_in_advance(self) -> bool:
        assert self.covariates is not None
        panel, _ = self.covariates
        return not set(panel.columns or range(panel.values[0].shape[1])) <= set(self.past_columns)

    def _covariates_at(self, cut: int, horizon: int, places: Sequence[int]) -> tuple[Any, Any]:
        if self.covariates is None or not places:
            return None, None
        panel, rows = self.covariates
        stops = [self._rows_along(panel, place, cut) for place in places]
        starts = stops
        if rows.whole:
            starts, stops = [min(stops)] * len(places), [max(stops)] * len(places)
        known = rows.part([0] * len(places), stops, places)
        if not self._known_in_advance():
            return known, None
        ahead = rows.part(starts, [stop + horizon for stop in stops], places)
        return known, without_columns(ahead, rows.kind, self.past_columns)

    def _static_of(self, places: Sequence[int]) -> Any:
        if self.static is None or len(places) == len(self.target):
            return self.static
        if is_from("pandas", "DataFrame", self.static):
            by_name = self.target.kind != "list"
            return self.static if by_name else self.static.iloc[list(places)]
        return self.static[list(places)] if is_frame(self.static) else np.asarray(self.static)[list(places)]


def read_history(y: Any, X: Any, static: Any, past_columns: Sequence[Hashable]) -> History:
    """Read what a backtest is given, for a forecaster that knows some columns of X up to the present alone.

    Raises
    ------
    TypeError, ValueError
        As the forecaster does; or an index has gaps and no even step.
    """
    y = materialised(y, "y")
    target = read_target(y)
    if not len(target):
        raise ValueError("y has no series")
    covariates = None
    if X is not None:
        X = materialised(X, "X")
        panel = read_covariates(X, target)
        covariates = (panel, rows_of(X, panel, whole=panel.kind in TABLES))
    grids = [
        (index, values) if index is None else on_a_grid(index, values, target.described(place, "y"))
        for place, (index, values) in enumerate(zip(target.indexes, target.values, strict=True))
    ]
    indexes, values = tuple(index for index, _ in grids), tuple(value[:, 0] for _, value in grids)
    axis = _axis(indexes)
    length = max(map(len, values)) if axis is None else len(axis)
    return History(
        target, rows_of(y, target), covariates, tuple(past_columns), static, values, indexes, axis, length
    )


def _axis(indexes: Sequence[Any]) -> Any:
    """Return all times of all series in order; None where a series has none, or but names of its rows."""
    if any(index is None or not is_counted(index) for index in indexes):
        return None
    axis = indexes[0]
    for index in indexes[1:]:
        if index is not indexes[0] and not index.equals(axis):
            axis = axis.union(index)
    return axis


def cuts_of(length: int, horizon: int, folds: int, step: int, least: int) -> list[int]:
    """Return the first step after each origin; the last horizon ends with the series.

    Raises
    ------
    ValueError
        The series is too short; the message says how many folds would fit.
    """
    first = length - horizon - step * (folds - 1)
    if first < least:
        fit = (length - horizon - least) // step + 1
        wanted = f"{folds} folds of {horizon} steps, {step} apart, leave {max(first, 0)} to learn from"
        advice = (
            f"{fit} fold{'s' if fit > 1 else ''} would fit (folds={fit}), more with a smaller step or horizon"
            if fit > 0
            else f"a fold needs {least} steps before its horizon, {least + horizon} in all"
        )
        raise ValueError(f"y has {length} steps, and {wanted}, {least} at least are needed: {advice}")
    return [first + step * k for k in range(folds)]
