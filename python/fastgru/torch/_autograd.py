"""The engine under autograd, for calls that run at once: backward reads the tape of its forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastgru.torch._engine import Call, Engine

__all__ = ["NO_SECOND_DERIVATIVES", "run"]

NO_SECOND_DERIVATIVES = (
    "fastgru.torch has no second derivatives (create_graph=True, gradgradcheck, penalties of gradients): "
    "use torch.nn.GRU where a gradient is differentiated again"
)


def run(engine: Engine, call: Call, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return y and h_n, as autograd will differentiate them."""
    read = [call.x, *weights] if call.h0 is None else [call.x, call.h0, *weights]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in read):
        y, h_n, _ = _Layer.apply(engine, call.lengths, call.seed, call.x, call.h0, *weights)
        return y, h_n
    return engine.forward(call, weights)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(engine: Engine, *read: Any) -> Any:
        lengths, seed, x, h0, *weights = read
        return engine.forward_train(Call(x, h0, lengths, seed), weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.engine, lengths, ctx.seed, x, h0, *weights = inputs
        y, _, tape = output
        ctx.tapes = [tape]
        # y, too: the tape refers to it, so that PyTorch has to notice when it is overwritten.
        ctx.save_for_backward(lengths, x, h0, y, *weights)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh_n: Tensor | None, _: Any) -> Any:
        lengths, x, h0, _y, *weights = ctx.saved_tensors
        arguments = (ctx.engine, ctx.tapes, ctx.seed, dy, dh_n, lengths, x, h0, *weights)
        # Only where the gradient itself may be differentiated does it need a node that refuses that.
        gradients = _Gradient.apply(*arguments) if torch.is_grad_enabled() else _gradients(*arguments)
        return (None, None, None, *gradients)


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(*arguments: Any) -> Any:
        return _gradients(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise NotImplementedError(NO_SECOND_DERIVATIVES)


def _gradients(
    engine: Engine,
    tapes: list[Any],
    seed: Tensor | None,
    dy: Tensor | None,
    dh_n: Tensor | None,
    lengths: Tensor | None,
    x: Tensor,
    h0: Tensor | None,
    *weights: Tensor,
) -> tuple[Tensor | None, ...]:
    try:
        tape = tapes.pop()
    except IndexError:  # a second backward (retain_graph): a tape serves one
        *_, tape = engine.forward_train(Call(x, h0, lengths, seed), weights)
    dx, dh0, *parameters = engine.backward(tape, dy, dh_n)
    return (dx, None if h0 is None else dh0, *parameters)
