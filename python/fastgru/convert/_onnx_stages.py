"""The stages that a graph's data pass, in the words of a network: embedding, layers, pooling, dense head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._onnx_file import Graph, label
from fastgru.convert._onnx_gru import GruNode, read_gru
from fastgru.convert._onnx_values import Axis, Const, Flow, Input, States, Value, Zeros

__all__ = ["Stages"]


class Stages:
    """What has been read of a model so far.

    Attributes
    ----------
    x : Input or None
        The input of sequences, or of tokens.
    time, rows : Axis or None
        Its axes of steps and of sequences.
    table : ndarray or None
        The embedding.
    layers : list of GruNode
        The layers, from the input on.
    initial : list of Input or None
        Their initial states, None where these are zero.
    lengths : str or None
        The input of the rows' lengths.
    weight, offset : ndarray or None
        Of the dense head.
    x_mean, x_scale, y_mean, y_scale : ndarray or None
        Of each feature and of each answer, in float64.
    """

    def __init__(self, graph: Graph) -> None:
        self.opset = graph.opset
        self._inputs = graph.inputs
        self.x: Input | None = None
        self.time: Axis | None = None
        self.rows: Axis | None = None
        self.table: NDArray[Any] | None = None
        self.layers: list[GruNode] = []
        self.initial: list[Input | None] = []
        self.lengths: str | None = None
        self.weight: NDArray[Any] | None = None
        self.offset: NDArray[Any] | None = None
        self.x_mean: NDArray[np.float64] | None = None
        self.x_scale: NDArray[np.float64] | None = None
        self.y_mean: NDArray[np.float64] | None = None
        self.y_scale: NDArray[np.float64] | None = None

    def gru(self, node: Any, read: list[Value | None]) -> tuple[Value, Value]:
        """Add a layer; return its sequence and its final states."""
        x, w, r, b, lengths, initial = [*read, *[None] * 6][:6]
        for what, value in (("W", w), ("R", r), ("B", b)):
            if not isinstance(value, Const) and not (what == "B" and value is None):
                raise ConversionError(f"{label(node)}: {what} is not constant")
        arrays = [value.array if isinstance(value, Const) else None for value in (w, r, b)]
        layer = read_gru(node, arrays)
        self._enter(layer, x)
        self._check_alike(layer)
        self._add_lengths(layer, lengths)
        self._add_initial(layer, initial)
        index = len(self.layers)
        self.layers.append(layer)
        count = layer.directions
        directions, units = Axis(f"directions {index}", count), Axis(f"units {index}", layer.hidden_size)
        assert self.time is not None
        assert self.rows is not None
        blocks = Axis("blocks", count)
        if layer.batch_first:
            axes, of_states = (self.rows, self.time, directions, units), (self.rows, blocks, units)
        else:
            axes, of_states = (self.time, directions, self.rows, units), (blocks, self.rows, units)
        states = States(tuple((index, direction) for direction in range(count)), of_states)
        return Flow("states", axes, index), states

    def _enter(self, layer: GruNode, x: Value | None) -> None:
        """Check what a layer reads: the input, the embedding, or the states of the layer below."""
        natural = x.natural() if isinstance(x, Input) and not x.integers else None
        if isinstance(x, Input) and natural and len(x.axes) == 3 and not self.layers:
            self.x = natural
        elif isinstance(x, Flow) and x.stage == "embedded" and len(x.axes) == 3 and not self.layers:
            pass
        elif not (isinstance(x, Flow) and x.stage == "states" and x.index == len(self.layers) - 1):
            raise ConversionError(
                f"{layer.label}: X is neither the input, tokens' vectors nor the layer below"
            )
        first, second, width = x.axes
        time, rows = (second, first) if layer.batch_first else (first, second)
        if not self.layers:
            self.time, self.rows = time, rows
            known = self._inputs[x.name][0][2] or None if isinstance(x, Input) else width.size
        elif (time, rows) != (self.time, self.rows) or width != self.features():
            raise ConversionError(f"{layer.label}: the axes of X are not those of the layer below")
        else:
            known = width.size
        if known not in (None, layer.input_size):
            raise ConversionError(f"{layer.label}: X has {known} features, W is of {layer.input_size}")

    def _check_alike(self, layer: GruNode) -> None:
        if not self.layers:
            return
        for what in ("hidden_size", "direction", "reset_after"):
            here, below = getattr(layer, what), getattr(self.layers[0], what)
            if here != below:
                name = "linear_before_reset" if what == "reset_after" else what
                raise ConversionError(f"{layer.label}: {name} is {here!r}, but {below!r} in the layer below")

    def _add_lengths(self, layer: GruNode, lengths: Value | None) -> None:
        if isinstance(lengths, Input) and len(lengths.axes) == 1 and lengths.integers:
            name: str | None = lengths.name
        elif lengths is None:
            name = None
        else:
            raise ConversionError(f"{layer.label}: sequence_lens is no input of the model")
        if self.layers and name != self.lengths:
            raise ConversionError(f"{layer.label}: sequence_lens is not that of the layer below")
        self.lengths = name

    def _add_initial(self, layer: GruNode, initial: Value | None) -> None:
        if initial is None or isinstance(initial, Zeros):
            self.initial.append(None)
            return
        if isinstance(initial, Const) and not initial.array.any():
            self.initial.append(None)
            return
        wanted = f"{layer.label}: initial_h is "
        if not isinstance(initial, Input) or len(initial.axes) != 3:
            raise ConversionError(wanted + "neither zero nor an input of the model")
        if initial.scaling:
            raise ConversionError(wanted + "an input that is scaled")
        if initial.natural() != initial and (initial.part is None or layer.batch_first):
            raise ConversionError(wanted + "an input with its axes in another order")
        shape = list(self._inputs[initial.name][0])  # 0 where it varies
        if initial.part is not None:
            shape[0] = initial.part[1] - initial.part[0]
        blocks = 1 if layer.batch_first else 0
        if shape[blocks] not in (0, layer.directions) or shape[2] not in (0, layer.hidden_size):
            raise ConversionError(f"{wanted}an input of the shape {tuple(shape)}")
        self.initial.append(initial)

    def features(self) -> Axis:
        """Return the axis of the top layer's states, both directions side by side."""
        index = len(self.layers) - 1
        layer = self.layers[-1]
        units = f"units {index}"
        name = units if layer.directions == 1 else f"directions {index} × {units}"
        return Axis(name, layer.directions * layer.hidden_size)

    def _is_top(self, flow: Flow) -> bool:
        return flow.stage == "states" and flow.index == len(self.layers) - 1

    def embedding(self, node: Any, table: NDArray[Any], tokens: Input) -> Flow | None:
        """Look up tokens."""
        natural = tokens.natural()
        if not tokens.integers or natural is None or self.x is not None:
            return None
        if table.dtype not in (np.float32, np.float64):
            raise ConversionError(f"{label(node)}: an embedding of {table.dtype} cannot be expressed")
        self.x, self.table = natural, table
        return Flow("embedded", (*tokens.axes, Axis("embedded", table.shape[1])))

    def last_step(self, flow: Flow, axis: int) -> Flow | None:
        """Return the states of the last step: the final ones, without lengths and reverse direction."""
        if not self._is_top(flow) or flow.axes[axis] != self.time or self.lengths is not None:
            return None
        if self.layers[-1].direction != "forward":
            return None
        axes = tuple(each for k, each in enumerate(flow.axes) if k != axis)
        return replace(flow, stage="pooled", axes=axes, pooling="last")

    def final_states(self, blocks: tuple[tuple[int, int], ...]) -> Flow | None:
        """Return the final states of the top layer, its directions side by side."""
        index = len(self.layers) - 1
        wanted = tuple((index, direction) for direction in range(self.layers[-1].directions))
        if blocks != wanted or self.rows is None:
            return None
        return Flow("pooled", (self.rows, self.features()), index, "last")

    def pooled(self, flow: Flow, axis: int, how: str, keepdims: bool) -> Flow | None:
        """Return the mean or maximum over time, where all rows have all steps."""
        if not self._is_top(flow) or flow.axes[axis] != self.time or self.lengths is not None:
            return None
        kept = [Axis("one step", 1)] if keepdims else []
        axes = (*flow.axes[:axis], *kept, *flow.axes[axis + 1 :])
        return replace(flow, stage="pooled", axes=axes, pooling=how)

    def head(
        self, node: Any, value: Flow | States, weight: NDArray[Any], offset: NDArray[Any] | None
    ) -> Flow | None:
        """Add the dense head."""
        if isinstance(value, States):
            final = self.final_states(value.blocks) if len(value.blocks) == 1 else None
            if final is None or value.axes != final.axes:
                return None
            value = final
        if not self.layers or value.axes[-1] != self.features() or value.stage not in ("states", "pooled"):
            return None
        if value.stage == "states" and not self._is_top(value):
            return None
        if self.weight is not None:
            raise ConversionError(f"{label(node)}: a second head cannot be expressed")
        if weight.shape[1] != self.features().size:
            width = self.features().size
            raise ConversionError(
                f"{label(node)}: its weight reads {weight.shape[1]} values, the layer has {width}"
            )
        self.weight = weight
        axes = (*value.axes[:-1], Axis("outputs", len(weight)))
        dense = replace(value, stage="dense", axes=axes)
        return dense if offset is None else self.bias(dense, offset)

    def bias(self, flow: Flow, offset: NDArray[Any]) -> Flow | None:
        """Add the head's bias."""
        if flow.stage != "dense" or flow.biased or self.weight is None or self.offset is not None:
            return None
        if offset.shape[-1:] != (len(self.weight),) or offset.size != len(self.weight):
            return None
        self.offset = offset.reshape(-1)
        return replace(flow, biased=True)

    def scaled_input(self, node: Any, x: Input, constant: NDArray[Any]) -> Input | None:
        """Subtract the mean of each feature, or divide by its scale; Sub comes before Div."""
        features = Axis(f"{x.name} 2")
        values = _vector(constant, self._inputs[x.name][0][-1])
        if values is None or x.part is not None or len(x.axes) != 3 or x.axes[-1] != features:
            return None
        if node.op_type == "Sub" and not x.scaling and self.x_mean is None and self.x_scale is None:
            self.x_mean = values
            return replace(x, scaling="centred")
        if node.op_type == "Div" and x.scaling != "scaled" and self.x_scale is None and values.all():
            self.x_scale = values
            return replace(x, scaling="scaled")
        return None

    def multiplied(self, flow: Flow, constant: NDArray[Any]) -> Flow | None:
        """Multiply answers by the scale of y."""
        if flow.stage not in ("states", "pooled", "dense") or self.y_scale is not None:
            return None
        values = self._for_answers(flow, constant)
        if values is None or not values.all():
            return None
        self.y_scale = values
        return replace(flow, stage="multiplied")

    def add_mean(self, flow: Flow, constant: NDArray[Any]) -> Flow | None:
        """Add the mean of y to answers that have been multiplied by its scale."""
        values = self._for_answers(flow, constant)
        if values is None:
            return None
        self.y_mean = values
        return replace(flow, stage="scaled")

    def _for_answers(self, flow: Flow, constant: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return a number for each answer; None where the answers are not along the last axis."""
        answers = self.features() if self.weight is None else Axis("outputs", len(self.weight))
        return _vector(constant, answers.size or 0) if flow.axes[-1:] == (answers,) else None


def _vector(constant: NDArray[Any], size: int) -> NDArray[np.float64] | None:
    """Return a constant along the last axis alone, of `size` (0: unknown), in float64; None for any other."""
    if constant.size not in ((1, size) if size else (1, *constant.shape[-1:])):
        return None
    if constant.ndim and constant.shape[-1] != constant.size:
        return None
    values = constant.astype(np.float64).ravel()
    return values if np.isfinite(values).all() else None
