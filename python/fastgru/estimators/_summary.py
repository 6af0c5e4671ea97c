"""The table of a fitted network's layers: what each gives out, and what it has learnt."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastgru.estimators._network import Architecture, Network, feature_count

_HEADINGS = ("Layer", "Output shape", "Parameters")
_POOLED = {"last": "last state", "mean": "mean over time", "max": "largest over time"}


class Layer(NamedTuple):
    """A line of the table; `group` is that of its weights (see `_group`), empty where it has none."""

    name: str
    shape: tuple[str | int, ...]
    group: str = ""


class SummaryMixin:
    """The side of an estimator that says what it is made of."""

    _network: Network
    _architecture: Architecture
    standardize: bool

    def summary(self) -> str:
        """Return a table of the fitted network's layers, their output shapes and parameters, as text.

        In the shapes N stands for the number of samples, T for the number of time steps.

        Returns
        -------
        str
            A line per layer and the total under them, to be printed.

        Raises
        ------
        NotFittedError
            Before ``fit``: the sizes of X and y belong to the network.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgru import GRUClassifier
        >>> X, y = np.zeros((6, 10, 3)), [0, 1, 2, 0, 1, 2]
        >>> est = GRUClassifier(hidden_size=50, bidirectional=True, pooling="mean").fit(X, y)
        >>> print(est.summary())
        GRUClassifier, float32
        ──────────────────────────────────────────────
        Layer                 Output shape  Parameters
        ──────────────────────────────────────────────
        input                 (N, T, 3)              0
        standardization       (N, T, 3)              0
        GRU, both directions  (N, T, 100)       16,500
        mean over time        (N, 100)               0
        dense                 (N, 3)               303
        softmax               (N, 3)                 0
        ──────────────────────────────────────────────
        Total: 16,803 parameters, 65.6 KiB
        """
        check_is_fitted(self)
        counts: Counter[str] = Counter()
        for name, shape in self._network.parameter_layout:
            counts[_group(name)] += int(np.prod(shape))
        rows = [_HEADINGS]
        for layer in layers_of(self._architecture, standardized=self.standardize):
            shape_text = f"({', '.join(map(str, layer.shape))})"
            rows.append((layer.name, shape_text, f"{counts[layer.group]:,}"))
        dtype = self._architecture["dtype"]
        total = counts.total()
        foot = f"Total: {total:,} parameters, {_bytes(total * np.dtype(dtype).itemsize)}"
        return _table(f"{type(self).__name__}, {dtype}", rows, foot)


def layers_of(architecture: Architecture, *, standardized: bool) -> list[Layer]:
    """Return what a sequence goes through, in order."""
    layers = _input_layers(architecture, standardized=standardized)
    width = architecture["hidden_size"] * (2 if architecture["bidirectional"] else 1)
    dropout = f"dropout {architecture['dropout']:g}" if architecture["dropout"] else ""
    number = architecture["num_layers"]
    for i in range(number):
        name = f"GRU {i + 1}" if number > 1 else "GRU"
        name += ", both directions" if architecture["bidirectional"] else ""
        layers.append(Layer(name, ("N", "T", width), f"l{i}"))
        if dropout and i + 1 < number:
            layers.append(Layer(dropout, ("N", "T", width)))
    every: tuple[str, ...] = ("N", "T") if architecture["sequence"] else ("N",)
    if not architecture["sequence"]:
        layers.append(Layer(_POOLED[architecture["pooling"]], (*every, width)))
    if dropout:
        layers.append(Layer(dropout, (*every, width)))
    return layers + _head_layers(architecture, every)


def _input_layers(architecture: Architecture, *, standardized: bool) -> list[Layer]:
    features, size = feature_count(architecture), architecture["input_size"]
    if architecture["vocabulary_size"]:
        name = f"embedding of {architecture['vocabulary_size']:,} tokens"
        layers = [Layer("tokens", ("N", "T")), Layer(name, ("N", "T", size), "embedding")]
    else:
        layers = [Layer("input", ("N", "T", features))]
        if standardized:
            layers.append(Layer("standardization", ("N", "T", features)))
        if architecture["missing_mask"]:
            layers.append(Layer("values and mask", ("N", "T", size)))
    if architecture["input_dropout"]:
        layers.append(Layer(f"input dropout {architecture['input_dropout']:g}", ("N", "T", size)))
    return layers


def _head_layers(architecture: Architecture, every: tuple[str, ...]) -> list[Layer]:
    size, quantiles = architecture["output_size"], len(architecture["quantiles"])
    layers = [Layer("dense", (*every, size * max(1, quantiles)), "head")]
    if quantiles > 1:
        layers.append(Layer("rising quantiles", (*every, size, quantiles)))
    elif architecture["loss"] == "cross_entropy":
        layers.append(Layer("softmax", (*every, size)))
    elif architecture["loss"] == "binary_cross_entropy":
        layers.append(Layer("sigmoid", (*every, size)))
    return layers


def _group(name: str) -> str:
    """Return what a weight belongs to: "embedding", "head", or "l0", "l1", … for a layer of the GRU."""
    layer = re.search(r"_(l\d+)(?:_reverse)?$", name)
    return layer[1] if layer else name.split(".", maxsplit=1)[0]


def _table(title: str, rows: list[tuple[str, str, str]], foot: str) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    rule = "─" * max(len(line) for line in (*lines, foot))
    return "\n".join([title, rule, lines[0], rule, *lines[1:], rule, foot])


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
