"""The small public data sets that installed packages bundle."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Sequences = list[NDArray[np.float32]]


class Split(NamedTuple):
    """Training and test sequences of shape (T_i, F), each with its label or number."""

    X: Sequences
    y: NDArray[Any]
    X_test: Sequences
    y_test: NDArray[Any]


class Source(NamedTuple):
    """The package that bundles a set, and how it is run."""

    package: str
    regression: bool = False
    most_torch_seeds: int | None = None  # where PyTorch takes minutes a seed; None: as many as asked for


SETS = {
    "JapaneseVowels": Source("aeon"),
    "ItalyPowerDemand": Source("aeon"),
    "UnitTest": Source("aeon"),
    "digits": Source("sklearn"),
    "BasicMotions": Source("aeon"),
    "GunPoint": Source("aeon"),
    "ArrowHead": Source("aeon"),
    "PickupGestureWiimoteZ": Source("aeon"),
    "OSULeaf": Source("aeon"),
    "ACSF1": Source("aeon", most_torch_seeds=1),
    "PLAID": Source("sktime", most_torch_seeds=1),
    "CardanoSentiment": Source("aeon", regression=True),
    "Covid3Month": Source("aeon", regression=True),
    "Tecator": Source("sktime", regression=True),
}


class LeftOutError(Exception):
    """A data set or method that cannot be run here, with the reason."""


def load(name: str) -> Split:
    """Return the training and the test part of a set.

    Raises
    ------
    LeftOutError
        A package is not installed, or its version does not bundle the set.
    """
    if name == "digits":  # each image as eight steps of eight features
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(
            X.reshape(-1, 8, 8).astype(np.float32), y, test_size=0.3, stratify=y, random_state=0
        )
        return Split(list(X), y, list(X_test), y_test)
    return Split(*_part(name, "TRAIN"), *_part(name, "TEST"))


def _part(name: str, part: str) -> tuple[Sequences, NDArray[Any]]:
    package = SETS[name].package
    path = _folder(package) / "datasets" / "data" / name / f"{name}_{part}.ts"
    _folder("aeon")  # whose reader is used for all files
    if not path.is_file():
        raise LeftOutError(f"the installed {package} does not bundle {path.name}")
    from aeon.datasets import load_from_ts_file

    X, y = load_from_ts_file(str(path))
    return [np.ascontiguousarray(x.T, np.float32) for x in X], np.asarray(y)


def _folder(package: str) -> Path:
    """Return a package's folder, without the seconds that an import may take."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LeftOutError(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def standardized(sequences: Sequences, like: Sequences) -> Sequences:
    """Return sequences whose features have mean 0 and spread 1 over the time steps of `like`."""
    steps = np.concatenate(like).astype(np.float64)
    mean, scale = steps.mean(axis=0), steps.std(axis=0)
    scale[scale == 0] = 1.0
    return [((x - mean) / scale).astype(np.float32) for x in sequences]
