"""Results equal to the last bit: any number of threads, any batch, in one call or in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastgru import GRURegressor

RNG = np.random.default_rng(7)
X3 = RNG.standard_normal((70, 9, 4))
Y2 = RNG.standard_normal((70, 2))
WEIGHT = RNG.uniform(0, 2, 70)

KINDS: list[dict[str, Any]] = [
    {},
    {"dtype": "float64", "hidden_size": 7},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.3, "hidden_size": 33},
    {"early_stopping": True, "reset_after": False},
    {"solver": "sgd", "batch_size": 13, "alpha": 1e-3},
    {"hidden_size": 130, "batch_size": 70},
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.parametrize("kind", KINDS, ids=str),
]


def fitted(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 20, "max_iter": 6, "random_state": 3, **params}).fit(X3, Y2, WEIGHT)


def test_any_number_of_threads_trains_and_answers_alike(kind: dict[str, Any]) -> None:
    one = fitted(n_jobs=1, **kind)
    for n_jobs in (2, 3, None, -1):
        other = fitted(n_jobs=n_jobs, **kind)
        assert other.loss_curve_ == one.loss_curve_ and other.validation_scores_ == one.validation_scores_
        np.testing.assert_array_equal(other._network.parameters, one._network.parameters)
        np.testing.assert_array_equal(other.predict(X3), one.predict(X3))


def test_a_row_is_answered_alike_in_any_company(kind: dict[str, Any]) -> None:
    estimator = fitted(**kind)
    whole = estimator.predict(X3)
    for rows in (slice(0, 1), slice(3, 4), slice(5, 7), slice(0, 33), slice(69, None), slice(None, None, -1)):
        np.testing.assert_array_equal(estimator.predict(X3[rows]), whole[rows])
    many = estimator.predict(np.tile(X3, (20, 1, 1)))
    np.testing.assert_array_equal(many, np.tile(whole, (20, 1)))


def test_a_warm_start_goes_on_as_if_never_stopped(kind: dict[str, Any]) -> None:
    if kind.get("early_stopping"):
        kind = {**kind, "early_stopping": False}  # with it a fit ends with the best weights
    whole = fitted(**kind)
    parts = fitted(warm_start=True, **{**kind, "max_iter": 2})
    parts.fit(X3, Y2, WEIGHT).fit(X3, Y2, WEIGHT)
    assert parts.loss_curve_ == whole.loss_curve_ and parts.n_iter_ == 2
    np.testing.assert_array_equal(parts.predict(X3), whole.predict(X3))


def test_repeated_fits_are_equal(kind: dict[str, Any]) -> None:
    estimator = fitted(**kind)
    first = estimator.predict(X3)
    np.testing.assert_array_equal(estimator.fit(X3, Y2, WEIGHT).predict(X3), first)
