"""The steps that come after those of fit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np

from fastgru.forecasting._clock import Clock
from fastgru.forecasting._data import Data, arranged, check_missing, covariates_of
from fastgru.forecasting._index import can_find
from fastgru.forecasting._panel import LONG, Panel, read_covariates, read_target


def later_data(
    data: Data, shape: Panel, y: Any, X: Any, past: Sequence[Hashable], missing: str
) -> tuple[Data, list[int]]:
    """Return the series with the steps of `y` at their ends, and how many steps each has brought.

    Raises
    ------
    TypeError, ValueError
        They do not follow, or are not of these series.
    """
    one = isinstance(y, Number) or (isinstance(y, np.ndarray) and y.ndim == 0)
    panel = read_target([y] if one else y)
    places = _places(panel, shape)
    covariates = None if X is None else arranged(read_covariates(X, panel), data.columns)
    series, clocks, brought = list(data.series), list(data.clocks), [0] * len(data.series)
    moves: dict[tuple[int, int, int], tuple[Clock, Any]] = {}  # of clocks and times that series share
    for source, place in enumerate(places):
        values, name = panel.column(source), panel.described(source, "y")
        index = clocks[place].times(panel.indexes[source])
        clock, known = clocks[place], series[place]
        same = (id(clock), id(known.index), id(index)) if index is not None else (-1, -1, place)
        if same not in moves:
            moves[same] = _moved(clock, known.index, index, len(values), name)
        check_missing(values, index, name, missing)
        columns = known.past.shape[1], known.future.shape[1]
        if any(columns) and covariates is None:
            raise ValueError("X lacks: fit had covariates, and update needs those of the new steps")
        if covariates is not None and covariates.values[source].shape[1] != sum(columns):
            raise ValueError(
                f"X has {covariates.values[source].shape[1]} columns, and in fit there were {sum(columns)}"
            )
        times = panel.indexes[source]
        if times is None and covariates is not None:
            following = clocks[place].after(len(values))
            times = following if can_find(following, covariates.indexes[source]) else None
        new_past, new_future = covariates_of(covariates, source, times, len(values), past)
        series[place] = replace(
            known,
            y=np.concatenate((known.y, values)),
            past=np.concatenate((known.past, new_past)),
            future=np.concatenate((known.future[: len(known)], new_future)),
            index=moves[same][1],
        )
        clocks[place], brought[place] = moves[same][0], len(values)
    return replace(data, series=tuple(series), clocks=tuple(clocks)), brought


def _moved(clock: Clock, known: Any, index: Any, steps: int, name: str) -> tuple[Clock, Any]:
    """Return the clock after the new steps, and the index of all; both are checked."""
    clock.check(index, name)
    if known is None:
        return clock.moved(index, steps), None
    return clock.moved(index, steps), known.append(clock.after(steps) if index is None else index)


def _places(panel: Panel, shape: Panel) -> list[int]:
    """Return which of the series of fit each of the new ones is."""
    count = len(shape.ids)
    long = shape.kind in LONG or (panel.kind in LONG and count > 1)
    by_name = long or (
        shape.kind == panel.kind == "wide"
        and (panel.indexes[0] is not None or panel.library == shape.library == "polars")
    )
    if by_name and panel.kind in {"wide", *LONG}:
        unknown = [each for each in panel.ids if each not in shape.ids]
        if unknown:
            raise ValueError(f"y has the series {unknown[0]!r}, which fit did not know")
        return [shape.ids.index(each) for each in panel.ids]
    if len(panel) != count:
        raise ValueError(f"y has {len(panel)} series, and fit had {count}")
    return list(range(count))
