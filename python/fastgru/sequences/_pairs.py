"""Encoded pairs of sources and targets, as the core takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru.sequences._vocabulary import UNKNOWN

Symbols = NDArray[np.int64]


class Joined(NamedTuple):
    """Sequences one after the other, and where each starts, with the end of the last."""

    symbols: Symbols
    starts: Symbols


def join(rows: Sequence[Symbols]) -> Joined:
    """Return sequences in one array."""
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Joined(np.concatenate([np.empty(0, np.int64), *rows]), starts)


@dataclass(frozen=True)
class Pairs:
    """The pairs of a fit."""

    sources: list[Symbols]
    targets: list[Symbols]

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def arguments(self) -> tuple[Symbols, ...]:
        """What the core's calls take; joined once for all epochs."""
        return (*join(self.sources), *join(self.targets))

    def run_epoch(self, trainer: Any) -> float:
        """Train one epoch; return the mean loss of a symbol."""
        return float(trainer.run_epoch(*self.arguments))

    def loss(self, trainer: Any) -> float:
        """Return the mean loss of a symbol with the current weights: the logarithm of the perplexity."""
        return float(trainer.evaluate(*self.arguments))

    def chosen(self, places: NDArray[np.int64]) -> Pairs:
        """Return some of the pairs."""
        return Pairs([self.sources[i] for i in places], [self.targets[i] for i in places])


def held_out(count: int, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the pairs to train on, and of those held out for validation.

    Raises
    ------
    ValueError
        There is one pair.
    """
    if count < 2:
        raise ValueError(
            f"early_stopping holds out validation_fraction={fraction} of the pairs, and there is only one"
        )
    order = np.random.Generator(np.random.Philox(key=seed)).permutation(count)
    some = min(max(1, round(fraction * count)), count - 1)
    return np.sort(order[some:]), np.sort(order[:some])


@dataclass(frozen=True)
class Targets:
    """What the targets of a fit are like, for the answers that ``predict`` gives.

    Attributes
    ----------
    ratio : float
        The largest quotient of the symbols of a target and of its source, the end of each counted.
    longest : int
        The symbols of the longest target.
    unknown : bool
        Whether there are unknown symbols among them.
    """

    ratio: float
    longest: int
    unknown: bool

    @classmethod
    def of(cls, pairs: Pairs) -> Targets:
        """Return those of the pairs of a fit."""
        quotients = [(len(y) + 1) / (len(x) + 1) for x, y in zip(pairs.sources, pairs.targets, strict=True)]
        unknown = any(bool((each == UNKNOWN).any()) for each in pairs.targets)
        return cls(float(max(quotients)), max(map(len, pairs.targets)), unknown)

    def most(self, sources: Sequence[Symbols]) -> Symbols:
        """Return the most symbols of the answer to each source."""
        by_source = [int(np.ceil(self.ratio * (len(source) + 1))) + 10 for source in sources]
        return np.minimum(np.array(by_source, dtype=np.int64), 2 * self.longest + 10)
