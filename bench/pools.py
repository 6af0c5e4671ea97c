"""Steps of many sequences: a pool of streams beside a stream for each.

``python -m bench.pools`` steps 256 sequences of a layer, one thread, from Python: one stream after the other,
and all of them in one call of a pool, in turns. It prints the medians, microseconds a sequence and step, and
their ratio, and then the pool with random subsets of the sequences.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import fastgru

SIZES = ((64, 128), (512, 512))


def seconds(call: Callable[[], object]) -> float:
    """Return how long `call` takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(inputs: int, hidden: int, rows: int, rounds: int) -> tuple[float, float, float]:
    """Return seconds a sequence and step: of streams, of a pool, and of random subsets in a pool."""
    gru = fastgru.GRU(inputs, hidden, random_state=0)
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, inputs)).astype(np.float32)
    streams = [gru.stream() for _ in range(rows)]
    pool = gru.stream_pool(rows)
    ids = pool.acquire(rows)
    one, out = np.empty(hidden, np.float32), np.empty((rows, hidden), np.float32)

    def each() -> None:
        for stream, row in zip(streams, x, strict=True):
            stream.step(row, one)

    found: list[list[float]] = [[], [], []]
    for _ in range(rounds + 1):
        some = random.permutation(ids)[: random.integers(1, rows + 1)]
        found[0].append(seconds(each) / rows)
        found[1].append(seconds(partial(pool.step, ids, x, out)) / rows)
        found[2].append(seconds(partial(pool.step, some, x[: len(some)])) / len(some))
    streams_time, pool_time, subset_time = (float(np.median(each[1:])) for each in found)
    return streams_time, pool_time, subset_time


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    print(f"{chosen.rows} sequences, one thread")
    for inputs, hidden in SIZES:
        streams, pool, subset = compare(inputs, hidden, chosen.rows, chosen.rounds)
        print(
            f"{inputs:4d} -> {hidden:4d}: a stream each {streams * 1e6:7.2f} us, a pool {pool * 1e6:7.2f} us "
            f"({streams / pool:4.2f}x); random subsets {subset * 1e6:7.2f} us"
        )


if __name__ == "__main__":
    main()
