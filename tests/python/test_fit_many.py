"""Many fits at once: each with the bits of its own fit, failures reported, nothing else changed."""

from __future__ import annotations

import signal
import threading
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import Ridge

from fastgru import GRUClassifier, GRUForecaster, GRURegressor, fit_many

RNG = np.random.default_rng(5)
Xs = [RNG.standard_normal((40 + 3 * i, 6, 2)).astype(np.float32) for i in range(5)]
ys = [X[:, -1, 0] + 0.1 * RNG.standard_normal(len(X)) for X in Xs]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 4, "random_state": 0, **params})


def weights_of(model: Any) -> NDArray[Any]:
    return np.asarray(model._network.parameters)


OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "early stopping": {"early_stopping": True},
    "plateau": {"learning_rate": "plateau", "n_iter_no_change": 1, "max_iter": 12},
    "dropout": {"dropout": 0.3, "recurrent_dropout": 0.2},
    "float64": {"dtype": "float64"},
}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", OPTIONS)
def test_each_model_has_the_bits_of_its_own_fit(name: str, n_jobs: int) -> None:
    estimator = small(**OPTIONS[name], n_jobs=2)
    models = fit_many(estimator, Xs, ys, n_jobs=n_jobs)
    assert len(models) == len(Xs) and not models.errors
    for model, X, y in zip(models, Xs, ys, strict=True):
        own = clone(estimator).fit(X, y)
        np.testing.assert_array_equal(weights_of(model), weights_of(own))
        np.testing.assert_array_equal(model.predict(X), own.predict(X))
        assert model.loss_curve_ == own.loss_curve_
        assert model.get_params() == estimator.get_params()
    assert not hasattr(estimator, "n_iter_")


def test_classifiers_and_weights() -> None:
    labels = [y > 0 for y in ys]
    weights = [None if i == 1 else RNG.uniform(0.5, 2, len(y)) for i, y in enumerate(ys)]
    estimator = GRUClassifier(4, max_iter=3, random_state=0)
    models = fit_many(estimator, Xs, labels, sample_weights=weights, n_jobs=2)
    for model, X, y, weight in zip(models, Xs, labels, weights, strict=True):
        own = clone(estimator).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(model.predict_proba(X), own.predict_proba(X))


def test_forecasters_of_local_models() -> None:
    t = np.arange(60)
    series = [np.sin(t / (3 + i)) + 0.05 * RNG.standard_normal(60) for i in range(2)]
    estimator = GRUForecaster(horizon=3, hidden_size=4, max_iter=2, season=6, random_state=0)
    models = fit_many(estimator, series, n_jobs=2)
    for model, y in zip(models, series, strict=True):
        np.testing.assert_array_equal(model.predict(), clone(estimator).fit(y).predict())


def test_other_estimators() -> None:
    models = fit_many(Ridge(), [X[:, 0] for X in Xs], ys, n_jobs=1)
    np.testing.assert_array_equal(models[2].coef_, Ridge().fit(Xs[2][:, 0], ys[2]).coef_)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_model_that_fails_is_reported_and_the_others_go_on(n_jobs: int) -> None:
    broken = [X.copy() for X in Xs]
    broken[1][3, 2, 0] = np.nan
    broken[3] = broken[3][:1]
    with pytest.warns(FitFailedWarning, match="2 of 5 fits failed, the first at 1: ValueError: .*NaN"):
        models = fit_many(small(), broken, ys, n_jobs=n_jobs)
    assert [model is None for model in models] == [False, True, False, True, False]
    assert sorted(models.errors) == [1, 3]
    np.testing.assert_array_equal(weights_of(models[4]), weights_of(small().fit(Xs[4], ys[4])))
    with pytest.raises(ValueError, match="NaN"):
        fit_many(small(), broken, ys, n_jobs=n_jobs, on_error="raise")


def test_models_that_did_not_converge_are_counted_once() -> None:
    with pytest.warns(ConvergenceWarning, match="5 of 5 models reached the maximum of iterations") as caught:
        models = fit_many(small(), Xs, ys, n_jobs=2)
    assert len([each for each in caught if each.category is ConvergenceWarning]) == 1
    assert models.not_converged == [0, 1, 2, 3, 4]
    assert caught[0].filename == __file__


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    fit_many(small(), Xs, ys, n_jobs=1, verbose=True)
    assert capsys.readouterr().out.splitlines()[-1] == "fit_many: 5 of 5 done"


def test_backends_of_joblib_are_used() -> None:
    seen: set[str] = set()
    estimator = small(callbacks=lambda event: seen.add(threading.current_thread().name))
    with joblib.parallel_config("threading", n_jobs=2):
        models = fit_many(estimator, Xs, ys, n_jobs=None)
    assert len(models) == 5 and seen
    assert "MainThread" not in seen


def test_a_backend_that_gives_its_results_at_the_end() -> None:
    with joblib.parallel_config("multiprocessing"):
        models = fit_many(small(), Xs[:2], ys[:2], n_jobs=2)
    np.testing.assert_array_equal(weights_of(models[1]), weights_of(small().fit(Xs[1], ys[1])))


class TwoParts(Exception):
    """An error that cannot be unpickled."""

    def __init__(self, a: str, b: str) -> None:
        super().__init__(a + b)


class Failing(Ridge):
    def fit(self, X: Any, y: Any) -> Ridge:
        if len(y) == len(ys[1]):
            raise TwoParts("no ", "luck")
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_that_cannot_be_sent_is_reported_by_its_text(n_jobs: int) -> None:
    with pytest.warns(FitFailedWarning, match="TwoParts: no luck"):
        models = fit_many(Failing(), [X[:, 0] for X in Xs], ys, n_jobs=n_jobs)
    assert list(models.errors) == [1] and models[2] is not None
    with pytest.raises(RuntimeError, match="TwoParts: no luck"):
        fit_many(Failing(), [X[:, 0] for X in Xs], ys, n_jobs=n_jobs, on_error="raise")


def press_ctrl_c(event: dict[str, Any]) -> None:
    if event["epoch"] == 2:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_ends_all_fits() -> None:
    estimator = small(max_iter=50, callbacks=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        fit_many(estimator, Xs, ys, n_jobs=1)
    assert not hasattr(estimator, "n_iter_")


def test_models_on_threads_that_took_all_epochs_are_counted() -> None:
    with joblib.parallel_config("threading", n_jobs=2):
        models = fit_many(small(), Xs, ys, n_jobs=None)
    assert models.not_converged == [0, 1, 2, 3, 4]


def test_containers_go_by_position() -> None:
    table = pd.Series(ys, index=[7, 3, 1, 0, 2])
    models = fit_many(small(), Xs, table, n_jobs=1)
    np.testing.assert_array_equal(weights_of(models[3]), weights_of(small().fit(Xs[3], ys[3])))


BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "no estimator": ((3, Xs, ys), {}, TypeError, "estimator must have a fit method, got int"),
    "fewer targets": ((small(), Xs, ys[:3]), {}, ValueError, "ys must have as many items as Xs, 5, got 3"),
    "more weights": (
        (small(), Xs, ys),
        {"sample_weights": [None] * 6},
        ValueError,
        "sample_weights must have as many items as Xs, 5, got 6",
    ),
    "a generator of data": (
        (small(), (X for X in Xs)),
        {},
        TypeError,
        "Xs must be a sequence, got generator",
    ),
    "a dict": ((small(), dict(enumerate(Xs)), ys), {}, TypeError, "Xs must be a sequence, got dict"),
    "on_error": ((small(), Xs, ys), {"on_error": "skip"}, ValueError, "on_error must be 'warn' or 'raise'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name: str) -> None:
    arguments, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        fit_many(*arguments, **options)


def test_nothing_to_fit() -> None:
    assert fit_many(small(), [], []) == []
