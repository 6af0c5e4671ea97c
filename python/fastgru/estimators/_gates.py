"""The gates of a fitted network, step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fastgru.estimators._network import Architecture, Network, gru_parameters
from fastgru.estimators._sequence_list import SequenceList
from fastgru.gru.quantization import single_layers


class Gates(NamedTuple):
    """Reset and update gates, the candidate state and the state itself, after every step."""

    reset: Any
    update: Any
    candidate: Any
    state: Any


def gates_of(
    network: Network, architecture: Architecture, X: NDArray[Any] | SequenceList, layer: int
) -> Gates:
    """Return the gates of `layer` (from 0) for checked sequences: arrays, or lists of them."""
    if isinstance(X, list):
        each = [_gates_of_sequence(network, architecture, sequence, layer) for sequence in X]
        return Gates(*(list(parts) for parts in zip(*each, strict=True)))
    return gates_of_array(network, architecture, X, layer)


def _gates_of_sequence(
    network: Network, architecture: Architecture, sequence: NDArray[Any], layer: int
) -> Gates:
    # What has no steps runs with one, of which nothing is kept.
    steps = sequence if len(sequence) else np.ones((1, sequence.shape[1]), sequence.dtype)
    parts = gates_of_array(network, architecture, steps[np.newaxis], layer)
    return Gates(*(part[0][: len(sequence)] for part in parts))


def gates_of_array(network: Network, architecture: Architecture, X: NDArray[Any], layer: int) -> Gates:
    """Run the layers up to `layer` with `fastgru.GRU`, and compute the gates from its input and states."""
    weights = gru_parameters(network)
    x: NDArray[Any] = network.inputs(X)  # (n_timesteps, n_samples, input_size)
    for _, gru in zip(range(layer + 1), single_layers(weights, architecture), strict=False):
        y, _ = gru.forward(x)
        below, x = x, y
    suffixes = ["", "_reverse"] if architecture["bidirectional"] else [""]
    part = f"_l{layer}"
    state = {
        name.replace(part, "_l0"): value
        for name, value in weights.items()
        if name.endswith((part, part + "_reverse"))
    }
    size = architecture["hidden_size"]
    directions = [
        _gates_of_direction(
            below, y[..., d * size : (d + 1) * size], state, suffix, architecture["reset_after"]
        )
        for d, suffix in enumerate(suffixes)
    ]
    parts = (np.concatenate(part, axis=-1).swapaxes(0, 1) for part in zip(*directions, strict=True))
    return Gates(*parts)


def _gates_of_direction(
    x: NDArray[Any], h: NDArray[Any], state: dict[str, NDArray[Any]], suffix: str, reset_after: bool
) -> tuple[NDArray[Any], ...]:
    """Return r, z, n and h, (n_timesteps, n_samples, hidden_size): the equations of `fastgru.GRU`."""
    w, u = (state[f"weight_{kind}_l0{suffix}"].astype(np.float64) for kind in ("ih", "hh"))
    zeros = np.zeros(len(w))
    b, c = (state.get(f"bias_{kind}_l0{suffix}", zeros).astype(np.float64) for kind in ("ih", "hh"))
    before = np.zeros_like(h, dtype=np.float64)
    if suffix:
        before[:-1] = h[1:]
    else:
        before[1:] = h[:-1]
    size = h.shape[-1]
    wx, uh = x @ w.T + b, before @ u.T + c
    r = expit(wx[..., :size] + uh[..., :size])
    z = expit(wx[..., size : 2 * size] + uh[..., size : 2 * size])
    reset = r * uh[..., 2 * size :] if reset_after else (r * before) @ u[2 * size :].T + c[2 * size :]
    n = np.tanh(wx[..., 2 * size :] + reset)
    return r, z, n, h.astype(np.float64)
