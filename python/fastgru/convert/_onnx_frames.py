"""Frames of several time steps as nodes of ONNX: as cpp/nn/data/frames.h defines them."""

from __future__ import annotations

import numpy as np

from fastgru.convert._onnx_write import Writer

__all__ = ["framed", "unframed"]


class _Integers:
    """Arithmetic of sizes within a graph, on int64."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def number(self, value: int) -> str:
        return self._writer.constant(f"number {value}", value, np.int64)

    def __call__(self, operator: str, one: str, other: str | int) -> str:
        return self._writer.add(operator, one, self.number(other) if isinstance(other, int) else other)

    def size(self, tensor: str, axis: int) -> str:
        """Return the size of an axis."""
        return self._writer.add("Gather", self._writer.add("Shape", tensor), self.number(axis))

    def range(self, count: str | int) -> str:
        """Return 0, 1, … up to `count`."""
        end = self.number(count) if isinstance(count, int) else count
        return self._writer.add("Range", self.number(0), end, self.number(1))

    def with_axes(self, tensor: str, *axes: int) -> str:
        """Insert axes of length one."""
        return self._writer.add("Unsqueeze", tensor, self._writer.constant(f"axes {axes}", axes, np.int64))


def framed(
    writer: Writer, x: str, length: int, step: int, every_step: bool, lengths: str, dtype: str
) -> tuple[str, str]:
    """Stack time steps.

    Parameters
    ----------
    writer : Writer
        The graph.
    x : str
        The encoded steps (B, T, F).
    length, step : int
        The time steps of a frame, and from one frame to the next.
    every_step : bool
        Whether frames are counted from the first time step, as for answers to every step, or back from the
        last one.
    lengths : str
        The rows' numbers of steps (B,), int32, or empty.
    dtype : str
        That of `x`.

    Returns
    -------
    frames, lengths : str
        (frames, B, length · F), and the rows' numbers of frames, or empty.
    """
    of = _Integers(writer)
    steps = of.size(x, 1)
    count = of("Add", of("Div", of("Max", of("Sub", steps, length), 0), step), 1)
    rows = writer.cast(lengths, np.int64) if lengths else ""
    own = of.with_axes(rows, 1, 2) if rows else steps  # (B, 1, 1), or a number
    spare = of("Sub", own, length)
    first = of("Min", spare, 0)
    if not every_step:
        first = of("Add", first, of("Mod", of("Max", spare, 0), step))
    within = writer.add(
        "Add",
        of("Mul", of.with_axes(of.range(count), 1), step),
        of.with_axes(of.range(length), 0),
    )
    places = writer.add("Add", within, first)  # (frames, length), or (B, frames, length)
    before = writer.add("Less", places, of.number(0))
    inside = of("Max", writer.add("Min", places, of("Sub", steps, 1)), 0)
    if lengths:
        chosen = writer.add("GatherND", x, of.with_axes(inside, 3), batch_dims=1)
        more = of("Div", of("Max", of("Sub", rows, length), 0), step)
        frames = writer.add("Add", more, of("Min", rows, 1))
        lengths = writer.cast(frames, np.int32)
    else:
        chosen = writer.add("Gather", x, inside, axis=1)
    zero = writer.constant("zero", 0, dtype)
    chosen = writer.add("Where", of.with_axes(before, 3 if lengths else 2), zero, chosen)
    stacked = writer.add("Transpose", chosen, perm=[1, 0, 2, 3])  # (frames, B, length, F)
    return writer.add("Reshape", stacked, writer.constant("stacked", [0, 0, -1], np.int64)), lengths


def unframed(writer: Writer, y: str, x: str, length: int, step: int) -> str:
    """Return the answers y (B, frames, …) for each time step of x (B, T, …): of the last frame that ended."""
    of = _Integers(writer)
    since = of("Max", of("Sub", of.range(of.size(x, 1)), length - 1), 0)
    return writer.add("Gather", y, of("Div", since, step), axis=1)
