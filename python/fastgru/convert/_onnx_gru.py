"""One GRU node of ONNX: its weights in our order of gates, or a refusal that names the attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._layers import gates
from fastgru.convert._onnx_file import label

__all__ = ["GruNode", "attributes", "read_gru", "unread"]

_KNOWN = {"direction", "hidden_size", "layout", "linear_before_reset", "activations", "output_sequence"}


@dataclass(frozen=True)
class GruNode:
    """What a node computes."""

    label: str
    direction: str
    hidden_size: int
    reset_after: bool
    batch_first: bool
    weights: dict[str, NDArray[Any]]  # of layer 0, with our names

    @property
    def directions(self) -> int:
        """One or two."""
        return 2 if self.direction == "bidirectional" else 1

    @property
    def input_size(self) -> int:
        """Features of its input."""
        return int(self.weights["weight_ih_l0"].shape[1])


def attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes as Python values; texts are str."""
    import onnx

    found = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, list):
            value = [each.decode() if isinstance(each, bytes) else each for each in value]
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def unread(node: Any, found: dict[str, Any], known: set[str]) -> None:
    """Refuse attributes that are not in `known`."""
    for name, value in found.items():
        if name not in known:
            raise ConversionError(f"{label(node)}: the attribute {name}={value!r} cannot be expressed")


def read_gru(node: Any, weights: list[NDArray[Any] | None]) -> GruNode:
    """Return what a node computes.

    Parameters
    ----------
    node : NodeProto
        The node.
    weights : list of ndarray or None
        W, R and B; B may be None.
    """
    found, name = attributes(node), label(node)
    unread(node, found, _KNOWN)
    if found.get("output_sequence", 0):
        raise ConversionError(f"{name}: the attribute output_sequence is of an old operator set")
    direction = found.get("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise ConversionError(f"{name}: the direction {direction!r} is unknown")
    count = 2 if direction == "bidirectional" else 1
    activations = found.get("activations", ["Sigmoid", "Tanh"] * count)
    if [each.lower() for each in activations] != ["sigmoid", "tanh"] * count:
        raise ConversionError(f"{name}: the attribute activations={activations!r} cannot be expressed")
    w, r, b = weights
    assert w is not None
    assert r is not None
    size: Any = found.get("hidden_size", r.shape[-1])
    hidden = int(size)
    _check_shapes(name, count, hidden, w, r, b)
    if w.dtype not in (np.float32, np.float64):
        raise ConversionError(f"{name}: weights of {w.dtype} cannot be expressed, float32 and float64 can")
    named = {}
    for index, end in zip(range(count), ("", "_reverse"), strict=False):
        named[f"weight_ih_l0{end}"], named[f"weight_hh_l0{end}"] = gates(w[index]), gates(r[index])
        if b is not None:
            of_input, of_state = np.split(b[index], 2)
            named[f"bias_ih_l0{end}"], named[f"bias_hh_l0{end}"] = gates(of_input), gates(of_state)
    return GruNode(
        name,
        direction,
        hidden,
        bool(found.get("linear_before_reset", 0)),
        bool(found.get("layout", 0)),
        named,
    )


def _check_shapes(name: str, count: int, hidden: int, *arrays: NDArray[Any] | None) -> None:
    w = arrays[0]
    inputs = w.shape[-1] if w is not None and w.ndim == 3 else -1
    shapes = ((count, 3 * hidden, inputs), (count, 3 * hidden, hidden), (count, 6 * hidden))
    for what, array, shape in zip("WRB", arrays, shapes, strict=True):
        if array is not None and (array.shape != shape or 0 in shape):
            wanted = str(shape).replace("-1", "inputs")
            raise ConversionError(f"{name}: {what} must have the shape {wanted}, got {array.shape}")
