"""GRURegressor: learning, and the meaning of its parameters and fitted attributes."""

from __future__ import annotations

import doctest
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor

from fastgru import GRURegressor, _core, make_windows
from fastgru.estimators import _fit_loop, _network, regressor

RNG = np.random.default_rng(3)
X3 = RNG.standard_normal((60, 7, 3))
Y = X3[:, -1, 0] + 0.5 * X3[:, -2, 1] + 10
Y2 = np.stack([Y, 100 * X3[:, -1, 2]], axis=1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dtype": "float64"},
        {"reset_after": False},
        {"num_layers": 2},
        {"bidirectional": True, "num_layers": 2},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
        {"clip_norm": None, "alpha": 1e-4},
        {"early_stopping": True, "validation_fraction": 0.2},
        {"shuffle": False, "batch_size": 7},
    ],
    ids=str,
)
def test_learns(params: dict[str, Any]) -> None:
    estimator = small(**{"hidden_size": 16, "max_iter": 150, "learning_rate_init": 0.01, **params})
    estimator.fit(X3, Y2)
    assert estimator.score(X3, Y2) > 0.8
    assert estimator.predict(X3).shape == (60, 2) and estimator.predict(X3).dtype == np.float64


def test_learns_a_wave_from_windows() -> None:
    X, y = make_windows(50 + 5 * np.sin(np.arange(300) / 4), 16)
    estimator = GRURegressor(max_iter=40, random_state=0).fit(X[:200], y[:200])
    assert estimator.score(X[200:], y[200:]) > 0.99


def test_shapes_and_names() -> None:
    one = small().fit(X3[:, :, 0], Y)
    assert one.n_features_in_ == 7 and one.n_outputs_ == 1 and not hasattr(one, "feature_names_in_")
    assert one.predict(X3[:, :, 0]).shape == (60,)
    several = small().fit(X3, Y2)
    assert several.n_features_in_ == 3 and several.n_outputs_ == 2
    assert several.predict(X3[:, :4]).shape == several.predict(np.tile(X3, (1, 3, 1))).shape == (60, 2)
    frame = pd.DataFrame(X3[:, :, 0], columns=[f"t{i}" for i in range(7)])
    named = small().fit(frame, pd.Series(Y))
    assert list(named.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(named.predict(frame), one.predict(X3[:, :, 0]))
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = small().fit(X3, Y[:, None])
    assert column.predict(X3).shape == (60,)
    univariate = small().fit(X3[:, :, :1], Y)
    np.testing.assert_array_equal(univariate.predict(X3[:, :, :1]), one.predict(X3[:, :, 0]))


def test_input_forms_give_the_same_answer() -> None:
    X = X3.astype(np.float32)
    wanted = small().fit(X, Y).predict(X)
    wide = np.zeros((60, 14, 3), np.float32)
    wide[:, ::2] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    for form in [
        X.astype(np.float64),
        X.tolist(),
        np.asfortranarray(X),
        wide[:, ::2],
        frozen,
        X.astype(">f4"),
    ]:
        np.testing.assert_allclose(small().fit(form, Y).predict(form), wanted, rtol=1e-6)
    whole = np.round(X * 10)
    np.testing.assert_allclose(
        small().fit(whole.astype(np.int64), Y).predict(whole.astype(np.int8)),
        small().fit(whole, Y).predict(whole),
    )


def test_standardization_makes_units_irrelevant() -> None:
    shift, factor = np.array([1e5, -3e3, 0.0]), np.array([1e4, 1e-6, 1.0])
    plain, moved = small(max_iter=30).fit(X3, Y), small(max_iter=30).fit(X3 * factor + shift, Y * 1e6 - 5e6)
    np.testing.assert_allclose(
        moved.predict(X3 * factor + shift), plain.predict(X3) * 1e6 - 5e6, rtol=1e-3, atol=2e3
    )
    raw = small(standardize=False).fit(X3, Y)
    assert not np.allclose(raw.predict(X3), small().fit(X3, Y).predict(X3))
    # All inputs and targets constant: nothing to divide by.
    np.testing.assert_allclose(
        small().fit(np.full((9, 4), 0.1), np.full(9, 7.0)).predict(np.full((2, 4), 0.1)), 7, atol=1
    )


def test_a_spread_below_the_targets_precision_is_told() -> None:
    with pytest.warns(
        UserWarning, match="y: column 1 has mean 1e[+]06 .* predictions in float32 keep few digits"
    ):
        small().fit(X3, np.stack([Y, 1e6 + 1e-3 * Y], axis=1))


def test_sample_weight() -> None:
    weight = RNG.integers(0, 3, 60).astype(float)
    full = {"batch_size": 1000, "dtype": "float64"}
    weighted = small(**full).fit(X3, Y, weight).predict(X3)
    repeated = (
        small(**full).fit(X3.repeat(weight.astype(int), axis=0), Y.repeat(weight.astype(int))).predict(X3)
    )
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)
    np.testing.assert_array_equal(weighted, small(**full).fit(X3, Y, weight * 1e300).predict(X3))
    kept = weight > 0
    np.testing.assert_array_equal(
        small(early_stopping=True).fit(X3, Y, weight).predict(X3),
        small(early_stopping=True).fit(X3[kept], Y[kept], weight[kept]).predict(X3),
    )
    np.testing.assert_array_equal(
        small().fit(X3, Y, 2.0).predict(X3), small().fit(X3, Y, np.ones(60)).predict(X3)
    )


def test_loss_curve_and_convergence() -> None:
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        estimator = small().fit(X3, Y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 5
    assert estimator.loss_ == estimator.loss_curve_[-1] and estimator.best_loss_ == min(estimator.loss_curve_)
    assert estimator.validation_scores_ is None and estimator.best_validation_score_ is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        early = small(max_iter=100, tol=10.0, n_iter_no_change=3).fit(X3, Y)
    # Like MLPRegressor: the first epoch improves on infinity, then more than n_iter_no_change epochs do not.
    assert early.n_iter_ == MLPRegressor(tol=1e9, n_iter_no_change=3).fit(X3[:, :, 0], Y).n_iter_ == 5
    assert small(max_iter=30, tol=10.0, n_iter_no_change=np.inf).fit(X3, Y).n_iter_ == 30


@pytest.mark.parametrize(("batch_size", "epochs"), [(60, 102), (30, 52), (7, 14), (6, 12), (1, 12)])
def test_a_small_set_is_given_a_hundred_mini_batches_of_patience(batch_size: int, epochs: int) -> None:
    # n_iter_no_change="auto" on 60 samples: the first epoch improves on infinity, then one too many do not.
    assert small(max_iter=500, tol=10.0, batch_size=batch_size).fit(X3, Y).n_iter_ == epochs


def test_the_loss_is_the_mean_squared_error_of_standardized_targets() -> None:
    estimator = small(learning_rate_init=1e-12, max_iter=1, batch_size=60, dtype="float64").fit(X3, Y2)
    errors = (estimator.predict(X3) - Y2) / Y2.std(axis=0)
    assert estimator.loss_ == pytest.approx((errors**2).mean(), rel=1e-6)


def test_alpha_counts_as_in_scikit_learns_mlp() -> None:
    """Each step takes ``rate * alpha / batch_size`` off every weight."""
    step = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "clip_norm": None, "max_iter": 1}

    def weights(**params: Any) -> dict[str, np.ndarray]:
        fitted = small(dtype="float64", batch_size=60, **{**step, **params}).fit(X3, Y)
        return _network.named_parameters(fitted._network)

    first, plain, decayed = weights(learning_rate_init=1e-300), weights(), weights(alpha=3.0)
    for name, w in first.items():
        shrunk = 0.0 if "bias" in name else 0.1 * 3.0 / 60 * w
        np.testing.assert_allclose(plain[name] - decayed[name], shrunk, atol=1e-14, err_msg=name)


def test_early_stopping_restores_the_best_weights() -> None:
    noise = RNG.standard_normal(60)
    estimator = small(early_stopping=True, max_iter=60, n_iter_no_change=60, validation_fraction=0.3)
    estimator.fit(X3, noise)
    best = int(np.argmax(estimator.validation_scores_))
    assert len(estimator.validation_scores_) == estimator.n_iter_ and best < estimator.n_iter_ - 1
    assert (
        estimator.best_validation_score_ == max(estimator.validation_scores_) and estimator.best_loss_ is None
    )
    again = small(early_stopping=True, max_iter=best + 1, validation_fraction=0.3).fit(X3, noise)
    np.testing.assert_array_equal(estimator.predict(X3), again.predict(X3))


def test_partial_fit() -> None:
    estimator = small()
    for _ in range(4):
        assert estimator.partial_fit(X3, Y) is estimator
    assert len(estimator.loss_curve_) == 4 and estimator.n_iter_ == 1
    np.testing.assert_array_equal(estimator.predict(X3), small(max_iter=4).fit(X3, Y).predict(X3))
    chunks = small()
    for epoch in range(60):
        chunks.partial_fit(X3[epoch % 3 :: 3], Y[epoch % 3 :: 3])
    assert chunks.score(X3, Y) > 0.5
    assert chunks.fit(X3, Y).n_iter_ == len(chunks.loss_curve_) == 5  # fit begins anew


def test_random_state() -> None:
    def answer(state: Any) -> np.ndarray:
        return small(random_state=state).fit(X3, Y).predict(X3)

    assert (answer(1) == answer(1)).all() and not np.allclose(answer(1), answer(2))
    assert not np.allclose(answer(None), answer(None))
    state = np.random.RandomState(1)
    assert (answer(1) == answer(state)).all() and not np.allclose(answer(1), answer(state))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_weights(dtype: str) -> None:
    architecture = {
        **_core.network_defaults(),
        "input_size": 3,
        "hidden_size": 8,
        "num_layers": 2,
        "bidirectional": True,
        "reset_after": True,
        "dropout": 0.0,
        "output_size": 2,
        "dtype": dtype,
    }
    network = _network.make_network(architecture)
    flat = _network.initial_parameters(network, architecture, 5)
    assert not np.array_equal(flat, _network.initial_parameters(network, architecture, 6))
    network.set_parameters(flat)
    for name, value in _network.named_parameters(network).items():
        assert ("bias" in name) == (not value.any())
        if "weight_hh" in name:
            for gate in value.reshape(3, 8, 8).astype(float):
                np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-6)


def test_a_search_over_parameters() -> None:
    search = GridSearchCV(
        small(), {"hidden_size": [2, 4], "learning_rate_init": [0.01, 0.02]}, cv=3, n_jobs=2
    ).fit(X3, Y)
    assert search.best_estimator_.predict(X3).shape == (60,)
    alone = GridSearchCV(small(), {"hidden_size": [2, 4], "learning_rate_init": [0.01, 0.02]}, cv=3).fit(
        X3, Y
    )
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_weights_are_routed_through_a_search() -> None:
    weight = np.tile([0.0, 1.0], 30)
    with config_context(enable_metadata_routing=True):
        estimator = small().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(estimator, {"hidden_size": [4]}, cv=2).fit(X3, Y, sample_weight=weight)
    np.testing.assert_array_equal(search.predict(X3), small(hidden_size=4).fit(X3, Y, weight).predict(X3))


def test_docstring_examples_run() -> None:
    for module in (regressor, sys.modules[make_windows.__module__]):
        assert doctest.testmod(module).failed == 0
    assert _fit_loop.History().n_iter == 0
