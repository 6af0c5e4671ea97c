"""The operators ``fastgru::gru`` and ``fastgru::gru_backward``, for torch.compile, torch.export and tracing.

They have no state: the backward operator runs the forward pass once more instead of keeping a tape.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from fastgru.torch._autograd import NO_SECOND_DERIVATIVES
from fastgru.torch._engine import Call, Engine, Options

__all__ = ["run"]

_KEPT = 32  # engines, of the weights used last
_engines: OrderedDict[tuple[Any, ...], Engine] = OrderedDict()
_lock = threading.Lock()


def run(options: Options, call: Call, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return y and h_n of the operator, in whatever mode of dispatch is active."""
    h0 = _zeros(call.x, options) if call.h0 is None else call.h0
    y, h_n = torch.ops.fastgru.gru(call.x, h0, weights, call.lengths, call.seed, *options[1:])
    return y, h_n


def _zeros(x: Tensor, options: Options) -> Tensor:
    blocks = options.num_layers * (1 + options.bidirectional)
    rows = [] if x.dim() == 2 else [x.shape[0 if options.batch_first else 1]]
    return x.new_zeros([blocks, *rows, options.hidden_size])


def _engine(options: Options, weights: list[Tensor]) -> Engine:
    """Return the engine that these tensors used before, if it is still there."""
    key = (options, weights[0].dtype, *(weight.data_ptr() for weight in weights))
    with _lock:
        engine = _engines.pop(key, None) or Engine(options, weights[0].dtype)
        _engines[key] = engine
        if len(_engines) > _KEPT:
            _engines.popitem(last=False)
    return engine


@torch.library.custom_op("fastgru::gru", mutates_args=(), device_types="cpu")
def _gru(
    x: Tensor,
    h0: Tensor,
    weights: list[Tensor],
    lengths: Tensor | None,
    seed: Tensor | None,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor]:
    options = Options(x.shape[-1], hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
    return _engine(options, weights).forward(Call(x, h0, lengths, seed), weights)


@torch.library.register_fake("fastgru::gru")
def _(x: Tensor, h0: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    options = Options(x.shape[-1], *rest[3:])  # behind weights, lengths and the seed
    width = options.hidden_size * (1 + options.bidirectional)
    return x.new_empty([*x.shape[:-1], width]), h0.new_empty(h0.shape)


@torch.library.custom_op("fastgru::gru_backward", mutates_args=(), device_types="cpu")
def _gru_backward(
    dy: Tensor,
    dh_n: Tensor,
    x: Tensor,
    h0: Tensor,
    weights: list[Tensor],
    lengths: Tensor | None,
    seed: Tensor | None,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
    bidirectional: bool,
) -> list[Tensor]:
    options = Options(x.shape[-1], hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
    engine = _engine(options, weights)
    *_, tape = engine.forward_train(Call(x, h0, lengths, seed), weights)
    dx, dh0, parameters = engine.backward(tape, dy, dh_n)
    assert dx is not None
    return [dx, dh0, *(gradient.clone() for gradient in parameters)]  # outputs share no memory


@torch.library.register_fake("fastgru::gru_backward")
def _(dy: Tensor, dh_n: Tensor, x: Tensor, h0: Tensor, weights: list[Tensor], *_: Any) -> list[Tensor]:
    return [each.new_empty(each.shape) for each in (x, h0, *weights)]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, h0, weights, lengths, seed, *ctx.options = inputs
    ctx.save_for_backward(x, h0, lengths, seed, *weights)


def _backward(ctx: Any, dy: Tensor, dh_n: Tensor) -> Any:
    x, h0, lengths, seed, *weights = ctx.saved_tensors
    dx, dh0, *parameters = torch.ops.fastgru.gru_backward(
        dy, dh_n, x, h0, weights, lengths, seed, *ctx.options
    )
    return (dx, dh0, parameters, *[None] * (2 + len(ctx.options)))


def _refuse(ctx: Any, *_: Any) -> Any:
    raise NotImplementedError(NO_SECOND_DERIVATIVES)


torch.library.register_autograd("fastgru::gru", _backward, setup_context=_setup)
torch.library.register_autograd("fastgru::gru_backward", _refuse)
