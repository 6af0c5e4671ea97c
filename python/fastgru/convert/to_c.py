"""Conversion of a model to one C99 file and its header: weights as arrays, libm alone, no allocation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru import _core, _model_file
from fastgru._self_test import make
from fastgru._version import __version__
from fastgru.convert._c_choices import POOLINGS, PROBABILITIES
from fastgru.convert._c_header import header
from fastgru.convert._c_int8 import in_columns
from fastgru.convert._c_model import Layer, Model, SelfTest
from fastgru.convert._c_names import check_name
from fastgru.convert._c_numbers import flushed, meaning, scaling
from fastgru.convert._c_text import source
from fastgru.gru.parameters import named

__all__ = ["CSource", "to_c"]


class CSource(NamedTuple):
    """The two files: ``<name>.c`` and ``<name>.h``."""

    name: str
    source: str
    header: str


def to_c(path: str | os.PathLike[str], name: str = "model") -> CSource:
    """Translate a model file to C99.

    The C code steps one sequence: ``<name>_reset(&state)`` and ``<name>_step(&state, x, y)`` have the inputs
    and outputs of a Python stream of the model. These are raw features (NaN where ``missing="mask"``; int32
    for tokens) and the estimator's predictions (probabilities, quantiles), or the top state of a layer. A
    model of two directions has ``<name>_predict(x, steps, work, y)`` instead, for a whole sequence. A model
    that reads frames answers at the end of each, and NaN before the first.

    Results agree with fastgru's to about 1e-6 in float32, because sums are taken in another order, and closer
    in float64, under any compiler flags; ``<name>_self_test()`` says whether a build is right. Numbers below
    2**-60 (in float64 2**-480) count as zeros, as subnormal ones would slow a step a hundredfold. A float32
    model needs no libm and no arithmetic of doubles. One of precision "high" or "medium" is written as
    "highest".

    A model of precision "int8" has weights of one byte in C too, and fastgru's rounding and sums of whole
    numbers, exactly. A layer's states have the bits of fastgru on processors with fused multiply-adds if GCC
    or Clang compile for such (x86: ``-mfma`` or ``-march=native``; 64-bit ARM: always), and of fastgru on the
    others (``FASTGRU_ISA=baseline``) if not. With ``-ffast-math``, and in the head and the scaling of an
    estimator, last bits differ. A state between two whole numbers may then become the other one, and results
    differ by some thousandths of their unit.

    Parameters
    ----------
    path : str or path-like
        A model file of a `GRU` or an estimator. It is loaded, and thereby checked, first.
    name : str, default="model"
        A C identifier: the prefix of every name and the stem of the files' names.

    Returns
    -------
    CSource
        The text of both files, ``source`` and ``header``.

    Raises
    ------
    OSError, ModelFormatError
        As `fastgru.load`.
    ValueError
        `name` is not an identifier, or is a keyword, a function or a header of C, C++ or the system; or the
        model has a part that cannot be written as C yet, weights or answers that are not finite, or means and
        scales that float32 cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastgru
    >>> from fastgru.convert import to_c
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fastgru.GRU(3, 4, random_state=0).save(Path(folder) / "gru.safetensors")
    ...     files = to_c(Path(folder) / "gru.safetensors", "tiny")
    >>> "void tiny_step(tiny_state *state, const float *x, float *y);" in files.header
    True
    """
    check_name(name)
    found = _model_file.content(path)
    kind, config, core, *_ = found
    is_layer = "network" not in config
    architecture = config if is_layer else config["network"]
    if not is_layer:
        _check_network(architecture)
    tensors = named(core.parameters, core.parameter_layout)
    double = architecture["dtype"] == "float64"
    model = Model(
        name=name,
        kind=kind,
        version=__version__,
        real="double" if double else "float",
        hidden=architecture["hidden_size"],
        directions=2 if architecture["bidirectional"] else 1,
        reset_after=architecture["reset_after"],
        layers=list(_layers(architecture, tensors, "" if is_layer else "gru.")),
        self_test=_self_test(_model_file.built(path, found), architecture, is_layer),
        **(_of_layer(architecture) if is_layer else _of_network(config, core, tensors, double)),
    )
    return CSource(name, source(model), header(model))


# The fields of a network that the C text has words for, besides those that training alone reads.
_EXPRESSED = {
    *("input_size", "hidden_size", "num_layers", "output_size", "bias", "bidirectional", "reset_after"),
    *("dtype", "sequence", "pooling", "missing_mask", "vocabulary_size", "quantiles", "loss"),
    *("frame_length", "frame_step", "precision", "tied_embedding"),
}


def _check_network(architecture: dict[str, Any]) -> None:
    """Refuse what the C text has no words for."""
    expressed = {*_EXPRESSED, *_core.training_fields()}
    defaults = _core.network_defaults()
    for name, value in architecture.items():
        if name not in expressed and (name not in defaults or value != defaults[name]):
            raise ValueError(f"a network with {name}={value!r} cannot be written as C yet")
    loss = architecture["loss"]
    if _core.losses()[loss] != "values" and loss not in PROBABILITIES:
        raise ValueError(f"a network with loss={loss!r} cannot be written as C yet")


def _of_layer(architecture: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of Model that only networks have, for a layer."""
    return {
        "features": architecture["input_size"],
        "frame_length": 1,
        "frame_step": 1,
        "encoder": "layer",
        "pooling": POOLINGS["last"],
        "every_step": True,
        "answers": "state",
        "outputs": architecture["hidden_size"],
        "quantiles": 0,
        "meaning": [],
        "tensors": {},
    }


def _of_network(
    config: dict[str, Any], core: Any, tensors: dict[str, NDArray[Any]], double: bool
) -> dict[str, Any]:
    """Return the fields of Model that only networks have."""
    network = config["network"]
    head = tensors["embedding.weight" if network["tied_embedding"] else "head.weight"]
    arrays = {"head_weight": flushed(head.T), "head_bias": flushed(tensors["head.bias"])}
    encoder = "mask" if network["missing_mask"] else "numbers"
    x_mean, x_scale, y_mean, y_scale = core.scaling
    if network["vocabulary_size"] > 0:
        encoder = "tokens"
        arrays["embedding"] = flushed(tensors["embedding.weight"])
    else:
        arrays |= scaling("x", x_mean, x_scale, double)
    answers = PROBABILITIES.get(network["loss"], "values")
    if answers == "values":
        arrays |= scaling("y", y_mean, y_scale, double)
    return {
        "features": core.features,
        "frame_length": network["frame_length"],
        "frame_step": network["frame_step"],
        "encoder": encoder,
        "pooling": POOLINGS["last" if network["sequence"] else network["pooling"]],
        "every_step": network["sequence"],
        "answers": "quantiles" if len(network["quantiles"]) > 1 else answers,
        "outputs": network["output_size"],
        "quantiles": len(network["quantiles"]),
        "meaning": meaning(config),
        "tensors": arrays,
    }


def _layers(architecture: dict[str, Any], tensors: dict[str, NDArray[Any]], prefix: str) -> Iterator[Layer]:
    made = _layer_of_bytes if architecture["precision"] == "int8" else _layer
    directions = ("", "_reverse") if architecture["bidirectional"] else ("",)
    for number, direction in product(range(architecture["num_layers"]), directions):
        tail = f"l{number}{direction}"
        w, u = (tensors[f"{prefix}weight_{part}_{tail}"] for part in ("ih", "hh"))
        zeros = np.zeros(3 * architecture["hidden_size"], w.dtype)
        b, c = (tensors.get(f"{prefix}bias_{part}_{tail}", zeros) for part in ("ih", "hh"))
        b_r, b_z, b_n = np.split(b, 3)
        c_r, c_z, c_n = np.split(c, 3)
        yield made(w, u, b_r + c_r, b_z + c_z, b_n, c_n)


def _layer(w: NDArray[Any], u: NDArray[Any], *biases: NDArray[Any]) -> Layer:
    w_r, w_z, w_n = np.split(w, 3)
    r, z, n_input, n_state = biases
    bias = np.concatenate([n_input, r, z, n_state])
    return Layer(flushed(np.concatenate([w_n, w_r, w_z]).T), flushed(u.T), flushed(bias))


def _layer_of_bytes(w: NDArray[Any], u: NDArray[Any], *biases: NDArray[Any]) -> Layer:
    w, w_scale = _core.round_to_int8(w)
    u, u_scale = _core.round_to_int8(u)
    w, u = (matrix.T if in_columns(matrix.shape[1]) else matrix for matrix in (w, u))
    return Layer(w, u, flushed(np.concatenate(biases)), flushed(w_scale), flushed(u_scale))


def _self_test(model: Any, architecture: dict[str, Any], is_layer: bool) -> SelfTest:
    """Return a sequence of inputs that C reads without rounding, and an answer to it."""
    x, unit = model._self_test_input()
    x = x.astype(architecture["dtype"]).astype(np.float64)
    gap = not is_layer and architecture["missing_mask"]

    def answers(x: NDArray[np.float64], dtype: str | None = None) -> NDArray[Any]:
        given = x.copy()
        if gap:
            given[len(x) // 2, 0] = np.nan
        return np.asarray(model._self_test_answers(given, dtype))

    def of_highest(x: NDArray[np.float64]) -> NDArray[Any]:
        return answers(x, "float64").astype(architecture["dtype"])

    precision = architecture["precision"]
    int8 = precision == "int8"
    run = answers if int8 or precision == "highest" else of_highest
    made = make(run, partial(answers, dtype="float64"), x, unit, precision if int8 else "highest")
    if not made:
        raise ValueError("the model's answers are not finite, which C cannot test itself with")
    y = made["selftest.y"]
    both = architecture["bidirectional"]
    step = len(y) // 2 if both and len(y) > 1 else len(y) - 1  # after which both directions have seen steps
    return SelfTest(x=x, step=step, y=y[step], tolerance=made["selftest.tolerance"], gap=gap)
