"""What conversions do with layers of ours, whatever the other library is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.gru import GRU, GRUNetwork

__all__ = ["gates", "in_float64", "in_units", "load_with_zeros", "reconfigured"]


def gates(array: NDArray[Any]) -> NDArray[Any]:
    """Return the blocks z, r, h of ONNX and Keras as r, z, n, or the reverse: the first two change places."""
    first, second, third = np.split(array, 3)
    return np.concatenate([second, first, third])


def reconfigured(gru: GRU, **changes: Any) -> GRU:
    """Return a layer with the same weights and other arguments of the constructor."""
    other = GRU(**{**gru._config._asdict(), **changes})
    other.load_state_dict(gru.state_dict())
    return other


def in_float64(model: GRU | GRUNetwork) -> GRU | GRUNetwork:
    """Return the same model in float64."""
    gru = model if isinstance(model, GRU) else model.gru
    layer = reconfigured(gru, dtype="float64", precision="highest")
    if isinstance(model, GRU):
        return layer
    head = None if model.head is None else (model.head[0].astype(float), model.head[1].astype(float))
    return replace(model, gru=layer, head=head)


def in_units(x: NDArray[Any], model: GRUNetwork) -> NDArray[Any]:
    """Return standardised values as the model reads them: with its means and scales."""
    return x if model.x_scaling is None else x * model.x_scaling[1] + model.x_scaling[0]


def load_with_zeros(gru: GRU, state: Mapping[str, NDArray[Any]]) -> None:
    """Set the weights; those that `state` lacks, such as biases of one layer among others, become zero."""
    zeros = {name: np.zeros(array.shape, gru.dtype) for name, array in gru.state_dict().items()}
    gru.load_state_dict({**zeros, **state})
