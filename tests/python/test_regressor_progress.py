"""The progress display of GRURegressor, and Ctrl-C."""

from __future__ import annotations

import builtins
import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

from fastgru import GRURegressor
from fastgru.estimators import _progress

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
