"""`from_onnx`: what cannot be expressed is refused by the name of the node, attribute, input or tensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import (
    FLOAT,
    INT32,
    INT64,
    RNG,
    SIZES,
    custom,
    edited,
    headed,
    info,
    model,
    node,
    onnx,
    rename_output,
    stacked,
    weights,
)

import fastgru
from fastgru import ConversionError


def attribute(**attributes: Any) -> Callable[[], Any]:
    return lambda: headed(node("Identity", ["y"], ["out"]), gru=attributes)


def behind(operator: str, *inputs: str, **attributes: Any) -> Callable[[], Any]:
    return lambda: headed(node(operator, ["y", *inputs], ["out"], **attributes))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "clip": (attribute(clip=3.0), r"^node 'my_GRU_h' \(GRU\): the attribute clip=3\.0 cannot be expressed"),
    "activations": (attribute(activations=["Sigmoid", "Relu"]), r"GRU\): the attribute activations=\['Sigm"),
    "activation_alpha": (attribute(activation_alpha=[0.1]), r"the attribute activation_alpha=\[0\.1"),
    "direction": (attribute(direction="backward"), "the direction 'backward' is unknown"),
    "two directions, weights of one": (
        attribute(direction="bidirectional"),
        r"W must have the shape \(2, 12, 2\), got \(1, 12, 2\)",
    ),
    "hidden_size": (attribute(hidden_size=5), r"W must have the shape \(1, 15, 2\), got"),
    "Relu": (behind("Relu"), r"^node 'my_Relu_out' \(Relu\) cannot be expressed$"),
    "Tanh": (behind("Tanh"), r"\(Tanh\) cannot be expressed$"),
    "Neg": (behind("Neg"), r"\(Neg\) cannot be expressed$"),
    "an unnamed node": (
        lambda: headed(onnx.helper.make_node("Exp", ["y"], ["out"])),
        r"^node '→ out' \(Exp\) cannot be expressed$",
    ),
    "LSTM": (
        lambda: model(
            [node("LSTM", ["X", "W", "R"], ["Y", "h"], hidden_size=3)],
            SIZES,
            {"h": [None] * 3},
            weights(RNG, 2, 4, bias=False),
        ),
        r"\(LSTM\) cannot be expressed$",
    ),
    "no GRU": (
        lambda: model([node("Identity", ["X"], ["Y"])], SIZES, {"Y": [None] * 3}, {}),
        "^the model has no GRU node",
    ),
    "softmax over rows": (behind("Softmax", axis=1), r"\(Softmax\): the attribute axis=1 cannot"),
    "residual": (behind("Add", "y"), r"\(Add\) cannot be expressed with these inputs$"),
    "scaled": (behind("Mul", "HB"), r"\(Mul\) cannot be expressed with these inputs$"),
    "bias of states": (behind("Add", "four"), r"^the model fails ONNX' own checks"),
    "two heads": (
        lambda: headed(
            node("MatMul", ["y", "SQ"], ["p"]),
            node("MatMul", ["p", "HW"], ["out"]),
            constants={"SQ": np.eye(4, dtype=FLOAT)},
        ),
        r"\(MatMul\) cannot be expressed with these inputs$",
    ),
    "Gemm alpha": (
        lambda: headed(
            node("Gather", ["y", "last"], ["s"], axis=0),
            node("Gemm", ["s", "HW", "HB"], ["out"], alpha=0.5),
            rank=2,
            constants={"last": np.array(-1, INT64)},
        ),
        r"\(Gemm\): alpha, beta and transA cannot be expressed",
    ),
    "width of the head": (
        lambda: headed(node("MatMul", ["y", "W3"], ["out"]), constants={"W3": np.ones((3, 2), FLOAT)}),
        r"\(MatMul\): its weight reads 3 values, the layer has 4",
    ),
    "first step": (
        lambda: headed(
            node("Gather", ["y", "first"], ["out"], axis=0), rank=2, constants={"first": np.array(0, INT64)}
        ),
        r"\(Gather\) cannot be expressed with these inputs$",
    ),
    "last step of a reverse layer": (
        lambda: headed(
            node("Gather", ["y", "last"], ["out"], axis=0),
            rank=2,
            gru={"direction": "reverse"},
            constants={"last": np.array(-1, INT64)},
        ),
        r"\(Gather\) cannot be expressed with these inputs$",
    ),
    "mean with lengths": (
        lambda: headed(
            node("ReduceMean", ["y"], ["out"], axes=[0], keepdims=0),
            rank=2,
            more=["lens"],
            inputs={"lens": (INT32, [3])},
        ),
        r"\(ReduceMean\) cannot be expressed with these inputs$",
    ),
    "mean of units": (behind("ReduceMean", axes=[2], keepdims=1), r"\(ReduceMean\) cannot be expressed with"),
    "order of axes": (behind("Transpose", perm=[2, 0, 1]), "^output out has its axes in an order"),
    "time and rows joined": (
        lambda: headed(
            node("Reshape", ["y", "flat"], ["out"]), rank=2, constants={"flat": np.array([-1, 4], INT64)}
        ),
        "^output out has its axes in an order",
    ),
    "constant lengths": (
        lambda: headed(
            node("Identity", ["y"], ["out"]), more=["lens"], constants={"lens": np.array([5, 2, 3], INT32)}
        ),
        "sequence_lens is no input of the model",
    ),
    "constant states": (
        lambda: headed(
            node("Identity", ["y"], ["out"]), more=["", "s"], constants={"s": np.ones((1, 3, 4), FLOAT)}
        ),
        "initial_h is neither zero nor an input of the model",
    ),
    "states turned": (
        lambda: headed(node("Identity", ["y"], ["out"]), more=["", "t"], inputs={"s": (FLOAT, [4, 3, 1])}),
        "^the model fails ONNX' own checks",
    ),
    "weights as inputs": (
        lambda: model(
            [node("GRU", ["X", "W", "R"], ["Y"])],
            {**SIZES, "W": (FLOAT, [1, 12, 2]), "R": (FLOAT, [1, 12, 4])},
            {"Y": [None] * 4},
            {},
        ),
        r"\(GRU\): W is not constant",
    ),
    "weights of 16 bits": (
        lambda: model(
            [node("GRU", ["X", "W", "R"], ["Y"])],
            SIZES,
            {"Y": [None] * 4},
            {k: v.astype(np.float16) for k, v in weights(RNG, 2, 4, bias=False).items()},
        ),
        "weights of float16 cannot be expressed",
    ),
    "layers of unlike variants": (
        lambda: stacked({"linear_before_reset": 0}),
        "linear_before_reset is False, but True in the layer below",
    ),
    "layers of unlike directions": (
        lambda: stacked({"direction": "reverse"}),
        "direction is 'reverse', but 'forward' in the layer below",
    ),
    "layers of unlike sizes": (
        lambda: stacked({"hidden_size": 5}, **weights(RNG, 4, 5, end="1")),
        "hidden_size is 5, but 4 in the layer below",
    ),
    "a second sequence": (
        lambda: edited(
            stacked(), lambda g: (g.node[2].input.__setitem__(0, "X"), rename_output(g, "h0", more=True))
        ),
        r"\(GRU\): X is neither the input, tokens' vectors nor the layer below",
    ),
    "features of the input": (
        lambda: edited(stacked(), lambda g: g.node[2].input.__setitem__(0, "X")),
        r"\(GRU\): X has 2 features, W is of 4",
    ),
    "states of another size": (
        lambda: headed(node("Identity", ["y"], ["out"]), more=["", "s"], inputs={"s": (FLOAT, [2, 3, 4])}),
        r"initial_h is an input of the shape \(2, 3, 4\)",
    ),
    "output of a lower layer": (
        lambda: edited(stacked(), lambda g: rename_output(g, "x1", more=True)),
        "^output x1 is neither",
    ),
    "states of one of two layers": (
        lambda: edited(stacked(), lambda g: rename_output(g, "h1", more=True)),
        "^output h1 has the final states of some layers",
    ),
    "two answers": (
        lambda: edited(headed(node("Identity", ["y"], ["out"])), lambda g: rename_output(g, "y", more=True)),
        "^output y is neither",
    ),
    "an input of its own": (
        lambda: edited(headed(node("Identity", ["y"], ["out"])), lambda g: g.input.append(info("more", [1]))),
        "^input more is neither the sequences",
    ),
    "custom operators": (
        lambda: custom(headed(node("Identity", ["y"], ["out"]))),
        r"operators of 'com\.acme' cannot be expressed|fails ONNX' own checks",
    ),
    "old operators": (
        lambda: headed(node("Identity", ["y"], ["out"]), opset=3),
        "own checks|operator set is 3",
    ),
    "embedding of integers": (
        lambda: model(
            [
                node("Gather", ["E", "t"], ["i"]),
                node("Cast", ["i"], ["x"], to=1),
                node("GRU", ["x", "W", "R"], ["Y"]),
            ],
            {"t": (INT64, [5, 3])},
            {"Y": [None] * 4},
            {**weights(RNG, 2, 4, bias=False), "E": np.ones((9, 2), INT64)},
        ),
        r"\(Gather\): an embedding of int64 cannot be expressed",
    ),
    "features": (
        lambda: model(
            [node("Gather", ["E", "t"], ["x"]), node("GRU", ["x", "W", "R"], ["Y"])],
            {"t": (INT64, [5, 3])},
            {"Y": [None] * 4},
            {**weights(RNG, 2, 4, bias=False), "E": np.ones((9, 3), FLOAT)},
        ),
        "X has 3 features, W is of 2",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_expressed(kind: str) -> None:
    make, match = REFUSED[kind]
    with pytest.raises(ConversionError, match=match):
        fastgru.from_onnx(make())


def external(folder: Path, location: str) -> Path:
    proto = stacked()
    tensor = next(each for each in proto.graph.initializer if each.name == "R")
    data = tensor.raw_data
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    (folder / "weights.bin").write_bytes(data)
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "weights.bin").write_bytes(data)
    path = folder / "model" / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "gru.onnx"
    onnx.save(stacked(), path)
    assert fastgru.from_onnx(path).conversion_report is not None  # type: ignore[union-attr]
    assert repr(fastgru.from_onnx(str(path))) == repr(fastgru.from_onnx(path))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ConversionError, match=r"is no ONNX model|fails ONNX' own checks"):
        fastgru.from_onnx(path)
    path.write_bytes(b"PK\x03\x04 no model")
    with pytest.raises(ConversionError, match=r"gru\.onnx' is no ONNX model"):
        fastgru.from_onnx(path)
    path.write_bytes(b"")
    with pytest.raises(ConversionError, match="fails ONNX' own checks"):
        fastgru.from_onnx(path)
    with pytest.raises(FileNotFoundError):
        fastgru.from_onnx(tmp_path / "nothing.onnx")
    with pytest.raises(TypeError, match=r"model must be a path or an onnx\.ModelProto, got int"):
        fastgru.from_onnx(3)


def test_external_data_inside_the_folder_alone(tmp_path: Path) -> None:
    inside = fastgru.from_onnx(external(tmp_path, "weights.bin"))
    assert inside.conversion_report is not None
    for location in ("../weights.bin", str(tmp_path / "weights.bin"), ""):
        with pytest.raises(ConversionError, match=r"^tensor R lies in .*, outside of the model's folder"):
            fastgru.from_onnx(external(tmp_path, location))
    (tmp_path / "model" / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(ConversionError, match="outside of the model's folder"):
        fastgru.from_onnx(external(tmp_path, "link.bin"))
    with pytest.raises(ConversionError, match="which is not there"):
        fastgru.from_onnx(external(tmp_path, "nowhere.bin"))
    proto = onnx.load(external(tmp_path, "weights.bin"), load_external_data=False)
    with pytest.raises(
        ConversionError, match=r"tensor R lies in the file 'weights\.bin': pass the model's path"
    ):
        fastgru.from_onnx(proto)
    path = external(tmp_path, "weights.bin")
    (tmp_path / "model" / "weights.bin").write_bytes(b"1234")
    with pytest.raises(ConversionError, match=r"own checks: TensorProto \(tensor name: R\)"):
        fastgru.from_onnx(path)
