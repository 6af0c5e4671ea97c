"""An epoch of training beside a busy neighbour: what another process that burns a core does to our threads.

``python -m bench.busy`` trains the same network with one and with two threads in turns: on a quiet machine,
beside a process that never rests (free to move, or pinned to one of our cores), and beside a twin, a second
process that trains with as many threads. It prints the median and the mean epoch of each, and their ratios to
one quiet thread. Two cores are enough; with more, give ``--threads`` as many as there are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from fastgru import _core

BATCH, STEPS = 32, 50
BURN = [sys.executable, "-c", "while True: pass"]


@dataclass(frozen=True)
class Case:
    """A network of one GRU layer and the mini-batches of an epoch."""

    inputs: int
    hidden: int
    batches: int

    def __str__(self) -> str:
        return f"({STEPS},{BATCH},{self.inputs},{self.hidden}) x {self.batches}"


CASES = (Case(8, 64, 16), Case(32, 128, 6), Case(64, 256, 2))


@contextmanager
def beside(command: list[str] | None, core: int | None = None) -> Iterator[None]:
    """Run a process, pinned to `core` if that is given."""
    if command is None:
        yield
        return
    process = subprocess.Popen(command)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        time.sleep(1.0 if core is None else 0.2)  # until it works
        yield
    finally:
        process.kill()
        process.wait()


def trainer(case: Case, threads: int) -> _core.TrainerF32:
    """Return a trainer of a new network."""
    network = _core.NetworkF32(input_size=case.inputs, hidden_size=case.hidden, output_size=1)
    weights = np.random.default_rng(0).normal(size=network.parameters.size, scale=0.1)
    network.set_parameters(weights.astype(np.float32))
    return _core.TrainerF32(network, batch_size=BATCH, num_threads=threads)


def epochs(case: Case, threads: int, seconds: float) -> list[float]:
    """Train for `seconds`; return the seconds of each epoch."""
    random = np.random.default_rng(1)
    x = random.normal(size=(BATCH * case.batches, STEPS, case.inputs)).astype(np.float32)
    y = random.normal(size=(len(x), 1)).astype(np.float32)
    run = trainer(case, threads)
    run.run_epoch(x, y)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        run.run_epoch(x, y)
        times.append(time.perf_counter() - start)
    return times


def twin(case: Case, threads: int) -> list[str]:
    """Return the command of a process that trains `case` for ever."""
    return [sys.executable, "-m", "bench.busy", "--twin", str(CASES.index(case)), "--threads", str(threads)]


def measure(case: Case, threads: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the seconds of epochs in each situation, measured in turns."""
    core = min(os.sched_getaffinity(0))
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for count in (1, threads):
            for label, command, pinned in (
                ("quiet", None, None),
                ("neighbour", BURN, None),
                ("neighbour, pinned", BURN, core),
                ("twin", twin(case, count), None),
            ):
                with beside(command, pinned):
                    times = epochs(case, count, seconds)
                found.setdefault(f"{label}, threads {count}", []).extend(times)
    return dict(sorted(found.items(), key=lambda item: item[0].split(", threads")[0]))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each situation in a round")
    parser.add_argument("--cases", type=int, default=len(CASES), help="so many of the cases")
    parser.add_argument(
        "--twin", type=int, help="train this case until the process is ended, and print nothing"
    )
    chosen = parser.parse_args()
    while chosen.twin is not None:
        epochs(CASES[chosen.twin], chosen.threads, 60.0)
    for case in CASES[: chosen.cases]:
        found = measure(case, chosen.threads, chosen.rounds, chosen.seconds)
        one = float(np.median(found["quiet, threads 1"]))
        print(f"{case}: an epoch on one quiet thread takes {one * 1e3:.1f} ms")
        for label, times in found.items():
            median, mean = float(np.median(times)), float(np.mean(times))
            print(
                f"  {label:>28}: median {median * 1e3:7.1f} ms ({median / one:4.2f}), "
                f"mean {mean * 1e3:7.1f} ms ({mean / one:4.2f})"
            )


if __name__ == "__main__":
    main()
