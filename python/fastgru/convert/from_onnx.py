"""`from_onnx`: a GRU model of ONNX as a layer or a network of ours."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._layers import load_with_zeros
from fastgru.convert._onnx_check import checked
from fastgru.convert._onnx_file import read_graph, read_model
from fastgru.convert._onnx_nodes import follow
from fastgru.convert._onnx_stages import Stages
from fastgru.convert._onnx_values import Axis, Flow, Input, States, Value
from fastgru.gru import GRU, GRUNetwork

__all__ = ["Outputs", "from_onnx", "read_onnx"]


@dataclass(frozen=True)
class Outputs:
    """Which output of the graph is y and which h_n, and the order of their axes."""

    y: str | None
    y_axes: str  # of "TBF", "TDBH", "BF", …
    h_n: str | None
    h_n_axes: str


def from_onnx(model: str | os.PathLike[str] | Any) -> GRU | GRUNetwork:
    """Return a model of ONNX as a `GRU`, or as a `GRUNetwork` where there is more than layers.

    What can be expressed: ``GRU`` nodes, one above the other, of any direction, with both values of
    ``linear_before_reset`` and of ``layout``, with or without biases, ``sequence_lens`` and ``initial_h``;
    an embedding before them (``Gather``); behind them a dense head (``Gemm``, or ``MatMul`` and ``Add``) on
    every step, on the final states, or on the mean or maximum over time, with ``Softmax`` or ``Sigmoid``;
    the scaling of estimators that `to_onnx` wrote (``Sub`` and ``Div`` first, ``Mul`` and ``Add`` last); and
    the nodes between them that only move axes. This is how exporters write ``nn.GRU`` and its like.

    Parameters
    ----------
    model : path or onnx.ModelProto
        The model. Tensors in other files are read from the model's folder only.

    Returns
    -------
    GRU or GRUNetwork
        Called as ``m(x, h0=None, lengths=None)``, it returns ``y, h_n``, in the axis order of `GRU`:
        ``batch_first`` if the graph's input is. ``h_n`` has the states of all layers, and ``y`` those of all
        steps, whether they are outputs of the graph or not. Its ``conversion_report`` says how far its
        outputs are from those of onnxruntime; None where that is not installed.

    Raises
    ------
    ConversionError
        The model is damaged, or has a part that cannot be expressed; the message names the node, its
        attribute or input.
    OSError
        The file cannot be read.
    ImportError
        onnx is not installed (extra ``onnx``).

    Notes
    -----
    For a row of length 0 onnxruntime returns zeros as the final state, fastgru the initial one.

    Examples
    --------
    >>> import fastgru
    >>> network = fastgru.from_onnx("tagger.onnx")  # doctest: +SKIP
    >>> y, h_n = network(x, lengths=lengths)  # doctest: +SKIP
    """
    return read_onnx(model)[0]


def read_onnx(source: Any) -> tuple[GRU | GRUNetwork, Stages, Outputs]:
    """Return the model, the stages that were found in the graph, and its outputs."""
    proto = read_model(source)
    graph = read_graph(proto)
    stages, values = follow(graph)
    if not stages.layers:
        raise ConversionError("the model has no GRU node whose results are outputs")
    flow, outputs = _outputs(stages, {name: values[name] for name in graph.outputs})
    _check_initial(stages)
    _check_inputs(stages, set(graph.inputs))
    built = _built(stages, flow)
    report = checked(proto, built, stages, outputs)
    if isinstance(built, GRUNetwork):
        return replace(built, conversion_report=report), stages, outputs
    built.conversion_report = report
    return built, stages, outputs


def _outputs(stages: Stages, values: dict[str, Value]) -> tuple[Flow | None, Outputs]:
    """Find y and h_n among a graph's outputs."""
    y = h_n = None
    y_axes = h_n_axes = ""
    flow: Flow | None = None
    for name, found in values.items():
        value: Value | None = found
        if isinstance(found, States) and len(found.axes) == 2 and len(found.blocks) == 1:
            value = stages.final_states(found.blocks)
        if isinstance(value, Flow) and y is None:
            y, y_axes, flow = name, _order(stages, name, value), value
        elif isinstance(value, States) and h_n is None:
            h_n, h_n_axes = name, _order_of_states(stages, name, value)
        else:
            raise ConversionError(
                f"output {name} is neither the answers nor the final states, or is a second one"
            )
    return flow, Outputs(y, y_axes, h_n, h_n_axes)


def _order(stages: Stages, name: str, value: Flow) -> str:
    """Return the order of the axes of an answer, in letters."""
    index = len(stages.layers) - 1
    if value.stage == "embedded" or value.index != index:
        raise ConversionError(f"output {name} is not of the top layer")
    features = Axis("outputs", None if stages.weight is None else len(stages.weight))
    letters = {
        stages.time: "T",
        stages.rows: "B",
        Axis(f"directions {index}", stages.layers[-1].directions): "D",
        Axis(f"units {index}", stages.layers[-1].hidden_size): "H",
        stages.features(): "F",
        features: "F",
    }
    order = "".join(
        "1" if axis.size == 1 and axis not in letters else letters.get(axis, "?") for axis in value.axes
    )
    if order.replace("1", "") not in ("TBF", "BTF", "TDBH", "BTDH", "BF", "TDBF", "BTDF"):
        raise ConversionError(f"output {name} has its axes in an order that cannot be expressed")
    return order


def _order_of_states(stages: Stages, name: str, value: States) -> str:
    wanted = tuple((i, d) for i, layer in enumerate(stages.layers) for d in range(layer.directions))
    if value.blocks != wanted:
        raise ConversionError(f"output {name} has the final states of some layers, or in another order")
    order = "".join(
        "S" if axis.name == "blocks" else "B" if axis == stages.rows else "H" for axis in value.axes
    )
    if order not in ("SBH", "BSH"):
        raise ConversionError(f"output {name} has its axes in an order that cannot be expressed")
    return order


def _check_initial(stages: Stages) -> None:
    """Check that the layers' initial states are one input, in their order, or one for each of them."""
    given = [each for each in stages.initial if each is not None]
    if not given:
        return
    if len(given) < len(stages.layers):
        without = stages.layers[stages.initial.index(None)].label
        raise ConversionError(f"{without} has no initial_h, but another layer has")
    count = stages.layers[0].directions
    parts = [(i * count, (i + 1) * count) for i in range(len(given))]
    alone = len(given) == 1 and given[0].part is None
    whole = len({each.name for each in given}) == 1 and [each.part for each in given] == parts
    apart = len({each.name for each in given}) == len(given) and all(each.part is None for each in given)
    if not (alone or whole or apart):
        raise ConversionError(f"{stages.layers[-1].label}: initial_h is not the layer's part of an input")


def _check_inputs(stages: Stages, names: set[str]) -> None:
    used = {stages.lengths, *(each.name for each in stages.initial if each is not None)}
    assert stages.x is not None
    unknown = names - used - {stages.x.name}
    if unknown:
        raise ConversionError(
            f"input {min(unknown)} is neither the sequences, their lengths nor initial states"
        )


def _built(stages: Stages, flow: Flow | None) -> GRU | GRUNetwork:
    first, x = stages.layers[0], stages.x
    assert isinstance(x, Input)
    arrays = [array for layer in stages.layers for array in layer.weights.values()]
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1:
        raise ConversionError(f"{first.label}: weights of float32 and of float64 in one model")
    dtype = dtypes.pop()
    bias = any("bias_ih_l0" in layer.weights for layer in stages.layers)
    gru = GRU(
        first.input_size,
        first.hidden_size,
        len(stages.layers),
        bias=bias,
        batch_first=x.axes[:2] == (stages.rows, stages.time),
        bidirectional=first.directions == 2,
        reset_after=first.reset_after,
        dtype=dtype,
    )
    state = {
        name.replace("_l0", f"_l{index}"): array
        for index, layer in enumerate(stages.layers)
        for name, array in layer.weights.items()
    }
    load_with_zeros(gru, state)
    head = None
    if flow is not None and stages.weight is not None and flow.axes[-1].name == "outputs":
        offset = (
            stages.offset
            if flow.biased and stages.offset is not None
            else np.zeros(len(stages.weight), dtype)
        )
        head = (np.ascontiguousarray(stages.weight, dtype), np.ascontiguousarray(offset, dtype))
    link = flow.stage if flow is not None and flow.stage in ("softmax", "sigmoid") else None
    pooling = None if flow is None else flow.pooling
    table = None if stages.table is None else np.ascontiguousarray(stages.table, dtype)
    network = GRUNetwork(gru, table, first.direction == "reverse", pooling, head, link)
    answers = gru.hidden_size * first.directions if head is None else len(head[1])
    x_scaling = _scaling(stages.x_mean, stages.x_scale, gru.input_size)
    y_scaling = _scaling(stages.y_mean, stages.y_scale, answers)
    more = (table, pooling, head, link, x_scaling, y_scaling)
    if all(part is None for part in more) and not network.reverse:
        return gru
    return replace(network, x_scaling=x_scaling, y_scaling=y_scaling)


def _scaling(
    mean: NDArray[np.float64] | None, scale: NDArray[np.float64] | None, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return a mean and a scale for each of `size` values; None if there is neither."""
    if mean is None and scale is None:
        return None
    full = []
    for values in (np.zeros(1) if mean is None else mean, np.ones(1) if scale is None else scale):
        if len(values) not in (1, size):  # of an input that does not say its width
            raise ConversionError(f"the scaling of the input is of {len(values)} features, wanted {size}")
        full.append(np.ascontiguousarray(np.broadcast_to(values, size)))
    return full[0], full[1]
