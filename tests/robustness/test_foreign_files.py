"""Files of other formats, where a model file is wanted: the message says what they are."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import json
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest

import fastgru
from fastgru import ModelFormatError

WEIGHTS = {name: np.array(value) for name, value in fastgru.GRU(3, 20, random_state=0).state_dict().items()}


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped(*members: str) -> bytes:
    def write(buffer: io.BytesIO) -> None:
        with zipfile.ZipFile(buffer, "w") as archive:
            for member in members:
                archive.writestr(member, "x" * 100)

    return saved(write)


def tarred(buffer: io.BytesIO) -> None:
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights"), io.BytesIO())


TEXT = json.dumps({"weights": [0.5] * 100})
FILES: dict[str, tuple[str, bytes]] = {
    **{
        f"pickle, protocol {protocol}": ("a Python pickle", pickle.dumps(WEIGHTS, protocol))
        for protocol in (2, 3, 4, 5)
    },
    "a pickle of few bytes": ("a Python pickle", pickle.dumps([])),
    "joblib": ("a Python pickle", saved(lambda buffer: joblib.dump(WEIGHTS, buffer))),
    "npy": ("a NumPy array", saved(lambda buffer: np.save(buffer, np.zeros(5)))),
    "npz": ("a NumPy archive", saved(lambda buffer: np.savez(buffer, **WEIGHTS))),
    "gzip": ("a gzip-compressed file", gzip.compress(pickle.dumps(WEIGHTS), mtime=0)),
    "bzip2": ("a bzip2-compressed file", bz2.compress(b"x" * 99)),
    "xz": ("an xz-compressed file", lzma.compress(b"x" * 99)),
    "tar": ("a tar archive", saved(tarred)),
    "zip": ("a zip archive", zipped("a.txt")),
    "keras": ("a Keras model", zipped("metadata.json", "config.json", "model.weights.h5")),
    "hdf5": ("an HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(500)),
    "JSON": ("this is JSON", TEXT.encode()),
    "JSON list": ("this is JSON", b"[[0.5, 0.25], [1.0]]"),
    "HTML": ("a web page", b"<!DOCTYPE html>\n<html><title>Sign in</title></html>"),
    "LFS pointer": (
        "`git lfs pull` fetches it",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    ),
    "CSV": ("a text file", "größe;länge\n1,5;2,5\n".encode() * 50),
    "zeros": ("this is zeros", bytes(4096)),
    "empty": ("the file is empty", b""),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_message_says_what_the_file_is(
    name: str, tmp_path: Path, load_in_c: Callable[[Path], str]
) -> None:
    what, content = FILES[name]
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError) as error:
        fastgru.load(path)
    assert str(error.value).startswith(f"{str(path)!r}: ")
    assert what in str(error.value)
    assert what in load_in_c(path)
    if content:
        assert "NotSafetensors: this is " in str(error.value)
        assert "wanted a safetensors file" in str(error.value)
    with pytest.raises(ModelFormatError, match=r"NotSafetensors|HeaderTooSmall"):
        fastgru.GRU(3, 20).load_state_dict(path)


# One skip where PyTorch is missing.
OF_TORCH = (
    ["a PyTorch checkpoint", "TorchScript", "before version 1.6"]
    if importlib.util.find_spec("torch")
    else ["any"]
)


@pytest.mark.parametrize("name", OF_TORCH)
def test_files_of_pytorch(name: str, tmp_path: Path, load_in_c: Callable[[Path], str]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer, path = torch.nn.GRU(3, 20), tmp_path / "m.pt"
    if name == "TorchScript":
        torch.jit.script(layer).save(str(path))
    else:
        new = name == "a PyTorch checkpoint"
        torch.save(layer.state_dict(), path, _use_new_zipfile_serialization=new)
    what = "before version 1.6" if "1.6" in name else "GRU.load_state_dict takes the tensors"
    with pytest.raises(ModelFormatError, match=f"a PyTorch checkpoint.*{what}"):
        fastgru.load(path)
    assert "a PyTorch checkpoint" in load_in_c(path)


def test_a_file_of_onnx(tmp_path: Path, load_in_c: Callable[[Path], str]) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["x2"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], []))
    for producer in ("", "pytorch"):
        model.producer_name = producer
        path = tmp_path / "m.onnx"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ModelFormatError, match="such as an ONNX model"):
            fastgru.load(path)
        assert "such as an ONNX model" in load_in_c(path)


def test_a_directory(tmp_path: Path, load_in_c: Callable[[Path], str]) -> None:
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        fastgru.load(tmp_path)
    assert load_in_c(tmp_path).endswith("Is a directory")


@pytest.mark.parametrize("prefix", ["", "gru.", "module.encoder.gru."])
def test_weights_of_another_program(prefix: str, tmp_path: Path, load_in_c: Callable[[Path], str]) -> None:
    """A safetensors file without our metadata: the message says how to take its weights over."""
    from safetensors.numpy import save_file

    path = tmp_path / "weights.safetensors"
    others = {"head.bias": np.zeros(3)} if prefix else {}
    save_file({**{prefix + name: value for name, value in WEIGHTS.items()}, **others}, path)
    argument = f", prefix='{prefix}'" if prefix else ""
    with pytest.raises(ModelFormatError) as error:
        fastgru.load(path)
    assert "a safetensors file, but not a fastgru model" in str(error.value)
    assert f"GRU(...).load_state_dict(path{argument}) takes" in str(error.value)
    assert f"load_state_dict(path{argument})" in load_in_c(path)
    gru = fastgru.GRU(3, 20)
    gru.load_state_dict(path, **({"prefix": prefix} if prefix else {}))
    for name, value in gru.state_dict().items():
        np.testing.assert_array_equal(value, WEIGHTS[name])
    if prefix:
        with pytest.raises(ValueError, match=f"its names fit with prefix='{prefix}'"):
            gru.load_state_dict(path)


def test_other_tensors_get_no_hint(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"conv.weight": np.zeros(3)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelFormatError) as error:
        fastgru.load(tmp_path / "m.safetensors")
    assert "load_state_dict" not in str(error.value)
