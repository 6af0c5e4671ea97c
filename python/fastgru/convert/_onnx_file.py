"""An ONNX model as read: checked, with its constants, and the nodes that its outputs need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._library import library

__all__ = ["Graph", "label", "read_graph", "read_model"]

_FIRST_OPSET = 7  # the GRU of today


@dataclass(frozen=True)
class Graph:
    """The parts of a graph that decide what is computed."""

    constants: dict[str, NDArray[Any]]
    inputs: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]  # shape, 0 where it varies; dtype
    nodes: list[Any]  # in the order of computation, without those that no output needs
    outputs: list[str]
    opset: int


def label(node: Any) -> str:
    """Return what a message calls a node."""
    return f"node {node.name or '→ ' + ', '.join(filter(None, node.output))!r} ({node.op_type})"


def read_model(source: Any) -> Any:
    """Return the ModelProto of a path or of one in memory.

    Raises
    ------
    ConversionError
        The file is damaged, or its external data lies outside of its folder.
    OSError
        It cannot be read.
    """
    onnx = library("onnx", "from_onnx")
    if isinstance(source, onnx.ModelProto):
        model, folder = source, None
    elif isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        model, folder = onnx.ModelProto(), path.parent
        try:
            model.ParseFromString(path.read_bytes())
        except Exception as error:  # protobuf's own, which has moved between its versions
            if isinstance(error, OSError):
                raise
            raise ConversionError(f"{os.fsdecode(source)!r} is no ONNX model: {error}") from error
    else:
        raise TypeError(f"model must be a path or an onnx.ModelProto, got {type(source).__name__}")
    _load_external_data(onnx, model, folder)
    return model


def _load_external_data(onnx: Any, model: Any, folder: Path | None) -> None:
    helper = onnx.external_data_helper
    tensors = [tensor for tensor in model.graph.initializer if helper.uses_external_data(tensor)]
    for tensor in tensors:
        where = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        if folder is None:
            raise ConversionError(f"tensor {tensor.name} lies in the file {where!r}: pass the model's path")
        inside = (folder / where).resolve()
        if not where or not inside.is_relative_to(folder.resolve()):
            raise ConversionError(f"tensor {tensor.name} lies in {where!r}, outside of the model's folder")
        if not inside.is_file():
            raise ConversionError(f"tensor {tensor.name} lies in {where!r}, which is not there")
        try:
            helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:  # of kinds that differ between versions
            raise ConversionError(f"tensor {tensor.name} cannot be read from {where!r}: {error}") from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def read_graph(model: Any) -> Graph:
    """Check a model and return its graph."""
    onnx = library("onnx", "from_onnx")
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # ValidationError, and others of damaged protobufs
        reason = str(error).strip() or type(error).__name__
        raise ConversionError(f"the model fails ONNX' own checks: {reason.splitlines()[0]}") from error
    graph = model.graph
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if opset < _FIRST_OPSET:
        raise ConversionError(f"the model's operator set is {opset}, wanted {_FIRST_OPSET} or later")
    if model.functions:
        raise ConversionError(f"function {model.functions[0].name} cannot be expressed")
    if graph.sparse_initializer:
        raise ConversionError(f"tensor {graph.sparse_initializer[0].values.name} is sparse")
    constants = {tensor.name: _array(onnx, tensor) for tensor in graph.initializer}
    inputs = {}
    for value in graph.input:
        if value.name not in constants:
            kind = value.type.tensor_type
            if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
                raise ConversionError(f"input {value.name} is no tensor of a known number of axes")
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            shape = tuple(max(0, dim.dim_value) for dim in kind.shape.dim)
            inputs[value.name] = (shape, np.dtype(dtype))
    outputs = [value.name for value in graph.output]
    return Graph(constants, inputs, list(_needed(graph.node, outputs)), outputs, opset)


def _array(onnx: Any, tensor: Any) -> NDArray[Any]:
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # too few bytes, unknown types
        raise ConversionError(f"tensor {tensor.name} cannot be read: {error}") from error


def _needed(nodes: Any, outputs: list[str]) -> Iterator[Any]:
    """Yield the nodes that `outputs` depend on, in order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):  # sorted: onnx.checker has seen to it
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    yield from reversed(kept)
