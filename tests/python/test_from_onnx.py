"""`from_onnx`: what converts equals onnxruntime."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx_models import (
    FLOAT,
    HEAD,
    INT32,
    INT64,
    RNG,
    RandomNode,
    edited,
    headed,
    model,
    node,
    onnx,
    stacked,
    weights,
)
from oracles import oracle

import fastgru
from fastgru import GRUNetwork

onnxruntime: Any = oracle("onnxruntime")


def run(proto: Any, feeds: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, feeds))


@pytest.mark.parametrize("seed", range(10))
def test_random_nodes_agree_with_onnxruntime(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        case = RandomNode(rng)
        layer = fastgru.from_onnx(case.model)
        assert layer.conversion_report is not None
        for ours, theirs in zip(case.call(layer), run(case.model, case.feeds), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-5)


def test_layout_1_agrees_with_layout_0() -> None:
    """onnxruntime has no layout 1: the same weights, with the axes in the other order."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        case = RandomNode(rng, layout=1)
        other = onnx.ModelProto()
        other.CopyFrom(case.model)
        for attribute in other.graph.node[0].attribute:
            if attribute.name == "layout":
                attribute.i = 0
        y, h_n = case.call(fastgru.from_onnx(case.model))
        feeds = {k: v.swapaxes(0, 1) if v.ndim == 3 else v for k, v in case.feeds.items()}
        wanted_y, wanted_h = run(other, feeds)
        np.testing.assert_allclose(y, wanted_y.transpose(2, 0, 1, 3), rtol=0, atol=5e-5)
        np.testing.assert_allclose(h_n, wanted_h.swapaxes(0, 1), rtol=0, atol=5e-5)


def test_a_row_without_steps_keeps_its_state() -> None:
    """Documented: onnxruntime returns zeros there."""
    proto = model(
        [node("GRU", ["X", "W", "R", "", "lens", "h0"], ["", "Y_h"], hidden_size=4)],
        {"X": (FLOAT, [3, 2, 2]), "lens": (INT32, [2]), "h0": (FLOAT, [1, 2, 4])},
        {"Y_h": [1, 2, 4]},
        weights(RNG, 2, 4, bias=False),
    )
    h0 = RNG.uniform(-1, 1, (1, 2, 4)).astype(FLOAT)
    x = RNG.normal(size=(3, 2, 2)).astype(FLOAT)
    _, h_n = fastgru.from_onnx(proto)(x, h0, [3, 0])
    np.testing.assert_array_equal(h_n[0, 1], h0[0, 1])
    assert not run(proto, {"X": x, "h0": h0, "lens": np.array([3, 0], INT32)})[0][0, 1].any()


CONVERTED: dict[str, Callable[[], Any]] = {
    "stacked": stacked,
    "biases in one layer": lambda: edited(stacked(), lambda g: g.node[0].input.pop()),
    "dense": lambda: headed(node("MatMul", ["y", "HW"], ["p"]), node("Add", ["p", "HB"], ["out"])),
    "dense turned": lambda: headed(node("MatMul", ["y", "HW"], ["p"]), node("Add", ["HB", "p"], ["out"])),
    "dense without bias": lambda: headed(node("MatMul", ["y", "HW"], ["out"])),
    "softmax": lambda: headed(node("MatMul", ["y", "HW"], ["p"]), node("Softmax", ["p"], ["out"], axis=-1)),
    "sigmoid of states": lambda: headed(node("Sigmoid", ["y"], ["out"])),
    "last state": lambda: headed(
        node("Squeeze", ["h", "zero"], ["s"]),
        node("Gemm", ["s", "HW", "HB"], ["out"]),
        rank=2,
        constants={"zero": np.array([0], INT64)},
    ),
    "last step": lambda: headed(
        node("Gather", ["y", "last"], ["s"], axis=0),
        node("Gemm", ["s", "HT", "HB"], ["out"], transB=1),
        rank=2,
        constants={"last": np.array(-1, INT64), "HT": np.ascontiguousarray(HEAD["HW"].T)},
    ),
    "last step by a slice": lambda: headed(
        node("Slice", ["y", "minus", "end", "zero"], ["s"]),
        node("Squeeze", ["s", "zero"], ["t"]),
        node("Gemm", ["t", "HW", "HB"], ["out"]),
        rank=2,
        constants={
            "minus": np.array([-1], INT64),
            "end": np.array([2**63 - 1], INT64),
            "zero": np.array([0], INT64),
        },
    ),
    "mean": lambda: headed(
        node("ReduceMean", ["y"], ["s"], axes=[0], keepdims=0),
        node("Gemm", ["s", "HW", "HB"], ["out"]),
        rank=2,
    ),
    "maximum": lambda: headed(node("ReduceMax", ["y"], ["out"], axes=[0], keepdims=0), rank=2),
    "reverse": lambda: headed(node("Identity", ["y"], ["out"]), gru={"direction": "reverse"}),
    "reverse with lengths": lambda: headed(
        node("MatMul", ["y", "HW"], ["out"]),
        gru={"direction": "reverse"},
        more=["lens"],
        inputs={"lens": (INT32, [3])},
    ),
    "dropout": lambda: headed(node("Dropout", ["y"], ["d"]), node("MatMul", ["d", "HW"], ["out"])),
    "rows first": lambda: headed(node("Transpose", ["y"], ["out"], perm=[1, 0, 2])),
    "dead nodes": lambda: headed(node("Exp", ["y"], ["e"]), node("Identity", ["y"], ["out"])),
    "initial states": lambda: headed(
        node("Identity", ["y"], ["out"]), more=["", "h0"], inputs={"h0": (FLOAT, [1, 3, 4])}
    ),
    "zero states": lambda: headed(
        node("Identity", ["y"], ["out"]), more=["", "z"], constants={"z": np.zeros((1, 3, 4), FLOAT)}
    ),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_graphs_that_convert(kind: str) -> None:
    proto = CONVERTED[kind]()
    network = fastgru.from_onnx(proto)
    assert network.conversion_report is not None
    assert network.conversion_report.largest < 1e-6
    assert "onnxruntime" in str(network.conversion_report)
    if not proto.graph.node[0].input[4:]:
        x = RNG.normal(size=(5, 3, 2)).astype(FLOAT)
        (wanted,) = run(proto, {"X": x})
        y = network(x)[0]
        y = y.swapaxes(0, 1) if kind == "rows first" else y
        np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_tokens(bidirectional: bool) -> None:
    count = 1 + bidirectional
    nodes = [
        node("Gather", ["E", "tokens"], ["e"]),
        node("Transpose", ["e"], ["x"], perm=[1, 0, 2]),
        node(
            "GRU",
            ["x", "W", "R", "B"],
            ["Y", "h"],
            hidden_size=4,
            direction="bidirectional" if bidirectional else "forward",
        ),
        node("Transpose", ["h"], ["t"], perm=[1, 0, 2]),
        node("Reshape", ["t", "shape"], ["s"]),
        node("MatMul", ["s", "HW"], ["p"]),
        node("Softmax", ["p"], ["out"]),
    ]
    constants = {
        **weights(RNG, 2, 4, count),
        "E": RNG.normal(size=(10, 2)).astype(FLOAT),
        "HW": RNG.normal(size=(4 * count, 6)).astype(FLOAT),
        "shape": np.array([0, -1], INT64),
    }
    proto = model(nodes, {"tokens": (INT64, ["B", "T"])}, {"out": [None] * 2}, constants)
    network = fastgru.from_onnx(proto)
    assert isinstance(network, GRUNetwork)
    assert repr(network).startswith("GRUNetwork(embedding of 10 tokens → GRU(input_size=2")
    assert "last over time → dense head of 6 → softmax" in repr(network)
    tokens = RNG.integers(0, 10, (3, 7))
    tokens[0, :2] = 0, 9
    y, h_n = network(tokens)
    np.testing.assert_allclose(y, run(proto, {"tokens": tokens})[0], rtol=0, atol=1e-6)
    assert h_n.shape == (count, 3, 4)
    for wrong, error, match in (
        (tokens + 5, ValueError, "the token 14, but the vocabulary is 0 to 9"),
        (tokens - 5, ValueError, "the token -5"),
        (tokens.astype(float), TypeError, "x must hold integer tokens, got dtype float64"),
    ):
        with pytest.raises(error, match=match):
            network(wrong)


def test_outputs_of_all_layers() -> None:
    proto = stacked()
    del proto.graph.output[:]
    proto.graph.node.append(node("Concat", ["h0", "h1"], ["H"], axis=0))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("H", 1, [None] * 3))
    layer = fastgru.from_onnx(proto)
    x = RNG.normal(size=(5, 3, 2)).astype(FLOAT)
    np.testing.assert_allclose(layer(x)[1], run(proto, {"X": x})[0], rtol=0, atol=1e-6)


def test_without_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    proto = stacked()
    monkeypatch.setattr("fastgru.convert._onnx_check.find_spec", lambda name: None)
    assert fastgru.from_onnx(proto).conversion_report is None
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'from_onnx needs onnx, .*: pip install "fastgru\[onnx\]"'):
        fastgru.from_onnx("gru.onnx")


def test_network_checks_its_parts() -> None:
    gru = fastgru.GRU(2, 4)
    for options, error, match in (
        ({"gru": 3}, TypeError, r"gru must be a fastgru\.GRU"),
        ({"pooling": "sum"}, ValueError, "pooling must be one of None, 'last', 'mean', 'max', got 'sum'"),
        ({"link": "tanh"}, ValueError, "link must be one of"),
        ({"embedding": np.ones((9, 3))}, ValueError, r"embedding must have shape \(vocabulary, 2\)"),
        ({"head": (np.ones((2, 3)), np.ones(2))}, ValueError, "head must have shapes"),
        ({"gru": fastgru.GRU(2, 4, bidirectional=True), "reverse": True}, ValueError, "reverse=True needs"),
    ):
        with pytest.raises(error, match=match):
            GRUNetwork(**{"gru": gru, **options})


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("pooling", [None, "last", "mean", "max"])
def test_network_with_lengths_equals_each_row_alone(pooling: str | None, batch_first: bool) -> None:
    for reverse in (False, True):
        gru = fastgru.GRU(2, 4, batch_first=batch_first, random_state=0)
        head = RNG.normal(size=(3, 4)).astype(FLOAT), np.zeros(3, FLOAT)
        network = GRUNetwork(gru, reverse=reverse, pooling=pooling, head=head, link="sigmoid")
        lengths = [7, 3, 1]
        x = RNG.normal(size=(3, 7, 2)).astype(FLOAT)
        y, h_n = network(x if batch_first else x.swapaxes(0, 1), lengths=lengths)
        rows = y if batch_first or pooling else y.swapaxes(0, 1)
        for row, length in enumerate(lengths):
            alone, h_alone = network(x[row, :length])
            got = rows[row] if pooling else rows[row, :length]
            np.testing.assert_allclose(got, alone, rtol=0, atol=1e-6)
            np.testing.assert_allclose(h_n[:, row], h_alone, rtol=0, atol=1e-6)
