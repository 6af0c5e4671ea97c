"""SequenceScaler's names and containers: get_feature_names_out and set_output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fastgru import GRURegressor, SequenceScaler

RNG = np.random.default_rng(3)
CUBE = RNG.normal(5, 2, (10, 4, 2))
LISTED = [RNG.normal(5, 2, (n, 2)) for n in (3, 5, 4, 6, 3, 4, 5, 2, 3, 4)]
FRAMES = [pd.DataFrame(part, columns=["speed", "load"]).set_axis(range(9, 9 + len(part))) for part in LISTED]
TABLE = pd.DataFrame(RNG.normal(5, 2, (10, 4)), columns=list("abcd"), index=range(20, 30))


def test_names_out() -> None:
    assert list(SequenceScaler().fit(CUBE).get_feature_names_out()) == ["x0", "x1"]
    assert list(SequenceScaler().fit(TABLE).get_feature_names_out()) == list("abcd")
    scaler = SequenceScaler().fit(FRAMES)
    assert list(scaler.get_feature_names_out()) == ["speed", "load"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        scaler.get_feature_names_out(["load", "speed"])
    with pytest.raises(NotFittedError):
        SequenceScaler().get_feature_names_out()


@pytest.mark.parametrize(("container", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_frames_hold_the_numbers_of_the_arrays(container: str, kind: Any) -> None:
    scaler = SequenceScaler().set_output(transform=container)
    table = scaler.fit_transform(TABLE)
    assert isinstance(table, kind) and list(table.columns) == list("abcd")
    np.testing.assert_array_equal(table.to_numpy(), SequenceScaler().fit_transform(TABLE))
    if container == "pandas":
        assert list(table.index) == list(range(20, 30))
    flat = [part[:, 0] for part in LISTED]
    for X, names in (
        (CUBE, ["x0", "x1"]),
        (LISTED, ["x0", "x1"]),
        (FRAMES, ["speed", "load"]),
        (flat, ["x0"]),
    ):
        frames, arrays = scaler.fit_transform(X), SequenceScaler().fit_transform(X)
        assert len(frames) == len(arrays)
        for frame, array in zip(frames, arrays, strict=True):
            assert isinstance(frame, kind) and list(frame.columns) == names
            np.testing.assert_array_equal(frame.to_numpy(), array.reshape(len(array), -1))
    one = scaler.fit(flat).transform(np.ones((3, 4)))  # a table of what was fitted as sequences
    assert len(one) == 3 and one[0].shape == (4, 1)
    if container == "pandas":
        assert list(scaler.fit_transform(FRAMES)[1].index) == [9, 10, 11, 12, 13]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pipeline_passes_names_on() -> None:
    y = [part[-1, 0] for part in LISTED]
    pipe = make_pipeline(SequenceScaler(), GRURegressor(4, max_iter=2, random_state=0))
    wanted = clone(pipe).fit(LISTED, y).predict(LISTED)
    pipe.set_output(transform="pandas")
    np.testing.assert_array_equal(pipe.fit(FRAMES, y).predict(FRAMES), wanted)
    assert list(pipe[-1].feature_names_in_) == ["speed", "load"]
    with config_context(transform_output="polars"):
        assert isinstance(SequenceScaler().fit_transform(FRAMES)[0], pl.DataFrame)
    assert isinstance(SequenceScaler().fit_transform(FRAMES)[0], np.ndarray)


def test_containers_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="transform must be one of default, pandas, polars, got 'numpy'"):
        SequenceScaler().set_output(transform="numpy")
    scaler = SequenceScaler().set_output(transform="pandas")
    assert scaler.set_output() is scaler and isinstance(scaler.fit_transform(CUBE)[0], pd.DataFrame)
    assert isinstance(clone(scaler).fit_transform(CUBE)[0], pd.DataFrame)
