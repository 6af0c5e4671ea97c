"""`from_keras`: a GRU model of Keras as a layer or a network of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError, ConversionReport, compared
from fastgru.convert._keras_source import KerasLayer, layers_of
from fastgru.convert._layers import gates, in_float64, load_with_zeros
from fastgru.gru import GRU, GRUNetwork

__all__ = ["checked", "from_keras"]

_LINKS = {"linear": None, "softmax": "softmax", "sigmoid": "sigmoid"}


def from_keras(source: str | os.PathLike[str] | Any) -> GRU | GRUNetwork:
    """Return a layer or model of Keras 3 as a `GRU`, or as a `GRUNetwork` where there is more than layers.

    What can be expressed: ``GRU`` and ``Bidirectional`` of it (concatenated), one above the other, with both
    values of ``reset_after``; before them ``Embedding`` or ``Masking``; ``Dropout``, which predictions do not
    need; behind them one ``Dense`` layer, linear or with softmax or sigmoid. Models are Sequential, or
    functional with one path from one input to one output.

    Parameters
    ----------
    source : keras layer or model, or path
        A built layer or model, or a ``.keras`` file. A file is read without running anything in it.

    Returns
    -------
    GRU or GRUNetwork
        It takes (B, T, features) or tokens (B, T), as Keras does, and returns ``y, h_n``. ``y`` is what the
        model predicts; of ``return_sequences=False`` that is the last state. A masked step keeps the states,
        also between others. ``stateful`` is up to you: pass ``h_n`` as the next ``h0``. Its
        ``conversion_report`` says how far its predictions are from Keras'; None for a file.

    Raises
    ------
    ConversionError
        The file is damaged, or a part cannot be expressed; the message names the layer or its option.
    TypeError
        `source` is nothing of Keras.
    OSError
        The file cannot be read.
    ImportError
        Keras is not installed (extra ``keras``).

    Examples
    --------
    >>> import fastgru
    >>> network = fastgru.from_keras("sentiment.keras")  # doctest: +SKIP
    >>> y, h_n = network(tokens)  # doctest: +SKIP
    """
    built = _network(layers_of(source))
    report = None if isinstance(source, str | os.PathLike) else checked(source, built)
    if isinstance(built, GRUNetwork):
        return replace(built, conversion_report=report)
    built.conversion_report = report
    return built


def _network(chain: list[KerasLayer]) -> GRU | GRUNetwork:
    """Read a chain from its input on: each reader takes the layers that it knows from the front."""
    rest = [layer for layer in chain if not _without_effect(layer)]
    table, mask = _front(rest)
    layers = []
    while rest and rest[0].kind in ("GRU", "Bidirectional"):
        layers.append(rest.pop(0))
    if not layers:
        found = f"{rest[0].label} stands where" if rest else "there is no layer where"
        raise ConversionError(f"{found} GRU or Bidirectional was wanted")
    cells = [list(_cells(layer)) for layer in layers]
    gru, reverse = _stacked(layers, cells)
    top = cells[-1][0].config
    head, link = _back(rest, gru.dtype)
    sequence = top["return_sequences"]
    if mask is not None and not sequence and top.get("zero_output_for_mask", False):
        raise ConversionError(f"{layers[-1].label}: zero_output_for_mask with return_sequences=False")
    plain = all(part is None for part in (table, mask, head, link))
    if plain and sequence and not reverse:
        return gru
    if table is not None:
        table = np.ascontiguousarray(table, gru.dtype)
    return GRUNetwork(
        gru,
        table,
        reverse,
        None if sequence else "last",
        head,
        link,
        mask,
        repeat=not top.get("zero_output_for_mask", False),
        turned=reverse,
    )


def _without_effect(layer: KerasLayer) -> bool:
    if layer.kind in ("Dropout", "SpatialDropout1D", "GaussianNoise"):
        return True
    return layer.kind == "Activation" and layer.config.get("activation") == "linear"


def _front(rest: list[KerasLayer]) -> tuple[NDArray[Any] | None, float | None]:
    """Take the embedding, or the mask."""
    if rest and rest[0].kind == "Embedding":
        layer = rest.pop(0)
        if len(layer.weights) != 1 or layer.weights[0].ndim != 2:
            raise ConversionError(f"{layer.label}: its weights are not one matrix")
        return layer.weights[0], 0.0 if layer.config.get("mask_zero") else None
    if rest and rest[0].kind == "Masking":
        return None, float(rest.pop(0).config["mask_value"])
    return None, None


def _cells(layer: KerasLayer) -> Iterator[KerasLayer]:
    """Yield a layer, or the two directions of one."""
    if layer.kind == "GRU":
        yield layer
        return
    mode = layer.config.get("merge_mode")
    if mode != "concat":
        raise ConversionError(f"{layer.label}: merge_mode={mode!r} cannot be expressed")
    half = len(layer.weights) // 2
    for name, weights in (("layer", layer.weights[:half]), ("backward_layer", layer.weights[half:])):
        inner = layer.config.get(name) or {}
        if inner.get("class_name") != "GRU" or str(inner.get("module", "")).split(".")[0] != "keras":
            raise ConversionError(f"{layer.label}: its {name} is {inner.get('class_name')}, not GRU")
        yield KerasLayer("GRU", f"{layer.name}/{name}", dict(inner["config"]), weights)


def _stacked(layers: list[KerasLayer], cells: list[list[KerasLayer]]) -> tuple[GRU, bool]:
    """Return the layers as one `GRU`, and whether it reads backwards."""
    for of_layer in cells:
        for cell in of_layer:
            _check_cell(cell)
    first = cells[0][0]
    reverse = len(cells[0]) == 1 and bool(first.config["go_backwards"])
    for index, (layer, of_layer) in enumerate(zip(layers, cells, strict=True)):
        turned = [bool(cell.config["go_backwards"]) for cell in of_layer]
        if turned != [False, True][: len(of_layer)] and not (index == 0 and reverse):
            raise ConversionError(f"{layer.label}: go_backwards cannot be expressed above another layer")
        for cell in of_layer:
            _check_alike(cell, first, len(of_layer) == len(cells[0]))
            if index < len(layers) - 1 and not cell.config["return_sequences"]:
                raise ConversionError(f"{cell.label}: return_sequences=False below another layer")
        if len({bool(cell.config["return_sequences"]) for cell in of_layer}) > 1:
            raise ConversionError(f"{layer.label}: its directions differ in return_sequences")
    arrays = [cell.weights for of_layer in cells for cell in of_layer]
    state: dict[str, NDArray[Any]] = {}
    for index, of_layer in enumerate(cells):
        for cell, end in zip(of_layer, ("", "_reverse"), strict=False):
            state |= _weights(cell, f"_l{index}{end}")
    gru = GRU(
        arrays[0][0].shape[0],
        first.config["units"],
        len(layers),
        bias=any(len(each) == 3 for each in arrays),
        batch_first=True,
        bidirectional=len(cells[0]) == 2,
        reset_after=bool(first.config["reset_after"]),
        dtype=arrays[0][0].dtype,
    )
    load_with_zeros(gru, state)
    return gru, reverse


def _check_cell(cell: KerasLayer) -> None:
    config = cell.config
    for name, wanted in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        if config.get(name) != wanted:
            raise ConversionError(f"{cell.label}: {name}={config.get(name)!r} cannot be expressed")
    for name in ("return_sequences", "go_backwards", "reset_after", "use_bias"):
        if not isinstance(config.get(name), bool):
            raise ConversionError(f"{cell.label}: {name} must be true or false, got {config.get(name)!r}")
    units, arrays = config.get("units"), cell.weights
    if not isinstance(units, int) or units < 1:
        raise ConversionError(f"{cell.label}: units must be a number, got {units!r}")
    inputs = arrays[0].shape[0] if arrays and arrays[0].ndim == 2 else 1
    shapes: list[tuple[int, ...]] = [(max(1, inputs), 3 * units), (units, 3 * units)]
    if config["use_bias"]:
        shapes.append((2, 3 * units) if config["reset_after"] else (3 * units,))
    found = [array.shape for array in arrays]
    if found != shapes:
        raise ConversionError(f"{cell.label}: its weights have the shapes {found}, wanted {shapes}")
    dtypes = {array.dtype.name for array in arrays}
    policy = config.get("dtype")
    computed = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    if len(dtypes) != 1 or not dtypes <= {"float32", "float64"} or computed not in (None, *dtypes):
        raise ConversionError(
            f"{cell.label}: the dtype {computed!r} with weights of {sorted(dtypes)} cannot be expressed"
        )


def _check_alike(cell: KerasLayer, first: KerasLayer, directions: bool) -> None:
    for name in ("units", "reset_after"):
        if cell.config[name] != first.config[name]:
            raise ConversionError(
                f"{cell.label}: {name}={cell.config[name]!r}, but {first.config[name]!r} in the first layer"
            )
    if not directions:
        raise ConversionError(f"{cell.label}: one direction above two, or the reverse")
    if cell.weights[0].dtype != first.weights[0].dtype:
        raise ConversionError(f"{cell.label}: the dtype is not that of the first layer")


def _weights(cell: KerasLayer, end: str) -> dict[str, NDArray[Any]]:
    """Return the weights of a cell with our names: gates z, r, h in columns become r, z, n in rows."""
    kernel, recurrent, *bias = cell.weights
    named = {"weight_ih": gates(kernel.T), "weight_hh": gates(recurrent.T)}
    if bias and cell.config["reset_after"]:
        named |= {"bias_ih": gates(bias[0][0]), "bias_hh": gates(bias[0][1])}
    elif bias:
        named |= {"bias_ih": gates(bias[0])}  # the other one is zero
    return {name + end: array for name, array in named.items()}


def _back(
    rest: list[KerasLayer], dtype: np.dtype[Any]
) -> tuple[tuple[NDArray[Any], NDArray[Any]] | None, str | None]:
    """Take the dense head and its activation."""
    head = link = None
    if rest and rest[0].kind in ("Dense", "TimeDistributed"):
        layer = rest.pop(0)
        config = layer.config
        if layer.kind == "TimeDistributed":
            inner = config.get("layer") or {}
            if inner.get("class_name") != "Dense":
                raise ConversionError(f"{layer.label}: its layer is {inner.get('class_name')}, not Dense")
            config = inner["config"]
        link = _link(layer, config.get("activation"))
        if [array.ndim for array in layer.weights] not in ([2], [2, 1]):
            raise ConversionError(f"{layer.label}: its weights are not a matrix and a vector")
        kernel, *bias = layer.weights
        offset = bias[0] if bias else np.zeros(kernel.shape[1])
        head = np.ascontiguousarray(kernel.T, dtype), np.ascontiguousarray(offset, dtype)
    if rest and rest[0].kind in ("Activation", "Softmax") and link is None:
        layer = rest.pop(0)
        if layer.kind == "Softmax" and layer.config.get("axis", -1) != -1:
            raise ConversionError(f"{layer.label}: axis={layer.config['axis']!r} cannot be expressed")
        link = "softmax" if layer.kind == "Softmax" else _link(layer, layer.config.get("activation"))
    if rest:
        raise ConversionError(f"{rest[0].label} cannot be expressed" + (" behind a head" if head else ""))
    return head, link


def _link(layer: KerasLayer, activation: Any) -> str | None:
    if not isinstance(activation, str) or activation not in _LINKS:
        raise ConversionError(f"{layer.label}: activation={activation!r} cannot be expressed")
    return _LINKS[activation]


def checked(model: Any, ours: GRU | GRUNetwork) -> ConversionReport:
    """Compare predictions to random input, with masked steps if there is a mask."""
    keras = sys.modules["keras"]
    rng = np.random.default_rng(0)
    gru = ours.gru if isinstance(ours, GRUNetwork) else ours
    table = ours.embedding if isinstance(ours, GRUNetwork) else None
    mask = ours.mask if isinstance(ours, GRUNetwork) else None
    x: NDArray[Any]
    if table is not None:
        x = rng.integers(0, len(table), (4, 9))
    else:
        x = rng.normal(size=(4, 9, gru.input_size)).astype(gru.dtype)
    if mask is not None:
        skipped = rng.random((4, 9)) < 0.3
        skipped[1, 5:] = True
        x[skipped] = mask
    found = model(keras.ops.convert_to_tensor(x, dtype=x.dtype.name), training=False)
    y = keras.ops.convert_to_numpy(found[0] if isinstance(found, list | tuple) else found)
    name = f"keras {keras.__version__} ({keras.backend.backend()})"
    # On JAX, Keras computes parts of a float64 layer in float32.
    return compared(name, (ours(x)[0],), (in_float64(ours)(x)[0],), (y,), "float32")
