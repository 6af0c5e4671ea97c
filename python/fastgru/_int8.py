"""Weights of one byte: the matrices of a GRU, rounded, in model files and out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru import _core

__all__ = ["is_matrix", "read", "rounded", "stored"]

_MATRICES = ("weight_ih_l", "weight_hh_l")
_SCALE = ".scale"

Tensors = Mapping[str, NDArray[Any]]


def is_matrix(name: str) -> bool:
    """Tell whether a tensor of this name is a matrix of a GRU, which int8 rounds."""
    return name.rpartition(".")[2].startswith(_MATRICES)


def stored(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file: each matrix of a GRU as int8, and the scale of each row."""
    parts: dict[str, NDArray[Any]] = {}
    for name, value in tensors.items():
        if not is_matrix(name):
            parts[name] = value
            continue
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite, which one byte cannot be")
        parts[name], parts[name + _SCALE] = _core.round_to_int8(value)
    return parts


def read(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the values that `stored` made tensors of; other tensors are left alone.

    Raises
    ------
    ModelFormatError
        The scales of a matrix are not one float32 number for each of its rows.
    """
    values = dict(tensors)
    for name, value in tensors.items():
        if value.dtype != np.int8 or name + _SCALE not in tensors:
            continue
        scale = values.pop(name + _SCALE)
        if scale.dtype != np.float32 or scale.shape != value.shape[:1]:
            raise _core.ModelFormatError(
                f"{name}{_SCALE} must be float32 of shape {value.shape[:1]}, "
                f"got {scale.dtype} of {scale.shape}"
            )
        values[name] = value.astype(np.float32) * scale[:, None]
    return values


def rounded(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the tensors with the values that int8 stands for."""
    return read(stored(tensors))
