"""Anomalous steps that belong together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stretch", "stretches"]

_GAP = 3  # usual steps between two anomalies that are one stretch all the same


class Stretch(NamedTuple):
    """Steps from `start` until before `stop`, of which `worst` has the lowest score."""

    start: int
    stop: int
    worst: int


def stretches(flags: NDArray[np.int64], scores: NDArray[np.float64], gap: int = _GAP) -> list[Stretch]:
    """Return the stretches of anomalies (flags of -1) in order of time; up to `gap` usual steps join two."""
    rows = np.flatnonzero(np.asarray(flags) < 0)
    if not len(rows):
        return []
    ends = np.flatnonzero(np.diff(rows) > gap + 1)
    starts = rows[np.concatenate([[0], ends + 1])]
    stops = rows[np.concatenate([ends, [len(rows) - 1]])] + 1
    return [
        Stretch(int(start), int(stop), int(start + np.argmin(scores[start:stop])))
        for start, stop in zip(starts, stops, strict=True)
    ]
