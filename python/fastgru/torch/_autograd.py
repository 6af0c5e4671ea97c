"""The engine under autograd, for calls that run at once: backward reads the tape of its forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C import _are_functorch_transforms_active

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
        layer = _TransformedLayer if _are_functorch_transforms_active() else _Layer
        y, h_n, *_ = layer.apply(engine, call.lengths, call.seed, call.x, call.h0, *weights)
        return y, h_n
    return engine.forward(call, weights)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, engine: Engine, *read: Any) -> Any:
        lengths, seed, x, h0, *weights = read
        y, h_n, tape = engine.forward_train(Call(x, h0, lengths, seed), weights)
        _keep(ctx, engine, seed, tape, (lengths, x, h0, y, *weights))
        return y, h_n

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh_n: Tensor | None) -> Any:
        lengths, x, h0, _y, *weights = ctx.saved_tensors
        wants_dx = ctx.needs_input_grad[3]  # x is data in most models
        arguments = (ctx.engine, ctx.tapes, ctx.seed, wants_dx, dy, dh_n, lengths, x, h0, *weights)
        # Only where the gradient itself may be differentiated does it need a node that refuses that.
        gradients = _Gradient.apply(*arguments) if torch.is_grad_enabled() else _gradients(*arguments)
        return (None, None, None, *gradients)


class _TransformedLayer(torch.autograd.Function):
    """`_Layer` in the form that torch.func wants, whose calls take 0.1 ms longer."""

    @staticmethod
    def forward(engine: Engine, *read: Any) -> Any:
        lengths, seed, x, h0, *weights = read
        return engine.forward_train(Call(x, h0, lengths, seed), weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        engine, lengths, seed, x, h0, *weights = inputs
        y, _, tape = output
        _keep(ctx, engine, seed, tape, (lengths, x, h0, y, *weights))

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh_n: Tensor | None, _: Any) -> Any:
        return _Layer.backward(ctx, dy, dh_n)


def _keep(
    ctx: Any, engine: Engine, seed: Tensor | None, tape: Any, tensors: tuple[Tensor | None, ...]
) -> None:
    """Keep what backward needs: y among the tensors, as the tape refers to it; PyTorch notices changes."""
    ctx.engine, ctx.seed, ctx.tapes = engine, seed, [tape]
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


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
    wants_dx: bool,
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
    dx, dh0, parameters = engine.backward(tape, dy, dh_n, wants_dx)
    return (dx, None if h0 is None else dh0, *parameters)
