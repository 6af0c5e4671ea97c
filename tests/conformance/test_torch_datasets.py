"""The networks that the benchmark of data sets trains in PyTorch are the estimators'."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle

from fastgru import GRUClassifier, GRURegressor

oracle("torch")  # without it, one skip for the module

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT, LONG = (4, 9), (64, 80)  # steps; long ones are read in frames, with max pooling


def bench_module(name: str, repo: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repo))
    return import_module(f"bench.{name}")


def made(bench: Any, steps: tuple[int, int], ragged: bool, classes: int | None) -> Any:
    """Return a split whose target is the mean of the first feature; classes=None: a number."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(*steps, 80) if ragged else np.full(80, steps[0])
    means = generator.normal(size=80)
    X = [generator.normal(size=(n, 2)) * 0.3 + [mean, 0] for n, mean in zip(lengths, means, strict=True)]
    X = [x.astype(np.float32) for x in X]
    y: Any = 3.0 * means + 50.0
    if classes is not None:
        y = np.array(["a", "b", "c"])[np.minimum((means > 0).astype(int) + (means > 0.6), classes - 1)]
    return bench.Split(X[:60], y[:60], X[60:], y[60:])


@pytest.mark.parametrize("ragged", [False, True], ids=["equal", "ragged"])
@pytest.mark.parametrize("classes", [2, 3, None], ids=["binary", "three", "regression"])
@pytest.mark.parametrize(
    ("steps", "options", "reads"),
    [
        (SHORT, {}, (1, 1, "last")),
        (SHORT, {"bidirectional": True, "pooling": "mean"}, (1, 1, "mean")),
        (SHORT, {"frame_length": 6, "frame_step": 3}, (6, 3, "last")),  # some are shorter than a frame
        (LONG, {}, (8, 4, "max")),
    ],
    ids=["defaults", "pooled", "short-frames", "long"],
)
def test_losses_and_scores(
    torch: Any,
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[int, int],
    options: dict[str, Any],
    reads: tuple[int, int, str],
    classes: int | None,
    ragged: bool,
) -> None:
    bench_torch = bench_module("datasets_torch", repo, monkeypatch)
    if classes is None and steps is LONG:  # regressors read single steps up to 256
        options = {"frame_length": 8, "pooling": "max", **options}
    data = made(bench_torch, steps, ragged, classes)
    made_by = GRURegressor if classes is None else GRUClassifier
    model = made_by(random_state=0, n_jobs=1, max_iter=40, **options)
    ours_and_theirs, rounding = bench_torch.loss_differences(data, model)
    assert ours_and_theirs < 1e-4
    assert rounding < 1e-4
    model.fit(data.X, data.y)
    assert (model.frame_length_, model.frame_step_, model.pooling_) == reads
    networks = bench_torch.first_weights(model, data), bench_torch.lstm(model)
    theirs, lstm = (bench_torch.fit_score(data, each, model, model.n_iter_)[0] for each in networks)
    assert model.score(data.X_test, data.y_test) > 0.7
    assert theirs > 0.7
    assert lstm > 0.6


def test_predictions_of_copied_weights(torch: Any, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A regressor's answers come in the units of y, from the frames of sequences that training never met."""
    bench_torch = bench_module("datasets_torch", repo, monkeypatch)
    data = made(bench_torch, (3, 40), True, None)
    model = GRURegressor(random_state=0, max_iter=1, learning_rate_init=1e-30, frame_length=8, frame_step=4)
    model.fit(data.X, data.y)
    x = bench_torch.Prepared(data.X_test, data.X, model)
    with torch.inference_mode():
        out = bench_torch.first_weights(model, data)(*x.take(torch.arange(20)))
    theirs = bench_torch.Network(model, torch.nn.GRU).answers(out, bench_torch.Targets(model, data.y))
    np.testing.assert_allclose(theirs, model.predict(data.X_test), rtol=1e-5)
