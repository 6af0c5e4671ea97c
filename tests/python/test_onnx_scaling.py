"""Estimators through ONNX and back: their scaling becomes that of a `GRUNetwork`, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinds import MODELS
from onnx_models import FLOAT, RNG, SIZES, headed, model, node, weights
from oracles import oracle
from small_forecaster import SMALL, wave

import fastgru
from fastgru import ConversionError, GRUNetwork
from fastgru.convert.to_onnx import content_of
from fastgru.gru.parameters import named

oracle("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# What no network of ours holds, by the node that a message names.
REFUSED = {
    "regressor_mask": "IsNaN",
    "quantiles": "Reshape",
    "frames": "Sub",
    "tokens": "GreaterOrEqual",
    "language_model": "GreaterOrEqual",
}
RETURN = [
    "regressor",
    "regressor_many",
    "regressor_float64",
    "regressor_mean",
    "regressor_max",
    "regressor_plain",
    "quantile",
    "each_step",
    "both_last",
    "both_max",
    "two_classes",
    "three_classes_float64",
    "tagger",
    "transcriber_both",
]


def same_bits(back: GRUNetwork, source: Any) -> None:
    """The weights and the scaling of a network are those of an estimator."""
    content = content_of(source)
    state = named(content.core.parameters, content.core.parameter_layout)
    assert back.head is not None
    found = {f"gru.{name}": value for name, value in back.gru.state_dict().items()}
    found |= {"head.weight": back.head[0], "head.bias": back.head[1]}
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert found[name].tobytes() == value.tobytes(), name
    scaling = content.core.scaling
    pairs = [(back.x_scaling, scaling[:2]), (back.y_scaling, scaling[2:])]
    for given, (mean, scale) in pairs if back.link is None else pairs[:1]:
        if given is None:
            assert not mean.any() and (scale == 1).all()
        else:
            assert [each.tobytes() for each in given] == [mean.tobytes(), scale.tobytes()]


@pytest.mark.parametrize("kind", RETURN)
def test_an_estimator_comes_back_to_the_bit(kind: str, tmp_path: Path) -> None:
    source = MODELS[kind]()
    path = tmp_path / "m.onnx"
    lengths = "mean" not in kind and "max" not in kind and kind != "three_classes_float64"
    report = fastgru.to_onnx(source, path, h0=lengths, lengths=lengths)
    back = fastgru.from_onnx(path)
    assert isinstance(back, GRUNetwork)
    same_bits(back, source)
    assert (back.x_scaling is None) == (kind == "regressor_plain")
    core = content_of(source).core
    x = (5 + np.random.default_rng(0).normal(size=(4, 6, core.features))).astype(back.gru.dtype)
    wanted = np.asarray(core.predict(x, None))
    tolerance = 1e-5 if back.gru.dtype == FLOAT else 1e-12
    np.testing.assert_allclose(back(x)[0], wanted, rtol=tolerance, atol=tolerance)

    again = fastgru.to_onnx(back, path, h0=lengths, lengths=lengths)
    assert (again is None) == (report is None) == (back.gru.dtype == np.float64)
    twice = fastgru.from_onnx(path)
    assert isinstance(twice, GRUNetwork)
    assert repr(twice) == repr(back)
    same_bits(twice, source)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_network_holds(kind: str, tmp_path: Path) -> None:
    fastgru.to_onnx(MODELS[kind](), tmp_path / "m.onnx")
    match = rf"^node '{REFUSED[kind]}_\d+' \({REFUSED[kind]}\) cannot be expressed"
    with pytest.raises(ConversionError, match=match):
        fastgru.from_onnx(tmp_path / "m.onnx")


def test_a_detector_comes_back_and_a_forecasters_quantiles_do_not(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    rng = np.random.default_rng(0)
    detector = fastgru.GRUAnomalyDetector(max_iter=2, random_state=0).fit(rng.normal(size=(200, 2)))
    fastgru.to_onnx(detector, path)
    back = fastgru.from_onnx(path)
    assert isinstance(back, GRUNetwork)
    same_bits(back, detector)
    fastgru.to_onnx(fastgru.GRUForecaster(**SMALL).fit(wave()), path)
    with pytest.raises(ConversionError, match=r"^node 'Reshape_\d+' \(Reshape\) cannot be expressed"):
        fastgru.from_onnx(path)


def scaled(*before: Any, inputs: dict[str, Any] | None = None, **constants: Any) -> Any:
    """Nodes between X and a layer that reads x."""
    nodes = [*before, node("GRU", ["x", "W", "R", "B"], ["Y"], hidden_size=4)]
    arrays = {name: np.asarray(value, FLOAT) for name, value in constants.items()}
    return model(nodes, inputs or SIZES, {"Y": [None] * 4}, {**weights(RNG, 2, 4), **arrays})


MEAN, SCALE = [3.0, -4.0], [0.5, 2.0]
CONVERTED: dict[str, tuple[Callable[[], Any], Any]] = {
    "both": (
        lambda: scaled(node("Sub", ["X", "m"], ["c"]), node("Div", ["c", "s"], ["x"]), m=MEAN, s=SCALE),
        (MEAN, SCALE),
    ),
    "the mean alone": (lambda: scaled(node("Sub", ["X", "m"], ["x"]), m=[MEAN]), (MEAN, [1, 1])),
    "one scale of all": (lambda: scaled(node("Div", ["X", "s"], ["x"]), s=2), ([0, 0], [2, 2])),
    "width unknown": (
        lambda: scaled(node("Div", ["X", "s"], ["x"]), inputs={"X": (FLOAT, [5, 3, None])}, s=SCALE),
        ([0, 0], SCALE),
    ),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_scaling_of_other_graphs(kind: str) -> None:
    make, wanted = CONVERTED[kind]
    network = fastgru.from_onnx(make())
    assert isinstance(network, GRUNetwork)
    assert network.x_scaling is not None
    np.testing.assert_array_equal(network.x_scaling, wanted)
    assert network.conversion_report is not None
    assert network.conversion_report.largest < 1e-6


SUB, DIV = node("Sub", ["X", "m"], ["c"]), node("Div", ["c", "s"], ["x"])
LAST = [node("MatMul", ["y", "HW"], ["p"]), node("Mul", ["p", "k"], ["q"])]
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "the constant first": (lambda: scaled(node("Sub", ["m", "X"], ["x"]), m=MEAN), "Sub"),
    "Div first": (
        lambda: scaled(node("Div", ["X", "s"], ["c"]), node("Sub", ["c", "m"], ["x"]), m=MEAN, s=SCALE),
        "Sub",
    ),
    "twice": (lambda: scaled(SUB, node("Sub", ["c", "m"], ["x"]), m=MEAN), "Sub"),
    "by zero": (lambda: scaled(SUB, DIV, m=MEAN, s=[1, 0]), "Div"),
    "a mean that is no number": (lambda: scaled(SUB, DIV, m=[np.nan, 0], s=SCALE), "Sub"),
    "a mean of each row": (lambda: scaled(node("Sub", ["X", "m"], ["x"]), m=np.ones((3, 1))), "Sub"),
    "too many": (lambda: scaled(node("Sub", ["X", "m"], ["x"]), m=[1, 2, 3]), "Sub"),
    "too many, of an input that does not say its width": (
        lambda: scaled(node("Div", ["X", "s"], ["x"]), inputs={"X": (FLOAT, [5, 3, None])}, s=[1, 2, 3]),
        "^the scaling of the input is of 3 features, wanted 2$",
    ),
    "Mul of the input": (lambda: scaled(node("Mul", ["X", "m"], ["x"]), m=MEAN), "Mul"),
    "two inputs": (
        lambda: scaled(node("Sub", ["X", "Z"], ["x"]), inputs={**SIZES, "Z": (FLOAT, [5, 3, 2])}),
        "Sub",
    ),
    "initial states": (
        lambda: model(
            [
                node("Sub", ["h", "m"], ["c"]),
                node("GRU", ["X", "W", "R", "B", "", "c"], ["Y"], hidden_size=4),
            ],
            {**SIZES, "h": (FLOAT, [1, 3, 4])},
            {"Y": [None] * 4},
            {**weights(RNG, 2, 4), "m": np.ones(4, FLOAT)},
        ),
        r"\(GRU\): initial_h is an input that is scaled",
    ),
    "softmax of scaled answers": (
        lambda: headed(*LAST, node("Softmax", ["q"], ["out"], axis=-1), constants={"k": np.ones(6, FLOAT)}),
        "Softmax",
    ),
    "Mul twice": (
        lambda: headed(*LAST, node("Mul", ["q", "k"], ["out"]), constants={"k": np.ones(6, FLOAT)}),
        "Mul",
    ),
    "a head on scaled states": (
        lambda: headed(
            node("Mul", ["y", "k"], ["q"]),
            node("MatMul", ["q", "HW"], ["out"]),
            constants={"k": np.ones(4, FLOAT)},
        ),
        "MatMul",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_scaling_that_cannot_be_expressed(kind: str) -> None:
    make, named_node = BAD[kind]
    match = rf"\({named_node}\) cannot be expressed" if named_node.isalpha() else named_node
    with pytest.raises(ConversionError, match=match):
        fastgru.from_onnx(make())


def test_a_network_checks_its_scaling() -> None:
    gru, two = fastgru.GRU(2, 4, random_state=0), (np.zeros(2), np.ones(2))
    for options, match in (
        (
            {"x_scaling": (np.zeros(2), np.ones(3))},
            r"x_scaling must be a mean and a scale of the shape \(2,\), got",
        ),
        ({"x_scaling": 3.0}, r"x_scaling must be .*, got 3\.0"),
        ({"x_scaling": (np.zeros(2), np.zeros(2))}, "x_scaling must hold finite numbers, and no scale of 0"),
        ({"y_scaling": two}, r"y_scaling must be a mean and a scale of the shape \(4,\)"),
        ({"x_scaling": two, "embedding": np.ones((5, 2))}, "x_scaling cannot be used with embedding"),
        (
            {"y_scaling": (np.zeros(4), np.ones(4)), "link": "softmax"},
            "y_scaling cannot be used with link='softmax'",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            GRUNetwork(gru, **options)
    network = GRUNetwork(
        gru, x_scaling=(np.full(2, 5.0), np.full(2, 3.0)), y_scaling=(np.ones(4), np.full(4, 9.0))
    )
    x = np.random.default_rng(0).normal(size=(6, 3, 2)).astype(FLOAT)
    y, h_n = network(x * 3 + 5)
    plain, wanted = gru(x)
    np.testing.assert_allclose(y, plain * 9 + 1, rtol=0, atol=1e-5)
    np.testing.assert_allclose(h_n, wanted, rtol=0, atol=1e-6)
    masked = GRUNetwork(gru, mask=-1.0, x_scaling=network.x_scaling)
    given = x * 3 + 5
    given[2:4] = -1.0
    np.testing.assert_allclose(masked(given)[1], gru(np.delete(x, [2, 3], axis=0))[1], rtol=0, atol=1e-6)


def test_keras_has_no_scaling_in_float64() -> None:
    network = GRUNetwork(fastgru.GRU(2, 4), x_scaling=(np.zeros(2), np.ones(2)))
    with pytest.raises(ConversionError, match=r"^x_scaling and y_scaling cannot be expressed"):
        fastgru.to_keras(network)
