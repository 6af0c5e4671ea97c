"""The one door for data: whatever holds sequences becomes an array or a list of arrays, with its names.

Every function that takes X, a series, or one time step reads it here. The checks of shapes and values follow
in the estimators, on arrays alone.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import (
    array_of,
    column_values,
    columns_of,
    holds_sequences,
    index_of,
    instances,
    is_array,
    is_column,
    is_frame,
    is_from,
    is_nested,
    labels_of,
    materialised,
    table_values,
)


@dataclass(frozen=True)
class Given:
    """Data as it was read.

    `values` is an array, or a list with an array per sequence (or what is neither, for the caller to refuse).
    `frame` is a frame whose column labels are the names of the features: of the second axis of an array, of
    the second axis of each sequence of a list. None: they have no names.
    """

    values: Any
    frame: Any = None


def read(data: Any, name: str = "X") -> Given:
    """Read samples: a table, an array, or sequences in any container.

    Parameters
    ----------
    data : array-like, frame, or list
        Sequences are a list, tuple, object array or Series of arrays; a frame of pandas with an index of two
        levels (instance, time); or a frame whose cells are sequences, one column per feature.
    name : str, default="X"
        The name of the argument in messages.

    Raises
    ------
    TypeError
        A column or an object does not hold real numbers, or the container cannot be read.
    ValueError
        The frames of a list have different columns, or the columns of a frame different lengths.
    """
    if type(data) is np.ndarray and data.dtype.kind != "O":
        return Given(data)
    return data if isinstance(data, Given) else _read_other(materialised(data, name), name)


def read_sequence(data: Any, name: str) -> NDArray[Any]:
    """Read one sequence: (n_timesteps,) or (n_timesteps, n_features), of any container.

    Raises
    ------
    TypeError, ValueError
        As `read`.
    """
    if type(data) is np.ndarray and data.dtype.kind != "O":
        return data
    data = materialised(data, name)
    if is_frame(data):
        return table_values(data, name)
    if is_column(data):
        return column_values(data, name)
    values: NDArray[Any] = array_of(data, name)
    if not hasattr(values, "shape"):
        raise TypeError(f"{name}: cannot read {type(data).__name__} as an array")
    return values


def read_step(x: Any, names: tuple[str, ...] | None) -> NDArray[Any]:
    """Read one time step of a stream: (n_features,), or (batch_size, n_features).

    `names` are those of the stream's features; a frame, or a row of one, has them in the same order.

    Raises
    ------
    TypeError
        As `read`.
    ValueError
        The labels are others.
    """
    labels = labels_of(x) if is_frame(x) else list(index_of(x))
    texts = bool(labels) and all(isinstance(label, str) for label in labels)
    if names is not None and texts and labels != list(names):
        raise ValueError(
            f"x has the columns {_shown(labels)}, and the features of the stream are, in this order, "
            f"{_shown(list(names))}"
        )
    return read_sequence(x, "x")


def _read_other(data: Any, name: str) -> Given:
    if is_frame(data):
        return _read_frame(data, name)
    if is_column(data):
        return _read_column(data, name)
    if isinstance(data, (list, tuple)):
        return _read_list(data, name)
    if type(data) is np.ndarray and data.ndim in (1, 2) and holds_sequences(data):
        return _read_list(list(data), name) if data.ndim == 1 else Given(_joined(list(data.T), name))
    return Given(array_of(data, name))


def _read_frame(frame: Any, name: str) -> Given:
    columns = columns_of(frame)
    if any(is_nested(column) for column in columns):
        return Given(_joined([list(column) for column in columns], name, labels_of(frame)), frame)
    values = table_values(frame, name)
    if not is_from("pandas", "DataFrame", frame) or frame.index.nlevels == 1:
        return Given(values, frame)
    if frame.index.nlevels != 2:
        raise ValueError(
            f"{name} has an index of {frame.index.nlevels} levels: a frame of sequences has two, instance "
            f"and time; a table with a row per sample has one ({name}.reset_index(drop=True))"
        )
    return Given(instances(values, frame.index, name), frame)


def _read_column(column: Any, name: str) -> Given:
    if is_from("polars", "Series", column) and column.dtype == sys.modules["polars"].Array:
        return Given(np.asarray(column.to_numpy()))
    if is_nested(column):
        return _read_list(list(column), name)
    return Given(column_values(column, name))


def _read_list(data: Sequence[Any], name: str) -> Given:
    """Read a list of sequences; a nested list of numbers is a table, as everywhere in scikit-learn."""
    kinds = set(map(type, data))
    if kinds == {np.ndarray} and not any(each.kind == "O" for each in {part.dtype for part in data}):
        return Given(list(data))
    nested = kinds <= {list, tuple}
    if nested and len(set(map(len, data))) == 1 and len(data[0]) > 0:
        return Given(array_of(data, name))
    data = [materialised(part, f"{name}[{i}]") for i, part in enumerate(data)]
    if not nested and not any(is_array(part) for part in data):
        return Given(array_of(data, name))
    parts = [read_sequence(part, f"{name}[{i}]") for i, part in enumerate(data)]
    return Given(parts, _common_frame(data, name))


def _common_frame(parts: Sequence[Any], name: str) -> Any:
    """Return the first frame of a list, None without one; refuse frames whose columns differ from its own."""
    places = [i for i, part in enumerate(parts) if is_frame(part)]
    if not places:
        return None
    first = places[0]
    wanted = labels_of(parts[first])
    for i in places[1:]:
        if parts[i].columns is parts[first].columns:
            continue
        labels = labels_of(parts[i])
        named = all(isinstance(label, str) for label in (*labels, *wanted))
        # Labels that are no texts are no names, as in scikit-learn, but another order of the same is a fault.
        if labels != wanted and (named or set(labels) == set(wanted)) and len(labels) == len(wanted):
            raise ValueError(
                f"{name}[{i}] has the columns {_shown(labels)} and {name}[{first}] has {_shown(wanted)}: the "
                f"frames of a list have the same columns in the same order, as frame[{_shown(wanted)}] has"
            )
    if len(places) < len(parts) and all(isinstance(label, str) for label in wanted):
        other = next(i for i, part in enumerate(parts) if not is_frame(part))
        warnings.warn(
            f"{name}[{other}] has no column names, but {name}[{first}] has: its columns are read in the "
            f"order {_shown(wanted)}",
            UserWarning,
            stacklevel=2,
        )
    return parts[first]


def _joined(columns: list[list[Any]], name: str, labels: list[Any] | None = None) -> list[NDArray[Any]]:
    """Return the sequences whose features stand in the cells of `columns`."""
    labels = list(range(len(columns))) if labels is None else labels
    sequences = []
    for i, row in enumerate(zip(*columns, strict=True)):
        cells = [
            _read_cell(cell, f"{name}: row {i}, column {label!r}")
            for cell, label in zip(row, labels, strict=True)
        ]
        for cell, label in zip(cells, labels, strict=True):
            if len(cell) != len(cells[0]):
                raise ValueError(
                    f"{name}: row {i} has {len(cells[0])} steps in column {labels[0]!r} and {len(cell)} in "
                    f"column {label!r}: the features of a sequence have the same steps"
                )
        sequences.append(np.column_stack(cells))
    return sequences


def _read_cell(cell: Any, name: str) -> NDArray[Any]:
    if not isinstance(cell, (list, tuple)) and not is_array(cell):
        raise TypeError(f"{name} holds {cell!r}, and in a frame of sequences every cell is one")
    values = read_sequence(cell, name)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}: a cell is one feature's sequence (n_timesteps,)")
    return values


def _shown(labels: list[Any]) -> str:
    return f"[{', '.join(repr(label) for label in labels[:8])}{', …' if len(labels) > 8 else ''}]"
