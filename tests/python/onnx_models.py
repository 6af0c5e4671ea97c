"""ONNX models for tests: random GRU nodes, and graphs around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from oracles import oracle

onnx: Any = oracle("onnx")  # without it, one skip for the module that imports this
helper = onnx.helper

RNG = np.random.default_rng(0)
FLOAT, INT32, INT64 = np.float32, np.int32, np.int64

_NUMBERS = {
    np.dtype("float32"): onnx.TensorProto.FLOAT,
    np.dtype("float64"): onnx.TensorProto.DOUBLE,
    np.dtype("int32"): onnx.TensorProto.INT32,
    np.dtype("int64"): onnx.TensorProto.INT64,
}


def node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(operator, inputs, outputs, name=f"my_{operator}_{outputs[-1]}", **attributes)


def model(
    nodes: list[Any],
    inputs: dict[str, tuple[Any, list[Any]]],
    outputs: dict[str, list[Any]],
    constants: dict[str, NDArray[Any]],
    opset: int = 14,
) -> Any:
    """Return a ModelProto; inputs are (dtype, shape), outputs shapes of float32 or of (dtype, shape)."""
    info = helper.make_tensor_value_info
    given = [info(name, _NUMBERS[np.dtype(kind)], shape) for name, (kind, shape) in inputs.items()]
    made = [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    arrays = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", given, made, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weights(
    rng: np.random.Generator, inputs: int, hidden: int, directions: int = 1, bias: bool = True, end: str = ""
) -> dict[str, NDArray[Any]]:
    """Return W, R and B of a node."""
    shapes = {
        "W": (directions, 3 * hidden, inputs),
        "R": (directions, 3 * hidden, hidden),
        "B": (directions, 6 * hidden),
    }
    return {
        name + end: rng.uniform(-0.7, 0.7, shape).astype(np.float32)
        for name, shape in shapes.items()
        if bias or name != "B"
    }


class RandomNode:
    """A model of one node with random sizes and attributes, and inputs for it."""

    def __init__(self, rng: np.random.Generator, **fixed: Any) -> None:
        def flag() -> bool:
            return bool(rng.integers(2))

        self.hidden, self.width = int(rng.integers(1, 20)), int(rng.integers(1, 9))
        steps, rows = int(rng.integers(1, 12)), int(rng.integers(1, 7))
        direction = fixed.get("direction", rng.choice(["forward", "reverse", "bidirectional"]))
        self.directions = 2 if direction == "bidirectional" else 1
        layout = fixed.get("layout", 0)
        bias, with_lengths, with_state = flag(), flag(), flag()
        self.feeds: dict[str, NDArray[Any]] = {
            "X": rng.normal(size=(rows, steps, self.width) if layout else (steps, rows, self.width)).astype(
                "f"
            )
        }
        if with_lengths:
            self.feeds["lens"] = rng.integers(1, steps + 1, rows).astype(np.int32)
        if with_state:
            shape = (rows, self.directions, self.hidden) if layout else (self.directions, rows, self.hidden)
            self.feeds["h0"] = rng.uniform(-1, 1, shape).astype("f")
        constants = weights(rng, self.width, self.hidden, self.directions, bias)
        names = [
            "X",
            "W",
            "R",
            "B" if bias else "",
            "lens" if with_lengths else "",
            "h0" if with_state else "",
        ]
        while not names[-1]:
            names.pop()
        # Which onnxruntime wants, while it follows from the weights.
        attributes: dict[str, Any] = {"linear_before_reset": int(flag()), "hidden_size": self.hidden}
        if direction != "forward" or flag():
            attributes["direction"] = direction
        if layout or flag():
            attributes["layout"] = layout
        if flag():
            attributes["activations"] = ["Sigmoid", "Tanh"] * self.directions
        y: list[Any] = ["B", "T", "D", "H"] if layout else ["T", "D", "B", "H"]
        outputs: dict[str, list[Any]] = {"Y": y, "Y_h": [None] * 3}
        self.layout = layout
        self.model = model(
            [node("GRU", names, ["Y", "Y_h"], **attributes)],
            {name: (array.dtype, [None] * array.ndim) for name, array in self.feeds.items()},
            outputs,
            constants,
        )

    def call(self, layer: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return our answers in the shapes of the node's."""
        h0 = self.feeds.get("h0")
        if h0 is not None and self.layout:
            h0 = h0.swapaxes(0, 1)
        y, h_n = layer(self.feeds["X"], h0, self.feeds.get("lens"))
        y = y.reshape(*y.shape[:2], self.directions, self.hidden)
        return (y, h_n.swapaxes(0, 1)) if self.layout else (y.swapaxes(1, 2), h_n)


SIZES = {"X": (FLOAT, [5, 3, 2])}
HEAD = {"HW": RNG.normal(size=(4, 6)).astype(FLOAT), "HB": RNG.normal(size=6).astype(FLOAT)}
ONE = np.array([1], INT64)


def stacked(second: dict[str, Any] | None = None, **more: Any) -> Any:
    """Two layers, as exporters write them; `second` are attributes of the upper one."""
    nodes = [
        node("GRU", ["X", "W", "R", "B"], ["y0", "h0"], linear_before_reset=1, hidden_size=4),
        node("Squeeze", ["y0", "one"], ["x1"]),
        node(
            "GRU",
            ["x1", "W1", "R1", "B1"],
            ["y1", "h1"],
            **{"linear_before_reset": 1, "hidden_size": 4, **(second or {})},
        ),
        node("Squeeze", ["y1", "one"], ["Y"]),
    ]
    constants = {**weights(RNG, 2, 4), **weights(RNG, 4, 4, end="1"), "one": ONE, **more}
    return model(nodes, SIZES, {"Y": [None] * 3}, constants)


def headed(*behind: Any, output: str = "out", opset: int = 14, **options: Any) -> Any:
    """A layer, and nodes behind its y (T, B, 4), h (1, B, 4) or Y (T, 1, B, 4)."""
    nodes = [
        node(
            "GRU",
            ["X", "W", "R", "B", *options.get("more", [])],
            ["Y", "h"],
            **{"hidden_size": 4, **options.get("gru", {})},
        ),
        node("Squeeze", ["Y", "one"], ["y"]),
        *behind,
    ]
    inputs = {**SIZES, **options.get("inputs", {})}
    constants = {**weights(RNG, 2, 4), **HEAD, "one": ONE, **options.get("constants", {})}
    return model(nodes, inputs, {output: [None] * options.get("rank", 3)}, constants, opset)


def edited(proto: Any, change: Callable[[Any], object]) -> Any:
    change(proto.graph)
    return proto


def info(name: str, shape: list[Any]) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def rename_output(graph: Any, name: str, more: bool = False) -> None:
    if not more:
        del graph.output[:]
    graph.output.append(info(name, [None] * 3))


def custom(proto: Any) -> Any:
    proto.graph.node[-1].domain = "com.acme"
    proto.opset_import.append(onnx.helper.make_opsetid("com.acme", 1))
    return proto
