"""PyTorch through torch.compile, which compiles recurrent layers only with an option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo
import torch._inductor.config

from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Prepared, UnsupportedError
from bench.peers.torch_eager import Library as Eager

MAX_STEPS = 10


class Library(Eager):
    kinds: tuple[str, ...] = ("infer", "train", "stream", "fit")

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        torch._dynamo.config.allow_rnn = True
        torch._inductor.config.compile_threads = 1  # no pool of processes during the measurement

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        if case.T > MAX_STEPS:
            # About a second of compilation a step; without allow_rnn the call falls back to eager.
            raise UnsupportedError(f"unrolls all steps: tried up to {MAX_STEPS} only")
        if case.H * case.B > 32 * 512 or case.ragged:
            raise UnsupportedError("tried on small cases only")
        return super().prepare(case, data, start)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = torch.compile(function)
        return compiled
