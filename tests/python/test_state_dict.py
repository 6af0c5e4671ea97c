"""Weights of other programs: names behind a prefix, odd tensors, files; each error names the tensor."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import fastgru

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STATE = {name: np.array(v) for name, v in fastgru.GRU(2, 3, 2, random_state=1).state_dict().items()}


def layer() -> fastgru.GRU:
    return fastgru.GRU(2, 3, 2, random_state=0)


def behind(prefix: str, **more: Any) -> dict[str, Any]:
    return {**{prefix + name: value for name, value in STATE.items()}, **more}


def assert_taken(gru: fastgru.GRU) -> None:
    for name, value in gru.state_dict().items():
        np.testing.assert_array_equal(value, STATE[name])


@pytest.mark.parametrize("prefix", ["gru.", "module.", "encoder.gru.", "_orig_mod.", "état."])
def test_a_prefix(prefix: str) -> None:
    gru = layer()
    gru.load_state_dict(behind(prefix, **{"head.weight": np.zeros(3), "head.gru": None}), prefix=prefix)
    assert_taken(gru)
    with pytest.raises(ValueError, match=f"missing weight_ih_l0, .*; its names fit with prefix='{prefix}'$"):
        gru.load_state_dict(behind(prefix))
    with pytest.raises(ValueError, match=f"its names fit with prefix='{prefix}'$"):
        gru.load_state_dict(behind(prefix), prefix="rnn.")


def test_several_prefixes_fit_or_none() -> None:
    gru = layer()
    with pytest.raises(ValueError, match=r"its names fit with prefix='a\.' or 'b\.'$"):
        gru.load_state_dict({**behind("a."), **behind("b.")})
    with pytest.raises(ValueError, match=r"its names fit with prefix=''$"):
        gru.load_state_dict(STATE, prefix="gru.")
    part = behind("gru.")
    del part["gru.bias_hh_l1"]
    with pytest.raises(ValueError, match=r"missing gru\.bias_hh_l1$"):
        gru.load_state_dict(part, prefix="gru.")
    with pytest.raises(ValueError) as error:
        gru.load_state_dict(part)
    assert "prefix" not in str(error.value)
    with pytest.raises(ValueError, match=r"unknown gru\.extra$"):
        gru.load_state_dict(behind("gru.", **{"gru.extra": np.zeros(1)}), prefix="gru.")
    with pytest.raises(TypeError, match="prefix must be a str, got NoneType"):
        gru.load_state_dict(STATE, prefix=None)  # type: ignore[arg-type]


def test_many_names_are_cut() -> None:
    gru = fastgru.GRU(2, 3, 8, bidirectional=True)
    with pytest.raises(ValueError, match=r"missing weight_ih_l0, .* and 56 more"):
        gru.load_state_dict({})


def test_a_safetensors_file(tmp_path: Path) -> None:
    for name in ("m.safetensors", "mödel"):
        save_file(behind("gru."), tmp_path / name)
        for path in (tmp_path / name, str(tmp_path / name)):
            gru = layer()
            gru.load_state_dict(path, prefix="gru.")
            assert_taken(gru)
    gru.save(tmp_path / "own.safetensors")
    gru = layer()
    gru.load_state_dict(tmp_path / "own.safetensors")
    assert_taken(gru)
    estimator = fastgru.GRURegressor(hidden_size=3, num_layers=2, max_iter=1)
    estimator.fit(np.ones((4, 3, 2)), np.zeros(4)).save(tmp_path / "estimator.safetensors")
    layer().load_state_dict(tmp_path / "estimator.safetensors", prefix="gru.")
    damaged = bytearray((tmp_path / "estimator.safetensors").read_bytes())
    damaged[-1] ^= 0x80
    (tmp_path / "damaged.safetensors").write_bytes(damaged)
    with pytest.raises(fastgru.ModelFormatError, match="ChecksumMismatch"):
        layer().load_state_dict(tmp_path / "damaged.safetensors", prefix="gru.")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        layer().load_state_dict(tmp_path / "nowhere.safetensors")
    with pytest.raises(TypeError, match="a mapping of names to arrays, or a path, got int"):
        layer().load_state_dict(3)  # type: ignore[arg-type]


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "ragged": ([[1.0, 2.0], [3.0]], TypeError, "must hold real numbers: .*inhomogeneous"),
    "text": ("x", TypeError, "must hold real numbers, got dtype <U1"),
    "None": (None, TypeError, "must hold real numbers, got dtype object"),
    "complex": (np.zeros((9, 2), complex), TypeError, "must hold real numbers, got dtype complex128"),
    "too large": (np.full((9, 2), 1e300), ValueError, "holds values beyond the range of float32"),
    "one too large": (np.where(np.eye(9, 2) > 0, -1e39, 0), ValueError, "holds values beyond the range"),
    "shape": (np.zeros((2, 9)), ValueError, r"must have shape \(9, 2\), got \(2, 9\)"),
}


@pytest.mark.parametrize("prefix", ["", "gru."])
@pytest.mark.parametrize("kind", BAD)
def test_an_error_names_the_tensor(kind: str, prefix: str) -> None:
    value, error, match = BAD[kind]
    gru = layer()
    before = {name: array.copy() for name, array in gru.state_dict().items()}
    with pytest.raises(error, match=f"^{prefix}weight_ih_l0 {match}"):
        gru.load_state_dict(behind(prefix, **{prefix + "weight_ih_l0": value}), prefix=prefix)
    for name, array in gru.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_infinity_and_what_float64_can_hold() -> None:
    state = dict(STATE, weight_ih_l0=np.full((9, 2), -np.inf))
    gru = layer()
    gru.load_state_dict(state)
    assert np.isinf(gru.state_dict()["weight_ih_l0"]).all()
    double = fastgru.GRU(2, 3, 2, dtype="float64")
    double.load_state_dict(dict(STATE, weight_ih_l0=np.full((9, 2), 1e300)))
    assert double.state_dict()["weight_ih_l0"][0, 0] == 1e300


# One skip where PyTorch is missing.
OF_TORCH = ["meta", "sparse", "complex", "nested"] if importlib.util.find_spec("torch") else ["any"]


@pytest.mark.parametrize("kind", OF_TORCH)
def test_tensors_of_pytorch_that_hold_no_dense_numbers(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    value = {
        "meta": lambda: torch.zeros(9, 2, device="meta"),
        "sparse": lambda: torch.zeros(9, 2).to_sparse(),
        "complex": lambda: torch.zeros(9, 2, dtype=torch.complex64),
        "nested": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    }[kind]()
    with pytest.raises(TypeError, match=r"^weight_ih_l0 must hold real numbers"):
        layer().load_state_dict(dict(STATE, weight_ih_l0=value))
