"""Pools of streams: the bits of single streams, in any order and company; slots, states, refusals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from example_scripts import EXAMPLES, run
from numpy.typing import NDArray

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(4)
X = RNG.standard_normal((30, 8, 2)).astype(np.float32)
Y = RNG.standard_normal(30)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 5, "max_iter": 2, "random_state": 0, **params})


MODELS: dict[str, Callable[[], Any]] = {
    "layer": lambda: fastgru.GRU(2, 70, random_state=0),
    "two layers, reset before": lambda: fastgru.GRU(2, 9, 2, reset_after=False, random_state=0),
    "layer, float64": lambda: fastgru.GRU(2, 9, dtype="float64", random_state=0),
    "layer, high": lambda: fastgru.GRU(2, 40, precision="high", random_state=0),
    "layer, int8": lambda: fastgru.GRU(2, 40, precision="int8", random_state=0),
    "regressor": lambda: small().fit(X, Y),
    "regressor, float64": lambda: small(dtype="float64").fit(X, Y),
    "mean": lambda: small(pooling="mean").fit(X, Y),
    "max": lambda: small(pooling="max", num_layers=2).fit(X, Y),
    "frames": lambda: small(frame_length=3, frame_step=2).fit(X, Y),
    "mask": lambda: small(missing="mask").fit(np.where(RNG.random(X.shape) < 0.2, np.nan, X), Y),
    "classifier": lambda: GRUClassifier(hidden_size=5, max_iter=2, random_state=0).fit(X, Y > 0),
    "tokens": lambda: small(embedding_dim=3).fit(RNG.integers(1, 9, size=(30, 6)), Y),
}


def steps_for(kind: str, n: int) -> NDArray[Any]:
    """Return one time step of `n` sequences."""
    if kind == "tokens":
        return RNG.integers(1, 12, size=(n, 1))
    x = RNG.standard_normal((n, 2))
    if kind == "mask":
        x[RNG.random(x.shape) < 0.3] = np.nan
    return x if RNG.random() < 0.5 else x.astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", MODELS)
def test_rows_have_the_bits_of_single_streams(kind: str, threads: int) -> None:
    model = MODELS[kind]()
    capacity = 150
    pool = model.stream_pool(capacity, num_threads=threads)
    ids = pool.acquire(capacity)
    singles = [model.stream() for _ in ids]
    for _ in range(8):
        some = RNG.permutation(ids)[: RNG.integers(1, capacity + 1)]
        x = steps_for(kind, len(some))
        y = pool.step(some, x)
        wanted = np.stack([singles[i].step(row) for i, row in zip(some, x, strict=True)])
        np.testing.assert_array_equal(y, wanted)
        assert y.dtype == wanted.dtype
        if kind == "frames":
            np.testing.assert_array_equal(pool.answered(some), [singles[i].answered for i in some])
        pool.reset(some[:1])
        singles[some[0]] = model.stream()


def test_slots() -> None:
    pool = fastgru.GRU(1, 3, random_state=0).stream_pool(4)
    assert (len(pool), pool.capacity, pool.ids.tolist()) == (0, 4, [])
    first = pool.acquire()
    assert isinstance(first, int)
    others = pool.acquire(3)
    assert sorted([first, *others]) == pool.ids.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="the pool has 0 free slots of 4, wanted 1"):
        pool.acquire()
    pool.step(pool.ids, np.ones((4, 1)))
    pool.release([first, int(others[1])])
    assert len(pool) == 2
    again = pool.acquire(2)
    fresh = pool.save(again)
    assert not fresh.any()  # the states of sequences that have not begun
    assert pool.acquire(0).shape == (0,)
    assert pool.step([], np.ones((0, 1))).shape == (0, 3)


def test_states_move_between_slots_and_pools() -> None:
    gru = fastgru.GRU(2, 6, 2, random_state=0)
    one, two = gru.stream_pool(3), gru.stream_pool(100)
    a, b = one.acquire(2)
    one.step([a, b], X[:2, 0])
    c = two.acquire()
    states = one.save([b])
    two.restore(c, states)
    np.testing.assert_array_equal(two.step([c], X[:1, 1]), one.step([b], X[:1, 1]))
    # Those of a layer are its states.
    stream = gru.stream()
    stream.step(X[1, 0])
    np.testing.assert_array_equal(states.view(np.float32).reshape(2, 1, 6), stream.state)


def test_containers_and_output_arrays() -> None:
    frame = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    model = small().fit(frame, Y)
    pool = model.stream_pool(2)
    ids = pool.acquire(2)
    wanted = pool.step(ids, X[:2, 0])
    pool.reset(ids)
    np.testing.assert_array_equal(pool.step(ids, pd.DataFrame(X[:2, 0], columns=["a", "b"])), wanted)
    with pytest.raises(ValueError, match="x has the columns"):
        pool.step(ids, pd.DataFrame(X[:2, 0], columns=["b", "a"]))
    pool.reset(ids)
    out = np.empty((2, 1), np.float32)
    assert pool.step(ids, X[:2, 0].tolist(), out) is out
    np.testing.assert_array_equal(out, wanted)
    # x and out may be the same memory.
    gru = fastgru.GRU(4, 4, random_state=0)
    pool = gru.stream_pool(200)
    ids = pool.acquire(200)
    x = RNG.standard_normal((200, 4)).astype(np.float32)
    wanted = pool.step(ids, x)
    pool.reset(ids)
    np.testing.assert_array_equal(pool.step(ids, x, x), wanted)


POOL = fastgru.GRU(2, 3, random_state=0).stream_pool(3)
A, B = POOL.acquire(2)
FITTED = small().fit(X, Y).stream_pool(2)
FITTED.acquire(2)
IDS = MODELS["tokens"]().stream_pool(2)
IDS.acquire(2)
ROWS = np.ones((2, 2), np.float32)

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "an id beyond": (
        lambda: POOL.step([A, 3], ROWS),
        ValueError,
        r"ids\[1\] is 3, and this pool has the slots",
    ),
    "a free slot": (lambda: POOL.step([A, 2], ROWS), ValueError, r"ids\[1\] is 2, a slot that is not in use"),
    "negative": (lambda: POOL.release(-1), ValueError, r"ids\[0\] is -1"),
    "twice": (lambda: POOL.step([B, B], ROWS), ValueError, r"ids\[1\] is 1, which stands there twice"),
    "float ids": (lambda: POOL.step([0.0, 1.0], ROWS), TypeError, "ids must be integers, got dtype float64"),
    "bool ids": (lambda: POOL.reset([True]), TypeError, "ids must be integers, got dtype bool"),
    "two axes": (lambda: POOL.reset([[A, B]]), ValueError, r"ids must have shape \(n,\), got \(1, 2\)"),
    "text": (lambda: POOL.reset("one"), TypeError, "ids must be integers, got dtype <U3"),
    "rows missing": (
        lambda: POOL.step([A, B], ROWS[:1]),
        ValueError,
        r"x must have shape \(2, 2\), a row for each id, got \(1, 2\)",
    ),
    "out": (
        lambda: POOL.step([A], ROWS[:1], np.empty((1, 2), np.float32)),
        ValueError,
        "out must have shape",
    ),
    "out's dtype": (lambda: POOL.step([A], ROWS[:1], np.empty((1, 3))), TypeError, "out must be an ndarray"),
    "NaN": (lambda: FITTED.step([0], [[np.nan, 1]]), ValueError, "x contains NaN"),
    "infinity": (lambda: FITTED.step([0], [[np.inf, 1]]), ValueError, "x contains infinity"),
    "padding": (lambda: IDS.step([0, 1], [[1], [0]]), ValueError, "x has the padding id 0"),
    "no tokens": (lambda: IDS.step([0], [[1.5]]), TypeError, "x must hold tokens"),
    "states": (
        lambda: POOL.restore([A], np.zeros((1, 5), np.uint8)),
        ValueError,
        r"must have shape \(1, 12\)",
    ),
    "floats": (lambda: POOL.restore([A], np.zeros((1, 12))), TypeError, "states must have dtype uint8"),
    "a negative count": (lambda: POOL.acquire(-1), ValueError, "count must be at least 0, got -1"),
    "too many": (lambda: POOL.acquire(2**62), ValueError, "the pool has 1 free slots of 3"),
    "no capacity": (lambda: fastgru.GRU(1, 1).stream_pool(0), ValueError, "capacity must be at least 1"),
    "a huge one": (
        lambda: fastgru.GRU(1, 1).stream_pool(2**62),
        ValueError,
        "more memory than can be addressed",
    ),
    "more than there is": (
        lambda: fastgru.GRU(1, 1).stream_pool(2**44),
        MemoryError,
        "not enough memory for a pool of streams",
    ),
    "half a slot": (lambda: fastgru.GRU(1, 1).stream_pool(0.5), TypeError, "capacity must be an int"),  # type: ignore[arg-type]
    "threads": (
        lambda: fastgru.GRU(1, 1).stream_pool(1, num_threads=-1),
        ValueError,
        "num_threads must be from 0",
    ),
    "both directions": (
        lambda: fastgru.GRU(1, 1, bidirectional=True).stream_pool(1),
        ValueError,
        "a bidirectional GRU cannot stream",
    ),
    "not fitted": (lambda: small().stream_pool(1), Exception, "not fitted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_call_changes_nothing(name: str) -> None:
    call, error, message = REFUSED[name]
    before = POOL.save([A, B]), FITTED.save([0, 1]), IDS.save([0, 1]), len(POOL)
    with pytest.raises(error, match=message):
        call()
    after = POOL.save([A, B]), FITTED.save([0, 1]), IDS.save([0, 1]), len(POOL)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_thread_at_a_time() -> None:
    gru = fastgru.GRU(256, 512, random_state=0)
    pool = gru.stream_pool(2000)
    ids = pool.acquire(2000)
    x = np.ones((2000, 256), np.float32)
    refused = []

    def run() -> None:
        for _ in range(200):
            if refused:
                return
            try:
                pool.step(ids, x)
            except RuntimeError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {"this pool is in use by another thread"}
    assert refused


def test_a_pool_keeps_the_weights_it_was_made_with() -> None:
    gru = fastgru.GRU(2, 3, random_state=0)
    pool = gru.stream_pool(1)
    slot = pool.acquire()
    wanted = gru.stream().step(X[0, 0])
    gru.load_state_dict({name: 2 * value for name, value in gru.state_dict().items()})
    assert (gru.stream().step(X[0, 0]) != wanted).any()
    np.testing.assert_array_equal(pool.step([slot], X[:1, 0])[0], wanted)


def test_a_server_of_sensors_gives_the_answers_of_single_streams(tmp_path: Path) -> None:
    picture = tmp_path / "latency.png"
    load = ["--sensors", "60", "--rate", "50", "--seconds", "1", "--gateways", "3"]
    text = run(sys.executable, EXAMPLES / "stream_server.py", *load, "--picture", picture).stdout.decode()
    assert "60 sensors at 50 Hz: 3000 answers in " in text
    assert "sensor 0 has the answers of a stream of its own" in text
    assert picture.stat().st_size > 1000
