"""A made series, and options of a small forecaster, which tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

SMALL: dict[str, Any] = {"horizon": 4, "season": 12, "hidden_size": 8, "max_iter": 4, "random_state": 0}
FORMS = [
    {"differencing": each, "scaling": scaling}
    for each in ("none", "first", "seasonal")
    for scaling in ("series", "window")
]


def wave(n: int = 120, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10.0 + 3.0 * np.sin(np.arange(n) * 2 * np.pi / 12) + 0.3 * rng.normal(size=n)
