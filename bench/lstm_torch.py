"""PyTorch's side of ``python -m bench.lstm``; the network and its training are those of bench.datasets."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bench.datasets_load import Split
from bench.datasets_torch import Estimator, Network, first_weights, fit_score
from bench.lstm_networks import GATES, Variant
from bench.peers.base import Prepared
from bench.peers.torch_eager import prepare_stream

__all__ = ["fit_score", "make_network", "set_threads", "step"]
CELLS = {"GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)


def make_network(variant: Variant, model: Estimator, data: Split, hidden: int) -> Network:
    """Return a network before training: the GRU with fastgru's first weights, an LSTM drawn like them."""
    if variant.cell == "GRU":
        return first_weights(model, data)
    torch.manual_seed(model.random_state)
    network = Network(model, CELLS[variant.cell], hidden)
    draw_like_fastgru(network, variant)
    return network


@torch.no_grad()
def draw_like_fastgru(network: Network, variant: Variant) -> None:
    """Draw first weights from the distributions of fastgru's, for each gate.

    Input weights and head are Glorot uniform, recurrent weights orthogonal, biases zero, the forget gate's
    `forget_bias`.
    """
    for name, parameter in network.named_parameters():
        gates = 1 if name.startswith("head.") else GATES[variant.cell]
        for gate in parameter.chunk(gates):
            if parameter.ndim == 1:
                torch.nn.init.zeros_(gate)
            elif "weight_hh" in name:
                torch.nn.init.orthogonal_(gate)
            else:
                torch.nn.init.xavier_uniform_(gate)
    if variant.forget_bias:
        network.layer.bias_ih_l0.chunk(4)[1].fill_(variant.forget_bias)  # gates: input, forget, cell, output


def step(variant: Variant, x: NDArray[np.float32], hidden: int) -> Prepared:
    """Prepare single steps of the layer alone, one for each of x (T, 1, I)."""
    layer = CELLS[variant.cell](x.shape[2], hidden)
    zero = torch.zeros(1, 1, hidden)
    return prepare_stream(layer, torch.from_numpy(x), (zero, zero) if variant.cell == "LSTM" else zero)
