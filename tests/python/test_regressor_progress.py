"""The progress display of GRURegressor, Ctrl-C, and schedules of warm starts."""

from __future__ import annotations

import builtins
import os
import signal
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from fastgru import GRURegressor
from fastgru.estimators import _fit_loop, _progress

RNG = np.random.default_rng(3)
X3 = RNG.standard_normal((60, 7, 3))
Y = X3[:, -1, 0] + 0.5 * X3[:, -2, 1] + 10

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


def test_verbose(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    small(verbose=False).fit(X3, Y)
    assert capfd.readouterr() == ("", "")
    small(verbose=True).fit(X3, Y)
    assert "GRURegressor: 100%" in (bar := capfd.readouterr().err) and "5/5" in bar and "loss=" in bar

    def no_tqdm(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    real_import = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_tqdm)
    small(verbose=True, early_stopping=True, tol=10.0, n_iter_no_change=1).fit(X3, Y)
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ") and "validation score" in lines[0]
    assert lines[-1].startswith("Validation score did not improve more than tol=10")
    small(verbose=1).partial_fit(X3, Y).partial_fit(X3, Y)
    assert capfd.readouterr().out.startswith("Iteration 1, loss = ")


def test_ctrl_c_keeps_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(_progress.Progress):
        def epoch(self, number: int, loss: float, score: float | None) -> None:
            if number == 4:
                raise KeyboardInterrupt

    wanted = small(max_iter=4).fit(X3, Y)
    assert wanted.loss_curve_[-1] == min(wanted.loss_curve_)
    monkeypatch.setattr("fastgru.estimators._base.make_progress", lambda *_: Interrupting())
    with pytest.warns(UserWarning, match="interrupted by user: the best weights of 4 whole epochs are kept"):
        stopped = small(max_iter=100).fit(X3, Y)
    assert stopped.n_iter_ == 4
    np.testing.assert_array_equal(stopped.predict(X3), wanted.predict(X3))


@pytest.mark.skipif(os.name == "nt", reason="signals are sent to a thread")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_ctrl_c_from_the_keyboard(method: str) -> None:
    X = RNG.standard_normal((2000, 200, 3)).astype(np.float32)
    estimator = GRURegressor(max_iter=10**9, tol=0, n_iter_no_change=np.inf, random_state=0)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    noticed = (
        pytest.warns(UserWarning, match="Training interrupted by user")
        if method == "fit"
        else pytest.raises(KeyboardInterrupt)  # ends the caller's loop
    )
    with noticed:
        while True:
            getattr(estimator, method)(X, X[:, 0, 0])
            if not timer.is_alive():
                break
    assert np.isfinite(estimator.predict(X[:3])).all()


def interrupting(fits: list[int]) -> Any:
    """A callback that presses Ctrl-C in the second epoch of each of these fits, counted from 0."""
    begun = [-1]

    def callback(event: dict[str, Any]) -> None:
        begun[0] += event["epoch"] == 1
        if event["epoch"] == 2 and begun[0] in fits:
            signal.raise_signal(signal.SIGINT)

    callback.begun = begun  # type: ignore[attr-defined]
    return callback


@pytest.mark.parametrize(
    ("fits", "seconds", "ends"),
    [([0], 0.0, False), ([0, 1], 1.5, True), ([0, 1], 2.5, False), ([0, 2, 3], 2.5, False)],
    ids=str,
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_twice_ends_a_search(
    fits: list[int], seconds: float, ends: bool, early_stopping: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still but for `seconds` from one Ctrl-C to the next."""
    clock = iter(np.arange(len(fits) + 1) * seconds)
    monkeypatch.setattr(_fit_loop.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(_fit_loop, "_last_interrupt", -np.inf)
    callback = interrupting(fits)
    estimator = small(max_iter=4, callbacks=callback, early_stopping=early_stopping)
    search = GridSearchCV(estimator, {"hidden_size": [2, 3]}, cv=3, refit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if ends:
            with pytest.raises(KeyboardInterrupt):
                search.fit(X3, Y)
            assert callback.begun == [1]
        else:
            search.fit(X3, Y)
            assert callback.begun == [5]
            assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_ctrl_c_twice_keeps_the_weights_of_the_second_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fit_loop, "_last_interrupt", time.monotonic())
    wanted = small(max_iter=2).fit(X3, Y)
    stopped = small(max_iter=4, callbacks=interrupting([0]))
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X3, Y)
    assert stopped.n_iter_ == 2
    np.testing.assert_array_equal(stopped.predict(X3), wanted.predict(X3))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_a_schedule_starts_again_with_every_warm_start(schedule: str) -> None:
    rates: list[float] = []
    params: dict[str, Any] = {"learning_rate": schedule, "n_iter_no_change": np.inf, "tol": 0.0}
    twice = small(max_iter=4, warm_start=True, callbacks=lambda e: rates.append(e["learning_rate"]), **params)
    twice.fit(X3, Y)
    first = list(rates)
    twice.fit(X3, Y)
    assert rates == first * 2
    assert len(set(first)) == (4 if schedule == "cosine" else 1)
    once = small(max_iter=8, **params).fit(X3, Y)
    assert np.array_equal(once.predict(X3), twice.predict(X3)) == (schedule != "cosine")
