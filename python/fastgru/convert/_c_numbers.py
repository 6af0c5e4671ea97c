"""A model's numbers as the C code has them, and what its answers mean."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["flushed", "meaning", "scaling"]

_MOST_CLASSES = 100  # that the header's comment lists


def flushed(values: NDArray[Any]) -> NDArray[Any]:
    """Return the weights, those too small to matter as zeros (see `flushed` in the C text)."""
    least = 2.0 ** (-60 if values.dtype == np.float32 else -480)
    return np.where(np.abs(values) < least, 0, values).astype(values.dtype)


def scaling(of: str, mean: NDArray[Any], scale: NDArray[Any], double: bool) -> dict[str, NDArray[Any]]:
    """Return the arrays of (x - mean) / scale; in float, the mean in two parts.

    Raises
    ------
    ValueError
        A number is beyond the range of float.
    """
    if double:
        return {f"{of}_mean": mean, f"{of}_scale": scale}
    float32 = np.finfo(np.float32)
    for name, values, least in (("mean", mean, 0.0), ("scale", scale, float(float32.tiny))):
        wrong = ~((np.abs(values) >= least) & (np.abs(values) <= float32.max))
        if wrong.any():
            raise ValueError(
                f"the model's {of}_{name} holds {values[wrong][0]}, which float32 cannot: fit on data in "
                "other units, or with dtype='float64'"
            )
    high = mean.astype(np.float32)
    return {
        f"{of}_mean": high,
        f"{of}_mean_low": (mean - high).astype(np.float32),
        f"{of}_scale": scale.astype(np.float32),
    }


def meaning(config: dict[str, Any]) -> list[str]:
    """Return what the answers of an estimator mean, as lines of a comment."""
    text = ""
    quantiles, fitted = config["network"]["quantiles"], config["fitted"]
    if len(quantiles) > 1:
        text = f"For each output its quantiles {', '.join(map(str, quantiles))}."
    elif config["network"]["loss"] == "ctc":
        symbols = fitted["vocabulary"]["symbols"]
        listed = ", ".join(json.dumps(symbol) for symbol in symbols[:_MOST_CLASSES])
        listed += ", …" if len(symbols) > _MOST_CLASSES else ""
        text = f"The probability of no symbol, and of each symbol: {listed}."
    elif "classes" in fitted:
        values = fitted["classes"]["values"]
        listed = ", ".join(json.dumps(value) for value in values[:_MOST_CLASSES])
        listed += ", …" if len(values) > _MOST_CLASSES else ""
        if config["network"]["output_size"] == 1:
            text = f"The probability of the second class of {listed}."
        elif fitted["multilabel"]:
            text = f"The probability of each label: {listed}."
        else:
            text = f"The probability of each class: {listed}."
    ascii_text = text.replace("…", "...").replace("*/", "* /").replace("/*", "/ *")
    return textwrap.wrap(ascii_text, 100, break_on_hyphens=False)
