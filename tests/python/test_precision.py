"""`precision` of layers and estimators: bounds, bits, files, and the report of `quantize`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import fastgru
from fastgru import GRU, GRUClassifier, GRURegressor, _core, _model_file
from fastgru.datasets import load_co2, load_elnino, load_sunspots

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 20, 2))
Y = X[:, :, 0].cumsum(axis=1)[:, -1]
BATCH = RNG.normal(size=(30, 7, 3)).astype(np.float32)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=_core.isa_names())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture
def reproducible() -> Iterator[None]:
    fastgru.set_reproducible(True)
    yield
    fastgru.set_reproducible(False)


def with_precision(gru: GRU, precision: str, **changes: Any) -> GRU:
    other = GRU(**{**gru._config._asdict(), "precision": precision, **changes})
    other.load_state_dict(gru.state_dict())
    return other


def fitted(kind: type[Any] = GRURegressor, y: NDArray[Any] = Y, **params: Any) -> Any:
    return kind(hidden_size=24, max_iter=15, random_state=0, **params).fit(X, y)


def test_high_keeps_its_bound(isa: str) -> None:
    gru = GRU(3, 130, random_state=1)
    y, h_n = with_precision(gru, "high")(BATCH)
    exact, last = with_precision(gru, "highest", dtype="float64")(BATCH)
    assert np.abs(y - exact).max() <= 2e-5
    assert np.abs(h_n - last).max() <= 2e-5
    np.testing.assert_array_equal(with_precision(gru, "medium")(BATCH)[0], y)


def test_reproducible_runs_one_class_of_bits(reproducible: None) -> None:
    gru = GRU(3, 130, random_state=1)
    np.testing.assert_array_equal(
        with_precision(gru, "high")(BATCH)[0], with_precision(gru, "highest")(BATCH)[0]
    )
    assert "recipe float32: reproducible" in fastgru.explain(with_precision(gru, "high"), 30, 7)


def test_what_runs_is_said(isa: str) -> None:
    shown = fastgru.show_config("dicts")["Precision"]
    for precision in ("highest", "high", "medium", "int8"):
        explained = fastgru.explain(GRU(4, 512, precision=precision), 10, 1)
        assert f"recipe {shown[precision]}\n" in explained
        assert ("\ndigits on " in explained) != shown[precision].startswith("float32")
    few = fastgru.explain(GRU(4, 8, precision="high"), 10, 1)
    assert ("for few units" in few) == shown["high"].startswith("two digits")


def test_weights_of_int8_are_the_rounded_ones() -> None:
    gru = GRU(3, 20, 2, bidirectional=True, random_state=1)
    small = with_precision(gru, "int8")
    for name, value in small.state_dict().items():
        before = gru.state_dict()[name]
        if value.ndim == 1:
            np.testing.assert_array_equal(value, before)
            continue
        scale = np.abs(value).max(axis=1, keepdims=True) / 127
        np.testing.assert_array_equal(value, np.rint(value / scale).astype(np.float32) * scale)
        assert (np.abs(value - before) <= 0.5001 * scale).all()
    again = with_precision(small, "int8")
    np.testing.assert_array_equal(again(BATCH)[0], small(BATCH)[0])


def test_int8_is_close_to_its_own_weights_in_float64(isa: str) -> None:
    small = with_precision(GRU(3, 60, random_state=1), "int8")
    exact = with_precision(small, "highest", dtype="float64")
    assert 1e-6 < np.abs(small(BATCH)[0] - exact(BATCH)[0]).max() < 0.01


def test_streams_copies_and_pickles_of_a_precision() -> None:
    for precision in ("high", "int8"):
        gru = GRU(3, 100, 2, precision=precision, random_state=2)
        y, _ = gru(BATCH)
        stream = gru.stream(7)
        for t in range(4):
            np.testing.assert_array_equal(stream.step(BATCH[t]), y[t])
        for other in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
            np.testing.assert_array_equal(other.step(BATCH[4]), y[4])
        for layer in (copy.deepcopy(gru), pickle.loads(pickle.dumps(gru))):
            assert layer.precision == precision
            np.testing.assert_array_equal(layer(BATCH)[0], y)


def test_files_hold_one_byte_a_weight(tmp_path: Path) -> None:
    gru = GRU(30, 64, random_state=0)
    gru.save(tmp_path / "large.safetensors")
    small = gru.quantize(RNG.normal(size=(5, 2, 30)))
    small.save(tmp_path / "small.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("large", "small")]
    assert sizes[1] < 0.36 * sizes[0]
    loaded = fastgru.load(tmp_path / "small.safetensors")
    assert loaded.precision == "int8"
    x = RNG.normal(size=(9, 4, 30))
    np.testing.assert_array_equal(loaded(x)[0], small(x)[0])
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "small.safetensors").read_bytes()
    plain = GRU(30, 64)
    plain.load_state_dict(tmp_path / "small.safetensors")
    for name, value in small.state_dict().items():
        np.testing.assert_array_equal(plain.state_dict()[name], value)


def test_a_layers_report() -> None:
    gru = GRU(3, 40, 2, bidirectional=True, batch_first=True, random_state=0)
    x = BATCH.swapaxes(0, 1)
    small = gru.quantize(x, lengths=[30, 20, 5, 1, 0, 30, 7])
    report = small.quantization_report
    assert report is not None and gru.quantization_report is None
    assert [layer.name for layer in report.layers] == ["layer 0", "layer 1"]
    assert all(0 < layer.rms < layer.largest < 0.02 for layer in report.layers)
    change = np.abs(
        small(x, lengths=[30, 20, 5, 1, 0, 30, 7])[0] - gru(x, lengths=[30, 20, 5, 1, 0, 30, 7])[0]
    )
    assert report.largest == pytest.approx(change.max(), rel=1e-6)
    matrices = sum(4 * value.size for value in gru.state_dict().values() if value.ndim == 2)
    assert report.bytes_before == matrices
    assert matrices / 4 < report.bytes_after < 0.3 * matrices
    lines = str(report).splitlines()
    assert lines[1].startswith("layer 0") and lines[3].startswith("whole model")
    one = gru.quantize(BATCH[:, 0])  # a sequence alone
    assert one.quantization_report is not None and one.quantization_report.largest < 0.02


@pytest.mark.parametrize("params", [{}, {"num_layers": 2, "bidirectional": True, "pooling": "mean"}])
def test_an_estimators_report(params: dict[str, Any], tmp_path: Path) -> None:
    model = fitted(**params)
    before = model.predict(X)
    small = model.quantize(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.precision == "highest" and small.precision == "int8"
    report = small.quantization_report_
    assert report.score_before == pytest.approx(model.score(X, Y))
    assert report.score_after == pytest.approx(small.score(X, Y))
    assert report.largest == pytest.approx(np.abs(small.predict(X) - before).max())
    assert len(report.layers) == params.get("num_layers", 1)
    small.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert loaded.precision == "int8"
    np.testing.assert_array_equal(loaded.predict(X), small.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).predict(X), small.predict(X))


def test_fit_with_int8_is_fit_and_quantize() -> None:
    np.testing.assert_array_equal(fitted(precision="int8").predict(X), fitted().quantize(X).predict(X))


def test_lists_tokens_and_streams_of_an_int8_estimator() -> None:
    tokens = RNG.integers(2, 9, (60, 12))
    model = GRUClassifier(embedding_dim=5, max_iter=5, random_state=0).fit(tokens, tokens[:, -1] > 5)
    small = model.quantize(tokens, tokens[:, -1] > 5)
    assert small.predict_proba(tokens).shape == (60, 2)
    sequences = [x[: 5 + i % 9] for i, x in enumerate(X)]
    ragged = GRURegressor(max_iter=4, random_state=0).fit(sequences, Y).quantize(sequences)
    answers = ragged.predict(sequences)
    stream = ragged.stream()
    for step in sequences[3]:
        last = stream.step(step)
    np.testing.assert_array_equal(np.ravel(last), np.ravel(answers[3]))


@pytest.mark.parametrize("load", [load_co2, load_elnino, load_sunspots])
def test_the_score_on_bundled_series_changes_by_less_than_one_percent(load: Any) -> None:
    series = load().values[-800:]
    windows, targets = fastgru.make_windows(series, 24)
    cut = len(windows) * 3 // 4
    model = GRURegressor(hidden_size=32, max_iter=40, random_state=0).fit(windows[:cut], targets[:cut])
    report = model.quantize(windows[cut:], targets[cut:]).quantization_report_
    assert report.score_before > 0.5
    assert abs(report.score_after - report.score_before) < 0.01 * report.score_before


def test_the_score_on_digits_changes_by_less_than_one_percent() -> None:
    images, labels = load_digits(return_X_y=True)
    rows = images.reshape(-1, 8, 8)
    model = GRUClassifier(hidden_size=32, max_iter=8, random_state=0).fit(rows[:1200], labels[:1200])
    report = model.quantize(rows[1200:], labels[1200:]).quantization_report_
    assert report.score_before > 0.85
    assert abs(report.score_after - report.score_before) < 0.01 * report.score_before


def test_a_report_goes_with_the_weights_it_speaks_of(tmp_path: Path) -> None:
    gru = GRU(3, 20, random_state=0)
    small = gru.quantize(BATCH)
    small.load_state_dict(gru.state_dict())
    assert small.quantization_report is None
    model = fitted().quantize(X)
    assert model._trainer_state == {"solver": None, "state": {}}
    model.set_params(precision="highest").fit(X, Y)
    assert not hasattr(model, "quantization_report_")


def test_the_rms_of_a_layer_leaves_out_the_padding() -> None:
    gru, lengths = GRU(3, 20, random_state=0), [30, 3, 2, 1, 0, 1, 2]
    report = gru.quantize(BATCH, lengths=lengths).quantization_report
    y, _ = gru(BATCH, lengths=lengths)
    error = with_precision(gru, "int8")(BATCH, lengths=lengths)[0] - y
    real = np.arange(30)[:, None] < lengths
    assert report is not None
    assert report.rms == pytest.approx(np.sqrt(np.mean(error[real] ** 2.0)), rel=1e-5)
    assert report.layers[0].rms == pytest.approx(report.rms)


def changed(path: Path, name: str, value: NDArray[Any]) -> Path:
    """The model file with another tensor, and a checksum that fits."""
    file = _model_file.read(path)
    tensors = {n: t for n, t in file.tensors.items() if not n.startswith("selftest.")}
    tensors[name] = value
    _model_file.save(path, file.kind, file.config, tensors)
    return path


@pytest.mark.parametrize("what", ["-128", "small", "negative", "nan", "inf", "fine scale", "scale of zeros"])
def test_numbers_that_rounding_does_not_give_are_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    GRU(3, 8, precision="int8", random_state=0).save(path)
    tensors = _model_file.read(path).tensors
    numbers, scale = (tensors[name].copy() for name in ("weight_hh_l0", "weight_hh_l0.scale"))
    if what in {"-128", "small"}:
        row = numbers[5]
        row[np.abs(row) == 127] = {"-128": -128, "small": 100}[what]
    else:
        factor = {"negative": -1, "nan": np.nan, "inf": np.inf, "fine scale": np.float32(1.0000001)}
        scale[5] = 0 if what == "scale of zeros" else scale[5] * factor[what]
    name, value = ("weight_hh_l0", numbers) if what in {"-128", "small"} else ("weight_hh_l0.scale", scale)
    with pytest.raises(fastgru.ModelFormatError, match=r"row 5 of weight_hh_l0 must hold whole numbers"):
        fastgru.load(changed(path, name, value))


@pytest.mark.parametrize("scale", [np.float32(1), np.ones(5, np.float32), np.ones(24)], ids=repr)
def test_scales_of_a_wrong_shape_are_refused(scale: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    GRU(3, 8, precision="int8", random_state=0).save(path)
    changed(path, "weight_hh_l0.scale", np.asarray(scale))
    for read in (fastgru.load, GRU(3, 8).load_state_dict):
        with pytest.raises(fastgru.ModelFormatError, match=r"weight_hh_l0\.scale"):
            read(path)


def test_weights_that_are_not_finite_stay_so_and_are_not_saved(tmp_path: Path) -> None:
    weights = dict(GRU(3, 8, random_state=0).state_dict())
    weights["weight_hh_l0"] = weights["weight_hh_l0"].copy()
    weights["weight_hh_l0"][5, 2] = np.nan
    small = GRU(3, 8, precision="int8")
    small.load_state_dict(weights)
    assert np.isnan(small.state_dict()["weight_hh_l0"][5]).all()
    assert np.isnan(small(BATCH)[0][1:]).all()
    with pytest.raises(ValueError, match="weight_hh_l0 holds values that are not finite"):
        small.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


REFUSED: dict[str, tuple[Any, str]] = {
    "training of a layer": (
        lambda: with_precision(GRU(3, 4), "int8").forward_train(BATCH),
        "for inference alone",
    ),
    "too wide": (
        lambda: GRU(65537, 1, precision="int8"),
        "needs an input_size and a hidden_size of at most 65536",
    ),
    "reset before": (lambda: GRU(2, 3, precision="int8", reset_after=False), "needs reset_after=true"),
    "float64": (lambda: GRU(2, 3, precision="int8", dtype="float64"), "needs dtype='float32'"),
    "twice": (lambda: GRU(3, 4, precision="int8").quantize(BATCH), "rounded to one byte already"),
    "an estimator twice": (lambda: fitted(precision="int8").quantize(X), "rounded to one byte already"),
    "training on": (lambda: fitted(precision="int8").partial_fit(X, Y), "training cannot go on"),
    "float64 estimator": (lambda: fitted(dtype="float64").quantize(X), "needs dtype='float32'"),
    "reset before, estimator": (lambda: fitted(reset_after=False).quantize(X), "needs reset_after=true"),
    "unknown": (lambda: fitted(precision="low"), "precision"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fit_that_int8_refuses_says_so_before_training() -> None:
    model = GRURegressor(precision="int8", reset_after=False, callbacks=lambda event: pytest.fail("trained"))
    with pytest.raises(ValueError, match="needs reset_after=true"):
        model.fit(X, Y)
    assert not hasattr(model, "n_iter_")
