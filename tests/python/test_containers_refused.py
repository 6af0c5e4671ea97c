"""Containers that are refused: the error names the argument, the column or the sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fastgru import GRUClassifier, GRURegressor, SequenceScaler, make_windows

RNG = np.random.default_rng(7)
ARRAYS = [RNG.standard_normal((n, 2)) for n in (4, 6, 3, 5, 5, 4, 7, 3, 4, 6, 5, 4)]
FRAMES = [pd.DataFrame(part, columns=["speed", "load"]) for part in ARRAYS]
TABLE = RNG.standard_normal((12, 5))
Y = np.array([part[-1, 0] for part in ARRAYS])
LABELS = np.where(Y > 0, "up", "down")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def bad_column(kind: str) -> pd.Series:
    columns = {
        "texts": pd.Series(["a"] * 12),
        "string": pd.Series(["1"] * 12, dtype="string"),
        "objects": pd.Series(["1.5"] * 12, dtype=object),
        "categories": pd.Series(["x", "y"] * 6, dtype="category"),
        "numbers as categories": pd.Series([1, 2] * 6, dtype="category"),
        "dates": pd.Series(pd.date_range("2026-01-01", periods=12)),
        "durations": pd.Series(pd.to_timedelta(np.arange(12), "D")),
        "complex": pd.Series([1j] * 12),
        "pyarrow": pd.Series(["a"] * 12, dtype="string[pyarrow]"),
    }
    return columns[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "texts",
        "string",
        "objects",
        "categories",
        "numbers as categories",
        "dates",
        "durations",
        "complex",
        "pyarrow",
    ],
)
def test_columns_that_hold_no_numbers_are_named(kind: str) -> None:
    table = pd.DataFrame({"ok": np.arange(12.0), "city": bad_column(kind)})
    good = pd.DataFrame({"ok": np.arange(12.0), "city": 1.0})
    estimator = regressor().fit(good, Y)
    doors: list[Callable[[], Any]] = [
        lambda: regressor().fit(table, Y),
        lambda: estimator.predict(table),
        lambda: estimator.score(table, Y),
        lambda: SequenceScaler().fit(table),
        lambda: make_windows(table, 3),
    ]
    for door in doors:
        with pytest.raises(TypeError, match=r"column 'city' (has dtype|holds)"):
            door()
    with pytest.raises(TypeError, match=r"X\[1\]: column 'city' (has dtype|holds)"):
        regressor().fit([good, table], [0.0, 1.0])


def lazy() -> pl.LazyFrame:
    return pl.DataFrame(TABLE).lazy()


def ragged_nested() -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series([np.ones(3)] * 2), "b": pd.Series([np.ones(3), np.ones(4)])})


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "lazy": (lazy, TypeError, r"X is a LazyFrame, .* pass X\.collect\(\)"),
    "list of lazy": (lambda: [lazy(), lazy()], TypeError, r"X\[0\] is a LazyFrame"),
    "polars texts": (lambda: pl.DataFrame({"a": ["x"] * 12}), TypeError, "X: column 'a' has dtype String"),
    "polars dates": (
        lambda: pl.DataFrame({"a": pd.date_range("2026", periods=12).to_numpy()}),
        TypeError,
        "X: column 'a' has dtype Datetime",
    ),
    "nested, other lengths": (
        ragged_nested,
        ValueError,
        "X: row 1 has 3 steps in column 'a' and 4 in column 'b'",
    ),
    "nested, a number": (
        lambda: pd.DataFrame({"a": pd.Series([np.ones(3)] * 2), "b": [1.0, 2.0]}),
        TypeError,
        "X: row 0, column 'b' holds 1.0, and in a frame of sequences every cell is one",
    ),
    "three levels": (
        lambda: pd.DataFrame(np.ones((4, 2)), index=pd.MultiIndex.from_product([[0], [0, 1], [0, 1]])),
        ValueError,
        "X has an index of 3 levels",
    ),
    "a time twice": (
        lambda: pd.DataFrame(np.ones((3, 2)), index=pd.MultiIndex.from_tuples([(0, 0), (0, 1), (0, 1)])),
        ValueError,
        r"rows 1 and 2 of X have the same instance and time, \(0, 1\)",
    ),
    "missing in the index": (
        lambda: pd.DataFrame(np.ones((2, 2)), index=pd.MultiIndex.from_tuples([(0, 0), (None, 1)])),
        ValueError,
        "the index of X has missing values",
    ),
    "dict": (lambda: {"a": [1.0]}, TypeError, "X: "),
    "generator": (lambda: (part for part in ARRAYS), TypeError, "X: "),
    "set": (lambda: {1.0, 2.0}, TypeError, "X: "),
    "text": (lambda: "speed", (TypeError, ValueError), "X"),
    "list of dicts": (lambda: [{"a": 1.0}] * 12, TypeError, "X must hold real numbers: .*'dict'"),
    "array and dict": (lambda: [ARRAYS[0], {"a": 1.0}], TypeError, r"X\[1\]: "),
    "array and None": (lambda: [ARRAYS[0], None], TypeError, r"X\[1\]: "),
    "polars null": (lambda: pl.Series([[1.0], None]), TypeError, r"X\[1\]: "),
    "ragged sequence": (
        lambda: [ARRAYS[0], [[1.0, 2.0], [3.0]]],
        ValueError,
        r"X\[1\]: its parts differ in length",
    ),
    "no instances": (lambda: pd.concat(dict(enumerate(FRAMES))).iloc[:0], ValueError, "0 sample"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_containers(case: str) -> None:
    make, error, message = CASES[case]
    doors: list[Callable[[Any], Any]] = [
        lambda X: regressor().fit(X, Y),
        lambda X: classifier().partial_fit(X, LABELS),
        regressor().fit(ARRAYS, Y).predict,
        classifier().fit(ARRAYS, LABELS).predict_proba,
        SequenceScaler().fit,
        SequenceScaler().fit(ARRAYS).transform,
    ]
    for door in doors:
        with pytest.raises(error, match=message):
            door(make())


def test_tensors_that_torch_does_not_give_away() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for X in (torch.ones((12, 5), requires_grad=True), torch.ones((12, 5), dtype=torch.bfloat16)):
        for door in (lambda X: regressor().fit(X, Y), SequenceScaler().fit, lambda X: make_windows(X, 2)):
            with pytest.raises(TypeError, match=r"(X|series): cannot read Tensor as an array: "):
                door(X)
        with pytest.raises(TypeError, match=r"X\[0\]: cannot read Tensor"):
            regressor().fit([X], [1.0])
        with pytest.raises(TypeError, match="y: cannot read Tensor"):
            regressor().fit(TABLE, X[:, 0])
