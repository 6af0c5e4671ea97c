"""1000 random graphs of nodes that convert and others: each agrees with its source, or is refused."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from oracles import oracle

oracle("onnx"), oracle("onnxruntime")  # without them, one skip for the module

from onnx_models import model, node, weights  # noqa: E402

import fastgru  # noqa: E402
from fastgru import ConversionError  # noqa: E402

STEPS, ROWS = 5, 3
INT64 = np.int64


class RandomGraph:
    """Nodes drawn one after the other, each valid for the shape before it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.inputs: dict[str, Any] = {}
        self.count = 0
        self.lengths = rng.random() < 0.2
        self.initial = rng.random() < 0.3
        width = int(rng.integers(1, 5))
        if rng.random() < 0.3:
            self.inputs["x"] = (INT64, [STEPS, ROWS])
            table = rng.normal(size=(7, width)).astype("f")
            self.value = self.add("Gather", [self.constant(table), "x"])
        else:
            first = [ROWS, STEPS] if rng.random() < 0.3 else [STEPS, ROWS]
            self.inputs["x"] = (np.float32, [*first, width])
            self.value = "x"
            if first == [ROWS, STEPS]:
                self.value = self.add("Transpose", ["x"], perm=[1, 0, 2])
        self.width = width
        if rng.random() < 0.1:
            self.unknown()
        for _ in range(int(rng.integers(1, 4))):
            self.gru()
            while rng.random() < 0.15:
                self.unknown()
        self.finish()

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def add(self, operator: str, inputs: list[str], count: int = 1, **attributes: Any) -> str:
        self.count += 1
        outputs = [f"t{self.count}_{k}" for k in range(count)]
        self.nodes.append(node(operator, inputs, outputs, **attributes))
        return outputs[0]

    def gru(self) -> None:
        rng = self.rng
        if not hasattr(self, "hidden") or rng.random() < 0.1:
            self.hidden = int(rng.integers(1, 6))
        if not hasattr(self, "direction") or rng.random() < 0.1:
            self.direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
        if not hasattr(self, "variant") or rng.random() < 0.1:
            self.variant = int(rng.integers(2))
        count = 2 if self.direction == "bidirectional" else 1
        found = weights(rng, self.width, self.hidden, count)
        names = [self.value, *(self.constant(found[k]) for k in "WRB")]
        if rng.random() < 0.2:
            names[3] = ""
        lengths = initial = ""
        if self.lengths:
            lengths = "lengths"
            self.inputs[lengths] = (np.int32, [ROWS])
        if self.initial:
            initial = f"h{len(self.nodes)}"
            self.inputs[initial] = (np.float32, [count, ROWS, self.hidden])
        attributes = {"direction": self.direction, "hidden_size": self.hidden}
        attributes["linear_before_reset"] = self.variant
        if rng.random() < 0.05:
            attributes["clip"] = 0.5
        if rng.random() < 0.05:
            attributes["activations"] = ["Tanh", "Sigmoid"] * count
        y = self.add("GRU", [*names, lengths, initial], 2, **attributes)
        self.final = y.replace("_0", "_1")
        if count == 1 and rng.random() < 0.7:
            self.value = self.add("Squeeze", [y, self.constant(np.array([1]))])
        else:
            turned = self.add("Transpose", [y], perm=[0, 2, 1, 3])
            self.value = self.add("Reshape", [turned, self.constant(np.array([0, 0, -1]))])
        self.width = count * self.hidden

    def unknown(self) -> None:
        """Add a node that changes values."""
        kind = self.rng.integers(5)
        if kind == 0:
            self.value = self.add(str(self.rng.choice(["Relu", "Tanh", "Neg", "Erf"])), [self.value])
        elif kind == 1:
            shift = self.rng.normal(size=self.width).astype("f")
            self.value = self.add(str(self.rng.choice(["Mul", "Add"])), [self.value, self.constant(shift)])
        elif kind == 2:
            self.value = self.add("Add", [self.value, self.value])
        elif kind == 3:
            axis = int(self.rng.integers(3))
            self.value = self.add("Softmax", [self.value], axis=axis)
        else:  # to another order and back: nothing changes, which may be refused or not
            turned = self.add("Transpose", [self.value], perm=[1, 2, 0])
            self.value = self.add("Transpose", [turned], perm=[2, 0, 1])

    def finish(self) -> None:
        rng = self.rng
        kind = int(rng.integers(7))
        rank = 3
        if kind == 1:
            last = self.constant(np.array(int(rng.choice([-1, -1, 0, STEPS - 1]))))
            self.value, rank = self.add("Gather", [self.value, last], axis=0), 2
        elif kind == 2:
            operator = str(rng.choice(["ReduceMean", "ReduceMax", "ReduceMin"]))
            self.value = self.add(operator, [self.value], axes=[int(rng.choice([0, 0, 1]))], keepdims=0)
            rank = 2
        elif kind == 3:
            turned = self.add("Transpose", [self.final], perm=[1, 0, 2])
            self.value, rank = self.add("Reshape", [turned, self.constant(np.array([0, -1]))]), 2
        elif kind == 4:
            self.value = self.add("Transpose", [self.value], perm=list(rng.permutation(3)))
        elif kind == 5:
            self.value = self.final
        if rank == 2 or kind == 0:
            if rng.random() < 0.6:
                matrix = rng.normal(size=(self.width, 4)).astype("f")
                self.value = self.add("MatMul", [self.value, self.constant(matrix)])
                if rng.random() < 0.6:
                    self.value = self.add("Add", [self.value, self.constant(rng.normal(size=4).astype("f"))])
            if rng.random() < 0.4:
                link = str(rng.choice(["Softmax", "Sigmoid", "Relu"]))
                self.value = self.add(link, [self.value])
        self.nodes.append(node("Identity", [self.value], ["out"]))
        outputs = {"out": [None] * rank}
        if rng.random() < 0.2:
            self.nodes.append(node("Identity", [self.final], ["states"]))
            outputs["states"] = [None] * 3
        self.model = model(self.nodes, self.inputs, outputs, self.constants)


@pytest.mark.parametrize("part", range(4))
def test_each_graph_agrees_or_is_refused(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(250 * part, 250 * (part + 1)):
        graph = RandomGraph(np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                converted = fastgru.from_onnx(graph.model)
            except ConversionError as error:
                # A conversion that its own check found wrong is a failure here.
                assert "on random input" not in str(error), (seed, error)
                assert "answers with the shape" not in str(error), (seed, error)
                seen["refused"] += 1
                continue
        report = converted.conversion_report
        seen["unchecked" if report is None else "agrees"] += 1
        assert report is None or report.largest < 5e-5, (seed, report)
    print(dict(seen))
    assert seen["agrees"] > 40
    assert seen["refused"] > 40
    assert seen["unchecked"] == 0
