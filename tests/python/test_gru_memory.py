"""`forward_train(memory="low")`: the same gradients, and the peak memory of a process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import numpy as np
import pytest

import fastgru

PEAK = """
import sys
import numpy as np
import fastgru

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

def train(steps, rows):
    x, dy = np.ones((steps, rows, 16), np.float32), np.ones((steps, rows, 128), np.float32)
    y, _, tape = layer.forward_train(x, memory=sys.argv[1])
    layer.backward(tape, dy)

fastgru.set_num_threads(1)
layer = fastgru.GRU(16, 128, random_state=0)
train(3, 2)
before = peak()
train(400, 32)
print(peak() - before)
"""


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def gradients(layer: fastgru.GRU, memory: Literal["high", "low"], **options: Any) -> fastgru.gru.Gradients:
    y, h_n, tape = layer.forward_train(numbers(90, 7, 5), random_state=3, memory=memory, **options)
    kept = y.copy()
    result = layer.backward(tape, numbers(*y.shape, seed=1), numbers(*h_n.shape, seed=2))
    np.testing.assert_array_equal(y, kept)
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("lengths", [None, [90, 3, 0, 41, 90, 60, 17]])
def test_low_memory_gives_the_same_gradients(
    lengths: list[int] | None, reset_after: bool, dtype: str
) -> None:
    layer = fastgru.GRU(
        5, 9, 2, dropout=0.3, bidirectional=True, reset_after=reset_after, dtype=dtype, random_state=0
    )
    high, low = gradients(layer, "high", lengths=lengths), gradients(layer, "low", lengths=lengths)
    np.testing.assert_array_equal(low.x, high.x)
    np.testing.assert_array_equal(low.h0, high.h0)
    for name, wanted in high.params.items():
        if dtype == "float64":
            np.testing.assert_array_equal(low.params[name], wanted)
        else:
            np.testing.assert_allclose(low.params[name], wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_low_memory_takes_less_than_half() -> None:
    high, low = (
        int(
            subprocess.run(
                [sys.executable, "-c", PEAK, memory], stdout=subprocess.PIPE, check=True, timeout=120
            ).stdout
        )
        for memory in ("high", "low")
    )
    gates = 400 * 32 * 4 * 128 * 4
    assert high > gates
    assert low < high / 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tape_used_before_leaves_no_trace(dtype: str) -> None:
    """The layer keeps the memory of a tape for its next call, of any shape."""

    def fresh() -> fastgru.GRU:
        return fastgru.GRU(5, 9, 2, dropout=0.3, bidirectional=True, dtype=dtype, random_state=0)

    def train(
        layer: fastgru.GRU, steps: int, rows: int, memory: Literal["high", "low"], **options: Any
    ) -> Any:
        y, _, tape = layer.forward_train(numbers(steps, rows, 5), random_state=3, memory=memory, **options)
        result = layer.backward(tape, numbers(*y.shape, seed=1))
        with pytest.raises(ValueError, match="used already"):
            layer.backward(tape, numbers(*y.shape, seed=1))
        return result

    calls: list[tuple[int, int, Literal["high", "low"], dict[str, Any]]] = [
        (40, 7, "high", {"lengths": [40, 0, 3, 17, 39, 40, 1], "h0": numbers(4, 7, 9, seed=4)}),
        (6, 2, "high", {}),
        (30, 3, "low", {"h0": numbers(4, 3, 9, seed=5)}),
        (41, 8, "high", {}),
        (5, 3, "low", {"lengths": [2, 5, 0]}),
    ]
    used = fresh()
    for steps, rows, memory, options in calls:
        again, wanted = (train(layer, steps, rows, memory, **options) for layer in (used, fresh()))
        np.testing.assert_array_equal(again.x, wanted.x)
        np.testing.assert_array_equal(again.h0, wanted.h0)
        for name, value in wanted.params.items():
            np.testing.assert_array_equal(again.params[name], value, err_msg=name)
