"""Subclasses of the estimators and of the layer: saved as the class of this package, pickled as their own."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import fastgru
from fastgru import GRUClassifier, GRURegressor, _model_file

RNG = np.random.default_rng(4)
X = RNG.standard_normal((30, 6))
LABELS = np.where(X[:, -1] > 0, "up", "down")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Same(GRURegressor):
    """A subclass without anything of its own."""


class Tiny(GRUClassifier):
    """A subclass with a constructor of its own."""

    def __init__(self, units: int = 3, classes: tuple[str, ...] = ()) -> None:
        super().__init__(hidden_size=units, max_iter=2, random_state=0)
        self.units = units
        self.classes = classes

    def predict(self, X: Any) -> Any:
        """A method of its own."""
        return np.char.upper(super().predict(X))


class Tinier(Tiny):
    """A subclass of a subclass."""


class Layer(fastgru.GRU):
    """A layer with a method of its own."""

    def last(self, x: Any) -> Any:
        """The last state."""
        return self(x)[1]


# A subclass may have the name of its base, or of another class of the package.
Namesake = type("GRUClassifier", (GRUClassifier,), {"__module__": __name__})
Misleading = type("GRURegressor", (GRUClassifier,), {"__module__": __name__})

KINDS: dict[str, tuple[Any, Any, type]] = {
    "same": (Same(hidden_size=3, max_iter=2, random_state=0), X.sum(axis=1), GRURegressor),
    "own constructor": (Tiny(4), LABELS, GRUClassifier),
    "two deep": (Tinier(), LABELS, GRUClassifier),
    "namesake": (Namesake(hidden_size=3, max_iter=2, random_state=0), LABELS, GRUClassifier),
    "misleading name": (Misleading(hidden_size=3, max_iter=2, random_state=0), LABELS, GRUClassifier),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_subclass_is_saved_as_its_base(case: str, tmp_path: Path) -> None:
    made, y, base = KINDS[case]
    path = tmp_path / "m.safetensors"
    estimator = made.fit(X, y)
    estimator.save(path)
    assert _model_file.read(path).kind == base.__name__
    loaded = fastgru.load(path)
    assert type(loaded) is base
    assert loaded.hidden_size == estimator.hidden_size and loaded.max_iter == 2
    np.testing.assert_array_equal(loaded.predict(X), base.predict(estimator, X))
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("case", ["same", "own constructor", "two deep"])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_subclass_is_copied_as_itself(case: str, copied: Any) -> None:
    estimator, y, _ = KINDS[case]
    estimator.fit(X, y)
    other = copied(estimator)
    assert type(other) is type(estimator)
    np.testing.assert_array_equal(other.predict(X), estimator.predict(X))
    np.testing.assert_array_equal(
        other.partial_fit(X, y).predict(X), copied(estimator).partial_fit(X, y).predict(X)
    )
    assert clone(estimator).get_params() == estimator.get_params()


def test_attributes_of_a_subclass_outlive_a_fit_and_a_failed_one() -> None:
    class Noting(GRURegressor):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            self.rows_ = len(X)
            self.note = "mine"
            return super().fit(X, y, sample_weight)

    estimator = Noting(hidden_size=3, max_iter=2, random_state=0).fit(X, X[:, 0])
    assert estimator.rows_ == 30 and estimator.note == "mine"
    estimator.fit(X[:20], X[:20, 0])
    assert estimator.rows_ == 20
    with pytest.raises(ValueError):
        estimator.fit(X[:10], X[:9, 0])
    assert estimator.predict(X).shape == (30,)


def test_a_subclass_of_the_layer(tmp_path: Path) -> None:
    layer = Layer(6, 4, 2, random_state=0)
    layer.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert type(loaded) is fastgru.GRU
    np.testing.assert_array_equal(loaded(X)[0], layer(X)[0])
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other) is Layer
        np.testing.assert_array_equal(other.last(X), layer.last(X))
