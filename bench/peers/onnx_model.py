"""The GRU of a case as an ONNX model, for the libraries that run those."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from bench.cases import Case
from bench.data import Arrays, gates_zrh


def make_model(case: Case, data: Arrays) -> bytes:
    """Return a serialised model: x (T, B, I) → y (T, B, D·H); of a stream also h0 → h_n, each (1, 1, H)."""
    carried = case.kind == "stream"
    nodes, weights = [], []
    inputs = [_value("x", (case.T, case.B, case.I))]
    outputs = [_value("y", (case.T, case.B, case.D * case.H))]
    if carried:
        inputs.append(_value("h0", (1, 1, case.H)))
        outputs.append(_value("h_n", (1, 1, case.H)))
    if case.ragged:
        weights.append(numpy_helper.from_array(data["lengths"].astype(np.int32), "lengths"))
    weights.append(numpy_helper.from_array(np.array([case.T, case.B, -1]), "flat"))
    below = "x"
    for layer in range(case.L):
        names = _add_weights(weights, case, data, layer)
        feeds = [below, *names, "lengths" if case.ragged else "", "h0" if carried else ""]
        top = layer == case.L - 1
        nodes.append(
            helper.make_node(
                "GRU",
                feeds,
                [f"Y{layer}", "h_n" if carried else ""],
                hidden_size=case.H,
                linear_before_reset=1,
                direction="bidirectional" if case.D == 2 else "forward",
            )
        )
        nodes.append(helper.make_node("Transpose", [f"Y{layer}"], [f"rows{layer}"], perm=[0, 2, 1, 3]))
        below = "y" if top else f"y{layer}"
        nodes.append(helper.make_node("Reshape", [f"rows{layer}", "flat"], [below]))
    graph = helper.make_graph(nodes, "gru", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _value(name: str, shape: tuple[int, ...]) -> object:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _add_weights(weights: list[object], case: Case, data: Arrays, layer: int) -> list[str]:
    ends = [f"l{layer}{suffix}" for suffix in ("", "_reverse")[: case.D]]
    stacked = {
        f"W{layer}": [gates_zrh(data[f"weight_ih_{end}"]) for end in ends],
        f"R{layer}": [gates_zrh(data[f"weight_hh_{end}"]) for end in ends],
        f"B{layer}": [
            np.concatenate([gates_zrh(data[f"bias_ih_{end}"]), gates_zrh(data[f"bias_hh_{end}"])])
            for end in ends
        ],
    }
    for name, arrays in stacked.items():
        weights.append(numpy_helper.from_array(np.stack(arrays), name))
    return list(stacked)
