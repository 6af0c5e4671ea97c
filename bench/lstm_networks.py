"""The networks that ``python -m bench.lstm`` compares, and how many parameters they have."""

from __future__ import annotations

from typing import NamedTuple

GATES = {"GRU": 3, "LSTM": 4}


class Variant(NamedTuple):
    """A network: the library that trains it, its cell, and what is special about it."""

    library: str
    cell: str
    same_size: bool = False  # as many hidden units as give it the GRU's number of parameters
    forget_bias: float = 0.0


NETWORKS = {
    "fastgru": Variant("fastgru", "GRU"),
    "torch GRU": Variant("torch", "GRU"),
    "LSTM": Variant("torch", "LSTM"),
    "LSTM, forget 1": Variant("torch", "LSTM", forget_bias=1.0),
    "LSTM, same size": Variant("torch", "LSTM", same_size=True),
}


def parameter_count(cell: str, inputs: int, hidden: int, outputs: int) -> int:
    """Return the number of weights and biases of a layer (two biases a gate) and its dense head."""
    return GATES[cell] * hidden * (inputs + hidden + 2) + outputs * (hidden + 1)


def same_size(inputs: int, hidden: int, outputs: int) -> int:
    """Return the hidden units with which an LSTM is closest in parameters to a GRU of `hidden`."""
    wanted = parameter_count("GRU", inputs, hidden, outputs)
    return min(
        range(1, hidden + 1), key=lambda size: abs(parameter_count("LSTM", inputs, size, outputs) - wanted)
    )
