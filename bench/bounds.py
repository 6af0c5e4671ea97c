"""Lower bounds of a case's time, from its arithmetic and weight traffic.

From batch 8 up, the bound is the peak of float32 multiply-adds. Below batch 8, a step reads the recurrent
weights U for hardly any arithmetic. The bound is then their bytes over the bandwidth of reading a buffer of
that size again and again, plus all other operations (W·x of all steps at once, and the weight gradients of a
backward pass) at the peak. A single step reads W as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.cases import TRAINED, Case

SMALL_BATCH = 8  # smaller batches are bound by reading weights


@dataclass(frozen=True)
class Bound:
    """`flops` at the peak, and `reads`: (buffer size in bytes, count); {} in `name` is the cache level."""

    flops: float
    reads: tuple[tuple[int, int], ...]
    name: str

    def seconds(self, gflops: float, gbs: dict[int, float]) -> float:
        """Return the least time; `gbs` has the bandwidth of every size in `reads`."""
        return self.flops / (gflops * 1e9) + sum(n * times / (gbs[n] * 1e9) for n, times in self.reads)


def lengths_of(case: Case) -> np.ndarray | None:
    """Return the row lengths of a ragged case: evenly spread from T/10 to T, in mixed order."""
    if not case.ragged:
        return None
    lengths = np.linspace(max(case.T // 10, 1), case.T, case.B).round().astype(np.int64)
    return np.random.default_rng(7).permutation(lengths)


def layer_sizes(case: Case) -> list[int]:
    """Return each layer's input size."""
    return [case.I] + [case.D * case.H] * (case.L - 1)


def flops(case: Case) -> float:
    """Return the operations of a call: 6·H·(I+H) a sample and step, thrice that for training."""
    lengths = lengths_of(case)
    samples = case.T * case.B if lengths is None else int(lengths.sum())
    forward = sum(6.0 * case.H * (size + case.H) * case.D * samples for size in layer_sizes(case))
    return forward * (3 if case.kind in {"train", "memory"} else 1)


def bound(case: Case) -> Bound | None:
    """Return the bound of a case, None where none is defined (training of estimators, memory)."""
    if case.kind in {*TRAINED, "memory"}:
        return None
    total = flops(case)
    if case.B >= SMALL_BATCH:
        return Bound(total, (), "FMA peak")
    recurrent = 12 * case.H * case.H  # bytes of U
    if case.T == 1:
        weights = sum(12 * case.H * (size + case.H) * case.D for size in layer_sizes(case))
        return Bound(0.0, ((weights, 1),), "W and U from {}")
    passes = 2 if case.kind == "train" else 1
    steps = case.T * case.L * case.D * passes
    rest = total - 6.0 * case.H * case.H * case.B * steps
    if case.B > 1:  # weights are read once a step for all rows, and the peak holds as well
        rest = max(rest, 0.0)
    return Bound(rest, ((recurrent, steps),), "U from {}, rest at FMA peak")


def level_of(size: int, caches: dict[str, int]) -> str:
    """Return the cache level that `size` bytes fit in."""
    for level in ("L1", "L2", "L3"):
        if level in caches and size <= caches[level]:
            return level
    return "memory"


def tape_bytes(case: Case) -> int:
    """Return the memory that training needs besides x and dy: r, z, n, q, y, dx and weight gradients."""
    samples = case.T * case.B
    tape = sum(4 * 5 * case.H * case.D * samples for _ in range(case.L))
    gradients = sum(4 * 3 * case.H * (size + case.H + 2) * case.D for size in layer_sizes(case))
    return tape + 4 * samples * case.I + gradients
