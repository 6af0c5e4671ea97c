"""Which way a call of a module takes: at once with a tape, or as an operator that others may trace."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from fastgru.torch import _autograd, _operator
from fastgru.torch._engine import Call, Engine, Options

__all__ = ["computed"]

_PLAIN = (Tensor, nn.Parameter)
# Of the modules alive. A module has no attribute of it, so that it is copied and pickled as PyTorch's is.
_engines: WeakKeyDictionary[nn.Module, dict[Any, Engine]] = WeakKeyDictionary()


def computed(module: nn.Module, options: Options, call: Call, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return y and h_n of `module` with these weights."""
    if torch.compiler.is_compiling() or not _at_once(call, weights):
        return _operator.run(options, call, weights)
    return _autograd.run(_engine(module, options, weights[0].dtype), call, weights)


def _at_once(call: Call, weights: list[Tensor]) -> bool:
    """Whether the tensors hold numbers, and nobody records what happens to them."""
    if _get_current_dispatch_mode() is not None:
        return False
    for tensor in (*call, *weights):
        if tensor is not None and not (type(tensor) in _PLAIN and tensor.is_cpu):
            return False
    return True


def _engine(module: nn.Module, options: Options, dtype: torch.dtype) -> Engine:
    of_module = _engines.setdefault(module, {})
    engine = of_module.get((options, dtype))
    if engine is None:
        engine = of_module.setdefault((options, dtype), Engine(options, dtype))
    return engine
