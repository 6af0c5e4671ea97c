"""A Keras layer, model or file as a chain of layers: configurations and weights. No code of a file runs."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._library import library

__all__ = ["KerasLayer", "layers_of"]

_Described: TypeAlias = tuple[str, str, dict[str, Any]]  # class, name, configuration

_MODELS = ("Sequential", "Functional")
_FILES = ("config.json", "model.weights.h5")


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a chain."""

    kind: str
    name: str
    config: dict[str, Any]
    weights: list[NDArray[Any]]

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"layer {self.name!r} ({self.kind})"


def layers_of(source: Any) -> list[KerasLayer]:
    """Return the layers that data pass, from the input on."""
    if isinstance(source, str | os.PathLike):
        return _of_file(Path(os.fsdecode(source)))
    keras = library("keras", "from_keras")
    if not isinstance(source, keras.layers.Layer):
        raise TypeError(f"source must be a layer or model of Keras, or a path, got {type(source).__name__}")
    if not source.built:
        raise ConversionError(f"layer {source.name!r} has no weights yet: call it, or build it")
    described = keras.saving.serialize_keras_object(source)
    if isinstance(source, keras.Model):
        live = {layer.name: layer for layer in source.layers}
        chain = _chain(described)
        return [KerasLayer(kind, name, config, _arrays(live[name])) for kind, name, config in chain]
    kind, name, config = _layer(described)
    return [KerasLayer(kind, name, config, _arrays(source))]


def _arrays(layer: Any) -> list[NDArray[Any]]:
    return [np.asarray(array) for array in layer.get_weights()]


def _of_file(path: Path) -> list[KerasLayer]:
    h5py = library("h5py", "from_keras of a file", "keras")
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            config, weights = (archive.read(name) for name in _FILES)
        described = json.loads(config)
        with h5py.File(io.BytesIO(weights), "r") as file:
            arrays = _stored(file)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError) as error:
        raise ConversionError(f"{os.fspath(path)!r} is no whole .keras file: {error}") from error
    layers = []
    for kind, name, own in _chain(described):
        if name not in arrays:
            raise ConversionError(f"layer {name!r} ({kind}) has no weights in the file")
        layers.append(KerasLayer(kind, name, own, arrays[name]))
    return layers


def _stored(file: Any) -> dict[str, list[NDArray[Any]]]:
    """Return the arrays of each layer by its name, in the order of ``get_weights``."""
    found: dict[str, list[NDArray[Any]]] = {}
    for group in file["layers"].values():
        name = group["vars"].attrs.get("name")
        parts = [group]
        for inner in ("layer", "forward_layer", "backward_layer"):
            if inner in group:
                parts.append(group[inner])
        arrays: list[NDArray[Any]] = []
        for part in parts:
            for place in ("vars", "cell/vars"):
                if place in part:
                    arrays += [np.asarray(part[place][key]) for key in sorted(part[place], key=int)]
        found[str(name)] = arrays
    return found


def _layer(described: Any) -> _Described:
    """Return class, name and configuration of a layer of Keras' own."""
    if not isinstance(described, Mapping) or not isinstance(described.get("config"), Mapping):
        raise ConversionError("a layer of the model is described by no object with a class and a config")
    kind, config = str(described.get("class_name")), dict(described["config"])
    name = str(config.get("name", described.get("name", kind)))
    own = str(described.get("module", "")).split(".")[0] == "keras"
    if not own or described.get("registered_name") not in (None, kind):
        raise ConversionError(f"layer {name!r} ({kind}) is not one of Keras' own")
    return kind, name, config


def _chain(described: Any) -> list[_Described]:
    kind, name, config = _layer(described)
    if kind not in _MODELS:
        raise ConversionError(f"model {name!r} ({kind}) is neither Sequential nor Functional")
    described_layers = config.get("layers")
    if not isinstance(described_layers, list):
        raise ConversionError(f"model {name!r} has no list of layers")
    if kind == "Sequential":
        chain = [_layer(each) for each in described_layers]
    else:
        chain = _functional(name, config, described_layers)
    for inner, own, _ in chain:
        if inner in _MODELS:
            raise ConversionError(f"layer {own!r} is a model within the model")
    return [each for each in chain if each[0] != "InputLayer"]


def _functional(name: str, config: dict[str, Any], described: list[Any]) -> list[_Described]:
    """Return the layers from the only input to the only output, each of which reads the one before."""
    for end in ("input_layers", "output_layers"):
        if not isinstance(config.get(end), list) or len(config[end]) != 3 or isinstance(config[end][0], list):
            raise ConversionError(f"model {name!r} has {end} of several tensors")
    found = {str(each.get("name")): each for each in described if isinstance(each, Mapping)}
    chain: list[_Described] = []
    own = str(config["output_layers"][0])
    while len(chain) <= len(found):
        if own not in found:
            raise ConversionError(f"layer {own!r} is read, but not there")
        each = found[own]
        chain.append(_layer(each))
        if own == config["input_layers"][0]:
            return chain[::-1]
        own = _read_by(own, each, found)
    raise ConversionError(f"model {name!r} has a loop")


def _read_by(name: str, described: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return the layer whose first output a layer reads, once and as its only argument but a natural mask."""
    nodes = described.get("inbound_nodes")
    if not isinstance(nodes, list) or len(nodes) != 1:
        raise ConversionError(f"layer {name!r} is called several times or never")
    arguments, named = nodes[0].get("args", []), dict(nodes[0].get("kwargs", {}))
    mask = named.pop("mask", None)
    if len(arguments) != 1 or any(value not in (None, False) for value in named.values()):
        raise ConversionError(f"layer {name!r} reads more than the layer before it")
    if mask is not None:
        _check_mask(name, mask, found)
    return _source(name, arguments[0])


def _source(name: str, tensor: Any) -> str:
    if not isinstance(tensor, Mapping) or tensor.get("class_name") != "__keras_tensor__":
        raise ConversionError(f"layer {name!r} reads something else than one tensor")
    layer, _, output = tensor["config"]["keras_history"]
    if output != 0:
        raise ConversionError(f"layer {name!r} reads output {output} of layer {layer!r}")
    return str(layer)


def _check_mask(name: str, mask: Any, found: Mapping[str, Any]) -> None:
    """Check that a mask is the one that Masking or Embedding in the chain makes: any(input != value)."""
    own = _source(name, mask)
    described = found.get(own, {})
    if described.get("class_name") == "Any":
        own = _source(own, described["inbound_nodes"][0]["args"][0])
        described = found.get(own, {})
    if described.get("class_name") != "NotEqual" or described.get("module") != "keras.src.ops.numpy":
        raise ConversionError(f"layer {name!r} has a mask of its own")
    tensor, value = described["inbound_nodes"][0]["args"]
    source = _source(own, tensor)
    for each in found.values():
        if _mask_value(each) == value and _source(own, each["inbound_nodes"][0]["args"][0]) == source:
            return
    raise ConversionError(f"layer {name!r} has a mask of its own")


def _mask_value(described: Mapping[str, Any]) -> float | None:
    """Return the value that a layer masks; None if it masks nothing."""
    config = described.get("config", {})
    if described.get("class_name") == "Masking":
        return float(config["mask_value"])
    return 0.0 if described.get("class_name") == "Embedding" and config.get("mask_zero") else None
