"""The layer's forward pass, both reset variants, against the GRU operator of ONNX as onnxruntime runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastgru

SIZES = [(1, 1, 1, 1), (3, 7, 2, 5), (17, 1, 33, 2), (50, 7, 2, 37), (100, 7, 33, 9)]  # H, I, B, T


def to_onnx_order(weight: np.ndarray) -> np.ndarray:
    """Gate blocks r|z|n into ONNX' z|r|h."""
    r, z, n = np.split(weight, 3)
    return np.concatenate([z, r, n])


def onnx_model(onnx: Any, layer: fastgru.GRU, x: np.ndarray, lengths: bool) -> bytes:
    """One GRU node with the layer's weights as initializers."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = layer.state_dict()
    directions = ["l0", "l0_reverse"] if layer.bidirectional else ["l0"]

    def stacked(*names: str) -> np.ndarray:
        return np.stack(
            [np.concatenate([to_onnx_order(weights[f"{name}_{d}"]) for name in names]) for d in directions]
        )

    initializers = [
        numpy_helper.from_array(stacked("weight_ih"), "W"),
        numpy_helper.from_array(stacked("weight_hh"), "R"),
        numpy_helper.from_array(stacked("bias_ih", "bias_hh"), "B"),
    ]
    node = helper.make_node(
        "GRU",
        ["X", "W", "R", "B", "lengths" if lengths else "", "h0"],
        ["Y", "Y_h"],
        hidden_size=layer.hidden_size,
        direction="bidirectional" if layer.bidirectional else "forward",
        linear_before_reset=int(layer.reset_after),
    )
    info, types = helper.make_tensor_value_info, onnx.TensorProto
    steps, rows, _ = x.shape
    count, hidden = len(directions), layer.hidden_size
    inputs = [
        info("X", types.FLOAT, x.shape),
        info("h0", types.FLOAT, (count, rows, hidden)),
        *([info("lengths", types.INT32, (rows,))] if lengths else []),
    ]
    outputs = [
        info("Y", types.FLOAT, (steps, count, rows, hidden)),
        info("Y_h", types.FLOAT, (count, rows, hidden)),
    ]
    graph = helper.make_graph([node], "gru", inputs, outputs, initializers)
    # An old operator set and file version, which every onnxruntime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [False, True], ids=["whole", "lengths"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
@pytest.mark.parametrize("reset_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_layer_equals_onnxruntime(
    onnx: Any,
    onnxruntime: Any,
    size: tuple[int, int, int, int],
    reset_after: bool,
    bidirectional: bool,
    lengths: bool,
    dtype: str,
) -> None:
    hidden, inputs, rows, steps = size
    rng = np.random.default_rng(size)
    layer = fastgru.GRU(
        inputs, hidden, bidirectional=bidirectional, reset_after=reset_after, dtype=dtype, random_state=0
    )
    directions = 1 + bidirectional
    x = rng.normal(size=(steps, rows, inputs)).astype(np.float32)
    h0 = rng.uniform(-1, 1, (directions, rows, hidden)).astype(np.float32)
    feed: dict[str, Any] = {"X": x, "h0": h0}
    if lengths:
        feed["lengths"] = rng.integers(1, steps + 1, rows).astype(np.int32)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    weights32 = fastgru.GRU(inputs, hidden, bidirectional=bidirectional, reset_after=reset_after)
    weights32.load_state_dict(layer.state_dict())
    model = onnx_model(onnx, weights32, x, lengths)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    y_onnx, h_onnx = session.run(None, feed)

    y, h_n = layer(x, h0, feed.get("lengths"))
    wanted = y_onnx.transpose(0, 2, 1, 3).reshape(steps, rows, directions * hidden)
    np.testing.assert_allclose(y, wanted, rtol=0, atol=5e-5)
    np.testing.assert_allclose(h_n, h_onnx, rtol=0, atol=5e-5)
