"""Concurrent calls and isolation: threads, the GIL, Ctrl-C, changing weights, NaN in single rows."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastgru

DTYPES = ["float32", "float64"]


def make(*sizes: int, **options: Any) -> fastgru.GRU:
    return fastgru.GRU(*(sizes or (3, 5)), random_state=0, **options)


def numbers(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def run_at_once(count: int, work: Callable[[int], None]) -> None:
    """Start `count` threads together; raise the first error of any."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def guarded(index: int) -> None:
        try:
            barrier.wait()
            work(index)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_may_call_one_layer_at_once(dtype: str) -> None:
    layer = make(16, 32, num_layers=2, dtype=dtype)
    inputs = [numbers(20, 3 + i, 16, dtype=dtype, seed=i) for i in range(8)]
    wanted = [layer(x)[0] for x in inputs]
    gradients = [
        layer.backward(layer.forward_train(x)[2], np.ones_like(y))
        for x, y in zip(inputs, wanted, strict=True)
    ]

    def work(i: int) -> None:
        for _ in range(10):
            np.testing.assert_array_equal(layer(inputs[i])[0], wanted[i])
            y, _, tape = layer.forward_train(inputs[i])
            got = layer.backward(tape, np.ones_like(y))
            np.testing.assert_array_equal(got.params["weight_hh_l1"], gradients[i].params["weight_hh_l1"])

    run_at_once(8, work)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_running_call_keeps_its_weights(dtype: str) -> None:
    layer, x = make(8, 32, dtype=dtype), numbers(50, 4, 8, dtype=dtype)
    versions = [layer.state_dict(), {name: -array for name, array in layer.state_dict().items()}]
    wanted = []
    for version in versions:
        layer.load_state_dict(version)
        wanted.append(layer(x)[0].tobytes())

    def work(i: int) -> None:
        for turn in range(100):
            if i == 0:
                layer.load_state_dict(versions[turn % 2])
            else:
                assert layer(x)[0].tobytes() in wanted

    run_at_once(4, work)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_tape_serves_one_of_two_threads(dtype: str) -> None:
    layer = make(16, 64, dtype=dtype)
    y, _, tape = layer.forward_train(numbers(100, 8, 16, dtype=dtype))
    done: list[int] = []

    def work(i: int) -> None:
        try:
            layer.backward(tape, np.ones_like(y))
            done.append(i)
        except ValueError as error:
            assert "used already" in str(error)

    run_at_once(4, work)
    assert len(done) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gil_is_free_during_a_call(dtype: str) -> None:
    layer, x = make(64, 256, dtype=dtype), numbers(500, 32, 64, dtype=dtype)
    layer.forward_train(x[:2])
    thread = threading.Thread(
        target=lambda: layer.backward(layer.forward_train(x)[2], np.ones((500, 32, 256)))
    )
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns >= 10  # with the GIL held, this thread would not run during the two calls


INTERRUPTED = """
import _thread, signal, sys, threading
import numpy as np
import fastgru

dtype, what = sys.argv[1:]
# 1.6e11 and 4e10 operations, twice that backward: much longer than the 0.2 s after which Ctrl-C comes.
fastgru.set_num_threads(2)
layer = fastgru.GRU(8, 256, num_layers=10, dtype=dtype, random_state=0)
x = np.zeros((400 if dtype == "float32" else 100, 50, 8), dtype)
small = np.ones((5, 2, 8), dtype)
want = layer(small)[0]
timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
if what.startswith("backward"):
    y, _, tape = layer.forward_train(x, memory="low" if what == "backward, low memory" else "high")
    call = lambda: layer.backward(tape, np.ones_like(y))
elif what == "forward_train":
    call = lambda: layer.forward_train(x)
else:
    call = lambda: layer(x)
timer.start()
try:
    call()
except KeyboardInterrupt:
    assert (layer(small)[0] == want).all()
    print("interrupted, and usable")
else:
    print("ran to its end")
"""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("what", ["forward", "forward_train", "backward", "backward, low memory"])
def test_ctrl_c_stops_a_long_call(what: str, dtype: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, dtype, what],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "interrupted, and usable", done.stdout + done.stderr


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_stays_in_its_row(bad: float, dtype: str) -> None:
    layer = make(3, 17, num_layers=2, bidirectional=True, dtype=dtype)
    x, sick = numbers(6, 9, 3, dtype=dtype), 4
    y, h_n, tape = layer.forward_train(x)
    dy = numbers(6, 9, 34, dtype=dtype, seed=1)
    clean = layer.backward(tape, dy)
    x[2, sick, 1] = bad
    y_bad, h_bad, tape = layer.forward_train(x)
    dirty = layer.backward(tape, dy)
    pairs = [(y_bad, y), (h_bad, h_n), (dirty.x, clean.x), (dirty.h0, clean.h0), (layer(x)[0], y)]
    for got, want in pairs:
        np.testing.assert_array_equal(np.delete(got, sick, axis=1), np.delete(want, sick, axis=1))
    if np.isnan(bad):
        assert np.isnan(y_bad[:, sick]).any(axis=1).all()
    else:
        assert np.isfinite(y_bad[:, sick]).all()  # the gates saturate


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_has_the_same_bits_in_any_batch(dtype: str) -> None:
    layer = make(7, 33, num_layers=2, bidirectional=True, dtype=dtype)
    x = numbers(11, 21, 7, dtype=dtype)
    lengths = np.random.default_rng(0).integers(0, 12, 21)
    y, h_n = layer(x, lengths=lengths)
    for b in range(21):
        y_row, h_row = layer(x[:, b : b + 1], lengths=lengths[b : b + 1])
        np.testing.assert_array_equal(y_row[:, 0], y[:, b])
        np.testing.assert_array_equal(h_row[:, 0], h_n[:, b])
    order = np.random.default_rng(1).permutation(21)
    np.testing.assert_array_equal(layer(x[:, order], lengths=lengths[order])[0], y[:, order])


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_change_no_bit(dtype: str) -> None:
    layer = make(16, 48, num_layers=2, bidirectional=True, dtype=dtype)
    x, lengths = numbers(60, 37, 16, dtype=dtype), np.arange(37) + 20
    before = fastgru.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastgru.set_num_threads(threads)
            y, h_n, tape = layer.forward_train(x, lengths=lengths)
            gradients = layer.backward(tape, np.ones_like(y), np.ones_like(h_n))
            results.append([y, h_n, gradients.x, gradients.h0, *gradients.params.values()])
    finally:
        fastgru.set_num_threads(before)
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
