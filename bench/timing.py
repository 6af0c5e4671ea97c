"""Timing of a prepared case, in the process of its library."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from bench.peers.base import Prepared

WARM_UP_SECONDS = 0.05
LEAST_STEPS = 2000
MOST_STEPS = 100_000


def calibrate(prepared: Prepared, batch_seconds: float) -> int:
    """Warm up, and return how many calls last about `batch_seconds`."""
    if prepared.epoch_seconds is not None:
        return 1  # they last long enough, and each batch warms up by itself
    calls, elapsed = 1, 0.0
    spent = 0.0
    while True:
        elapsed = _run(prepared, calls)
        spent += elapsed
        if elapsed >= 0.3 * batch_seconds and spent >= WARM_UP_SECONDS:
            break
        if elapsed >= batch_seconds:
            break
        calls *= 2 if elapsed < 0.3 * batch_seconds else 1
    return max(1, round(calls * batch_seconds / elapsed))


def time_batch(prepared: Prepared, calls: int) -> dict[str, float]:
    """Run a batch; return mean seconds a call (of training: a mini-batch), of a stream also percentiles.

    The call before it is not counted. After the other libraries' turns caches and clock are cold; a batch has
    only three calls of 20 ms, so the cold call would weigh a third, and nothing in calls of 20 us.
    """
    if prepared.epoch_seconds is not None:
        return {"seconds": prepared.epoch_seconds(calls) / (calls * prepared.parts)}
    _run(prepared, 1)
    figures = {"seconds": _run(prepared, calls) / (calls * prepared.parts)}
    if prepared.inputs is not None or prepared.step_seconds is not None:
        steps = min(max(calls, LEAST_STEPS), MOST_STEPS)
        each = _step_seconds(prepared, steps)
        for name, percent in (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9)):
            figures[name] = float(np.percentile(each, percent))
    return figures


def _run(prepared: Prepared, calls: int) -> float:
    start = time.perf_counter()
    if prepared.repeat is not None:
        prepared.repeat(calls)
    elif prepared.inputs is not None:
        call = prepared.call
        for x in _cycle(prepared, calls):
            call(x)
    else:
        call = prepared.call
        for _ in itertools.repeat(None, calls):
            call()
    return time.perf_counter() - start


def _cycle(prepared: Prepared, steps: int) -> Iterable[Any]:
    assert prepared.inputs is not None
    return itertools.islice(itertools.cycle(prepared.inputs), steps)


def _step_seconds(prepared: Prepared, steps: int) -> np.ndarray:
    """Return the time of each step, including the reading of the clock (some tens of nanoseconds)."""
    if prepared.step_seconds is not None:
        return prepared.step_seconds(steps)
    call, clock = prepared.call, time.perf_counter_ns
    nanoseconds = np.empty(steps, dtype=np.int64)
    for k, x in enumerate(_cycle(prepared, steps)):
        start = clock()
        call(x)
        nanoseconds[k] = clock() - start
    return nanoseconds * 1e-9
