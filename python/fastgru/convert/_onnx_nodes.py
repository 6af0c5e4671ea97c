"""What each kind of node makes of the values it reads; all others are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._onnx_file import Graph, label
from fastgru.convert._onnx_gru import attributes, unread
from fastgru.convert._onnx_stages import Stages
from fastgru.convert._onnx_values import (
    Axis,
    Const,
    Dims,
    Flow,
    Input,
    States,
    Value,
    Zeros,
    moved,
    one,
    regrouped,
)

__all__ = ["follow"]

_FOLDED = {"Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}


def follow(graph: Graph) -> tuple[Stages, dict[str, Value]]:
    """Go through a graph's nodes; return the stages that its data pass, and the values of all tensors."""
    stages = Stages(graph)
    values: dict[str, Value] = {name: Const(array) for name, array in graph.constants.items()}
    for name, (shape, dtype) in graph.inputs.items():
        axes = tuple(Axis(f"{name} {k}") for k in range(len(shape)))
        values[name] = Input(name, axes, dtype.kind in "iu")
    for node in graph.nodes:
        if node.domain not in ("", "ai.onnx"):
            raise ConversionError(f"{label(node)}: operators of {node.domain!r} cannot be expressed")
        read = [values[name] if name else None for name in node.input]
        made = _made(stages, node, read)
        values.update({name: value for name, value in zip(node.output, made, strict=False) if name})
    return stages, values


def _made(stages: Stages, node: Any, read: list[Value | None]) -> tuple[Value, ...]:
    if node.op_type == "GRU":
        return stages.gru(node, read)
    handler = _HANDLERS.get(node.op_type)
    if handler is None:
        raise ConversionError(f"{label(node)} cannot be expressed")
    if node.op_type in _FOLDED and all(isinstance(value, Const | None) for value in read):
        return (_folded(node, read),)
    value = handler(stages, node, read)
    if value is None:
        raise ConversionError(f"{label(node)} cannot be expressed with these inputs")
    return (value,)


def _folded(node: Any, read: list[Value | None]) -> Const:
    """Return what a node makes of constants alone."""
    from onnx.reference import ReferenceEvaluator

    given = {
        name: value.array for name, value in zip(node.input, read, strict=True) if isinstance(value, Const)
    }
    try:
        return Const(np.asarray(ReferenceEvaluator(node).run(None, given)[0]))
    except Exception as error:  # whatever NumPy says of wrong shapes
        raise ConversionError(f"{label(node)} cannot be computed: {error}") from error


def _numbers(node: Any, read: list[Value | None], attribute: str, place: int) -> list[int] | None:
    """Return integers that are an attribute in old operator sets, and an input in new ones."""
    if len(read) > place and isinstance(read[place], Const):
        return [int(each) for each in np.ravel(read[place].array)]  # type: ignore[union-attr]
    found = attributes(node).get(attribute)
    return None if found is None else [int(each) for each in np.ravel(found)]


def _same(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    return read[0]


def _dropout(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    training = read[2] if len(read) > 2 else None
    off = training is None or (isinstance(training, Const) and not training.array.any())
    return read[0] if off else None


def _cast(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    import onnx

    kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(attributes(node)["to"])).kind
    value = read[0]
    integers = isinstance(value, Dims) or (isinstance(value, Input) and value.integers)
    return value if isinstance(value, Zeros) or ((kind in "iu") == integers and kind in "iuf") else None


def _constant(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    import onnx

    found = attributes(node)
    for name in ("value_float", "value_int", "value_ints", "value_floats"):
        if name in found:
            return Const(np.asarray(found[name]))
    return Const(np.asarray(onnx.numpy_helper.to_array(found["value"]))) if "value" in found else None


def _shape(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    if not isinstance(read[0], Input | Flow | States):
        return None
    found = attributes(node)
    axes = read[0].axes[slice(found.get("start", 0), found.get("end"))]
    return Dims(tuple(axis if axis.size is None else axis.size for axis in axes))


def _zeros(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    """ConstantOfShape, and Expand of zeros."""
    import onnx

    if node.op_type == "Expand":
        filled = read[0].array if isinstance(read[0], Const) else None
    else:
        value = attributes(node).get("value")
        filled = np.zeros(1) if value is None else onnx.numpy_helper.to_array(value)
    return Zeros() if filled is not None and not filled.any() else None


def _gather(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    data, indices = read
    axis = attributes(node).get("axis", 0)
    if isinstance(data, Const) and isinstance(indices, Input):
        return stages.embedding(node, data.array, indices) if axis == 0 and data.array.ndim == 2 else None
    if not isinstance(indices, Const) or indices.array.dtype.kind not in "iu" or indices.array.ndim > 1:
        return None
    return _chosen(stages, data, axis, [int(i) for i in indices.array.ravel()], indices.array.ndim == 0)


def _chosen(stages: Stages, data: Value | None, axis: int, chosen: list[int], scalar: bool) -> Value | None:
    """Return parts of a value along an axis."""
    if isinstance(data, Dims):
        count = len(data.entries)
        inside = all(-count <= i < count for i in chosen)
        return Dims(tuple(data.entries[i] for i in chosen), scalar) if inside else None
    if isinstance(data, States):
        return _blocks(data, axis, chosen, scalar)
    if isinstance(data, Flow) and scalar and chosen == [-1]:
        return stages.last_step(data, axis % len(data.axes))
    return None


def _blocks(data: States, axis: int, chosen: list[int], scalar: bool) -> Value | None:
    """Return some of the blocks of states."""
    count = len(data.blocks)
    if (
        axis != 0
        or data.axes[0].name != "blocks"
        or not all(-count <= i < count for i in chosen)
        or not chosen
    ):
        return None
    first = () if scalar else (Axis("blocks", len(chosen)),)
    return States(tuple(data.blocks[i] for i in chosen), (*first, *data.axes[1:]))


def _slice(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    data = read[0]
    if isinstance(data, Zeros):
        return data
    starts, ends = (_numbers(node, read, name, place) for name, place in (("starts", 1), ("ends", 2)))
    axes, steps = _numbers(node, read, "axes", 3), _numbers(node, read, "steps", 4)
    if starts is None or ends is None or len(starts) != 1 or (steps or [1]) != [1]:
        return None
    return _sliced(stages, node.output[0], data, (axes or [0])[0], starts[0], ends[0])


def _sliced(stages: Stages, name: str, data: Value | None, axis: int, start: int, end: int) -> Value | None:
    """Return a part of one axis."""
    if isinstance(data, Dims):
        return Dims(data.entries[start:end])
    if isinstance(data, States) and axis == 0:
        return _blocks(data, 0, list(range(len(data.blocks)))[start:end], False)
    if isinstance(data, Input) and axis == 0 and 0 <= start < end < 2**31 and data.natural() == data:
        if data.scaling:
            return None
        part = Axis(f"{data.name} {start}:{end}", end - start)
        return Input(data.name, (part, *data.axes[1:]), data.integers, (start, end))
    if isinstance(data, Flow) and start == -1 and end > 2**30:
        last = stages.last_step(data, axis % len(data.axes))
        if last is not None:
            place = axis % len(data.axes)
            return moved(last, [*last.axes[:place], one(name), *last.axes[place:]])
    return None


def _concat(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    axis = attributes(node)["axis"]
    if all(isinstance(value, Dims | Const) for value in read):
        return Dims(tuple(entry for value in read for entry in _entries(value)))
    parts = [value for value in read if isinstance(value, States)]
    if len(parts) != len(read):
        return None
    blocks = tuple(block for part in parts for block in part.blocks)
    if axis in (0, -3) and all(part.axes[0].name == "blocks" for part in parts):
        return States(blocks, (Axis("blocks", len(blocks)), *parts[0].axes[1:]))
    if axis in (1, -1) and all(part.axes[:1] == (stages.rows,) and len(part.axes) == 2 for part in parts):
        return stages.final_states(blocks)
    return None


def _entries(value: Value | None) -> tuple[int | Axis, ...]:
    if isinstance(value, Dims):
        return value.entries
    assert isinstance(value, Const)
    return tuple(int(each) for each in np.ravel(value.array))


def _unsqueeze(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    axes, value = _numbers(node, read, "axes", 1), read[0]
    if isinstance(value, Dims):
        return Dims(value.entries) if value.scalar else None
    if isinstance(value, Zeros):
        return value
    if axes is None or not isinstance(value, Input | Flow | States):
        return None
    rank = len(value.axes) + len(axes)
    places = [axis % rank for axis in axes]
    rest = iter(value.axes)
    return moved(value, [one(f"{node.output[0]} {k}") if k in places else next(rest) for k in range(rank)])


def _squeeze(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    axes, value = _numbers(node, read, "axes", 1), read[0]
    if isinstance(value, Dims):
        return Dims(value.entries, scalar=True) if len(value.entries) == 1 else None
    if isinstance(value, Zeros):
        return value
    if not isinstance(value, Input | Flow | States) or axes is None:
        return None
    places = [axis % len(value.axes) for axis in axes]
    if any(value.axes[place].size != 1 for place in places):
        return None
    return moved(value, [axis for k, axis in enumerate(value.axes) if k not in places])


def _transpose(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    value = read[0]
    if not isinstance(value, Input | Flow | States):
        return value if isinstance(value, Zeros) else None
    order = attributes(node).get("perm", list(range(len(value.axes)))[::-1])
    if sorted(order) != list(range(len(value.axes))):
        return None
    return moved(value, [value.axes[k] for k in order])


def _reshape(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    value, shape = read
    if isinstance(value, Zeros):
        return value
    if not isinstance(value, Input | Flow | States) or not isinstance(shape, Const | Dims):
        return None
    if attributes(node).get("allowzero", 0):
        return None
    axes = regrouped(value.axes, _entries(shape), node.output[0])
    if axes is None:
        return None
    if isinstance(value, States) and "blocks × " in axes[-1].name:
        return stages.final_states(value.blocks) if axes[:-1] == (stages.rows,) else None
    return moved(value, axes)


def _flatten(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    value = read[0]
    axis = attributes(node).get("axis", 1)
    long = [each for each in getattr(value, "axes", ()) if each.size != 1]
    if not isinstance(value, Flow) or axis != 1 or len(long) != 2 or value.axes[0] != long[0]:
        return None
    return moved(value, long)


def _reduce(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    axes, value = _numbers(node, read, "axes", 1), read[0]
    if not isinstance(value, Flow) or axes is None or len(axes) != 1:
        return None
    pooling = "mean" if node.op_type == "ReduceMean" else "max"
    return stages.pooled(value, axes[0] % len(value.axes), pooling, attributes(node).get("keepdims", 1) == 1)


def _dense(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    found = attributes(node)
    if node.op_type == "Gemm":
        unread(node, found, {"alpha", "beta", "transA", "transB"})
        if found.get("alpha", 1.0) != 1 or found.get("beta", 1.0) != 1 or found.get("transA", 0):
            raise ConversionError(f"{label(node)}: alpha, beta and transA cannot be expressed")
    value, weight, *bias = read
    if not isinstance(value, Flow | States) or not isinstance(weight, Const) or weight.array.ndim != 2:
        return None
    given = bias[0] if bias else None
    if given is not None and not isinstance(given, Const):
        return None
    matrix = weight.array if found.get("transB", 0) else weight.array.T
    return stages.head(node, value, matrix, None if given is None else given.array)


def _add(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    flow, constant = _operands(read)
    if constant is None or not isinstance(flow, Flow):
        return None
    if flow.stage == "multiplied":
        return stages.add_mean(flow, constant)
    return stages.bias(flow, constant)


def _operands(read: list[Value | None]) -> tuple[Value | None, NDArray[Any] | None]:
    """Return a sequence or an answer and the constant that it is computed with, in any order."""
    values = [value for value in read if isinstance(value, Input | Flow)]
    constants = [value.array for value in read if isinstance(value, Const)]
    return (values[0], constants[0]) if len(values) == len(constants) == 1 else (None, None)


def _scale(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    """Sub and Div of the input, which they stand first for; Mul of the answers."""
    value, constant = _operands(read)
    if constant is None or constant.dtype.kind != "f" or (node.op_type != "Mul" and read[0] is not value):
        return None
    if isinstance(value, Input):
        return stages.scaled_input(node, value, constant)
    if isinstance(value, Flow) and node.op_type == "Mul":
        return stages.multiplied(value, constant)
    return None


def _link(stages: Stages, node: Any, read: list[Value | None]) -> Value | None:
    value = read[0]
    if not isinstance(value, Flow) or value.stage not in ("dense", "states", "pooled"):
        return None
    axis = attributes(node).get("axis", 1 if stages.opset < 13 else -1)
    last = len(value.axes) - 1
    if node.op_type == "Softmax" and axis % len(value.axes) != last:
        raise ConversionError(
            f"{label(node)}: the attribute axis={axis} cannot be expressed, the last one can"
        )
    return replace(value, stage=node.op_type.lower())


_HANDLERS: dict[str, Callable[[Stages, Any, list[Value | None]], Value | None]] = {
    "Add": _add,
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _zeros,
    "Div": _scale,
    "Dropout": _dropout,
    "Expand": _zeros,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _dense,
    "Identity": _same,
    "MatMul": _dense,
    "Mul": _scale,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _link,
    "Slice": _slice,
    "Softmax": _link,
    "Squeeze": _squeeze,
    "Sub": _scale,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
