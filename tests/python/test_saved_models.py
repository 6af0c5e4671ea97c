"""Model files of every version load and give their stored predictions, in Python and C++; self-tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import ModelFormatError, _core, _model_file

SAVED = Path(__file__).resolve().parents[1] / "saved_models"
FILES = sorted(p for p in SAVED.glob("v*/*.safetensors") if p.name != "answers.safetensors")
Load = Callable[[Path], str]  # tests/conftest.py
NAMES = [p.relative_to(SAVED).as_posix() for p in FILES]


def kept(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """The inputs and predictions that were stored when the file was made."""
    tensors = _core.read_safetensors(path.parent / "answers.safetensors")[1]
    return tensors[f"{path.stem}.x"], tensors[f"{path.stem}.y"]


def same(path: Path, found: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Equal bits for equal arithmetic: float32 with FMA.

    The files are older than the kernels that now sum the heads of float32 networks, in another order. Their
    predictions may be a few roundings off; weights and the outputs of layers may not.
    """
    if "float64" in path.stem:  # exp and tanh come from the system's C library
        np.testing.assert_allclose(found, wanted, rtol=1e-11)
    elif _core.isa() in {"avx2", "avx512"} and path.stem.startswith("layer"):
        np.testing.assert_array_equal(found, wanted)
    elif _core.isa() in {"avx2", "avx512"}:
        np.testing.assert_allclose(found, wanted, rtol=4e-7, atol=2e-7)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_there_are_files_of_every_version() -> None:
    versions = {p.parent.name for p in FILES}
    assert versions == {f"v{version}" for version in range(1, _core.model_format_version + 1)}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_saved_model_answers_as_it_did(path: Path, load_in_c: Load) -> None:
    model = fastgru.load(path)
    x, y = kept(path)
    predict = getattr(model, "predict_proba", getattr(model, "predict", None))
    same(path, model(x)[0] if predict is None else predict(x), y)
    assert load_in_c(path) == ""
    own = model.metadata if isinstance(model, fastgru.GRU) else model.metadata_
    assert own == ({"name": path.stem, "sample_rate": "16000"} if path.parent.name >= "v3" else {})


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_saved_model_is_written_again_in_the_newest_version(
    path: Path, tmp_path: Path, load_in_c: Load
) -> None:
    again = tmp_path / "again.safetensors"
    fastgru.load(path).save(again)
    version, _, _, tensors = _model_file.read(again)
    assert version == _core.model_format_version
    assert "selftest.x" in tensors
    old = _model_file.read(path).tensors
    for name, value in tensors.items():
        if not name.startswith("selftest."):
            np.testing.assert_array_equal(value, old[name])
    assert load_in_c(again) == ""


# --- the self-test ------------------------------------------------------------------------------------------


def layer(path: Path) -> None:
    fastgru.GRU(3, 5, random_state=0).save(path)


def estimator(path: Path) -> None:
    fastgru.load(SAVED / "v1" / "regressor_deep.safetensors").save(path)


NAME = "selftest.tolerance"
WRONG: list[tuple[str, Callable[[dict[str, NDArray[Any]]], object]]] = [
    ("SelfTestFailed: answer 0, output 0 is", lambda t: t.update({"selftest.y": t["selftest.y"] + 0.3})),
    ("SelfTestFailed: ", lambda t: t.update({"selftest.x": -t["selftest.x"]})),
    ("SelfTestFailed: ", lambda t: t.update(damaged(t))),
    ("selftest.y'? is missing", lambda t: t.pop("selftest.y")),
    ("selftest.x'? is missing", lambda t: t.pop("selftest.x")),
    ("selftest.tolerance'? is missing", lambda t: t.pop("selftest.tolerance")),
    ("selftest.x'?", lambda t: t.update({"selftest.x": t["selftest.x"][:, :-1]})),
    ("selftest.x'?", lambda t: t.update({"selftest.x": np.zeros((1025, t["selftest.x"].shape[1]))})),
    ("selftest.x'?", lambda t: t.update({"selftest.x": t["selftest.x"][:0]})),
    ("selftest.y'? ", lambda t: t.update({"selftest.y": t["selftest.y"][:, :-1]})),
    ("selftest.tolerance", lambda t: t.update({"selftest.tolerance": t["selftest.tolerance"][:-1]})),
    ("selftest.tolerance", lambda t: t.update({"selftest.tolerance": -1 - t["selftest.tolerance"]})),
    ("selftest.tolerance must hold finite", lambda t: t.update({"selftest.tolerance": np.inf + t[NAME]})),
    ("selftest.y'?", lambda t: t.update({"selftest.y": t["selftest.y"].astype(np.float32)})),
]  # fmt: skip


def damaged(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A flipped bit in the exponent of a weight, which a checksum would find."""
    name = next(n for n in tensors if "weight_ih_l0" in n)
    value = tensors[name].copy()
    value.view(np.uint32).flat[0] ^= 1 << 29
    return {name: value}


@pytest.mark.parametrize(("match", "change"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("make", [layer, estimator])
def test_a_self_test_that_fails_is_an_error(
    make: Callable[[Path], None],
    match: str,
    change: Callable[[dict[str, Any]], object],
    tmp_path: Path,
    load_in_c: Load,
) -> None:
    path = tmp_path / "m.safetensors"
    make(path)
    assert load_in_c(path) == ""
    _, kind, config, tensors = _model_file.read(path)
    change(tensors)
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError, match=match):
        fastgru.load(path)
    assert match.split("'?", maxsplit=1)[0] in load_in_c(path)


@pytest.mark.parametrize("isa", _core.isa_names())
@pytest.mark.parametrize("precision", ["highest", "int8"])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_it_passes_on_every_instruction_set(isa: str, precision: str, scale: float, tmp_path: Path) -> None:
    """Large weights make a chaotic network, whose predictions differ between instruction sets."""
    gru = fastgru.GRU(4, 32, 2, random_state=0, precision=precision)
    gru.load_state_dict({name: scale * value for name, value in gru.state_dict().items()})
    gru.save(tmp_path / "m.safetensors")
    before = _core.isa()
    try:
        _core.set_isa(isa)
        fastgru.load(tmp_path / "m.safetensors")
    finally:
        _core.set_isa(before)


@pytest.mark.parametrize("hidden", [8, 40, 200])
def test_it_notices_scales_of_other_weights_of_one_byte(hidden: int, tmp_path: Path, load_in_c: Load) -> None:
    """Rounding changes states by 0.001 to 0.002, and its error does not hide a wrong file's."""
    path = tmp_path / "m.safetensors"
    fastgru.GRU(4, hidden, random_state=0, precision="int8").save(path)
    assert load_in_c(path) == ""
    _, kind, config, tensors = _model_file.read(path)
    assert tensors["selftest.tolerance"].max() < 0.02
    scale = tensors["weight_ih_l0.scale"] * np.float32(1.15)
    tensors["weight_ih_l0.scale"] = (scale.view(np.uint32) & ~np.uint32(255)).view(np.float32)  # of 16 bits
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError, match="SelfTestFailed"):
        fastgru.load(path)
    assert "SelfTestFailed" in load_in_c(path)


def test_a_model_without_finite_answers_has_none(tmp_path: Path, load_in_c: Load) -> None:
    gru = fastgru.GRU(2, 3, random_state=0)
    gru.load_state_dict({name: np.full(value.shape, np.nan) for name, value in gru.state_dict().items()})
    gru.save(tmp_path / "m.safetensors")
    assert "selftest.x" not in _model_file.read(tmp_path / "m.safetensors").tensors
    fastgru.load(tmp_path / "m.safetensors")
    assert load_in_c(tmp_path / "m.safetensors") == ""


def test_version_1_has_no_self_test(tmp_path: Path, load_in_c: Load) -> None:
    path = SAVED / "v1" / "layer.safetensors"
    metadata, tensors = _core.read_safetensors(path)
    changed = tmp_path / "m.safetensors"
    _core.write_safetensors(changed, {**tensors, "selftest.x": np.zeros((8, 3))}, metadata)
    with pytest.raises(ModelFormatError, match=r"unknown tensor 'selftest\.x'"):
        fastgru.load(changed)
    assert "unknown tensor 'selftest.x'" in load_in_c(changed)
