"""The check of an argument that is an integer."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole(value: Any, name: str, least: int, most: int | None = None, what: str = "") -> int:
    """Return an integer of at least `least`, and at most `most`, which `what` explains.

    Raises
    ------
    TypeError, ValueError
        It is no integer, or out of this range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if most is not None and not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}{what}, got {value}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)
