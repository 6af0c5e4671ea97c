"""The interface of a library in the worker process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.cases import Case
from bench.data import Arrays


class UnsupportedError(Exception):
    """The library cannot do this case; the message says why, in a few words."""


@dataclass
class Prepared:
    """A case ready to run.

    Attributes
    ----------
    call : callable
        The function to time, without arguments. For a stream: one step, taking one of `inputs`.
    outputs : callable
        Runs the case once from its beginning and returns what is compared with fastgru's results: "y", and of
        training gradients under PyTorch's names and "x"; of fits "prediction"; of epochs "losses": of each
        mini-batch of the first epoch, in the order of the rows.
    inputs : list
        For a stream: the inputs of the steps, in the library's own arrays.
    parts : int
        What one call is counted as: the mini-batches of a fit or an epoch, else 1.
    repeat : callable, optional
        Runs the call the given number of times, for a library that is not called from Python.
    step_seconds : callable, optional
        Of a stream: runs the given number of steps and returns the time of each, for the same reason.
    epoch_seconds : callable, optional
        Of epochs: trains for one that is not counted and for the given number, and returns these ones' time.
    """

    call: Callable[..., Any]
    outputs: Callable[[], Arrays]
    inputs: list[Any] | None = None
    parts: int = 1
    repeat: Callable[[int], Any] | None = None
    step_seconds: Callable[[int], np.ndarray] | None = None
    epoch_seconds: Callable[[int], float] | None = None


class Peer(ABC):
    """One library in its own process. The constructor imports it and fixes its number of threads."""

    kinds: tuple[str, ...] = ("infer", "train", "stream", "memory")

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return versions, the library's own first."""

    @abstractmethod
    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        """Build the case; `start` is what fastgru's `outputs` returned (of training: first weights too)."""
