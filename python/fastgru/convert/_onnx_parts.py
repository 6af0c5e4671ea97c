"""The parts of a network as nodes of ONNX: encoding of inputs, layers, pooling, head, answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.convert._layers import gates
from fastgru.convert._onnx_write import Writer
from fastgru.sequences._vocabulary import UNKNOWN

__all__ = ["encoded", "layers", "linked", "pooled", "quantiles", "scaled_answers", "tokens"]


def tokens(writer: Writer, x: str, table: NDArray[Any], known_alone: bool) -> str:
    """Look up tokens; with `known_alone`, 0 and what is beyond the vocabulary are the unknown token."""
    if known_alone:
        low = writer.add("GreaterOrEqual", x, writer.constant("first token", 1, np.int64))
        high = writer.add("Less", x, writer.constant("vocabulary", len(table), np.int64))
        unknown = writer.constant("unknown token", UNKNOWN, np.int64)
        x = writer.add("Where", writer.add("And", low, high), x, unknown)
    return writer.add("Gather", writer.constant("embedding", table), x)


def encoded(writer: Writer, x: str, mean: NDArray[Any], scale: NDArray[Any], mask: bool, dtype: Any) -> str:
    """Standardise features in float64; with `mask`, missing ones are 0, and a 1 or 0 for each follows."""
    if mean.any() or (scale != 1).any():
        wide = writer.cast(x, np.float64)
        wide = writer.add("Sub", wide, writer.constant("x mean", mean, np.float64))
        values = writer.cast(writer.add("Div", wide, writer.constant("x scale", scale, np.float64)), dtype)
    else:
        values = x
    if not mask:
        return values
    missing = writer.add("IsNaN", x)
    values = writer.add("Where", missing, writer.constant("zero", 0, dtype), values)
    return writer.add("Concat", values, writer.cast(writer.add("Not", missing), dtype), axis=-1)


def layers(
    writer: Writer, x: str, state: dict[str, NDArray[Any]], config: dict[str, Any], lengths: str, h0: str
) -> tuple[str, str, str]:
    """Add the layers.

    Parameters
    ----------
    writer : Writer
        The graph.
    x : str
        The sequences (T, B, I).
    state : dict
        The weights by their names in a layer.
    config : dict
        ``hidden_size``, ``num_layers``, ``bidirectional``, ``reset_after``, and ``reverse``.
    lengths, h0 : str
        Inputs, or empty.

    Returns
    -------
    y, h_n, last : str
        The states of all steps (T, B, D·H), the final ones of all layers (L·D, B, H), of the top layer
        (D, B, H).
    """
    count = 2 if config["bidirectional"] else 1
    direction = "bidirectional" if count == 2 else "reverse" if config.get("reverse") else "forward"
    finals: list[str] = []
    for index in range(config["num_layers"]):
        initial = _part(writer, h0, index, count, config["num_layers"])
        names = [f"l{index}", f"l{index}_reverse"][:count]
        weights = [_stacked(writer, state, part, names) for part in ("weight_ih", "weight_hh", "bias")]
        y, final = writer.add_node(
            "GRU",
            [x, *weights, lengths, initial],
            2,
            hidden_size=config["hidden_size"],
            direction=direction,
            linear_before_reset=int(config["reset_after"]),
        )
        finals.append(final)
        if count == 2:
            turned = writer.add("Transpose", y, perm=[0, 2, 1, 3])
            x = writer.add("Reshape", turned, writer.constant("joined", [0, 0, -1], np.int64))
        else:
            x = writer.add("Squeeze", y, writer.constant("directions", [1], np.int64))
    h_n = writer.add("Concat", *finals, axis=0) if len(finals) > 1 else finals[0]
    return x, h_n, finals[-1]


def _part(writer: Writer, h0: str, index: int, count: int, layers: int) -> str:
    """Return the initial states of one layer."""
    if not h0 or layers == 1:
        return h0
    ends = [writer.constant(f"block {k}", [k], np.int64) for k in (index * count, (index + 1) * count)]
    return writer.add("Slice", h0, *ends, writer.constant("blocks", [0], np.int64))


def _stacked(writer: Writer, state: dict[str, NDArray[Any]], part: str, names: list[str]) -> str:
    """Add a weight of all directions, its gates in ONNX' order: z, r, h; both biases side by side."""
    parts = ("bias_ih", "bias_hh") if part == "bias" else (part,)
    if f"{parts[0]}_{names[0]}" not in state:
        return ""
    arrays = [np.concatenate([gates(state[f"{each}_{name}"]) for each in parts]) for name in names]
    return writer.constant(f"{part} {names[0]}", np.stack(arrays))


def pooled(writer: Writer, y: str, last: str, how: str, lengths: str, dtype: Any) -> str:
    """Return (B, D·H): the final states of the top layer, or the mean or maximum of all its states."""
    if how == "last":
        turned = writer.add("Transpose", last, perm=[1, 0, 2])
        return writer.add("Reshape", turned, writer.constant("side by side", [0, -1], np.int64))
    if not lengths:
        return writer.add("ReduceMean" if how == "mean" else "ReduceMax", y, axes=[0], keepdims=0)
    count = writer.add("Unsqueeze", lengths, writer.constant("last axis", [-1], np.int64))
    if how == "mean":  # states beyond a row's length are zeros
        total = writer.add("ReduceSum", y, writer.constant("time", [0], np.int64), keepdims=0)
        least = writer.add("Max", count, writer.constant("one step", 1, np.int32))
        return writer.add("Div", total, writer.cast(least, dtype))
    return _largest(writer, y, count, dtype)


def _largest(writer: Writer, y: str, count: str, dtype: Any) -> str:
    """Return the maximum over the steps within each row's length; 0 of a row without steps."""
    zero = writer.constant("zero index", 0, np.int64)
    steps = writer.add("Gather", writer.add("Shape", y), zero)
    step = writer.add("Range", zero, steps, writer.constant("one index", 1, np.int64))
    step = writer.add("Unsqueeze", step, writer.constant("row and unit", [1, 2], np.int64))
    valid = writer.add("Less", step, writer.cast(count, np.int64))
    lowest = writer.constant("lowest", -np.inf, dtype)
    largest = writer.add("ReduceMax", writer.add("Where", valid, y, lowest), axes=[0], keepdims=0)
    some = writer.add("Greater", writer.cast(count, np.int64), zero)
    return writer.add("Where", some, largest, writer.constant("zero", 0, dtype))


def linked(writer: Writer, logits: str, link: str) -> str:
    """Return the probabilities of logits: "softmax" over the last axis, or "sigmoid"."""
    if link == "softmax":
        return writer.add("Softmax", logits, axis=-1)
    return writer.add("Sigmoid", logits)


def quantiles(writer: Writer, logits: str, outputs: int, count: int) -> str:
    """Return the rising quantiles of each output, in float64: the middle one, and steps away from it."""
    middle = count // 2
    shape = writer.constant("quantiles of outputs", [0, -1, outputs, count], np.int64)
    parts = writer.add("Reshape", writer.cast(logits, np.float64), shape)
    chosen = np.zeros((count, count))
    chosen[middle] = 1
    away = np.zeros((count, count))
    for q in range(count):
        away[middle + 1 : q + 1, q] = 1
        away[q:middle, q] = -1
    centre = writer.add("MatMul", parts, writer.constant("middle", chosen))
    steps = writer.add("MatMul", _softplus(writer, parts), writer.constant("away", away))
    return writer.add("Add", centre, steps)


def _softplus(writer: Writer, x: str) -> str:
    """Return log(1 + exp(x)); onnxruntime's own operator takes float32 alone."""
    small = writer.add("Exp", writer.add("Neg", writer.add("Abs", x)))
    rest = writer.add("Log", writer.add("Add", small, writer.constant("one", 1, np.float64)))
    return writer.add("Add", writer.add("Max", x, writer.constant("none", 0, np.float64)), rest)


def scaled_answers(writer: Writer, values: str, mean: NDArray[Any], scale: NDArray[Any], dtype: Any) -> str:
    """Return answers in units of y, computed in float64."""
    if mean.any() or (scale != 1).any():
        values = writer.cast(values, np.float64)
        values = writer.add("Mul", values, writer.constant("y scale", scale, np.float64))
        values = writer.add("Add", values, writer.constant("y mean", mean, np.float64))
    return writer.cast(values, dtype)
