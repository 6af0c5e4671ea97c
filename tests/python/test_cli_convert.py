"""`python -m fastgru convert`: each format into each, and one line for what cannot be converted."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle
from safetensors.numpy import save_file

import fastgru
from fastgru.cli import main

onnx: Any = oracle("onnx")  # without it, one skip for the module


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Detected pickle protocol"
)


def same(one: fastgru.GRU, other: fastgru.GRU) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return list(mine) == list(theirs) and all(mine[k].tobytes() == theirs[k].tobytes() for k in mine)


@pytest.fixture
def gru(tmp_path: Path) -> fastgru.GRU:
    gru = fastgru.GRU(3, 5, 2, bidirectional=True, random_state=0)
    gru.save(tmp_path / "gru.safetensors")
    return gru


def test_to_onnx_and_back(gru: fastgru.GRU, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / name) for name in ("gru.safetensors", "gru.onnx", "again.safetensors")]
    assert main(["convert", *files[:2], "--h0", "--lengths"]) == 0
    assert [each.name for each in onnx.load(files[1]).graph.input] == ["x", "lengths", "h0"]
    assert main(["convert", *files[1:]]) == 0
    assert same(fastgru.load(files[2]), gru)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("largest difference from onnxruntime")] == files[1:]


def test_to_pytorch_and_back(gru: fastgru.GRU, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = oracle("torch")
    files = [str(tmp_path / name) for name in ("gru.safetensors", "gru.pt", "again.safetensors")]
    assert main(["convert", *files[:2]]) == 0
    assert "largest difference from torch" in capsys.readouterr().out
    whole = {f"encoder.{name}": value for name, value in torch.load(files[1]).items()}
    torch.save({**whole, "head.weight": torch.zeros(2)}, files[1])
    assert main(["convert", *files[1:], "--prefix", "encoder.", "--batch-first"]) == 0
    again = fastgru.load(files[2])
    assert again.batch_first
    assert same(again, gru)
    assert main(["convert", *files[1:]]) == 2
    assert "its names fit with prefix='encoder.'" in capsys.readouterr().err


def test_tensors_of_another_program(gru: fastgru.GRU, tmp_path: Path) -> None:
    save_file(
        {f"rnn.{name}": np.array(v) for name, v in gru.state_dict().items()}, tmp_path / "m.safetensors"
    )
    out = tmp_path / "out.safetensors"
    assert main(["convert", str(tmp_path / "m.safetensors"), str(out), "--prefix", "rnn."]) == 0
    assert same(fastgru.load(out), gru)


def test_an_estimator(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = fastgru.GRURegressor(max_iter=1, random_state=0).fit(rng.normal(size=(20, 6, 2)), np.arange(20.0))
    model.save(tmp_path / "m.safetensors")
    assert main(["convert", str(tmp_path / "m.safetensors"), str(tmp_path / "m.onnx")]) == 0
    assert onnx.load(tmp_path / "m.onnx").metadata_props[1].value == "GRURegressor"


class Danger:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_refusals(
    gru: fastgru.GRU, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.onnx").write_bytes(b"nothing")
    network = fastgru.GRUNetwork(gru, pooling="last")
    fastgru.to_onnx(network, "network.onnx")
    Path("cut.safetensors").write_bytes(Path("gru.safetensors").read_bytes()[:-1])
    cases = [
        (["gru.safetensors", "gru.h5"], "gru.h5: its ending must be one of .safetensors, .pt, .onnx, .keras"),
        (
            ["gru.txt", "gru.onnx"],
            "gru.txt: its ending must be one of .safetensors, .pt, .pth, .onnx,",
        ),
        (["nowhere.onnx", "x.safetensors"], "nowhere.onnx: No such file or directory"),
        (["bad.onnx", "x.safetensors"], "bad.onnx' is no ONNX model"),
        (["cut.safetensors", "x.onnx"], "MetadataIncompleteBuffer"),
        (["network.onnx", "x.safetensors"], "is more than a layer, and there is no model file of it"),
        (["gru.safetensors", "nowhere/x.onnx"], "nowhere/x.onnx: cannot be written"),
    ]
    for arguments, message in cases:
        assert main(["convert", *arguments]) == 2, arguments
        assert message in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["convert", "gru.safetensors", "x.pt"]) == 2
    assert 'pip install "fastgru[torch]"' in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if path.stem in ("x", "ran") or path.suffix == ".tmp"]


def test_no_code_of_a_pickle_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    oracle("torch")
    monkeypatch.chdir(tmp_path)
    Path("danger.pt").write_bytes(pickle.dumps(Danger()))
    assert main(["convert", "danger.pt", "x.safetensors"]) == 2
    assert "no state_dict that can be read safely" in capsys.readouterr().err
    assert not Path("ran").exists()
