"""The door of streams and of the layer: one time step, or x, in any container."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastgru import GRU, GRURegressor

RNG = np.random.default_rng(2)
ARRAYS = [RNG.standard_normal((n, 2)) for n in (4, 6, 3, 5, 5, 4, 7, 3, 4, 6)]
FRAMES = [pd.DataFrame(part, columns=["speed", "load"]) for part in ARRAYS]
Y = np.array([part[-1, 0] for part in ARRAYS])
ONE = ARRAYS[0]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


class OnlyArray:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)


STEPS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": list,
    "tuple": tuple,
    "objects": lambda x: x.astype(object),
    "masked": np.ma.masked_array,
    "Series": lambda x: pd.Series(x, index=["speed", "load"]),
    "object Series": lambda x: pd.Series(x, index=["speed", "load"], dtype=object),
    "nullable": lambda x: pd.Series(x, index=["speed", "load"], dtype="Float64"),
    "frame": lambda x: pd.DataFrame([x], columns=["speed", "load"]),
    "polars": lambda x: pl.DataFrame([x], schema=["speed", "load"], orient="row"),
    "polars Series": pl.Series,
    "Arrow": pa.array,
    "Arrow table": lambda x: pa.table({"speed": x[:1], "load": x[1:]}),
    "only __array__": OnlyArray,
}


@pytest.mark.parametrize("form", STEPS)
def test_steps_of_every_container(form: str) -> None:
    estimator = regressor().fit(FRAMES, Y)
    stream = estimator.stream()
    for values in ONE:
        answer = stream.step(STEPS[form](values))
    np.testing.assert_array_equal(
        np.ravel(answer), np.ravel(estimator.predict([FRAMES[0]])).astype(np.float32)
    )


def test_labels_of_a_step_are_compared() -> None:
    estimator = regressor().fit(FRAMES, Y)
    swapped = FRAMES[0][["load", "speed"]]
    streams = [estimator.stream(), estimator.stream().copy(), copy.copy(estimator.stream())]
    streams += [copy.deepcopy(streams[0]), pickle.loads(pickle.dumps(streams[0]))]
    for stream in streams:
        for step in (swapped.iloc[0], swapped.iloc[:1], pl.DataFrame({"load": [1.0], "speed": [2.0]})):
            with pytest.raises(
                ValueError, match=r"x has the columns \['load', 'speed'\], and the features of the stream"
            ):
                stream.step(step)
        assert not stream.state.any()
    np.testing.assert_array_equal(
        estimator.stream(2).step(FRAMES[0].iloc[:2]), estimator.stream(2).step(ONE[:2])
    )
    nameless = regressor().fit(ARRAYS, Y).stream()
    np.testing.assert_array_equal(
        nameless.step(swapped.iloc[0]), estimator.stream().step(ONE[0][::-1].copy())
    )
    table = regressor().fit(pd.DataFrame(RNG.standard_normal((10, 4)), columns=list("abcd")), Y)
    table.stream().step(pd.Series([1.0], index=["value"]))  # columns of a table are steps, and no features


def test_steps_that_are_refused() -> None:
    stream = regressor().fit(FRAMES, Y).stream()
    with pytest.raises(TypeError, match="column 'load' has dtype"):
        stream.step(pd.DataFrame({"speed": [1.0], "load": ["a"]}))
    with pytest.raises(TypeError, match=r"x is a LazyFrame, .* pass x\.collect"):
        stream.step(pl.DataFrame({"speed": [1.0], "load": [1.0]}).lazy())
    with pytest.raises(TypeError, match="x: cannot read dict as an array"):
        stream.step({"speed": 1.0, "load": 2.0})
    with pytest.raises(ValueError, match="x contains NaN"):
        stream.step(np.ma.masked_array([1.0, 2.0], [True, False]))


def test_missing_values_of_a_step() -> None:
    holes = [np.where(RNG.random(part.shape) < 0.3, np.nan, part) for part in ARRAYS]
    estimator = regressor(missing="mask").fit(holes, Y)
    wanted = estimator.stream().step(np.array([np.nan, 1.5]))
    for step in (
        np.ma.masked_array([0.0, 1.5], [True, False]),
        pd.Series([pd.NA, 1.5], dtype="Float64"),
        pd.Series([pd.NA, 1.5], dtype=object),
        pl.Series([None, 1.5]),
    ):
        np.testing.assert_array_equal(estimator.stream().step(step), wanted)


def test_token_steps() -> None:
    words = [RNG.integers(1, 9, 5) for _ in range(10)]
    estimator = regressor(embedding_dim=3).fit(words, Y)
    for step in (
        pd.Series([3], dtype="UInt8"),
        pl.Series([3]),
        pa.array([3]),
        pd.Series([3], dtype="int8[pyarrow]"),
    ):
        np.testing.assert_array_equal(estimator.stream().step(step), estimator.stream().step([3]))


def test_the_layer_reads_arrays_of_every_owner() -> None:
    gru = GRU(2, 3, random_state=0)
    wanted, _ = gru(ONE)
    for x in (
        FRAMES[0],
        pl.DataFrame({"a": ONE[:, 0], "b": ONE[:, 1]}),
        np.ma.masked_array(ONE),
        OnlyArray(ONE),
    ):
        np.testing.assert_array_equal(gru(x)[0], wanted)
    hidden = np.ma.masked_array(np.zeros((1, 3)), [[True, False, False]])
    for call in (lambda: gru(ONE, hidden), lambda: gru.forward_train(ONE, hidden)):
        with pytest.raises(ValueError, match=r"h0 has masked elements: pass h0\.filled"):
            call()
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(TypeError, match=r"x cannot be made into an array: .*detach"):
        gru(torch.ones((4, 2), requires_grad=True))
