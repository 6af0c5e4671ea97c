"""The table of layers: it shows every option that changes the network, and its numbers add up."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import fastgru
from fastgru import GRUClassifier, GRURegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5, 3))
Y = RNG.normal(size=(12, 2))
CLASSES = np.arange(12) % 3
TOKENS = RNG.integers(1, 9, size=(12, 5))


def fitted(kind: type, targets: Any, inputs: Any = X, **options: Any) -> Any:
    with pytest.warns(UserWarning):  # one epoch does not converge
        return kind(hidden_size=8, max_iter=1, random_state=0, **options).fit(inputs, targets)


CASES: dict[str, tuple[Any, list[str]]] = {
    "plain": (
        lambda: fitted(GRURegressor, Y),
        ["standardization  (N, T, 3)", "last state (N, 8)", "dense (N, 2) 18"],
    ),
    "not standardized, layers, dropout": (
        lambda: fitted(GRURegressor, Y, standardize=False, num_layers=2, dropout=0.25, input_dropout=0.1),
        [
            "input dropout 0.1 (N, T, 3)",
            "GRU 1 (N, T, 8) 312",
            "dropout 0.25 (N, T, 8)",
            "GRU 2 (N, T, 8) 432",
        ],
    ),
    "eleven layers": (
        lambda: fitted(GRURegressor, Y, num_layers=11),
        ["GRU 2 (N, T, 8) 432", "GRU 11 (N, T, 8) 432"],
    ),
    "quantiles": (
        lambda: fitted(GRURegressor, Y, loss="quantile", quantile=[0.1, 0.5, 0.9]),
        ["dense (N, 6) 54", "rising quantiles (N, 2, 3) 0"],
    ),
    "sequence": (lambda: fitted(GRURegressor, X[..., 0], output="sequence"), ["dense (N, T, 1) 9"]),
    "mask": (
        lambda: fitted(GRURegressor, Y, missing="mask"),
        ["values and mask (N, T, 6) 0", "GRU (N, T, 8) 384"],
    ),
    "classes, both directions, pooling": (
        lambda: fitted(GRUClassifier, CLASSES, bidirectional=True, pooling="max"),
        ["GRU, both directions (N, T, 16) 624", "largest over time (N, 16)", "softmax (N, 3) 0"],
    ),
    "two classes": (lambda: fitted(GRUClassifier, CLASSES == 0), ["dense (N, 1) 9", "sigmoid (N, 1) 0"]),
    "tagging": (
        lambda: fitted(GRUClassifier, np.tile(CLASSES[:, None], 5), output="sequence"),
        ["softmax (N, T, 3) 0"],
    ),
    "tokens": (
        lambda: fitted(GRUClassifier, CLASSES, TOKENS, embedding_dim=4, vocabulary_size=20),
        ["tokens (N, T) 0", "embedding of 20 tokens (N, T, 4) 80"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lines_and_total(name: str) -> None:
    make, wanted = CASES[name]
    est = make()
    lines = est.summary().split("\n")
    squeezed = [re.sub(r" +", " ", line) for line in lines]
    for line in wanted:
        assert any(one.startswith(re.sub(r" +", " ", line)) for one in squeezed), "\n".join(lines)
    if "standardize" in name:
        assert "standardization" not in est.summary()
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[4:-2]]
    total = est._network.parameters.size
    assert sum(counts) == total
    assert lines[-1].startswith(f"Total: {total:,} parameters, ")
    assert len({len(line) for line in lines[2:-2] if line}) <= 2  # rows are as wide as each other


def test_same_after_loading(tmp_path: Any) -> None:
    est = fitted(GRUClassifier, CLASSES)
    est.save(tmp_path / "m.safetensors")
    assert fastgru.load(tmp_path / "m.safetensors").summary() == est.summary()


def test_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        GRURegressor().summary()
