"""C++ describes networks and model files once; the Python package asks it and holds no lists of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import fastgru
from fastgru import _core
from fastgru.convert._c_choices import POOLINGS, PROBABILITIES

PACKAGE = Path(__file__).resolve().parents[2] / "python" / "fastgru"
FILES = sorted(PACKAGE.rglob("*.py"))
FIELDS = _core.network_defaults()
NETWORK = _core.NetworkF32(input_size=2, hidden_size=3)
# Two names (of losses, say) in one literal make a list.
KNOWN = {
    "losses": set(_core.losses()),
    **{
        name: set(values) for name, values in _core.network_choices().items() if name not in {"loss", "dtype"}
    },
    "tensors": set(NETWORK.tensors),
}


def literals(tree: ast.AST) -> list[set[str]]:
    """The texts in one list, tuple, set or dict (its keys)."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            elements = list(node.elts)
        elif isinstance(node, ast.Dict):
            elements = [key for key in node.keys if key is not None]
        else:
            continue
        found.append({e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)})
    return found


# What becomes of each choice in another language stands there by its name, and the core knows every name.
TRANSLATIONS = {PACKAGE / "convert" / "_c_choices.py"}


def test_translations_translate_what_the_core_knows() -> None:
    choices = _core.network_choices()
    assert set(POOLINGS) == set(choices["pooling"])
    assert set(PROBABILITIES) == {
        loss for loss, answers in _core.losses().items() if answers == "probabilities"
    }


@pytest.mark.parametrize(
    "path", sorted({*FILES} - TRANSLATIONS), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_python_holds_no_lists_of_the_core(path: Path) -> None:
    for literal in literals(ast.parse(path.read_text(encoding="utf-8"))):
        for what, names in KNOWN.items():
            assert len(literal & names) < 2, f"{path.name} lists {what}: {sorted(literal & names)}"


def test_the_stub_names_no_field_of_a_network() -> None:
    text = (PACKAGE / "_core.pyi").read_text(encoding="utf-8")
    parsed = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    for name in ("pooling", "huber_delta", "quantiles", "input_dropout", "missing_mask", "vocabulary_size"):
        assert name in FIELDS
        assert name not in text
        assert name not in parsed


def test_the_core_answers() -> None:
    assert all(kind in fastgru.__all__ for kind in _core.model_kinds())
    assert set(_core.losses()) == set(_core.network_choices()["loss"])
    assert set(_core.losses().values()) == {"values", "probabilities"}
    assert {"dropout", "input_dropout"} <= set(_core.training_fields())
    for name, values in _core.network_choices().items():
        assert FIELDS[name] == values[0]


def test_a_network_knows_its_tensors() -> None:
    tensors, offset = NETWORK.tensors, 0
    for name, shape in NETWORK.parameter_layout:
        assert tensors[name].shape == shape
        assert not tensors[name].flags.writeable
        size = tensors[name].size
        np.testing.assert_array_equal(tensors[name].ravel(), NETWORK.parameters[offset : offset + size])
        offset += size
    scaling = [value for name, value in tensors.items() if name.startswith("scaling.")]
    for value, wanted in zip(scaling, NETWORK.scaling, strict=True):
        np.testing.assert_array_equal(value, wanted)


BAD: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"more": 1}, TypeError, "a network has no field 'more'"),
    ({"hidden_size": "3"}, TypeError, "hidden_size must be an int, got str"),
    ({"hidden_size": 2.0}, TypeError, "hidden_size must be an int, got float"),
    ({"hidden_size": True}, TypeError, "hidden_size must be an int, got bool"),
    ({"hidden_size": 2**70}, ValueError, "hidden_size must be an integer of 64 bits, got 118059"),
    ({"sequence": 1}, TypeError, "sequence must be a bool, got int"),
    ({"dropout": "x"}, TypeError, "dropout must be a number, got str"),
    ({"dropout": True}, TypeError, "dropout must be a number, got bool"),
    ({"dropout": float("nan")}, ValueError, r"dropout must be in \[0, 1\)"),
    ({"quantiles": 0.5}, TypeError, "quantiles must be a list of numbers, got float"),
    ({"quantiles": ["x"]}, TypeError, "quantiles must be a number, got str"),
    ({"loss": "hinge"}, ValueError, "loss must be one of 'squared_error', .*, got 'hinge'"),
    ({"loss": 3}, TypeError, "loss must be a str, got int"),
    ({"pooling": "median"}, ValueError, "pooling must be one of 'last', 'mean', 'max', got 'median'"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "error", "message"), BAD)
def test_a_bad_field_is_named(fields: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _core.NetworkF32(**{"input_size": 2, "hidden_size": 3, **fields})


def test_numpy_scalars_are_numbers() -> None:
    network = _core.NetworkF64(
        input_size=np.int32(2), hidden_size=np.int64(3), bidirectional=np.True_, dropout=np.float32(0.5)
    )
    assert len(network.parameter_layout) == 10
