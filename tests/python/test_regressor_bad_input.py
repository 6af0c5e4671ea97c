"""Invalid input to GRURegressor: a table of cases, each with its error and words of the message."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from fastgru import GRURegressor, make_windows

RNG = np.random.default_rng(0)
X2 = RNG.standard_normal((12, 5))
X3 = RNG.standard_normal((12, 5, 2))
Y = X2[:, -1]
HUGE = 1e39  # beyond float32

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0, **params})


def fit(X: Any = X2, y: Any = Y, sample_weight: Any = None, **params: Any) -> Callable[[], object]:
    return lambda: small(**params).fit(X, y, sample_weight=sample_weight)


def predict(X: Any, fitted_on: Any = X3, **params: Any) -> Callable[[], object]:
    return lambda: small(**params).fit(fitted_on, Y).predict(X)


def put(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array.flat[7] = value
    return array


def warm(first: dict[str, Any], second: dict[str, Any], X: Any = X2, y: Any = Y) -> Callable[[], object]:
    def call() -> object:
        return small(warm_start=True, **first).fit(X2, Y).set_params(**second).fit(X, y)

    return call


def partial(X: Any, y: Any = Y, **params: Any) -> Callable[[], object]:
    return lambda: small(**params).partial_fit(X3, Y).partial_fit(X, y)


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    # X at fit
    "X scalar": (fit(3.0), TypeError, "X: .* at least 1 dimension"),
    "X 1-D": (fit(X2[:, 0]), ValueError, r"Expected X of shape .* got a 1D array of shape \(12,\)"),
    "X 4-D": (fit(X3[..., None]), ValueError, r"Expected X of shape .* got a 4D array"),
    "X None": (fit(None), TypeError, "X: .* at least 1 dimension"),
    "X no samples": (fit(np.empty((0, 5)), []), ValueError, "0 sample"),
    "X no steps, 2-D": (fit(np.empty((12, 0))), ValueError, r"0 feature\(s\)"),
    "X no steps, 3-D": (fit(np.empty((12, 0, 2))), ValueError, r"X has shape \(12, 0, 2\)"),
    "X no features": (fit(np.empty((12, 5, 0))), ValueError, r"X has shape \(12, 5, 0\)"),
    "X NaN": (fit(put(X2, np.nan)), ValueError, r"Input X contains NaN\. .*missing='mask'"),
    "X NaN, 3-D": (fit(put(X3, np.nan)), ValueError, "Input X contains NaN"),
    "X inf": (fit(put(X3, np.inf)), ValueError, "Input X contains infinity"),
    "X beyond float32": (fit(put(X3, HUGE)), ValueError, r"Input X .* too large for dtype\('float32'\)"),
    "X squares beyond float64": (fit(put(X2, 1e200), dtype="float64"), ValueError, "X has values too large"),
    "X complex": (fit(X2 + 1j), ValueError, "Complex data not supported"),
    "X texts": (fit(X2.astype(str)), ValueError, "X: .*bytes/strings"),
    "X one text": (fit([["a", 1.0]] * 12), ValueError, "X: .*bytes/strings"),
    "X dates": (
        fit(np.zeros((12, 5), "datetime64[s]")),
        ValueError,
        "X must hold real numbers, got dtype datetime",
    ),
    "X objects": (
        fit(np.full((12, 5), {}, dtype=object)),
        TypeError,
        "X must hold real numbers: .*must be a string or a real number",
    ),
    "X ragged": (
        fit([[1.0] * n for n in range(1, 12)] + [3.0]),
        ValueError,
        "X: its parts differ in length",
    ),
    "X ragged below": (
        fit([[[1.0] * n for n in (1, 2)] for _ in range(12)]),
        ValueError,
        "X: its parts differ in length",
    ),
    "X list, other features": (
        fit([np.ones((3, 2)), np.ones((3, 4))], [0, 1]),
        ValueError,
        r"X\[1\] has shape \(3, 4\) and X\[0\] has \(3, 2\)",
    ),
    "X list, mixed ranks": (
        fit([np.ones((3, 1)), np.ones(3)], [0, 1]),
        ValueError,
        r"X\[1\] has shape \(3,\)",
    ),
    "X list, empty sequences alone": (
        fit([np.ones((0, 2)), np.ones((0, 2))], [0, 1]),
        ValueError,
        "X has no time steps: at least one of its sequences must have one",
    ),
    "X list, no features": (
        fit([np.ones((3, 0)), np.ones((2, 0))], [0, 1]),
        ValueError,
        r"X\[0\] has shape \(3, 0\): .* at least one feature",
    ),
    "X list of 3-D": (fit([X3, X3], [0, 1]), ValueError, r"X\[0\] has shape \(12, 5, 2\): in a list, each"),
    "X list with a number": (fit([np.ones((3, 2)), 3.0], [0, 1]), TypeError, r"X\[1\]: cannot read float"),
    "X list NaN": (
        fit([*X3[:6], *put(X3[6:], np.nan)]),
        ValueError,
        r"Input X\[6\] contains NaN\. .*missing='mask'",
    ),
    "X list inf": (fit([*X3[:6], *put(X3[6:], -np.inf)]), ValueError, r"Input X\[6\] contains infinity"),
    "X list beyond float32": (fit([*X3[:6], *put(X3[6:], HUGE)]), ValueError, r"Input X\[6\] .* too large"),
    "X list complex": (fit([*X3[:11], X3[0] + 1j]), ValueError, "Complex data not supported"),
    "X list text": (fit([*X3[:11], X3[0].astype(str)]), ValueError, r"X\[11\]: .*bytes/strings"),
    "X list sparse": (fit([X3[0], scipy.sparse.csr_matrix(X3[0])], [0, 1]), TypeError, r"X\[1\]"),
    "X list shorter than y": (fit(list(X3[:11])), ValueError, r"inconsistent numbers of samples: \[11, 12\]"),
    "predict list, other features": (
        predict([np.ones((3, 4))]),
        ValueError,
        "X has 4 features, but GRURegressor is expecting 2",
    ),
    "predict list after 2-D": (
        predict(list(X2), X2),
        ValueError,
        "X has 3 dimensions, but GRURegressor was fitted with 2",
    ),
    "X sparse": (fit(scipy.sparse.csr_matrix(X2)), TypeError, "Sparse data was passed for X"),
    "X frame with text": (
        fit(pd.DataFrame({"a": ["x"] * 12, "b": 1.0})),
        TypeError,
        "X: column 'a' (has dtype|holds)",
    ),
    "X frame with a gap": (fit(pd.DataFrame({"a": [None] + [1.0] * 11})), ValueError, "Input X contains NaN"),
    "X nullable frame with a gap": (
        fit(pd.DataFrame({"a": pd.array([None] + [1] * 11, dtype="Int64")})),
        ValueError,
        "Input X contains NaN",
    ),
    # y
    "y None": (fit(y=None), ValueError, "requires y to be passed, but the target y is None"),
    "y shorter": (fit(y=Y[:-1]), ValueError, r"inconsistent numbers of samples: \[12, 11\]"),
    "y 3-D": (fit(y=X3), ValueError, r"y should be of shape .* got \(12, 5, 2\)"),
    "y scalar": (fit(y=1.0), ValueError, r"y should be of shape .* got \(\)"),
    "y no outputs": (fit(y=np.empty((12, 0))), ValueError, r"y should be of shape .* got \(12, 0\)"),
    "y NaN": (fit(y=put(Y, np.nan)), ValueError, "Input y contains NaN"),
    "y inf": (fit(y=put(Y, -np.inf)), ValueError, "Input y contains infinity"),
    "y beyond float32": (fit(y=put(Y, HUGE)), ValueError, "Input y .* too large"),
    "y texts": (fit(y=list("abcdefghijkl")), ValueError, "y: .*bytes/strings"),
    "y complex": (fit(y=Y + 1j), ValueError, "Complex data not supported"),
    "y sparse": (fit(y=scipy.sparse.csr_matrix(X2)), TypeError, "Sparse data was passed for y"),
    "y ragged": (fit(y=[[1.0]] * 11 + [[1.0, 2.0]]), ValueError, "y: its parts differ in length"),
    # sample_weight
    "weight shorter": (fit(sample_weight=np.ones(11)), ValueError, r"sample_weight.shape == \(11,\)"),
    "weight 2-D": (fit(sample_weight=np.ones((12, 2))), ValueError, "must be 1D"),
    "weight negative": (
        fit(sample_weight=put(np.ones(12), -1.0)),
        ValueError,
        "sample_weight must not be neg.* row 7",
    ),
    "weight all zero": (fit(sample_weight=np.zeros(12)), ValueError, "at least one non-zero"),
    "weight NaN": (
        fit(sample_weight=put(np.ones(12), np.nan)),
        ValueError,
        "Input sample_weight contains NaN",
    ),
    "weight text": (fit(sample_weight=["a"] * 12), ValueError, "could not convert|incompatible|compatible"),
    # predict
    "not fitted": (lambda: small().predict(X2), NotFittedError, "not fitted yet"),
    "not fitted, stream": (lambda: small().stream(), NotFittedError, "not fitted yet"),
    "not fitted, save": (lambda: small().save("never.safetensors"), NotFittedError, "not fitted yet"),
    "predict other features": (
        predict(X3[..., :1]),
        ValueError,
        "X has 1 features, but GRURegressor is expecting 2",
    ),
    "predict other steps, 2-D": (
        predict(X2[:, :3], X2),
        ValueError,
        "X has 3 features, but GRURegressor is expecting 5",
    ),
    "predict 2-D after 3-D": (
        predict(X2),
        ValueError,
        "X has 2 dimensions, but GRURegressor was fitted with 3",
    ),
    "predict 3-D after 2-D": (
        predict(X3, X2),
        ValueError,
        "X has 3 dimensions, but GRURegressor was fitted with 2",
    ),
    "predict one row": (predict(X2[0], X2), ValueError, "Reshape your data"),
    "predict no samples": (predict(X3[:0]), ValueError, "0 sample"),
    "predict no steps": (predict(X3[:, :0]), ValueError, r"X has shape \(12, 0, 2\)"),
    "predict NaN": (predict(put(X3, np.nan)), ValueError, "Input X contains NaN"),
    "predict other columns": (
        predict(pd.DataFrame(X2, columns=list("abcdx")), pd.DataFrame(X2, columns=list("abcde"))),
        ValueError,
        "feature names should match",
    ),
    "score rows": (lambda: small().fit(X2, Y).score(X2, Y[:-1]), ValueError, "inconsistent numbers"),
    "stream, two directions": (
        lambda: small(bidirectional=True).fit(X2, Y).stream(),
        ValueError,
        "direction",
    ),
    "stream of none": (lambda: small().fit(X2, Y).stream(0), ValueError, "batch_size"),
    "stream step of other features": (
        lambda: small().fit(X3, Y).stream().step([1.0]),
        ValueError,
        "shape|features",
    ),
    # continuing
    "partial_fit features": (
        partial(X3[..., :1]),
        ValueError,
        "X has 1 features, but GRURegressor is expecting 2",
    ),
    "partial_fit outputs": (partial(X3, X2[:, :2]), ValueError, "y has 2 outputs, but the fit before had 1"),
    "partial_fit early stopping": (
        partial(X3, early_stopping=True),
        ValueError,
        "does not support early_stopping",
    ),
    "warm start hidden_size": (
        warm({}, {"hidden_size": 4}),
        ValueError,
        "hidden_size=4, but .* hidden_size=3",
    ),
    "warm start dtype": (warm({}, {"dtype": "float64"}), ValueError, "dtype='float64', but"),
    "warm start features": (warm({}, {}, X=X2[:, :3]), ValueError, "X has 3 features"),
    # early stopping
    "validation too small": (
        fit(early_stopping=True, validation_fraction=0.01),
        ValueError,
        "validation set is too small",
    ),
    "nothing left to train on": (fit(X2[:1], Y[:1], early_stopping=True), ValueError, "n_samples=1"),
    # sizes
    "beyond addresses": (
        fit(hidden_size=10**30),
        ValueError,
        "hidden_size must be .* of 64 bits, got 10{30}",
    ),
    "beyond memory": (fit(hidden_size=10**8), (MemoryError, ValueError), "memory|hidden_size|"),
    "diverges": (
        fit(learning_rate_init=1e30, clip_norm=None, solver="sgd", max_iter=200, y=X2),
        ValueError,
        "learning_rate",
    ),
    # windows
    "series too short": (
        lambda: make_windows([1.0, 2.0], 2),
        ValueError,
        "series has 2 time steps, one window needs 3",
    ),
    "series 3-D": (lambda: make_windows(X3, 2), ValueError, r"series must have shape .* got \(12, 5, 2\)"),
    "series text": (lambda: make_windows(["a", "b", "c"], 1), TypeError, "series must hold real numbers"),
    "series objects": (lambda: make_windows([{}, {}, {}], 1), TypeError, "series must hold real numbers"),
    "series complex": (lambda: make_windows([1j, 2j, 3j], 1), TypeError, "series must hold real numbers"),
    "length 0": (lambda: make_windows(Y, 0), ValueError, "length must be an integer of at least 1"),
    "length fraction": (lambda: make_windows(Y, 2.5), TypeError, "length must be an integer, got 2.5"),
    "length True": (lambda: make_windows(Y, True), ValueError, "length must be an integer"),
    "horizon 0": (
        lambda: make_windows(Y, 2, horizon=0),
        ValueError,
        "horizon must be an integer of at least 1",
    ),
    "step -1": (lambda: make_windows(Y, 2, step=-1), ValueError, "step must be an integer of at least 1"),
}

BAD_PARAMETERS: dict[str, list[Any]] = {
    "hidden_size": [0, -3, 2.5, "64", None],
    "num_layers": [0, 1.0, None],
    "bidirectional": ["yes", 2],
    "loss": ["mse", None],
    "quantile": [0.0, 1.0, "half"],
    "huber_delta": [0.0, -1.0, np.inf],
    "embedding_dim": [0, 2.5, "8"],
    "vocabulary_size": [1, 2.5, "8"],
    "output": ["all", None],
    "input_dropout": [1.0, -0.1, None],
    "recurrent_dropout": [1.0, -0.1, None],
    "learning_rate": ["adaptive", 0.1],
    "bptt": [0, 2.5, "all"],
    "missing": ["mean", None],
    "callbacks": ["print", 3],
    "frame_length": [0, -1, 2.5, "long", None],
    "frame_step": [0, -1, 2.5, "half", None],
    "pooling": ["sum", None],
    "dropout": [-0.1, 1.0, 1.5, "0.1", np.nan],
    "reset_after": ["before"],
    "precision": ["low", 1],
    "solver": ["lbfgs", None, 3],
    "alpha": [-1e-3, np.inf, "a"],
    "batch_size": [0, "auto", 3.5],
    "learning_rate_init": [0.0, -1.0, np.nan, np.inf, "fast"],
    "max_iter": [0, -1, 10.0, np.inf],
    "shuffle": ["no"],
    "random_state": [-1, "seed", 1.5],
    "tol": [-1e-4, np.nan],
    "verbose": ["loud", -1],
    "warm_start": ["yes"],
    "momentum": [-0.1, 1.0],
    "nesterovs_momentum": ["yes"],
    "early_stopping": ["yes"],
    "validation_fraction": [0.0, 1.0, -0.5],
    "beta_1": [1.0, -0.1],
    "beta_2": [1.0, -0.1],
    "epsilon": [0.0, -1e-8],
    "n_iter_no_change": [0, -1, 2.5, "none"],
    "clip_norm": [0.0, -1.0, "none"],
    "standardize": ["yes"],
    "dtype": ["float16", np.float32, None],
    "n_jobs": [0, 1.5, "all"],
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str) -> None:
    call, error, words = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error, match=words):
            call()


@pytest.mark.parametrize(
    "name, value", [(name, value) for name, values in BAD_PARAMETERS.items() for value in values], ids=repr
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameter(method: str, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GRURegressor must be"):
        getattr(small(**{name: value}), method)(X2, Y)


def test_every_parameter_has_bad_values() -> None:
    assert set(BAD_PARAMETERS) == set(GRURegressor().get_params())


def test_refused_data_leaves_the_fitted_estimator_as_it_was() -> None:
    estimator = small().fit(X3, Y)
    before = estimator.predict(X3)
    for X, y in [(X2, put(Y, np.nan)), (put(X2, np.nan), Y), (X2, Y[:-1])]:
        with pytest.raises(ValueError):
            estimator.fit(X, y)
        assert estimator.n_features_in_ == 2
        np.testing.assert_array_equal(estimator.predict(X3), before)
