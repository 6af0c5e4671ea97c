"""Checks of single values that a model file holds."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole(value: Any, name: str, least: int) -> int:
    """Return an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return value


def number(value: Any, name: str) -> float:
    """Return a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def finite_or_none(value: float | None) -> float | None:
    """Return what JSON can hold of a number: None for infinity, NaN and None."""
    return None if value is None or not np.isfinite(value) else float(value)
