"""Streams take what predict takes and refuse what it refuses; copies and pickles keep their state."""

from __future__ import annotations

import copy
import ctypes
import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(2)
X = RNG.standard_normal((30, 6, 2)).astype(np.float32)
TOKENS = RNG.integers(1, 9, size=(30, 6))
Y = RNG.standard_normal(30)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


NUMBERS, NARROW, MASK, DOUBLE, IDS = (
    small().fit(X, Y),
    small().fit(1e-3 * X, Y),
    small(missing="mask").fit(np.where(RNG.random(X.shape) < 0.2, np.nan, X), Y),
    small(dtype="float64").fit(X, Y),
    small(embedding_dim=3).fit(TOKENS, Y),
)
FITTED = {"numbers": NUMBERS, "narrow": NARROW, "mask": MASK, "float64": DOUBLE, "tokens": IDS}

# One time step, as it may come from anywhere.
STEPS: dict[str, tuple[str, Any]] = {
    f"{name}, {kind}": (kind, step)
    for kind in ("numbers", "narrow", "mask", "float64")
    for name, step in {
        "floats": np.array([0.5, -1.0]),
        "float16": np.array([0.5, -1.0], np.float16),
        "long double": np.array([0.5, -1.0], np.longdouble),
        "ints": np.array([1, -2]),
        "large ints": np.array([2**40, 1]),
        "bool": np.array([True, False]),
        "list": [0.5, 1],
        "objects": np.array([0.5, 1], dtype=object),
        "Decimal": np.array([Decimal(1), Decimal(2)], dtype=object),
        "strided": np.arange(4.0)[::2],
        "big-endian": np.array([0.5, -1.0], ">f4"),
        "NaN": np.array([0.5, np.nan]),
        "NaN in float32": np.array([np.nan, 0.5], np.float32),
        "all NaN": np.array([np.nan, np.nan]),
        "infinity": np.array([np.inf, 0.5]),
        "minus infinity in float32": np.array([0.5, -np.inf], np.float32),
        "beyond float32": np.array([1e39, 0.0]),
        "far away": np.array([3e38, -3e38]),
        "text": np.array(["a", "b"]),
        "complex": np.array([1j, 2]),
        "dates": np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
        "one feature": np.array([0.5]),
        "three features": np.array([0.5, 1.0, 2.0]),
        "no features": np.zeros(0),
    }.items()
}
STEPS |= {
    f"token, {name}": ("tokens", step)
    for name, step in {
        "known": np.array([3]),
        "unknown": np.array([1]),
        "beyond the vocabulary": np.array([10**9]),
        "int8": np.array([3], np.int8),
        "uint64": np.array([3], np.uint64),
        "bool": np.array([True]),
        "whole float": np.array([3.0]),
        "list": [3],
        "padding": np.array([0]),
        "False": np.array([False]),
        "negative": np.array([-3]),
        "fraction": np.array([2.5]),
        "NaN": np.array([np.nan]),
        "infinity": np.array([np.inf]),
        "huge float": np.array([1e30]),
        "text": np.array(["a"]),
        "two": np.array([1, 2]),
    }.items()
}


def outcome(call: Callable[[], Any]) -> Any:
    """The answer, or the kind of error; the standard library's warnings are not the point."""
    try:
        return np.asarray(call(), dtype=np.float64).ravel()
    except (ValueError, TypeError) as error:
        return type(error)


@pytest.mark.parametrize("case", STEPS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_stream_takes_and_refuses_what_predict_does(case: str) -> None:
    kind, step = STEPS[case]
    estimator, stream = FITTED[kind], FITTED[kind].stream()
    found = outcome(lambda: stream.step(step))
    if kind == "tokens" and np.asarray(step).dtype.kind in "biuf" and not np.asarray(step).all():
        wanted: Any = ValueError  # padding is left out by predict; alone it is refused
    else:
        wanted = outcome(lambda: estimator.predict(np.asarray(step)[None, None]))
    if isinstance(wanted, type):
        assert isinstance(found, type), f"predict raises {wanted.__name__}, the stream answers {found}"
        assert found is wanted or "objects" in case or "text" in case or "complex" in case or "dates" in case
    else:
        assert not isinstance(found, type), f"predict answers {wanted}, the stream raises {found.__name__}"
        np.testing.assert_array_equal(found, wanted)


REFUSED: dict[str, tuple[str, Any, type[Exception], str]] = {
    "NaN": ("numbers", [np.nan, 1.0], ValueError, r"x contains NaN: .* missing='mask'"),
    "infinity": ("mask", [np.inf, 1.0], ValueError, "x contains infinity or a value too large"),
    "padding": ("tokens", [0], ValueError, "x has the padding id 0, which is no time step: leave it out"),
    "negative": ("tokens", [-7], ValueError, "x has the token -7: ids are not negative"),
    "fraction": ("tokens", [1.5], TypeError, "x must hold tokens, which are integers, got dtype float64"),
    "features": ("numbers", [1.0], ValueError, r"x must have shape \(1, 2\) or \(2,\), got \(1,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_step_leaves_the_stream_and_out_as_they_were(case: str) -> None:
    kind, step, error, message = REFUSED[case]
    stream = FITTED[kind].stream()
    good = [2] if kind == "tokens" else [0.5, 1.0]
    stream.step(good)
    before, other, out = stream.state, stream.copy(), np.full(1, 7.0, np.float32)
    with pytest.raises(error, match=message):
        stream.step(step, out)
    np.testing.assert_array_equal(stream.state, before)
    assert out[0] == 7.0
    np.testing.assert_array_equal(stream.step(good), other.step(good))


def test_one_row_of_several_is_refused_for_all() -> None:
    for kind, rows in (("numbers", [[1.0, 2.0], [np.nan, 0.0]]), ("tokens", [[3], [0]])):
        stream = FITTED[kind].stream(2)
        with pytest.raises(ValueError, match=r"x (contains NaN|has the padding)"):
            stream.step(rows)
        assert not stream.state.any()


def test_a_sequence_that_is_padded_answers_as_its_tokens_alone() -> None:
    stream = IDS.stream()
    for token in (4, 2, 7):
        answer = stream.step([token])
    np.testing.assert_array_equal(answer, IDS.predict([[0, 4, 2, 7, 0, 0]]).astype(np.float32))


def test_an_answer_that_is_not_finite_is_an_error() -> None:
    stream = NARROW.stream()
    with pytest.raises(ValueError, match=r"the answer is not finite; reset\(\)"):
        stream.step(np.array([3e38, -3e38], np.float32))
    with pytest.raises(ValueError, match="the answer is not finite"):
        stream.step(X[0, 0])
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0, 0]), NARROW.stream().step(X[0, 0]))


def test_c_reads_what_is_no_token_as_the_unknown_one(c_library: ctypes.CDLL, tmp_path: Path) -> None:
    """C does not check: its header says so."""
    IDS.save(tmp_path / "m.safetensors")
    model, stream, message = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.create_string_buffer(512)
    path = str(tmp_path / "m.safetensors").encode()
    assert c_library.fastgru_model_load(path, ctypes.byref(model), message) == 0
    made = c_library.fastgru_stream_new(model, ctypes.c_int64(5), ctypes.byref(stream), message)
    assert made == 0
    x, y = (ctypes.c_float * 5)(1, 0, -3, 1e9, np.nan), (ctypes.c_float * 5)()
    c_library.fastgru_stream_step(stream, x, y)
    c_library.fastgru_stream_free(stream)
    c_library.fastgru_model_free(model)
    np.testing.assert_array_equal(y, np.full(5, IDS.predict([[1]])[0]).astype(np.float32))


# --- copies and pickles -------------------------------------------------------------------------------------

MADE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "layer": lambda: (fastgru.GRU(2, 5, 2, random_state=0).stream(3), X[:3]),
    "layer, float64": lambda: (
        fastgru.GRU(2, 5, dtype="float64", bias=False, random_state=0).stream(),
        X[:1],
    ),
    "layer, reset before": lambda: (fastgru.GRU(2, 5, reset_after=False, random_state=0).stream(3), X[:3]),
    "regressor": lambda: (NUMBERS.stream(3), X[:3]),
    "regressor, float64": lambda: (DOUBLE.stream(), X[:1]),
    "masks": lambda: (MASK.stream(3), np.where(RNG.random(X[:3].shape) < 0.2, np.nan, X[:3])),
    "tokens": lambda: (IDS.stream(3), TOKENS[:3, :, None]),
    "pooled": lambda: (small(pooling="mean", num_layers=2).fit(X, Y).stream(3), X[:3]),
    "maximum": lambda: (small(pooling="max").fit(X, Y).stream(3), X[:3]),
    "frames": lambda: (small(frame_length=2, frame_step=2).fit(X, Y).stream(3), X[:3]),
    "quantiles": lambda: (small(loss="quantile", quantile=[0.1, 0.9]).fit(X, Y).stream(3), X[:3]),
    "huber": lambda: (small(loss="huber", huber_delta=0.3, dropout=0.1).fit(X, Y).stream(3), X[:3]),
    "classifier": lambda: (GRUClassifier(max_iter=1).fit(X, np.arange(30) % 3).stream(3), X[:3]),
    "tagger": lambda: (GRUClassifier(max_iter=1, output="sequence").fit(X, X[..., 0] > 0).stream(3), X[:3]),
}


def through_pickle(stream: Any) -> Any:
    return pickle.loads(pickle.dumps(stream))


def through_old_pickle(stream: Any) -> Any:
    return pickle.loads(pickle.dumps(stream, protocol=2))


def in_another_process(stream: Any) -> Any:
    """What a worker sent back."""
    return joblib.Parallel(n_jobs=2)(joblib.delayed(same)(each) for each in [stream, stream])[1]


def same(stream: Any) -> Any:
    return stream


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, through_pickle, through_old_pickle])
@pytest.mark.parametrize("case", MADE)
def test_a_copied_stream_goes_on_alike_and_apart(case: str, copied: Any) -> None:
    stream, x = MADE[case]()
    for t in range(3):
        stream.step(x[:, t])
    other = copied(stream)
    assert type(other) is type(stream) and other.batch_size == stream.batch_size
    np.testing.assert_array_equal(other.state, stream.state)
    kept = stream.state
    later = [other.step(x[:, t]) for t in range(3, 6)]
    np.testing.assert_array_equal(stream.state, kept)
    np.testing.assert_array_equal([stream.step(x[:, t]) for t in range(3, 6)], later)
    other.reset()
    assert not other.state.any() and stream.state.any()


def test_a_pickled_stream_keeps_the_weights_it_was_made_with() -> None:
    estimator = small(warm_start=True).fit(X, Y)
    stream = estimator.stream()
    frozen = pickle.dumps(stream)
    estimator.fit(X, -Y)
    np.testing.assert_array_equal(pickle.loads(frozen).step(X[0, 0]), stream.step(X[0, 0]))
    assert not np.array_equal(estimator.stream().step(X[0, 0]), pickle.loads(frozen).step(X[0, 0]))


def test_a_stream_goes_to_another_process_and_back() -> None:
    stream = NUMBERS.stream()
    stream.step(X[0, 0])
    np.testing.assert_array_equal(in_another_process(stream).step(X[0, 1]), stream.step(X[0, 1]))


def test_a_damaged_pickle_of_a_stream_is_refused() -> None:
    for stream in (NUMBERS.stream(), fastgru.GRU(2, 3).stream()):
        maker, arguments, *rest = stream.__reduce_ex__(2)
        state = rest[0]
        fresh = maker(*arguments)
        bad: list[tuple[Any, ...]] = [(), state[:-1], (*state, 1)]
        if len(state) == 9:
            bad += [(*state[:7], state[7][:-1], None), (*state[:8], 3)]
            bad += [(*state[:6], -1, *state[7:]), (*state[:6], 2**40, *state[7:])]
            bad += [(*state[:1], state[1][:-1], *state[2:]), ("{}", *state[1:]), ("[", *state[1:])]
            bad += [(state[0].replace('"gru"', '"x"').replace("hidden", "hid"), *state[1:])]
        else:
            bad += [
                (*state[:5], state[5][:-1], *state[6:]),
                (*state[:6], state[6][:, :0], state[7]),
                (*state[:6], state[6][0], state[7]),
                (*state[:7], "low"),
            ]
            bad += [(2**40, *state[1:]), (-1, *state[1:])]
        for other in bad:
            with pytest.raises((ValueError, TypeError, KeyError, MemoryError, RuntimeError)):
                fresh.__setstate__(other)
