"""`to_onnx`: onnxruntime answers as fastgru, for every kind of model; weights come back to the bit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinds import MODELS
from onnx_models import onnx
from oracles import oracle
from small_forecaster import SMALL, wave

import fastgru
from fastgru import ConversionError, GRUNetwork

onnxruntime: Any = oracle("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", [name for name in MODELS if "int8" not in name])
def test_every_kind(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    config = getattr(model, "_architecture", None) or model._config._asdict()
    for h0 in (False, True):
        for lengths in (False, True):
            report = fastgru.to_onnx(model, tmp_path / "m.onnx", h0=h0, lengths=lengths)
            if config["dtype"] == "float64":
                assert report is None  # onnxruntime's GRU takes float32 alone
                continue
            assert report is not None
            unit = 1000 if isinstance(model, fastgru.GRURegressor) else 1  # that of its targets
            assert report.largest < 5e-5 * unit
    names = [each.name for each in onnx.load(tmp_path / "m.onnx").graph.input]
    assert names == ["x", "lengths", "h0"]
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_forecaster_and_detector(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    detector = fastgru.GRUAnomalyDetector(max_iter=2, random_state=0).fit(rng.normal(size=(200, 2)))
    for model in (fastgru.GRUForecaster(**SMALL).fit(wave()), detector):
        report = fastgru.to_onnx(model, tmp_path / "m.onnx", h0=True)
        assert report is not None
        assert report.largest < 5e-5
        model.save(tmp_path / "m.safetensors")
        of_file = fastgru.to_onnx(tmp_path / "m.safetensors", tmp_path / "n.onnx", h0=True)
        assert of_file == report
        assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "n.onnx").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 3, "batch_first": True},
        {"bidirectional": True, "num_layers": 2, "bias": False},
        {"reset_after": False, "dtype": "float64"},
    ],
    ids=str,
)
@pytest.mark.parametrize("flags", [{}, {"h0": True, "lengths": True}], ids=["x", "all"])
def test_a_layer_comes_back_to_the_bit(
    options: dict[str, Any], flags: dict[str, bool], tmp_path: Path
) -> None:
    gru = fastgru.GRU(3, 5, **options, random_state=0)
    fastgru.to_onnx(gru, tmp_path / "gru.onnx", **flags)
    back = fastgru.from_onnx(tmp_path / "gru.onnx")
    assert repr(back) == repr(gru)
    for name, value in back.state_dict().items():  # type: ignore[union-attr]
        assert value.tobytes() == gru.state_dict()[name].tobytes(), name


@pytest.mark.parametrize("pooling", [None, "last", "mean", "max"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_network_comes_back_to_the_bit(pooling: str | None, batch_first: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for reverse, tokens in ((False, True), (True, False)):
        gru = fastgru.GRU(3, 5, 2, batch_first=batch_first, random_state=0)
        table = rng.normal(size=(7, 3)).astype("f") if tokens else None
        head = rng.normal(size=(4, 5)).astype("f"), rng.normal(size=4).astype("f")
        network = GRUNetwork(gru, table, reverse, pooling, head, "softmax")
        report = fastgru.to_onnx(network, tmp_path / "m.onnx", lengths=pooling not in ("mean", "max"))
        assert report is not None
        assert report.largest < 1e-6
        back = fastgru.from_onnx(tmp_path / "m.onnx")
        assert isinstance(back, GRUNetwork)
        assert (back.reverse, back.pooling, back.link) == (reverse, pooling, "softmax")
        assert back.head is not None
        arrays = [(back.head[0], head[0]), (back.head[1], head[1])]
        arrays += [(back.embedding, table)] if tokens else []
        arrays += [(value, gru.state_dict()[name]) for name, value in back.gru.state_dict().items()]
        for got, wanted in arrays:
            assert got is not None
            assert got.tobytes() == wanted.tobytes()
        if pooling in ("mean", "max"):
            fastgru.to_onnx(network, tmp_path / "m.onnx", lengths=True)
            with pytest.raises(ConversionError):
                fastgru.from_onnx(tmp_path / "m.onnx")


def test_streaming(tmp_path: Path) -> None:
    """The state as input and output: step by step the answers of the whole sequence."""
    model = MODELS["each_step"]()
    fastgru.to_onnx(model, tmp_path / "m.onnx", h0=True)
    x = (5 + np.random.default_rng(0).normal(size=(1, 20, 2))).astype("f")
    run = session(tmp_path / "m.onnx")
    state, answers = np.zeros((1, 1, 6), "f"), []
    for t in range(20):
        y, state = run.run(["y", "h_n"], {"x": x[:, t : t + 1], "h0": state})
        answers.append(y[0, 0])
    wanted = model.predict(x)
    np.testing.assert_allclose(np.ravel(answers), np.ravel(wanted), rtol=1e-5)


def test_metadata(tmp_path: Path) -> None:
    model = MODELS["three_classes"]()
    model.metadata_["sample_rate"] = "16000"
    fastgru.to_onnx(model, tmp_path / "m.onnx")
    found = {each.key: each.value for each in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert found["kind"] == "GRUClassifier"
    assert found["user.sample_rate"] == "16000"
    assert json.loads(found["classes"])["values"] == list(model.classes_)
    x = (5 + np.random.default_rng(0).normal(size=(4, 6, 2))).astype("f")
    (y,) = session(tmp_path / "m.onnx").run(["y"], {"x": x})
    assert list(model.classes_[y.argmax(axis=1)]) == list(model.predict(x))


def test_what_cannot_be_expressed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    pairs = fastgru.GRUSeq2Seq(level="char", hidden_size=4, max_iter=1, random_state=0)
    cases: list[tuple[Any, type[Exception], str]] = [
        (MODELS["int8"](), ConversionError, r'^precision="int8" cannot be expressed'),
        (MODELS["int8_regressor"](), ConversionError, r'^precision="int8" cannot be expressed'),
        (GRUNetwork(MODELS["int8"]()), ConversionError, r'^precision="int8" cannot be expressed'),
        (pairs.fit(["ab", "c"], ["d", "e"]), ConversionError, "^a GRUSeq2Seq cannot be expressed"),
        (3, TypeError, "^model must be a GRU, an estimator or the path of a model file, got int"),
    ]
    for model, error, match in cases:
        with pytest.raises(error, match=match):
            fastgru.to_onnx(model, path)
    with pytest.raises(TypeError, match="h0 must be a bool, got int"):
        fastgru.to_onnx(fastgru.GRU(2, 3), path, h0=1)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"nowhere/m\.onnx'$"):
        fastgru.to_onnx(fastgru.GRU(2, 3), tmp_path / "nowhere" / "m.onnx")
    with pytest.raises(FileNotFoundError):
        fastgru.to_onnx(tmp_path / "nothing.safetensors", path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a link, with the mode it had; a failure leaves it as it was, and nothing beside it."""
    path, link = tmp_path / "m.onnx", tmp_path / "link.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)

    def full(of: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(Path, "write_bytes", full)
        fastgru.to_onnx(fastgru.GRU(2, 3), link)
    assert path.read_bytes() == b"old"
    fastgru.to_onnx(fastgru.GRU(2, 3), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    onnx.checker.check_model(onnx.load(path))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.onnx", "m.onnx"]


def test_without_onnx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'to_onnx needs onnx, .*: pip install "fastgru\[onnx\]"'):
        fastgru.to_onnx(fastgru.GRU(2, 3), tmp_path / "m.onnx")


def test_precision_high_is_written_as_float32(tmp_path: Path) -> None:
    gru = fastgru.GRU(16, 64, precision="high", random_state=0)
    report = fastgru.to_onnx(gru, tmp_path / "m.onnx")
    assert report is not None
    assert report.largest < 5e-5
    assert fastgru.from_onnx(tmp_path / "m.onnx").precision == "highest"  # type: ignore[union-attr]
