"""The options of a run, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cases import SUITES
from bench.peers import PEERS


@dataclass(frozen=True)
class Settings:
    """The options of the command line."""

    suites: tuple[str, ...] = SUITES
    peers: tuple[str, ...] = PEERS
    threads: int = 1
    rounds: int = 7
    batch_seconds: float = 0.06
    match: str | None = None

    @property
    def cpp(self) -> bool:
        """Whether to run the C++ step, which has no cases to choose from."""
        return "cpp" in self.suites and self.match is None
