"""A graph of ONNX as it grows: nodes, constants, inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastgru.convert._library import library

__all__ = ["Writer"]

# Operators and files that every onnxruntime since 2022 reads.
_OPSET, _IR_VERSION = 14, 8


class Writer:
    """A graph that grows from its inputs to its outputs. Methods return the names of tensors."""

    def __init__(self) -> None:
        self._onnx = library("onnx", "to_onnx")
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def _info(self, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> Any:
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, list(shape))

    def input(self, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> str:
        """Add an input; texts in the shape name sizes that vary."""
        self._inputs.append(self._info(name, dtype, shape))
        return name

    def output(self, tensor: str, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> None:
        """Make a tensor an output."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [tensor], [name], name=f"{name} out"))
        self._outputs.append(self._info(name, dtype, shape))

    def constant(self, name: str, value: ArrayLike, dtype: DTypeLike | None = None) -> str:
        """Add a constant; the same name again must have the same value."""
        array = np.ascontiguousarray(value, dtype) if np.ndim(value) else np.asarray(value, dtype)
        self._constants.setdefault(name, array)
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output."""
        return self.add_node(operator, inputs, 1, **attributes)[0]

    def add_node(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """Add a node of `count` outputs."""
        number = len(self._nodes)
        names = [f"{operator.lower()}_{number}" + (f"_{k}" if count > 1 else "") for k in range(count)]
        node = self._onnx.helper.make_node(
            operator, list(inputs), names, name=f"{operator}_{number}", **attributes
        )
        self._nodes.append(node)
        return names

    def cast(self, tensor: str, dtype: DTypeLike) -> str:
        """Convert a tensor."""
        return self.add("Cast", tensor, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def model(self, metadata: dict[str, str]) -> Any:
        """Return the ModelProto, checked."""
        helper, numpy_helper = self._onnx.helper, self._onnx.numpy_helper
        constants = [numpy_helper.from_array(array, name) for name, array in self._constants.items()]
        graph = helper.make_graph(self._nodes, "fastgru", self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="fastgru",
        )
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model)
        return model
