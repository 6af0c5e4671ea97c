"""What rounding a trained GRU to weights of one byte changes: measured on data, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastgru import _core, _int8
from fastgru.gru.parameters import flatten

__all__ = [
    "LayerError",
    "QuantizationReport",
    "error_of",
    "layer_errors",
    "layer_pairs",
    "matrix_bytes",
    "measured",
    "single_layers",
]

Core: TypeAlias = _core.GruF32 | _core.GruF64


@dataclass(frozen=True)
class LayerError:
    """The error of one layer's states, which lie in [-1, 1], from inputs that are not rounded.

    Attributes
    ----------
    name : str
        "layer 0", …
    largest : float
        The largest absolute error of any state at any step.
    rms : float
        The root mean square of the errors.
    """

    name: str
    largest: float
    rms: float


@dataclass(frozen=True)
class QuantizationReport:
    """What ``quantize`` measured on the calibration data; printed as a table.

    Attributes
    ----------
    layers : tuple of LayerError
        Each layer alone.
    largest, rms : float
        The error of the whole model's outputs: a layer's states, or an estimator's predictions (probabilities
        of a classifier), in the units of y.
    bytes_before, bytes_after : int
        Memory of the GRU's matrices in a file: 4 bytes a weight, and 1 byte with a scale for each row.
    score_before, score_after : float or None
        An estimator's ``score`` on the calibration data, if `y` was given.
    """

    layers: tuple[LayerError, ...]
    largest: float
    rms: float
    bytes_before: int
    bytes_after: int
    score_before: float | None = None
    score_after: float | None = None

    def __str__(self) -> str:
        rows = [(each.name, each.largest, each.rms) for each in self.layers]
        rows.append(("whole model", self.largest, self.rms))
        width = max(len(name) for name, *_ in rows)
        lines = [f"{'':{width}}  largest error  rms error"]
        lines += [f"{name:{width}}  {largest:13.2e}  {rms:9.2e}" for name, largest, rms in rows]
        lines.append(f"matrices: {self.bytes_before} -> {self.bytes_after} bytes")
        if self.score_before is not None:
            lines.append(f"score: {self.score_before:.6g} -> {self.score_after:.6g}")
        return "\n".join(lines)


def matrix_bytes(weights: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
    """Return the bytes of the GRU's matrices in float32, and in int8 with a scale for each row."""
    matrices = [value for name, value in weights.items() if _int8.is_matrix(name)]
    return sum(4 * value.size for value in matrices), sum(value.size + 4 * len(value) for value in matrices)


def single_layers(weights: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Iterator[Core]:
    """Make each layer of a GRU as a GRU of its own, time first.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The GRU's ``state_dict``.
    config : mapping
        Its ``hidden_size``, ``num_layers``, ``bidirectional``, ``reset_after``, ``precision`` and ``dtype``;
        other items are not read.
    """
    for index in range(config["num_layers"]):
        part = f"_l{index}"
        state = {
            name.replace(part, "_l0"): value
            for name, value in weights.items()
            if name.endswith((part, part + "_reverse"))
        }
        yield _core_of({**config, "num_layers": 1}, state)


def error_of(
    rounded: NDArray[Any], exact: NDArray[Any], lengths: NDArray[Any] | None = None
) -> tuple[float, float]:
    """Return the largest absolute difference and the root of the mean square.

    With `lengths` the arrays are (T, B, ·), and steps beyond a row's length are left out.
    """
    error = np.abs(np.asarray(rounded, np.float64) - exact)
    if lengths is not None:
        error = error[np.arange(len(error))[:, np.newaxis] < lengths]
    return float(error.max(initial=0.0)), float(np.sqrt(np.mean(error**2))) if error.size else 0.0


def layer_pairs(weights: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> list[tuple[Core, Core]]:
    """Return each layer of a GRU, as in `single_layers`, with float32 weights and with one-byte weights."""
    exact = single_layers(weights, {**config, "precision": "highest"})
    return list(zip(exact, single_layers(weights, {**config, "precision": "int8"}), strict=True))


def layer_errors(
    pairs: list[tuple[Core, Core]], x: NDArray[Any], lengths: NDArray[Any] | None = None
) -> tuple[LayerError, ...]:
    """Measure each layer with one-byte weights against itself with float32 weights, on the same inputs.

    Parameters
    ----------
    pairs : list
        Of `layer_pairs`.
    x : ndarray of shape (T, B, I)
        The first layer's input.
    lengths : ndarray of shape (B,), optional
        As in `GRU.__call__`.
    """
    errors = []
    for index, (exact, rounded) in enumerate(pairs):
        y, _ = exact.forward(x, lengths=lengths)
        states, _ = rounded.forward(x, lengths=lengths)
        errors.append(LayerError(f"layer {index}", *error_of(states, y, lengths)))
        x = y
    return tuple(errors)


def measured(
    weights: Mapping[str, NDArray[Any]],
    config: Mapping[str, Any],
    x: NDArray[Any],
    lengths: NDArray[Any] | None,
) -> QuantizationReport:
    """Measure a layer as in `layer_errors`, and as a whole."""
    whole = [_core_of({**config, "precision": name}, weights) for name in ("int8", config["precision"])]
    rounded, exact = (core.forward(x, lengths=lengths)[0] for core in whole)
    return QuantizationReport(
        layer_errors(layer_pairs(weights, config), x, lengths),
        *error_of(rounded, exact, lengths),
        *matrix_bytes(weights),
    )


def _core_of(config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> Core:
    """Make a GRU, time first, of these weights; its inputs are as wide as they say."""
    kind = _core.GruF64 if config["dtype"] == "float64" else _core.GruF32
    names = ("num_layers", "bidirectional", "reset_after", "precision")
    core = kind(
        weights["weight_ih_l0"].shape[1],
        config["hidden_size"],
        bias="bias_ih_l0" in weights,
        **{name: config[name] for name in names},
    )
    core.set_parameters(flatten(weights, core.parameter_layout, np.dtype(config["dtype"])))
    return core
