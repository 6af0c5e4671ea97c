"""The refusal of conversions that would not be exact, and their self-check: both models on the same input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConversionError", "ConversionReport", "compared"]

# Outputs of order one: in float32 the usual difference of two libraries is 1e-6, in float64 1e-15.
_TOLERANCE = {"float32": 5e-5, "float64": 1e-10}


class ConversionError(ValueError):
    """A model that cannot be converted exactly; the message names the node, layer or attribute.

    Examples
    --------
    >>> import fastgru
    >>> fastgru.from_torch({"weight_ih_l0": [[0.0]] * 4, "weight_hh_l0": [[0.0]] * 4})
    Traceback (most recent call last):
    ...
    fastgru._conversion.ConversionError: weight_hh_l0 has shape (4, 1): four gates are an LSTM's, not a GRU's
    """


@dataclass(frozen=True)
class ConversionReport:
    """What the self-check of a conversion measured.

    Attributes
    ----------
    library : str
        The library that ran the other model, with its version.
    largest : float
        The largest absolute difference of any output on random input.
    """

    library: str
    largest: float

    def __str__(self) -> str:
        return f"largest difference from {self.library} on random input: {self.largest:.2g}"


def compared(
    library: str,
    ours: tuple[NDArray[Any], ...],
    exact: tuple[NDArray[Any], ...],
    theirs: tuple[NDArray[Any], ...],
    precision: str | None = None,
) -> ConversionReport:
    """Compare the outputs of two models to the same input.

    Parameters
    ----------
    library : str
        That of the other model, for the report.
    ours, theirs : tuple of ndarray
        The outputs.
    exact : tuple of ndarray
        Ours in float64. How far `ours` is from them says how much rounding matters with these weights.
    precision : {"float32", "float64"}, optional
        That of the other library, if it is not that of `ours`.

    Raises
    ------
    ConversionError
        They differ by more than rounding: the conversion is wrong.
    """
    largest = 0.0
    for own, precise, other in zip(ours, exact, theirs, strict=True):
        if own.shape != other.shape:
            raise ConversionError(f"{library} answers with the shape {other.shape}, fastgru with {own.shape}")
        rounding = _difference(own, precise)
        unit = max(1.0, float(np.nanmax(np.abs(precise), initial=0.0)))
        difference = _difference(own, other)
        if not difference <= _TOLERANCE[precision or own.dtype.name] * unit + 100 * rounding:
            raise ConversionError(
                f"the converted model differs from {library} by {difference:.3g} on random input"
            )
        largest = max(largest, difference)
    return ConversionReport(library, largest)


def _difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest absolute difference; infinity where only one of them is a number."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return float(np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart)).max(initial=0.0))
