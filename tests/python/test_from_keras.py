"""`from_keras` and `to_keras`: layers, chains and files of Keras, masks with holes, both ways; on PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import built, features, functional, keras, layers, tokens

import fastgru
from fastgru import ConversionError, GRUNetwork
from fastgru.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own use of NumPy

RNG = np.random.default_rng(0)


CONVERTED: dict[str, Callable[[], Any]] = {
    **{
        f"{name}, after={after}, sequences={sequences}": (
            lambda f=front, a=after, s=sequences, o=options: built(
                features(), *f(), layers.GRU(4, reset_after=a, return_sequences=s, **o)
            )
        )
        for name, front, options in (
            ("plain", list, {}),
            ("backwards", list, {"go_backwards": True}),
            ("no bias", list, {"use_bias": False}),
            ("masked", lambda: [layers.Masking(0.25)], {}),
            ("masked backwards", lambda: [layers.Masking(0.25)], {"go_backwards": True}),
            ("masked zeros", lambda: [layers.Masking(0.25)], {"zero_output_for_mask": True}),
        )
        for after in (True, False)
        for sequences in (True, False)
        if sequences or "zero_output_for_mask" not in options
    },
    **{
        f"both directions, masked={masked}, sequences={sequences}": (
            lambda m=masked, s=sequences: built(
                features(),
                *([layers.Masking(0.25)] if m else []),
                layers.Bidirectional(layers.GRU(4, return_sequences=s)),
            )
        )
        for masked in (True, False)
        for sequences in (True, False)
    },
    "sentiment": lambda: built(
        tokens(),
        layers.Embedding(10, 3, mask_zero=True),
        layers.Bidirectional(layers.GRU(4, return_sequences=True)),
        layers.Dropout(0.5),
        layers.Bidirectional(layers.GRU(4)),
        layers.Dense(5, activation="softmax"),
    ),
    "tagger": lambda: built(
        tokens(),
        layers.Embedding(10, 3),
        layers.GRU(4, return_sequences=True),
        layers.GRU(4, return_sequences=True),
        layers.Dense(5, activation="sigmoid"),
    ),
    "distributed": lambda: built(
        features(), layers.GRU(4, return_sequences=True), layers.TimeDistributed(layers.Dense(2))
    ),
    "activations": lambda: built(
        features(), layers.GRU(4), layers.Dense(3, use_bias=False), layers.Activation("softmax")
    ),
    "softmax layer": lambda: built(features(), layers.GRU(4), layers.Softmax()),
    "backwards below": lambda: built(
        features(), layers.GRU(4, return_sequences=True, go_backwards=True), layers.GRU(4)
    ),
    "functional": lambda: functional(lambda x: layers.Dense(2)(layers.GRU(4)(x))),
    "functional, masked": lambda: functional(
        lambda x: layers.Dense(2)(layers.GRU(4, return_sequences=True)(layers.Masking(0.25)(x)))
    ),
    "stateful": lambda: built(layers.Input((None, 3), batch_size=4), layers.GRU(4, stateful=True)),
    "double": lambda: built(
        layers.Input((None, 3), dtype="float64"), layers.GRU(4, dtype="float64", return_sequences=True)
    ),
}


def arrays(model: Any) -> dict[str, Any]:
    gru = model.gru if isinstance(model, GRUNetwork) else model
    found = dict(gru.state_dict())
    if isinstance(model, GRUNetwork):
        found |= {"embedding": model.embedding, "head": None if model.head is None else model.head[0]}
    return {name: None if value is None else (value.dtype, value.tobytes()) for name, value in found.items()}


@pytest.mark.parametrize("kind", CONVERTED)
def test_there_and_back(kind: str, tmp_path: Path) -> None:
    model = CONVERTED[kind]()
    ours = fastgru.from_keras(model)
    assert ours.conversion_report is not None
    assert ours.conversion_report.largest < 1e-5
    assert f"({keras.backend.backend()})" in str(ours.conversion_report)
    model.save(tmp_path / "m.keras")
    of_file = fastgru.from_keras(tmp_path / "m.keras")
    assert repr(of_file) == repr(ours)
    assert arrays(of_file) == arrays(ours)
    assert of_file.conversion_report is None
    back = fastgru.to_keras(ours)
    again = fastgru.from_keras(back)
    assert repr(again) == repr(ours)
    assert arrays(again) == arrays(ours)


def test_literal_outputs() -> None:
    """With constant weights, in the manner of Keras' own tests of its layer: numbers of Keras 3.15."""
    constant = keras.initializers.Constant
    options = {
        "kernel_initializer": constant(0.01),
        "recurrent_initializer": constant(0.02),
        "bias_initializer": constant(0.03),
    }
    x = np.arange(72, dtype=np.float32).reshape(3, 6, 4)
    holes = np.tile(np.array([0.25, 0.5, 0.75, 1.0], np.float32), (1, 5, 1))
    holes[0, [1, 3]] = 0
    repeated = [0.0337623, 0.0337623, 0.0518520, 0.0518520, 0.0615584]
    cases: list[tuple[Any, list[Any], dict[str, Any], Any]] = [
        (x, [], {}, [0.5217288, 0.6371660, 0.3938497]),
        (x, [], {"go_backwards": True}, [0.2440626, 0.6115160, 0.3928809]),
        (x, [], {"reset_after": False}, [0.5144776, 0.6426880, 0.4020828]),
        (holes, [layers.Masking()], {"return_sequences": True}, [repeated]),
    ]
    for given, front, more, wanted in cases:
        model = keras.Sequential([layers.Input((None, 4)), *front, layers.GRU(3, **options, **more)])
        y, _ = fastgru.from_keras(model)(given)
        np.testing.assert_allclose(y, np.repeat(np.array(wanted)[..., None], 3, axis=-1), rtol=0, atol=1e-5)


def test_masks_with_holes_step_by_step() -> None:
    """A masked step keeps the state and repeats the last output, at the beginning, within and at the end."""
    model = built(features(), layers.Masking(0.0), layers.GRU(4, return_sequences=True))
    network = fastgru.from_keras(model)
    x = RNG.normal(size=(1, 6, 3)).astype(np.float32)
    x[0, [0, 2, 5]] = 0
    y, h_n = network(x)
    alone, h_alone = network(x[:, [1, 3, 4]])
    np.testing.assert_array_equal(y[0, 0], 0)
    np.testing.assert_array_equal(y[0, [1, 3, 4]], alone[0])
    np.testing.assert_array_equal(y[0, [2, 5]], alone[0, [0, 2]])
    np.testing.assert_array_equal(h_n, h_alone)
    one, h_one = network(x[0])
    np.testing.assert_allclose(one, y[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(h_one, h_n[:, 0], rtol=0, atol=1e-6)
    shorter, _ = network(x, lengths=[4])
    np.testing.assert_array_equal(shorter[0, 4], alone[0, 1])  # beyond the end as at a masked step


def test_state_goes_on() -> None:
    """What stateful=True does in Keras: the state after one part is that before the next."""
    model = built(features(), layers.GRU(4, return_sequences=True))
    layer = fastgru.from_keras(model)
    x = RNG.normal(size=(2, 10, 3)).astype(np.float32)
    whole, _ = layer(x)
    first, h = layer(x[:, :6])
    second, _ = layer(x[:, 6:], h)
    np.testing.assert_array_equal(np.concatenate([first, second], 1), whole)


def test_a_layer_alone() -> None:
    layer = layers.GRU(4, return_sequences=True, return_state=True)
    with pytest.raises(ConversionError, match=r"^layer 'gru.*' has no weights yet"):
        fastgru.from_keras(layer)
    layer.build((None, None, 3))
    gru = fastgru.from_keras(layer)
    assert repr(gru) == "GRU(input_size=3, hidden_size=4, batch_first=True)"


def test_a_layer_of_ours_with_time_first() -> None:
    layer = fastgru.GRU(2, 3, 2, bidirectional=True, random_state=0)
    model = fastgru.to_keras(layer)
    assert model.conversion_report.largest < 1e-6
    x = RNG.normal(size=(5, 4, 2)).astype(np.float32)
    y = model(x.swapaxes(0, 1)).detach().numpy()
    np.testing.assert_allclose(y.swapaxes(0, 1), layer(x)[0], rtol=0, atol=1e-6)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layer = fastgru.GRU(2, 3, batch_first=True, random_state=0)
    layer.save(tmp_path / "m.safetensors")
    files = [str(tmp_path / name) for name in ("m.safetensors", "m.keras", "again.safetensors")]
    assert main(["convert", *files[:2]]) == 0
    assert "largest difference from keras" in capsys.readouterr().out
    assert main(["convert", *files[1:]]) == 0
    assert arrays(fastgru.load(files[2])) == arrays(layer)


def test_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (lambda: fastgru.from_keras(3), lambda: fastgru.to_keras(fastgru.GRU(2, 3))):
        with pytest.raises(ImportError, match=r'keras needs keras, .*: pip install "fastgru\[keras\]"'):
            call()
    with pytest.raises(ImportError, match=r'of a file needs h5py, .*: pip install "fastgru\[keras\]"'):
        fastgru.from_keras("m.keras")


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX, a second backend of Keras, is not installed")
def test_on_another_backend() -> None:
    chosen = "there_and_back and (masked or both or sentiment or double)"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", chosen],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
