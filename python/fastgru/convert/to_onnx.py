"""`to_onnx`: a layer or an estimator as an ONNX model, with its scaling and its head."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru import _core, _model_file
from fastgru._conversion import ConversionError, ConversionReport
from fastgru._version import __version__
from fastgru._whole_file import whole_file
from fastgru.convert import _onnx_parts as parts
from fastgru.convert._c_choices import PROBABILITIES
from fastgru.convert._onnx_export_check import checked
from fastgru.convert._onnx_frames import framed, unframed
from fastgru.convert._onnx_write import Writer
from fastgru.gru import GRUNetwork
from fastgru.gru.parameters import named

__all__ = ["onnx_model", "to_onnx"]

_PROTOBUF_LIMIT = 2**31 - 2**20


def to_onnx(
    model: Any, path: str | os.PathLike[str], *, h0: bool = False, lengths: bool = False
) -> ConversionReport | None:
    """Write a layer, a network or a fitted estimator as an ONNX model.

    The model's input is ``x``: (T, B, I) of a layer, (B, T, I) with its ``batch_first``; (B, T, features) of
    an estimator, raw values of the model's dtype (NaN where ``missing="mask"``), or int64 tokens (B, T). The
    output ``y`` is what the layer returns, or the network's predictions: values and quantiles in units of y,
    probabilities of classes, logarithms nowhere. The output ``h_n`` has the final states of all layers.

    Parameters
    ----------
    model : GRU, GRUNetwork, estimator or path
        The model, or a model file.
    path : path
        The file to write.
    h0 : bool, default=False
        Whether the initial states are an input ``h0`` (L·D, B, H). Fed with the ``h_n`` of the call before,
        the model goes on where it was: a stream.
    lengths : bool, default=False
        Whether the rows' lengths are an input ``lengths`` (B,) of int32.

    Returns
    -------
    ConversionReport or None
        The largest difference between onnxruntime and fastgru on random input; None where onnxruntime is not
        installed, or lacks the dtype.

    Raises
    ------
    ConversionError
        The model has a part that ONNX cannot express exactly: weights of one byte, an
        encoder-decoder network; the message names it.
    TypeError
        `model` is nothing that can be saved.
    OSError
        The file cannot be written.
    ImportError
        onnx is not installed (extra ``onnx``).

    Notes
    -----
    Weights keep their bits, and precisions "high" and "medium" become float32. Class names and your own
    metadata are in the model's metadata. For a row of length 0 onnxruntime returns zeros as the final state,
    fastgru the initial one.

    Examples
    --------
    >>> import fastgru
    >>> report = fastgru.to_onnx(fastgru.GRU(3, 4), "gru.onnx", lengths=True)  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    largest difference from onnxruntime 1.32.0 on random input: 6e-08
    """
    source = model if isinstance(model, GRUNetwork) else content_of(model)
    proto = onnx_model(source, h0=h0, lengths=lengths)
    report = checked(proto, source, h0, lengths)
    with whole_file(Path(os.fsdecode(path))) as temporary:
        temporary.write_bytes(proto.SerializeToString())
    return report


def onnx_model(model: GRUNetwork | _model_file.Content, *, h0: bool = False, lengths: bool = False) -> Any:
    """Return a model as a ModelProto."""
    for name, flag in (("h0", h0), ("lengths", lengths)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be a bool, got {type(flag).__name__}")
    writer = Writer()
    if isinstance(model, GRUNetwork):
        metadata = _add_network(writer, model, h0, lengths)
    else:
        metadata = _add_content(writer, model, h0, lengths)
    return writer.model({"fastgru": __version__, **metadata})


def content_of(model: Any) -> _model_file.Content:
    """Return a model as its file holds it, which is the one description of all kinds."""
    if isinstance(model, str | os.PathLike):
        return _model_file.content(model)
    if type(model).__name__ not in _core.model_kinds() and not hasattr(model, "save"):
        raise TypeError(
            f"model must be a GRU, an estimator or the path of a model file, got {type(model).__name__}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        return _model_file.content(path)


def _add_content(writer: Writer, content: _model_file.Content, h0: bool, lengths: bool) -> dict[str, str]:
    if content.kind == "GRUSeq2Seq":
        raise ConversionError(
            "a GRUSeq2Seq cannot be expressed: two networks, attention and a search of answers"
        )
    config = content.config.get("network", content.config)
    _refuse_int8(config["precision"])
    if content.core.parameters.nbytes > _PROTOBUF_LIMIT:
        raise ConversionError("the model is larger than the 2 GiB that one ONNX file can hold")
    state = named(content.core.parameters, content.core.parameter_layout)
    own = {f"user.{name}": text for name, text in content.metadata.items()}
    if "network" not in content.config:
        _add_layer(writer, state, config, h0, lengths)
        return own
    _Estimator(writer, content, state, h0, lengths).add()
    fitted = content.config["fitted"]
    texts = {
        name: json.dumps(fitted[name])
        for name in ("classes", "vocabulary", "feature_names_in")
        if fitted.get(name)
    }
    return {"kind": content.kind, **texts, **own}


def _refuse_int8(precision: str) -> None:
    if precision == "int8":
        raise ConversionError('precision="int8" cannot be expressed: its sums are of whole numbers')


def _add_layer(
    writer: Writer, state: dict[str, NDArray[Any]], config: dict[str, Any], h0: bool, lengths: bool
) -> None:
    shape = ["B", "T"] if config["batch_first"] else ["T", "B"]
    dtype = config["dtype"]
    x = writer.input("x", dtype, [*shape, config["input_size"]])
    if config["batch_first"]:
        x = writer.add("Transpose", x, perm=[1, 0, 2])
    inputs = _inputs(writer, config, dtype, h0, lengths)
    y, h_n, _ = parts.layers(writer, x, state, config, *inputs)
    if config["batch_first"]:
        y = writer.add("Transpose", y, perm=[1, 0, 2])
    _outputs(writer, config, dtype, y, [*shape, _width(config)], h_n)


def _width(config: dict[str, Any]) -> int:
    return int(config["hidden_size"]) * (1 + bool(config["bidirectional"]))


def _inputs(writer: Writer, config: dict[str, Any], dtype: str, h0: bool, lengths: bool) -> tuple[str, str]:
    """Add the inputs that were asked for; return the names of lengths and h0."""
    blocks = config["num_layers"] * (1 + bool(config["bidirectional"]))
    return (
        writer.input("lengths", np.int32, ["B"]) if lengths else "",
        writer.input("h0", dtype, [blocks, "B", config["hidden_size"]]) if h0 else "",
    )


def _outputs(writer: Writer, config: dict[str, Any], dtype: str, y: str, shape: list[Any], h_n: str) -> None:
    blocks = config["num_layers"] * (1 + bool(config["bidirectional"]))
    writer.output(y, "y", dtype, shape)
    writer.output(h_n, "h_n", dtype, [blocks, "B", config["hidden_size"]])


def _add_network(writer: Writer, network: GRUNetwork, h0: bool, lengths: bool) -> dict[str, str]:
    """Add what `from_onnx` made."""
    gru = network.gru
    _refuse_int8(gru.precision)
    if network.mask is not None:
        raise ConversionError("mask cannot be expressed: leave steps out, or pass lengths=True")
    if network.turned and network.pooling is None:
        raise ConversionError("turned=True cannot be expressed: ONNX has answers in the order of time")
    config = {**gru._config._asdict(), "reverse": network.reverse}
    dtype = config["dtype"]
    shape: list[Any] = ["B", "T"] if gru.batch_first else ["T", "B"]
    if network.embedding is None:
        x = writer.input("x", dtype, [*shape, gru.input_size])
        if network.x_scaling is not None:
            x = parts.encoded(writer, x, *network.x_scaling, False, dtype)
    else:
        x = parts.tokens(writer, writer.input("x", np.int64, shape), network.embedding, False)
    if gru.batch_first:
        x = writer.add("Transpose", x, perm=[1, 0, 2])
    given_lengths, given_h0 = _inputs(writer, config, dtype, h0, lengths)
    y, h_n, last = parts.layers(writer, x, gru.state_dict(), config, given_lengths, given_h0)
    if network.pooling is not None:
        y, shape = parts.pooled(writer, y, last, network.pooling, given_lengths, dtype), ["B"]
    elif gru.batch_first:
        y = writer.add("Transpose", y, perm=[1, 0, 2])
    width = _width(config)
    if network.head is not None:
        width = len(network.head[1])
        y = _dense(writer, y, *network.head)
    if network.link is not None:
        y = parts.linked(writer, y, network.link)
    if network.y_scaling is not None:
        y = parts.scaled_answers(writer, y, *network.y_scaling, dtype)
    _outputs(writer, config, dtype, y, [*shape, width], h_n)
    return {}


def _dense(writer: Writer, y: str, weight: NDArray[Any], bias: NDArray[Any]) -> str:
    product = writer.add("MatMul", y, writer.constant("head weight", weight.T))
    return writer.add("Add", product, writer.constant("head bias", bias))


class _Estimator:
    """The network of an estimator, from raw values to its predictions."""

    def __init__(
        self,
        writer: Writer,
        content: _model_file.Content,
        state: dict[str, NDArray[Any]],
        h0: bool,
        lengths: bool,
    ) -> None:
        self.writer, self.state, self.core = writer, state, content.core
        self.config = content.config["network"]
        self.dtype = self.config["dtype"]
        self.flags = h0, lengths

    def add(self) -> None:
        """Add all nodes."""
        writer, config = self.writer, self.config
        frame = config["frame_length"], config["frame_step"]
        raw = self._encoded()
        lengths, h0 = _inputs(writer, config, self.dtype, *self.flags)
        if frame == (1, 1):
            x = writer.add("Transpose", raw, perm=[1, 0, 2])
        else:
            x, lengths = framed(writer, raw, *frame, config["sequence"], lengths, self.dtype)
        state = {name.removeprefix("gru."): array for name, array in self.state.items()}
        y, h_n, last = parts.layers(writer, x, state, config, lengths, h0)
        shape: list[Any] = ["B"]
        if config["sequence"]:
            y, shape = writer.add("Transpose", y, perm=[1, 0, 2]), ["B", "T"]
            if frame != (1, 1):
                y = unframed(writer, y, raw, *frame)
        else:
            y = parts.pooled(writer, y, last, config["pooling"], lengths, self.dtype)
        head = "embedding.weight" if config["tied_embedding"] else "head.weight"
        answers = self._answers(_dense(writer, y, self.state[head], self.state["head.bias"]))
        count = config["output_size"] * max(1, len(config["quantiles"]))
        _outputs(writer, config, self.dtype, answers, [*shape, count], h_n)

    def _encoded(self) -> str:
        mean, scale = self.core.scaling[:2]
        if self.config["vocabulary_size"] > 0:
            x = self.writer.input("x", np.int64, ["B", "T"])
            return parts.tokens(self.writer, x, self.state["embedding.weight"], True)
        x = self.writer.input("x", self.dtype, ["B", "T", self.core.features])
        return parts.encoded(self.writer, x, mean, scale, self.config["missing_mask"], self.dtype)

    def _answers(self, logits: str) -> str:
        writer, loss = self.writer, self.config["loss"]
        link = PROBABILITIES.get(loss)
        if link is not None:
            return parts.linked(writer, logits, link)
        mean, scale = self.core.scaling[2:]
        count = len(self.config["quantiles"])
        if count < 2:
            return parts.scaled_answers(writer, logits, mean, scale, self.dtype)
        outputs = self.config["output_size"]
        values = parts.quantiles(writer, logits, outputs, count)
        values = parts.scaled_answers(writer, values, mean[:, None], scale[:, None], self.dtype)
        flat = [0, -1, outputs * count] if self.config["sequence"] else [-1, outputs * count]
        return writer.add("Reshape", values, writer.constant("flat", flat, np.int64))
