"""What is known of a graph's tensors without running it: where they come from, and what their axes are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["Axis", "Const", "Dims", "Flow", "Input", "States", "Value", "Zeros", "moved", "one", "regrouped"]


@dataclass(frozen=True)
class Axis:
    """An axis: of time, rows, features, … Two are the same only if they have the same name."""

    name: str
    size: int | None = None  # None: known when the model runs


def one(of: str) -> Axis:
    """Return an axis of length one."""
    return Axis(f"one of {of}", 1)


@dataclass(frozen=True)
class Const:
    """A constant."""

    array: NDArray[Any]


@dataclass(frozen=True)
class Dims:
    """Sizes of axes: a vector of integers, or one of them."""

    entries: tuple[int | Axis, ...]
    scalar: bool = False


@dataclass(frozen=True)
class Zeros:
    """A tensor of zeros, of any shape."""


@dataclass(frozen=True)
class Input:
    """An input of the graph, its axes in any order, or a part of it along its first axis."""

    name: str
    axes: tuple[Axis, ...]
    integers: bool = False
    part: tuple[int, int] | None = None
    scaling: str = ""  # "centred": its mean is subtracted; "scaled": divided by its scale, too

    def natural(self) -> Input | None:
        """Return the whole input with its axes in the graph's order; None for anything else."""
        order = tuple(Axis(f"{self.name} {k}") for k in range(len(self.axes)))
        if self.part is not None or set(order) != set(self.axes):
            return None
        return replace(self, axes=order)


@dataclass(frozen=True)
class Flow:
    """A sequence, or an answer: what becomes of the input on its way through the model."""

    # "embedded", "states" (of the layer `index`), "pooled", "dense", "softmax", "sigmoid", "multiplied" (by
    # the scale of y), "scaled" (its mean added, too)
    stage: str
    axes: tuple[Axis, ...]
    index: int = -1
    pooling: str | None = None
    biased: bool = False  # whether the head's bias has been added


@dataclass(frozen=True)
class States:
    """Final states: of each block its layer and direction, one above the other along the axis "blocks"."""

    blocks: tuple[tuple[int, int], ...]
    axes: tuple[Axis, ...]


Value: TypeAlias = Const | Dims | Zeros | Input | Flow | States


def regrouped(axes: Sequence[Axis], target: Sequence[int | Axis], at: str) -> tuple[Axis, ...] | None:
    """Return the axes after a reshape that only joins neighbours, or adds or drops axes of length one.

    Parameters
    ----------
    axes : sequence of Axis
        Those before.
    target : sequence of int or Axis
        The shape: 0 copies the axis at its place, -1 is what remains, an axis is its size.
    at : str
        What names new axes.

    Returns
    -------
    tuple of Axis or None
        None for any other reshape.
    """
    wanted = [axes[i] if entry == 0 and i < len(axes) else entry for i, entry in enumerate(target)]
    if wanted.count(-1) > 1 or 0 in wanted:
        return None
    free = wanted.index(-1) if -1 in wanted else len(wanted)
    front = _grouped(axes, wanted[:free], at)
    if front is None:
        return None
    head, used = front
    if free == len(wanted):
        return head if used == len(axes) else None
    back = _grouped(axes[used:][::-1], wanted[free + 1 :][::-1], at)
    if back is None:
        return None
    tail, taken = back
    middle = axes[used : len(axes) - taken]
    return (*head, _joined(middle, at), *tail[::-1])


def _grouped(
    axes: Sequence[Axis], wanted: Sequence[int | Axis], at: str
) -> tuple[tuple[Axis, ...], int] | None:
    """Match sizes with runs of axes, from the left; return the new axes, and how many were used."""
    made: list[Axis] = []
    used = 0
    for entry in wanted:
        while used < len(axes) and axes[used].size == 1 and entry not in (1, axes[used]):
            used += 1  # dropped
        if isinstance(entry, Axis):
            if used == len(axes) or axes[used] != entry:
                return None
            made.append(entry)
            used += 1
            continue
        if entry == 1 and (used == len(axes) or axes[used].size != 1):
            made.append(one(f"{at} {len(made)}"))
            continue
        run = used
        while run < len(axes) and math.prod(axis.size or 0 for axis in axes[used : run + 1]) < entry:
            run += 1
        group = axes[used : run + 1]
        if not group or math.prod(axis.size or 0 for axis in group) != entry:
            return None
        made.append(_joined(group, at))
        used = run + 1
    while used < len(axes) and axes[used].size == 1:
        used += 1
    return tuple(made), used


def _joined(group: Sequence[Axis], at: str) -> Axis:
    """Return neighbouring axes as one; those of length one change nothing."""
    long = [axis for axis in group if axis.size != 1]
    if len(long) == 1:
        return long[0]
    if not long:
        return group[0] if group else one(at)
    sizes = [axis.size for axis in long]
    size = None if None in sizes else math.prod(size for size in sizes if size is not None)
    return Axis(" × ".join(axis.name for axis in long), size)


def moved(value: Input | Flow | States, axes: Sequence[Axis]) -> Input | Flow | States:
    """Return `value` with other axes."""
    return replace(value, axes=tuple(axes))
