"""Conversion of a model to one C99 file and its header: weights as arrays, libm alone, no allocation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru import _core, _model_file
from fastgru._version import __version__
from fastgru.convert import _c_text
from fastgru.gru.parameters import named

__all__ = ["CSource", "to_c"]

# C99 keywords that a prefix could collide with; names that begin with an underscore are refused anyway.
_RESERVED = re.compile(
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|"
    "register|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|"
    "while|main"
)


class CSource(NamedTuple):
    """The two files: ``<name>.c`` and ``<name>.h``."""

    name: str
    source: str
    header: str


class Layer(NamedTuple):
    """One layer's weights in the order of the step: a row per input, with the gates side by side."""

    inputs: int
    w: NDArray[Any]  # (inputs, 3H): n, r, z
    u: NDArray[Any]  # (H, 3H): r, z, n
    bias: NDArray[Any]  # (4H): n of the input, r, z, n of the state


def to_c(path: str | os.PathLike[str], name: str = "model") -> CSource:
    """Translate a model file to C99.

    The C code steps one sequence: ``<name>_reset(&state)`` and ``<name>_step(&state, x, y)`` have the inputs
    and outputs of a Python stream of the model. These are raw features and the estimator's predictions, or
    the top state of a layer. Results agree with fastgru's to about 1e-6 in float32, because sums are taken in
    another order, and closer in float64.

    Parameters
    ----------
    path : str or path-like
        A model file of a `GRU` or an estimator. It is loaded, and thereby checked, first.
    name : str, default="model"
        A C identifier: the prefix of every name and the stem of the header's file name.

    Returns
    -------
    CSource
        The text of both files, ``source`` and ``header``.

    Raises
    ------
    OSError, ModelFormatError
        As `fastgru.load`.
    ValueError
        `name` is not an identifier; or the model cannot be stepped, because it has two directions; or it has
        a part that cannot be written as C yet.

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
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) or _RESERVED.fullmatch(name):
        raise ValueError(f"name must be a C identifier, got {name!r}")
    kind, config, core, _ = _model_file.content(path)
    is_layer = "network" not in config
    architecture = config if is_layer else config["network"]
    if not is_layer:
        _check_network(architecture)
    if architecture["bidirectional"]:
        raise ValueError("a model of two directions cannot be stepped: the second one needs the future")
    tensors = named(core.parameters, core.parameter_layout)
    layers = list(_layers(architecture, tensors, "" if is_layer else "gru."))
    scaling = None
    if not is_layer:
        scaling = dict(zip(("x_mean", "x_scale", "y_mean", "y_scale"), core.scaling, strict=True))
    head = None if is_layer else (tensors["head.weight"], tensors["head.bias"])
    model = _c_text.Model(
        name=name,
        kind=kind,
        version=__version__,
        real="double" if architecture["dtype"] == "float64" else "float",
        inputs=architecture["input_size"],
        hidden=architecture["hidden_size"],
        outputs=architecture["hidden_size"] if head is None else architecture["output_size"],
        reset_after=architecture["reset_after"],
        layers=layers,
        head=head,
        scaling=scaling,
    )
    return CSource(name, _c_text.source(model), _c_text.header(model))


# The fields of a network that the C text has words for, besides those that training alone reads.
_EXPRESSED = {
    *("input_size", "hidden_size", "num_layers", "output_size", "bias", "bidirectional", "reset_after"),
    *("dtype", "sequence"),
}


def _check_network(architecture: dict[str, Any]) -> None:
    """Refuse what the C text has no words for."""
    expressed = {*_EXPRESSED, *_core.training_fields()}
    defaults = _core.network_defaults()
    if _core.losses()[architecture["loss"]] == "values":  # quantiles are refused as such
        expressed.add("loss")
    for name, value in architecture.items():
        if name not in expressed and (name not in defaults or value != defaults[name]):
            raise ValueError(f"a network with {name}={value!r} cannot be written as C yet")


def _layers(architecture: dict[str, Any], tensors: dict[str, NDArray[Any]], prefix: str) -> Iterator[Layer]:
    hidden = architecture["hidden_size"]
    for number in range(architecture["num_layers"]):
        w, u = (tensors[f"{prefix}weight_{part}_l{number}"] for part in ("ih", "hh"))
        zeros = np.zeros(3 * hidden, w.dtype)
        b, c = (tensors.get(f"{prefix}bias_{part}_l{number}", zeros) for part in ("ih", "hh"))
        w_r, w_z, w_n = np.split(w, 3)
        b_r, b_z, b_n = np.split(b, 3)
        c_r, c_z, c_n = np.split(c, 3)
        bias = np.concatenate([b_n, b_r + c_r, b_z + c_z, c_n])
        yield Layer(w.shape[1], np.concatenate([w_n, w_r, w_z]).T, u.T, bias)
