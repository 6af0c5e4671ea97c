"""PyTorch, eager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared
from bench.peers.torch_training import prepare_epoch, prepare_fit


class Library(Peer):
    kinds: tuple[str, ...] = ("infer", "train", "stream", "fit", "epoch", "memory")

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callable to run in place of a function of tensors."""
        return function

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        if case.kind == "fit":
            assert start is not None
            return prepare_fit(self.wrap, case, data, start)
        if case.kind == "epoch":
            assert start is not None
            return prepare_epoch(case, data, start)
        gru = torch.nn.GRU(case.I, case.H, num_layers=case.L, bidirectional=case.D == 2)
        weights = bench_data.weights_of(case, data)
        gru.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        x = torch.from_numpy(data["x"])
        if case.kind == "stream":
            return prepare_stream(self.wrap(gru), x, torch.zeros(1, 1, gru.hidden_size))
        forward = self.wrap(_forward_function(gru, case, data))
        if case.kind == "infer":
            infer = partial(_without_gradients, forward, x)
            return Prepared(infer, lambda: {"y": infer().numpy()})
        return _prepare_train(gru, forward, x, torch.from_numpy(data["dy"]))


def prepare_stream(layer: Callable[..., Any], x: torch.Tensor, zero: Any) -> Prepared:
    """Prepare steps of a layer, one for each of the inputs x (T, 1, I); `zero` is its state before them."""
    inputs = [x_t[None] for x_t in x]
    state = [zero]

    def step(x_t: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            y, state[0] = layer(x_t, state[0])
            return y

    def outputs() -> Arrays:
        state[0] = zero
        return {"y": torch.cat([step(x_t) for x_t in inputs]).numpy()}

    return Prepared(step, outputs, inputs)


def _without_gradients(forward: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        result: torch.Tensor = forward(x)
        return result


def _forward_function(gru: torch.nn.GRU, case: Case, data: Arrays) -> Callable[[torch.Tensor], torch.Tensor]:
    if not case.ragged:
        return lambda x: gru(x)[0]
    lengths = torch.from_numpy(data["lengths"])

    def ragged(x: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return pad_packed_sequence(gru(packed)[0], total_length=case.T)[0]

    return ragged


def _prepare_train(
    gru: torch.nn.GRU, forward: Callable[..., Any], x: torch.Tensor, dy: torch.Tensor
) -> Prepared:
    x.requires_grad_()
    variables = [x, *gru.parameters()]

    def train() -> torch.Tensor:
        for variable in variables:
            variable.grad = None
        y: torch.Tensor = forward(x)
        y.backward(dy)
        return y

    def outputs() -> Arrays:
        y = train().detach().numpy()
        gradients = {name: value.grad.numpy() for name, value in gru.named_parameters()}
        return {"y": y, "x": x.grad.numpy(), **gradients}

    return Prepared(train, outputs)
