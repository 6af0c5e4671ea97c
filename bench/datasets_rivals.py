"""Other methods on the same data sets: nearest neighbours, ridge regression, MiniRocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.datasets_load import LeftOutError, Sequences, Split, standardized

ALPHAS = np.logspace(-3, 3, 10)
LEAST_STEPS = 9  # of MiniRocket, the length of its kernels
WINDOW = 0.1  # of DTW, in parts of the length


def score(y: NDArray[Any], answers: NDArray[Any], regression: bool) -> float:
    """Return the accuracy, or R² of a regression."""
    return float((r2_score if regression else accuracy_score)(y, answers))


def padded(sequences: Sequences, steps: int) -> NDArray[np.float32]:
    """Return an array (N, steps, F) with zeros behind the ends; what is longer is cut."""
    made = np.zeros((len(sequences), steps, sequences[0].shape[1]), np.float32)
    for row, sequence in zip(made, sequences, strict=True):
        row[: len(sequence)] = sequence[:steps]
    return made


def flattened(model: Any, data: Split) -> NDArray[Any]:
    """Return the answers of a scikit-learn model that reads one standardized row per sequence."""
    steps = max(map(len, data.X))
    rows, test = (padded(part, steps).reshape(len(part), -1) for part in (data.X, data.X_test))
    return make_pipeline(StandardScaler(), model).fit(rows, data.y).predict(test)


def nearest(data: Split, regression: bool, _seed: int) -> NDArray[Any]:
    return flattened(KNeighborsRegressor(1) if regression else KNeighborsClassifier(1), data)


def ridge(data: Split, regression: bool, _seed: int) -> NDArray[Any]:
    return flattened(RidgeCV(ALPHAS) if regression else RidgeClassifierCV(ALPHAS), data)


def dtw(data: Split, regression: bool, _seed: int) -> NDArray[Any]:
    """Return the nearest neighbours' answers, the distance being dynamic time warping."""
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.regression.distance_based import KNeighborsTimeSeriesRegressor

    made = KNeighborsTimeSeriesRegressor if regression else KNeighborsTimeSeriesClassifier
    model = made(n_neighbors=1, distance="dtw", distance_params={"window": WINDOW}, n_jobs=1)
    X, X_test = (_channels(standardized(part, data.X)) for part in (data.X, data.X_test))
    return model.fit(X, data.y).predict(X_test)


def minirocket(data: Split, regression: bool, seed: int) -> NDArray[Any]:
    """Return the answers of ridge on the 10 000 features of MiniRocket."""
    steps = max(map(len, data.X))
    if steps < LEAST_STEPS:
        raise LeftOutError(f"{steps} time steps, it needs {LEAST_STEPS}")
    from aeon.transformations.collection.convolution_based import MiniRocket

    rocket = MiniRocket(n_jobs=1, random_state=seed)
    X, X_test = (
        padded(standardized(part, data.X), steps).transpose(0, 2, 1).astype(np.float32)
        for part in (data.X, data.X_test)
    )
    model = RidgeCV(ALPHAS) if regression else RidgeClassifierCV(ALPHAS)
    model = make_pipeline(StandardScaler(with_mean=False), model)
    return model.fit(rocket.fit_transform(X), data.y).predict(rocket.transform(X_test))


def _channels(sequences: Sequences) -> Any:
    """Return aeon's form: (F, T) of each sequence, one array where all are of one length."""
    turned = [sequence.T.astype(np.float64) for sequence in sequences]
    return turned if len(set(map(len, sequences))) > 1 else np.stack(turned)


# Each with whether its answers depend on the seed.
RIVALS: dict[str, tuple[Callable[[Split, bool, int], NDArray[Any]], bool]] = {
    "1-NN": (nearest, False),
    "ridge": (ridge, False),
    "DTW": (dtw, False),
    "MiniRocket": (minirocket, True),
}


def rival_scores(data: Split, regression: bool, seeds: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the scores of each method, one for each seed, and why others have none."""
    scores: dict[str, list[float]] = {}
    blanks: dict[str, str] = {}
    for name, (answers, random) in RIVALS.items():
        try:
            scores[name] = [
                score(data.y_test, answers(data, regression, seed), regression)
                for seed in range(seeds if random else 1)
            ]
        except LeftOutError as error:
            blanks[name] = str(error)
        except ModuleNotFoundError as error:
            blanks[name] = f"{error.name} is not installed"
    return scores, blanks
