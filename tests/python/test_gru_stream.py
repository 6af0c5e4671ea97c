"""Streams: one step per call gives the results of the whole sequence at once."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest

import fastgru

DTYPES = ["float32", "float64"]


def make(*sizes: int, **options: Any) -> fastgru.GRU:
    return fastgru.GRU(*(sizes or (3, 5)), random_state=0, **options)


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize(("rows", "layers"), [(1, 1), (1, 3), (2, 1), (5, 2), (33, 1)])
def test_steps_equal_the_whole(rows: int, layers: int, reset_after: bool, dtype: str) -> None:
    layer = make(7, 17, num_layers=layers, reset_after=reset_after, dtype=dtype)
    x = numbers(9, rows, 7, dtype=dtype)
    y, h_n = layer(x)
    stream = layer.stream(rows)
    assert stream.batch_size == rows
    steps = [stream.step(x_t) for x_t in x]
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(steps, y, rtol=0, atol=tolerance)
    np.testing.assert_allclose(stream.state, h_n, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_sequence_takes_both_shapes(dtype: str) -> None:
    x = numbers(3, dtype=dtype)
    flat, batch = make(dtype=dtype).stream(), make(dtype=dtype).stream()
    y, y_batch = flat.step(x), batch.step(x[None])
    assert y.shape == (5,)
    assert y_batch.shape == (1, 5)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, y_batch[0])


def test_step_converts_what_forward_converts() -> None:
    want = make().stream().step(np.ones(3, np.float32))
    for x in ([1, 1, 1], (True,) * 3, np.ones(3), np.ones(3, np.float16), np.ones(6, np.float32)[::2]):
        np.testing.assert_array_equal(make().stream().step(x), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out(dtype: str) -> None:
    layer = fastgru.GRU(5, 5, num_layers=2, random_state=0, dtype=dtype)
    x = numbers(4, 5, dtype=dtype)
    want, stream = layer.stream(4), layer.stream(4)
    out = x.copy()
    for _ in range(3):
        expected = want.step(out)
        assert stream.step(out, out=out) is out  # the output is the next input, in place
        np.testing.assert_array_equal(out, expected)


def test_state_is_a_copy_and_can_be_set() -> None:
    layer = make(num_layers=2)
    stream, other = layer.stream(4), layer.stream(4)
    stream.step(numbers(4, 3))
    state = stream.state
    assert state.shape == (2, 4, 5)
    state[...] = 0
    assert stream.state.any()
    other.state = stream.state
    np.testing.assert_array_equal(other.step(numbers(4, 3)), stream.step(numbers(4, 3)))
    stream.reset()
    assert not stream.state.any()
    h0 = np.random.default_rng(1).normal(size=(2, 4, 5))
    stream.state = h0.tolist()
    x = numbers(4, 3)
    np.testing.assert_allclose(stream.step(x), layer(x[None], h0)[0][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("duplicate", [lambda s: s.copy(), copy.copy], ids=["copy()", "copy.copy"])
def test_copies_go_their_own_way(duplicate: Any) -> None:
    stream = make().stream()
    stream.step([1, 2, 3])
    other = duplicate(stream)
    np.testing.assert_array_equal(other.state, stream.state)
    other.step([1, 2, 3])
    assert (other.state != stream.state).any()


def test_a_stream_keeps_its_weights() -> None:
    layer = make()
    stream, before = layer.stream(), layer.stream()
    layer.load_state_dict({name: np.zeros_like(array) for name, array in layer.state_dict().items()})
    np.testing.assert_array_equal(stream.step([1, 1, 1]), before.step([1, 1, 1]))
    del layer
    assert stream.step([1, 1, 1]).any()


def test_rows_of_a_stream_do_not_meet() -> None:
    layer, x = make(), numbers(6, 4, 3)
    x[2, 1] = np.nan
    clean = np.delete(x, 1, axis=1)
    stream, other = layer.stream(4), layer.stream(3)
    for x_t, clean_t in zip(x, clean, strict=True):
        np.testing.assert_array_equal(np.delete(stream.step(x_t), 1, axis=0), other.step(clean_t))
    assert np.isnan(stream.state[0, 1]).all()


def test_each_thread_has_its_own_stream() -> None:
    layer, x = make(64, 128), numbers(50, 8, 64)
    want = layer(x)[0]
    results: dict[int, list[np.ndarray]] = {}

    def work(thread: int) -> None:
        stream = layer.stream(8)
        results[thread] = [stream.step(x_t) for x_t in x]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_allclose(results[i], want, rtol=0, atol=1e-6)


def test_a_stream_serves_one_thread_at_a_time() -> None:
    layer = make(256, 256)
    stream, x = layer.stream(64), numbers(64, 256)
    refused: list[BaseException] = []

    def work() -> None:
        for _ in range(100):
            try:
                stream.step(x)
            except RuntimeError as error:
                refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in refused:  # the second thread got an error; no state was torn
        assert "in use by another thread" in str(error)
    assert np.isfinite(stream.state).all()
