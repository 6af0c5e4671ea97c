"""The engine on tensors: weights packed when their values change, memory shared with the tensors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fastgru import _core

__all__ = ["Call", "Engine", "Options", "check_supported"]

_CORES: dict[torch.dtype, Any] = {torch.float32: _core.GruF32, torch.float64: _core.GruF64}


class Options(NamedTuple):
    """The arguments of the core, in its order."""

    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool


class Call(NamedTuple):
    """What one call reads besides the weights."""

    x: Tensor
    h0: Tensor | None
    lengths: Tensor | None
    seed: Tensor | None  # of the dropout masks; None without dropout

    def arrays(self) -> tuple[Any, Any, Any, int]:
        """Return the arguments of the core, which share the tensors' memory."""
        return (
            _array(self.x),
            None if self.h0 is None else _array(self.h0),
            None if self.lengths is None else self.lengths.numpy(),
            0 if self.seed is None else int(self.seed),
        )


def _array(tensor: Tensor) -> Any:
    """Return an array on a tensor's memory."""
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def check_supported(name: str, weight: Tensor, tensors: dict[str, Tensor | None]) -> None:
    """Refuse tensors of another device or dtype than the engine's.

    Parameters
    ----------
    name : str
        The module's, for messages.
    weight : Tensor
        One of its weights.
    tensors : dict of str to Tensor
        What the call reads; they must have the dtype of `weight`.
    """
    for what, tensor in {"weights": weight, **tensors}.items():
        if tensor is not None and tensor.device.type not in ("cpu", "meta"):
            raise RuntimeError(
                f"fastgru.torch.{name} computes on the CPU, got {what} on {tensor.device}: "
                f"move the model and its inputs with .cpu(), or use torch.nn.{name}"
            )
    if weight.dtype not in _CORES:
        raise TypeError(
            f"fastgru.torch.{name} computes in float32 and float64, got weights of {weight.dtype}: "
            "convert the model with .float()"
        )
    for what, tensor in tensors.items():
        if tensor is not None and tensor.dtype != weight.dtype:
            raise ValueError(
                f"RNN {what} dtype ({tensor.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert {what}: {what}.to({weight.dtype}), or convert model: model.to({tensor.dtype})"
            )


# Where comparing weights takes long beside the work of a call: more bytes than lie in the nearest caches, for
# fewer steps of rows than this. Such calls compare every 16th cache line.
_LARGE, _SHORT, _EVERY = 2**20, 16, 16


class Engine:
    """The core of one module, which packs weights again when they have other values.

    PyTorch's counts of versions do not tell of changes through ``.data``, NumPy or another process. So the
    values are compared, to the bit, at every call. Only where weights are large and a call is short does it
    go by the tensors' identities and versions, and compare a sixteenth of the values.
    """

    def __init__(self, options: Options, dtype: torch.dtype) -> None:
        self._new_core = partial(_CORES[dtype], *options)
        self._lock = threading.Lock()
        self._core = self._new_core()
        self._shapes = [torch.Size(shape) for _, shape in self._core.parameter_layout]
        self._large = sum(shape.numel() for shape in self._shapes) * dtype.itemsize > _LARGE
        self._versions: list[tuple[int, int]] = []
        self._users = 0  # calls that run on the core now

    def _enter(self, weights: Sequence[Tensor], short: bool) -> Any:
        """Return a core with these weights, which get no others before `_leave`."""
        arrays = [_array(weight) for weight in weights]
        versions = []
        if self._large:
            versions = [(id(weight), 0 if weight.is_inference() else weight._version) for weight in weights]
        with self._lock:
            seen = short and versions == self._versions
            if not self._core.has_tensors(arrays, _EVERY if seen else 1):
                if self._users:  # of another thread, with other weights
                    self._core, self._users = self._new_core(), 0
                self._core.set_tensors(arrays)
            self._versions = versions
            self._users += 1
            return self._core

    def _leave(self, core: Any) -> None:
        with self._lock:
            self._users -= core is self._core

    def forward(self, call: Call, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return y and h_n."""
        if call.seed is not None:  # dropout is of training calls alone
            return self.forward_train(call, weights)[:2]
        x, h0, lengths, _ = call.arrays()
        core = self._enter(weights, self._large and call.x.numel() < _SHORT * call.x.shape[-1])
        try:
            y, h_n = core.forward(x, h0, lengths)
        finally:
            self._leave(core)
        return torch.from_numpy(y), torch.from_numpy(h_n)

    def forward_train(self, call: Call, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor, Any]:
        """Return y, h_n, and what one `backward` needs."""
        x, h0, lengths, seed = call.arrays()
        core = self._enter(weights, self._large and call.x.numel() < _SHORT * call.x.shape[-1])
        try:
            y, h_n, tape = core.forward_train(x, h0, lengths, seed)
        finally:
            self._leave(core)
        y.setflags(write=True)  # the core only reads it; PyTorch's own count of versions watches over writes
        return torch.from_numpy(y), torch.from_numpy(h_n), (core, tape)

    def backward(
        self, tape: Any, dy: Tensor | None, dh_n: Tensor | None, wants_dx: bool = True
    ) -> tuple[Tensor | None, Tensor, list[Tensor]]:
        """Return the gradients of x (None where it is not wanted), of h0 and of each weight."""
        core, own = tape
        gradients = (None if each is None else each.detach().numpy() for each in (dy, dh_n))
        dx, dh0, flat = core.backward(own, *gradients, wants_dx)
        parts = torch.from_numpy(flat).split([shape.numel() for shape in self._shapes])
        return (
            None if dx is None else torch.from_numpy(dx),
            torch.from_numpy(dh0),
            [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)],
        )
