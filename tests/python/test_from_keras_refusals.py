"""`from_keras` and `to_keras`: what cannot be expressed is refused by the layer's name; damaged files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import built, features, functional, keras, layers

import fastgru
from fastgru import ConversionError, GRUNetwork

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own use of NumPy


class Own(layers.GRU):  # type: ignore[misc]
    pass


def model_of(layer: Any, *more: Any) -> Callable[[], Any]:
    return lambda: built(features(), layer, *more)


def gru(**options: Any) -> Any:
    return layers.GRU(4, name="my_gru", **options)


def joined(one: Any, other: Any) -> Any:
    return keras.Model([one, other], gru()(layers.Concatenate()([one, other])))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "lstm": (model_of(layers.LSTM(4, name="x")), r"^layer 'x' \(LSTM\) stands where GRU or Bidirectional"),
    "simple": (model_of(layers.SimpleRNN(4, name="x")), r"layer 'x' \(SimpleRNN\) stands where"),
    "nothing": (lambda: built(features(), layers.Dropout(0.1)), "^there is no layer where GRU"),
    "convolution": (model_of(layers.Conv1D(4, 2, name="c"), gru()), r"^layer 'c' \(Conv1D\) stands where"),
    "dense below": (model_of(layers.Dense(4, name="d"), gru()), r"^layer 'd' \(Dense\) stands where"),
    "activation": (model_of(gru(activation="relu")), r"^layer 'my_gru' \(GRU\): activation='relu' cannot"),
    "hard sigmoid": (
        model_of(gru(recurrent_activation="hard_sigmoid")),
        "recurrent_activation='hard_sigmoid'",
    ),
    "sum": (
        model_of(layers.Bidirectional(gru(), merge_mode="sum", name="b")),
        r"^layer 'b' \(Bidirectional\): merge_mode='sum' cannot",
    ),
    "lstm both ways": (
        model_of(layers.Bidirectional(layers.LSTM(4), name="b")),
        r"layer 'b' \(Bidirectional\): its layer is LSTM, not GRU",
    ),
    "backwards above": (
        model_of(layers.GRU(4, return_sequences=True), gru(go_backwards=True)),
        r"^layer 'my_gru' \(GRU\): go_backwards cannot be expressed above another layer",
    ),
    "units": (
        model_of(layers.GRU(5, return_sequences=True), gru()),
        r"^layer 'my_gru' \(GRU\): units=4, but 5 in the first layer",
    ),
    "variants": (
        model_of(layers.GRU(4, return_sequences=True), gru(reset_after=False)),
        "reset_after=False, but True in the first layer",
    ),
    "directions": (
        model_of(layers.Bidirectional(layers.GRU(4, return_sequences=True)), gru()),
        "one direction above two",
    ),
    "relu head": (
        model_of(gru(), layers.Dense(3, activation="relu", name="d")),
        r"^layer 'd' \(Dense\): activation='relu' cannot be expressed",
    ),
    "two heads": (
        model_of(gru(), layers.Dense(3), layers.Dense(2, name="d")),
        r"^layer 'd' \(Dense\) cannot be expressed behind a head",
    ),
    "pooling": (
        model_of(gru(return_sequences=True), layers.GlobalMaxPooling1D(name="p")),
        r"^layer 'p' \(GlobalMaxPooling1D\) cannot be expressed",
    ),
    "norm": (
        model_of(gru(), layers.LayerNormalization(name="n")),
        r"^layer 'n' \(LayerNormalization\) cannot be expressed",
    ),
    "lambda": (
        model_of(gru(), layers.Lambda(lambda x: 2 * x, name="l")),
        r"^layer 'l' \(Lambda\) cannot be expressed",
    ),
    "own class": (model_of(Own(4, name="o")), r"^layer 'o' \(Own\) is not one of Keras' own"),
    "model in model": (
        lambda: keras.Sequential([features(), keras.Sequential([gru()], name="inner")]),
        "^layer 'inner' is a model within the model",
    ),
    "softmax over time": (
        model_of(gru(return_sequences=True), layers.Softmax(axis=1, name="s")),
        r"^layer 's' \(Softmax\): axis=1 cannot",
    ),
    "two inputs": (lambda: joined(features(), features()), "has input_layers of several tensors"),
    "zeros after a masked end": (
        lambda: built(features(), layers.Masking(), gru(zero_output_for_mask=True)),
        r"^layer 'my_gru' \(GRU\): zero_output_for_mask with return_sequences=False",
    ),
    "residual": (
        lambda: functional(lambda x: layers.Add(name="a")([x, layers.GRU(3, return_sequences=True)(x)])),
        "^layer 'a' reads something else than one tensor",
    ),
    "initial state": (
        lambda: functional(lambda x: layers.GRU(4, name="my_gru")(x, initial_state=layers.Dense(4)(x[:, 0]))),
        "^layer 'my_gru' reads more than the layer before it",
    ),
    "16 bits": (model_of(gru(dtype="mixed_bfloat16")), "the dtype 'mixed_bfloat16' with weights of"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_expressed(kind: str) -> None:
    make, match = REFUSED[kind]
    with pytest.raises(ConversionError, match=match):
        fastgru.from_keras(make())


def edited(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """Write a copy of a .keras file with another member; without it where `change` returns None."""
    target = path.with_name("edited.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            changed = change(data) if member == name else data
            if changed is not None:
                new.writestr(member, changed)
    return target


def with_config(change: Callable[[Any], object]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        config = json.loads(data)
        change(config)
        return json.dumps(config).encode()

    return edit


def rename(config: Any) -> None:
    config["config"]["layers"][1]["config"]["name"] = "other"


def foreign(config: Any) -> None:
    config["config"]["layers"][1] |= {"module": "os", "class_name": "system", "registered_name": None}


def larger(config: Any) -> None:
    config["config"]["layers"][1]["config"]["units"] = 10**12


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    built(features(), layers.GRU(4, name="my_gru"), layers.Dense(2)).save(path)
    whole = path.read_bytes()
    cut = tmp_path / "cut.keras"
    cut.write_bytes(whole[: len(whole) // 2])
    weights = "model.weights.h5"
    for damaged, match in (
        (cut, "is no whole .keras file: File is not a zip file"),
        (edited(path, "config.json", lambda _: None), "is no whole .keras file"),
    ):
        with pytest.raises(ConversionError, match=match):
            fastgru.from_keras(damaged)
    for name, change, match in (
        ("config.json", lambda _: b"{", "is no whole .keras file"),
        ("config.json", lambda _: b"[]", "described by no object"),
        ("config.json", lambda _: b"{}", "described by no object"),
        (weights, lambda _: None, "is no whole .keras file"),
        (weights, lambda data: data[:200], "is no whole .keras file"),
        ("config.json", with_config(rename), r"^layer 'other' \(GRU\) has no weights in the file"),
        ("config.json", with_config(foreign), r"\(system\) is not one of Keras' own"),
        ("config.json", with_config(larger), "its weights have the shapes"),
    ):
        with pytest.raises(ConversionError, match=match):
            fastgru.from_keras(edited(path, name, change))
    with pytest.raises(FileNotFoundError):
        fastgru.from_keras(tmp_path / "nothing.keras")
    with pytest.raises(TypeError, match="a layer or model of Keras, or a path, got int"):
        fastgru.from_keras(3)


def test_what_keras_has_no_words_for() -> None:
    layer = fastgru.GRU(2, 3, random_state=0)
    table = np.ones((5, 2), np.float32)
    for model, match in (
        (fastgru.GRU(2, 3, precision="int8"), r'^precision="int8" cannot be expressed'),
        (fastgru.GRU(2, 3, reset_after=False), "^bias_hh_l0 cannot be expressed: with reset_after=False"),
        (GRUNetwork(layer, pooling="mean"), "^pooling='mean' cannot be expressed"),
        (GRUNetwork(layer, reverse=True), "^reverse=True without turned=True cannot"),
        (GRUNetwork(layer, table, mask=2.0), "^mask=2.0 of tokens cannot"),
        (
            GRUNetwork(fastgru.GRU(2, 3, bidirectional=True), mask=0.0, repeat=True),
            "^repeat=True of two directions cannot",
        ),
    ):
        with pytest.raises(ConversionError, match=match):
            fastgru.to_keras(model)
    with pytest.raises(TypeError, match="model must be a GRU or a GRUNetwork, got int"):
        fastgru.to_keras(3)  # type: ignore[arg-type]
    for network, match in (
        (GRUNetwork(layer, mask=0.0), "^mask cannot be expressed"),
        (GRUNetwork(layer, reverse=True, turned=True), "^turned=True cannot be expressed"),
    ):
        with pytest.raises(ConversionError, match=match):
            fastgru.to_onnx(network, "never.onnx")
    with pytest.raises(ValueError, match="mask cannot be used with pooling='max'"):
        GRUNetwork(layer, pooling="max", mask=0.0)
