"""The steps that come after those of fit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastgru.forecasting._data import Data, check_missing, split_columns
from fastgru.forecasting._panel import Panel, read_covariates, read_target


def later_data(
    data: Data, shape: Panel, y: Any, X: Any, past: Sequence[Hashable], missing: str
) -> tuple[Data, list[int]]:
    """Return the series with the steps of `y` at their ends, and how many steps each has brought.

    Raises
    ------
    TypeError, ValueError
        They do not follow, or are not of these series.
    """
    panel = read_target([y] if np.ndim(y) == 0 and not isinstance(y, str) else y)
    places = _places(panel, shape)
    covariates = None if X is None else read_covariates(X, panel)
    series, clocks, brought = list(data.series), list(data.clocks), [0] * len(data.series)
    for source, place in enumerate(places):
        values, index, name = panel.column(source), panel.indexes[source], panel.described(source, "y")
        clocks[place].check(index, name)
        check_missing(values, index, name, missing)
        known = series[place]
        columns = known.past.shape[1], known.future.shape[1]
        if any(columns) and covariates is None:
            raise ValueError("X lacks: fit had covariates, and update needs those of the new steps")
        new_past, new_future = np.empty((len(values), 0)), np.empty((len(values), 0))
        if covariates is not None:
            new_past, new_future = split_columns(covariates, source, past)
            if (new_past.shape[1], new_future.shape[1]) != columns or len(new_past) < len(values):
                raise ValueError(
                    f"X has shape {covariates.values[source].shape}: {len(values)} rows of {sum(columns)} "
                    "columns are needed, as in fit"
                )
        moved = clocks[place].moved(index, len(values))
        whole = None
        if known.index is not None:
            whole = known.index.append(clocks[place].after(len(values)) if index is None else index)
        series[place] = replace(
            known,
            y=np.concatenate((known.y, values)),
            past=np.concatenate((known.past, new_past[: len(values)])),
            future=np.concatenate((known.future[: len(known)], new_future)),
            index=whole,
        )
        clocks[place], brought[place] = moved, len(values)
    return replace(data, series=tuple(series), clocks=tuple(clocks)), brought


def _places(panel: Panel, shape: Panel) -> list[int]:
    """Return which of the series of fit each of the new ones is."""
    count = len(shape.ids)
    by_name = shape.kind in {"long", "records"} or (
        shape.kind == panel.kind == "wide"
        and (panel.indexes[0] is not None or panel.library == shape.library == "polars")
    )
    if by_name and panel.kind in {"wide", "long", "records"}:
        unknown = [each for each in panel.ids if each not in shape.ids]
        if unknown:
            raise ValueError(f"y has the series {unknown[0]!r}, which fit did not know")
        return [shape.ids.index(each) for each in panel.ids]
    if len(panel) != count:
        raise ValueError(f"y has {len(panel)} series, and fit had {count}")
    return list(range(count))
