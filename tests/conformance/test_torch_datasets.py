"""The network that the benchmark of data sets trains in PyTorch is GRUClassifier's."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle

oracle("torch")  # without it, one skip for the module


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"bidirectional": True, "pooling": "mean"}], ids=["defaults", "pooled"]
)
@pytest.mark.parametrize("ragged", [False, True])
def test_losses_and_scores(
    torch: Any,
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    ragged: bool,
    options: dict[str, Any],
    classes: int,
) -> None:
    monkeypatch.syspath_prepend(str(repo))
    bench = import_module("bench.datasets")
    generator = np.random.default_rng(0)
    sequences = [generator.normal(size=(n, 2)).astype(np.float32) for n in generator.integers(4, 9, 80)]
    if not ragged:
        sequences = [sequence[:4] for sequence in sequences]
    labels = np.array([int(x[:, 0].mean() > 0) + int(x[:, 0].mean() > 0.4) for x in sequences])
    labels = np.array(["a", "b", "c"])[np.minimum(labels, classes - 1)]
    data = (sequences[:60], labels[:60], sequences[60:], labels[60:])
    ours_and_theirs, rounding = bench.datasets_torch.loss_differences(data, options)
    assert ours_and_theirs < 1e-4
    assert rounding < 1e-4
    model, score, _ = bench.fastgru_score(data, {**options, "max_iter": 60}, 0)
    theirs, _ = bench.datasets_torch.fit_score(data, model)
    assert score > 0.7
    assert theirs > 0.7
