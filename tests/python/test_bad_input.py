"""Invalid input to the layer: a table of cases, each with its error and words of the message."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import fastgru
from fastgru.gru import explain

# T=7, B=4, I=3, H=5, L=2
X = np.random.default_rng(0).normal(size=(7, 4, 3)).astype(np.float32)
HUGE = 2**40


def make(*sizes: Any, **options: Any) -> fastgru.GRU:
    return fastgru.GRU(*(sizes or (3, 5)), **{"num_layers": 2, "random_state": 0, **options})


def call(
    x: Any = X, *arguments: Any, layer: dict[str, Any] | None = None, **named: Any
) -> Callable[[], object]:
    return lambda: make(**(layer or {}))(x, *arguments, **named)


def new(*sizes: Any, **options: Any) -> Callable[[], object]:
    return lambda: make(*sizes, **options)


def out(array: Any) -> Callable[[], object]:
    return call(out=array)


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(shape, np.float32)
    array.flags.writeable = False
    return array


def backward(dy: Any = None, dh_n: Any = None, *, tape: Any = None) -> Callable[[], object]:
    def run() -> object:
        layer = make()
        return layer.backward(layer.forward_train(X)[2] if tape is None else tape, dy, dh_n)

    return run


def other_layers_tape() -> object:
    return make().backward(make().forward_train(X)[2], np.ones((7, 4, 5)))


def load(change: Callable[[dict[str, Any]], Any]) -> Callable[[], object]:
    def run() -> object:
        layer = make()
        state: Any = layer.state_dict()
        changed = change(state)
        return layer.load_state_dict(state if changed is None else changed)

    return run


def step(x: Any, out: Any = None, *, rows: int = 4) -> Callable[[], object]:
    return lambda: make().stream(rows).step(x, out)


def set_state(state: Any) -> object:
    make().stream(4).state = state
    return None


CONSTRUCTOR: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "input_size 0": (new(0, 5), ValueError, "input_size must be at least 1 .* got 0"),
    "hidden_size -1": (new(3, -1), ValueError, "hidden_size must be at least 1 .* got -1"),
    "hidden_size float": (new(3, 5.0), TypeError, "hidden_size must be an int, got float"),
    "hidden_size text": (new(3, "5"), TypeError, "hidden_size must be an int, got str"),
    "hidden_size None": (new(3, None), TypeError, "hidden_size must be an int, got NoneType"),
    "hidden_size bool": (new(3, True), TypeError, "hidden_size must be an int, got bool"),
    "num_layers 0": (new(num_layers=0), ValueError, "num_layers must be at least 1 .* got 0"),
    "sizes beyond 64 bits": (new(3, 2**64), ValueError, "hidden_size must be .* below"),
    "parameters beyond counting": (new(3, HUGE), ValueError, "more parameters than can be counted"),
    "parameters beyond memory": (new(3, 2**22), MemoryError, "not enough memory for"),
    "layers beyond reason": (new(num_layers=2**40), ValueError, "num_layers must be at most 65536, got"),
    "bias 1": (new(bias=1), TypeError, "bias must be a bool, got int"),
    "bidirectional text": (new(bidirectional="no"), TypeError, "bidirectional must be a bool, got str"),
    "dropout 1": (new(dropout=1.0), ValueError, r"dropout must be in \[0, 1\), got 1.0"),
    "dropout negative": (new(dropout=-0.1), ValueError, r"dropout must be in \[0, 1\), got -0.1"),
    "dropout NaN": (new(dropout=float("nan")), ValueError, "dropout must be in .* got nan"),
    "dropout text": (new(dropout="0.5"), TypeError, "dropout must be a number"),
    "dtype float16": (new(dtype="float16"), ValueError, "dtype must be float32 or float64, got 'float16'"),
    "dtype unknown": (new(dtype="floaty"), TypeError, "dtype must be float32 or float64, got 'floaty'"),
    "dtype None": (new(dtype=None), ValueError, "dtype must be float32 or float64, got None"),
    "precision": (
        new(precision="low"),
        ValueError,
        "precision must be one of highest, high, medium, int8, got 'low'",
    ),
    "random_state text": (new(random_state="seed"), TypeError, "random_state must be None, an int"),
    "random_state negative": (new(random_state=-1), ValueError, "random_state must not be negative, got -1"),
}

CALL: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "x 1-D": (call(X[0, 0]), ValueError, r"x must have shape \(T, B, 3\) or \(T, 3\), got \(3,\)"),
    "x 4-D": (call(X[None]), ValueError, r"x must have shape \(T, B, 3\) or \(T, 3\), got \(1, 7, 4, 3\)"),
    "x scalar": (call(1.0), ValueError, r"x must have shape .* got \(\)"),
    "x features": (call(X[..., :2]), ValueError, r"x must have shape \(T, B, 3\) .* got \(7, 4, 2\)"),
    "x features, batch_first": (
        call(X[..., :2], layer={"batch_first": True}),
        ValueError,
        r"x must have shape \(B, T, 3\) or \(T, 3\), got \(7, 4, 2\)",
    ),
    "x masked": (
        call(np.ma.masked_array(X, X > 0)),
        ValueError,
        r"x has masked elements: pass x.filled\(value\)",
    ),
    "x no features": (call(X[..., :0]), ValueError, r"x must have shape .* got \(7, 4, 0\)"),
    "x empty list": (call([]), ValueError, r"x must have shape .* got \(0,\)"),
    "x None": (call(None), TypeError, "x must hold real numbers, got an object of type NoneType"),
    "x text": (call("abc"), TypeError, "x must hold real numbers, got dtype <U3"),
    "x text array": (call(X.astype(str)), TypeError, "x must hold real numbers, got dtype <U"),
    "x bytes": (call(b"abc"), TypeError, "x must hold real numbers, got dtype .S3"),
    "x complex": (call(X + 1j), TypeError, "x must hold real numbers, got dtype complex"),
    "x dates": (
        call(np.zeros((7, 4, 3), "M8[s]")),
        TypeError,
        "x must hold real numbers, got dtype datetime64",
    ),
    "x objects": (call(np.full((7, 4, 3), "1")), TypeError, "x must hold real numbers"),
    "x mixed objects": (
        call(np.array([[1.0, "2", 3]], object)),
        TypeError,
        "x must hold real numbers, got an object of type str",
    ),
    "x dict": (call({"x": X}), TypeError, "x must hold real numbers, got an object of type dict"),
    "x set": (call({1.0, 2.0}), TypeError, "x must hold real numbers, got an object of type set"),
    "x ragged": (call([[1, 2, 3], [1, 2]]), ValueError, "x cannot be made into an array: .*inhomogeneous"),
    "x records": (call(np.zeros((7, 4), [("a", "f4")])), TypeError, "x must hold real numbers, got dtype"),
    "x beyond counting": (
        call(np.broadcast_to(np.zeros(3, np.float32), (2**40, 2**19, 3))),
        ValueError,
        "needs more memory than can be addressed",
    ),
    "x beyond memory": (
        call(np.broadcast_to(np.zeros(3, np.float32), (2**20, 2**20, 3))),
        MemoryError,
        "Unable to allocate",
    ),
    "x to convert beyond memory": (
        call(np.broadcast_to(np.zeros(3), (2**20, 2**20, 3))),
        MemoryError,
        "Unable to allocate",
    ),
    "h0 shape": (
        call(X, np.zeros((2, 3, 5))),
        ValueError,
        r"h0 must have shape \(2, 4, 5\), got \(2, 3, 5\)",
    ),
    "h0 unbatched": (call(X, np.zeros((2, 5))), ValueError, r"h0 must have shape \(2, 4, 5\), got \(2, 5\)"),
    "h0 batched": (
        call(X[:, 0], np.zeros((2, 1, 5))),
        ValueError,
        r"h0 must have shape \(2, 5\), got \(2, 1, 5\)",
    ),
    "h0 text": (call(X, "zeros"), TypeError, "h0 must hold real numbers"),
    "lengths count": (call(X, lengths=[7, 7]), ValueError, r"lengths must have shape \(4,\).* got \(2,\)"),
    "lengths rank": (
        call(X, lengths=[[7] * 4]),
        ValueError,
        r"lengths must have shape \(4,\).* got \(1, 4\)",
    ),
    "lengths scalar": (call(X, lengths=7), ValueError, r"lengths must have shape \(4,\).* got \(\)"),
    "lengths above T": (call(X, lengths=[1, 8, 2, 3]), ValueError, r"lengths\[1\] is 8, wanted 0 to 7"),
    "lengths negative": (call(X, lengths=[1, 2, 3, -1]), ValueError, r"lengths\[3\] is -1, wanted 0 to 7"),
    "lengths beyond int64": (
        call(X, lengths=np.array([1, 2, 3, 2**64 - 1], np.uint64)),
        ValueError,
        r"lengths\[3\] is -1, wanted 0 to 7",
    ),
    "lengths float": (
        call(X, lengths=[1.0, 2, 3, 4]),
        TypeError,
        "lengths must be integers, got dtype float64",
    ),
    "lengths bool": (call(X, lengths=[True] * 4), TypeError, "lengths must be integers, got dtype bool"),
    "lengths objects": (
        call(X, lengths=[Decimal(1)] * 4),
        TypeError,
        "lengths must be integers, got dtype object",
    ),
    "out shape": (
        out(np.empty((7, 4, 4), np.float32)),
        ValueError,
        r"out must have shape \(7, 4, 5\), got \(7, 4, 4\)",
    ),
    "out rank": (
        out(np.empty((7, 5), np.float32)),
        ValueError,
        r"out must have shape \(7, 4, 5\), got \(7, 5\)",
    ),
    "out dtype": (
        out(np.empty((7, 4, 5))),
        TypeError,
        "out must be an ndarray of dtype float32, got dtype float64",
    ),
    "out list": (out([1]), TypeError, "out must be an ndarray of dtype float32, got an object of type list"),
    "out read-only": (out(read_only((7, 4, 5))), ValueError, "out is read-only"),
    "out strided": (out(np.empty((7, 4, 10), np.float32)[..., ::2]), ValueError, "its last axis contiguous"),
    "out byte order": (out(np.empty((7, 4, 5), ">f4")), TypeError, "out must be an ndarray of dtype float32"),
    "out one row for all": (
        out(np.lib.stride_tricks.as_strided(np.empty(5, np.float32), (7, 4, 5), (0, 0, 4))),
        ValueError,
        "its elements distinct",
    ),
    "unknown argument": (lambda: make()(X, hidden=X), TypeError, "hidden"),
}

TRAINING: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "key text": (
        lambda: make().forward_train(X, random_state="a"),
        TypeError,
        "random_state must be an int or None",
    ),
    "key negative": (
        lambda: make().forward_train(X, random_state=-1),
        ValueError,
        r"random_state must be in \[0,",
    ),
    "key too large": (
        lambda: make().forward_train(X, random_state=2**64),
        ValueError,
        "random_state must be in",
    ),
    "memory unknown": (
        lambda: make().forward_train(X, memory="medium"),  # type: ignore[arg-type]
        ValueError,
        'memory must be "high" or "low", got \'medium\'',
    ),
    "memory None": (
        lambda: make().forward_train(X, memory=None),  # type: ignore[arg-type]
        ValueError,
        'memory must be "high" or "low", got None',
    ),
    "tape None": (backward(tape=3), TypeError, "tape must be the third result .* got int"),
    "tape of float64": (
        lambda: make().backward(make(dtype="float64").forward_train(X)[2]),
        TypeError,
        "tape must be the third result of this layer's forward_train, got TapeF64",
    ),
    "tape of another layer": (other_layers_tape, ValueError, "tape comes from another layer"),
    "dy shape": (
        backward(np.ones((7, 4, 4))),
        ValueError,
        r"dy must have the shape of y, \(7, 4, 5\), got \(7, 4, 4\)",
    ),
    "dy rank": (
        backward(np.ones((7, 5))),
        ValueError,
        r"dy must have the shape of y, \(7, 4, 5\), got \(7, 5\)",
    ),
    "dy complex": (backward(np.ones((7, 4, 5)) * 1j), TypeError, "dy must hold real numbers"),
    "dh_n shape": (
        backward(None, np.ones((1, 4, 5))),
        ValueError,
        r"dh_n must have shape \(2, 4, 5\), got \(1, 4, 5\)",
    ),
}

WEIGHTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a list": (load(lambda s: list(s.values())), TypeError, "state_dict must be a mapping .* got list"),
    "missing": (
        load(lambda s: {k: v for k, v in s.items() if k != "bias_hh_l1"}),
        ValueError,
        "missing bias_hh_l1",
    ),
    "unknown": (load(lambda s: s.update(weight=1)), ValueError, "unknown weight"),
    "prefixed": (
        load(lambda s: {f"gru.{k}": v for k, v in s.items()}),
        ValueError,
        "missing weight_ih_l0.*unknown gru.weight_ih_l0",
    ),
    "shape": (
        load(lambda s: s.update(weight_hh_l0=np.zeros((15, 4)))),
        ValueError,
        r"weight_hh_l0 must have shape \(15, 5\), got \(15, 4\)",
    ),
    "transposed": (load(lambda s: s.update(weight_ih_l0=s["weight_ih_l0"].T)), ValueError, r"got \(3, 15\)"),
    "text": (load(lambda s: s.update(bias_ih_l0=["a"] * 15)), TypeError, "bias_ih_l0 must hold real numbers"),
    "None": (load(lambda s: s.update(bias_ih_l0=None)), TypeError, "bias_ih_l0 must hold real numbers"),
}

STREAM: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "two directions": (
        lambda: make(bidirectional=True).stream(),
        ValueError,
        "bidirectional GRU cannot stream",
    ),
    "batch_size 0": (lambda: make().stream(0), ValueError, "batch_size must be at least 1 .* got 0"),
    "batch_size float": (lambda: make().stream(1.5), TypeError, "batch_size must be an int, got float"),
    "batch_size beyond counting": (
        lambda: make().stream(2**60),
        ValueError,
        "more memory than can be addressed",
    ),
    "batch_size beyond memory": (lambda: make().stream(2**42), MemoryError, "not enough memory for"),
    "x rows": (step(X[0, :2]), ValueError, r"x must have shape \(4, 3\), got \(2, 3\)"),
    "x flat of four": (step(X[0, 0]), ValueError, r"x must have shape \(4, 3\), got \(3,\)"),
    "x features of one": (
        step([1, 2], rows=1),
        ValueError,
        r"x must have shape \(1, 3\) or \(3,\), got \(2,\)",
    ),
    "x text": (step("abc"), TypeError, "x must hold real numbers"),
    "x None": (step(None), TypeError, "x must hold real numbers"),
    "out shape": (
        step(X[0], np.empty(5, np.float32)),
        ValueError,
        r"out must have shape \(4, 5\), got \(5,\)",
    ),
    "out dtype": (step(X[0], np.empty((4, 5))), TypeError, "out must be an ndarray of dtype float32"),
    "out strided": (step(X[0], np.empty((5, 4), np.float32).T), ValueError, "out must be"),
    "state shape": (
        lambda: set_state(np.zeros((4, 5))),
        ValueError,
        r"state must have shape \(2, 4, 5\), got \(4, 5\)",
    ),
    "state text": (lambda: set_state("zero"), TypeError, "state must hold real numbers"),
}

OTHER: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "explain what": (lambda: explain(3, 1, 1), TypeError, "gru must be a fastgru.GRU, got int"),  # type: ignore[arg-type]
    "explain T": (lambda: explain(make(), 0, 1), ValueError, "T must be at least 1"),
    "threads negative": (lambda: fastgru.set_num_threads(-1), ValueError, "n must be from 0"),
    "save nowhere": (lambda: make().save("/nowhere/at/all/x.safetensors"), OSError, "nowhere"),
}

TABLE = {
    f"{topic}: {name}": case
    for topic, cases in {
        "constructor": CONSTRUCTOR,
        "call": CALL,
        "training": TRAINING,
        "weights": WEIGHTS,
        "stream": STREAM,
        "other": OTHER,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("run", "error", "words"), TABLE.values(), ids=TABLE.keys())
def test_bad_input_is_named(run: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run()


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 30


def test_a_refused_state_dict_changes_nothing() -> None:
    layer = make()
    before = layer.state_dict()
    state = {name: np.zeros_like(array) for name, array in before.items()}
    with pytest.raises(ValueError, match="bias_hh_l1"):
        layer.load_state_dict({**state, "bias_hh_l1": np.zeros(3)})
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
