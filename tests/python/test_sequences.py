"""Sequences of different lengths, and large arrays: lists, bits, searches and folds, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

import fastgru
from fastgru import GRURegressor

RNG = np.random.default_rng(8)
LENGTHS = RNG.integers(1, 30, 90)
X = [RNG.standard_normal((n, 3)) for n in LENGTHS]
Y = np.array([sequence[-1, 0] + sequence[0, 1] / len(sequence) for sequence in X])
X3 = RNG.standard_normal((90, 7, 3))

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


def objects(sequences: list[np.ndarray]) -> np.ndarray:
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


@pytest.mark.parametrize(
    "params", [{}, {"bidirectional": True, "num_layers": 2}, {"dtype": "float64"}], ids=str
)
def test_a_sequence_is_answered_as_if_alone(params: dict[str, Any]) -> None:
    estimator = small(**params).fit(X, Y)
    together = estimator.predict(X)
    np.testing.assert_array_equal(together, [estimator.predict([sequence])[0] for sequence in X])
    np.testing.assert_array_equal(together, [estimator.predict(sequence[None])[0] for sequence in X])
    np.testing.assert_array_equal(together[::-1], estimator.predict(X[::-1]))


def test_learns_from_unlike_lengths() -> None:
    estimator = small(hidden_size=16, max_iter=100, learning_rate_init=0.01).fit(X, Y)
    assert estimator.score(X, Y) > 0.9
    early = small(early_stopping=True, max_iter=20).fit(X, Y)
    assert len(early.validation_scores_) > 0


def test_forms_of_a_list_give_the_same_bits() -> None:
    wanted = small().fit(X, Y).predict(X)
    wide = [np.repeat(sequence, 2, axis=0)[::2] for sequence in X]
    frames = [pd.DataFrame(sequence) for sequence in X]
    turned = [np.asfortranarray(sequence) for sequence in X]
    for form in (tuple(X), objects(X), wide, frames, turned):
        np.testing.assert_array_equal(small().fit(form, Y).predict(form), wanted)
    single = [sequence.astype(np.float32) for sequence in X]
    np.testing.assert_allclose(small().fit(single, Y).predict(single), wanted, rtol=1e-4, atol=1e-5)
    mixed = [*single[:40], *X[40:]]
    assert np.isfinite(small().fit(mixed, Y).predict(mixed)).all()
    whole = [(10 * sequence).astype(np.int64) for sequence in X]
    assert np.isfinite(small().fit(whole, Y).predict(whole)).all()


def test_one_variable() -> None:
    series = [sequence[:, 0] for sequence in X]
    estimator = small().fit(series, Y)
    assert estimator.n_features_in_ == 1
    np.testing.assert_array_equal(
        estimator.predict(series), estimator.predict([one[:, None] for one in series])
    )
    np.testing.assert_array_equal(estimator.predict([series[0]]), estimator.predict(series[0][None]))


def test_a_list_of_equal_lengths_is_the_array() -> None:
    array, listed = small().fit(X3, Y), small().fit(list(X3), Y)
    np.testing.assert_allclose(listed.predict(list(X3)), array.predict(X3), rtol=1e-5, atol=1e-6)
    assert array.n_features_in_ == listed.n_features_in_ == 3
    np.testing.assert_array_equal(array.predict(list(X3)), array.predict(X3))


def test_weights_of_zero_leave_sequences_out() -> None:
    weight = np.tile([0.0, 2.0, 1.0], 30)
    kept = [i for i in range(90) if weight[i] > 0]
    for params in ({}, {"early_stopping": True}):
        np.testing.assert_array_equal(
            small(**params).fit(X, Y, weight).predict(X),
            small(**params).fit([X[i] for i in kept], Y[kept], weight[kept]).predict(X),
        )


def test_results_do_not_depend_on_threads_and_repeat() -> None:
    wanted = small(n_jobs=1).fit(X, Y).predict(X)
    for n_jobs in (1, 2):
        np.testing.assert_array_equal(small(n_jobs=n_jobs).fit(X, Y).predict(X), wanted)
    halves = small(max_iter=2, warm_start=True).fit(X, Y).set_params(max_iter=3).fit(X, Y)
    np.testing.assert_array_equal(halves.predict(X), wanted)


@pytest.mark.parametrize("data", [X, tuple(X), objects(X), X3], ids=["list", "tuple", "objects", "3-D"])
def test_searches_and_folds_take_them(data: Any) -> None:
    scores = cross_val_score(small(), data, Y, cv=TimeSeriesSplit(3))
    assert scores.shape == (3,) and np.isfinite(scores).all()
    grid = {"hidden_size": [3, 4]}
    search = GridSearchCV(small(), grid, cv=3).fit(data, Y)
    parallel = GridSearchCV(small(), grid, cv=3, n_jobs=2).fit(data, Y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], parallel.cv_results_["mean_test_score"]
    )
    assert make_pipeline(small()).fit(data, Y).predict(data).shape == (90,)
    train, test, y_train, _ = train_test_split(data, Y, random_state=0)
    assert small().fit(train, y_train).predict(test).shape == (23,)


def test_a_model_file_answers_lists(tmp_path: Path) -> None:
    estimator = small().fit(X, Y)
    estimator.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastgru.load(tmp_path / "m.safetensors").predict(X), estimator.predict(X))


def test_partial_fit_from_a_generator() -> None:
    def arriving() -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        for first in list(range(0, 90, 30)) * 20:
            yield [x.copy() for x in X[first : first + 30]], Y[first : first + 30].copy()

    estimator = small()
    for sequences, targets in arriving():
        estimator.partial_fit(sequences, targets)
    assert estimator.score(X, Y) > 0.3 and len(estimator.loss_curve_) == 60


def test_memory_mapped_x(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X3)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(small().fit(mapped, Y).predict(mapped), small().fit(X3, Y).predict(X3))


# Not ru_maxrss: a process inherits that of the one that started it.
PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
"""

MEMORY = f"""{PEAK}
import json, sys, warnings
import numpy as np
from fastgru import GRURegressor
warnings.simplefilter("ignore")
X = np.random.default_rng(0).standard_normal((200_000, 50, 8), dtype=np.float32)
y = X[:, -1, 0].copy()
weight = np.ones(len(X)); weight[::100] = 0
small = X[:100].copy()
GRURegressor(hidden_size=4, max_iter=1).fit(small, y[:100]).predict(small)  # libraries and their threads
before = peak()
estimator = GRURegressor(hidden_size=4, max_iter=1, batch_size=512, **json.loads(sys.argv[1]))
estimator.fit(X, y, weight).predict(X)
print((X.nbytes + peak() - before) / X.nbytes)
"""


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}], ids=str)
def test_a_large_array_is_not_copied(params: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, json.dumps(params)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ratio = float(done.stdout)
    with capsys.disabled():
        print(f"\npeak memory of fit and predict on 200 000 x 50 x 8 float32, {params}: {ratio:.3f} x X")
    assert ratio < 1.25


WIDE = f"""{PEAK}
import json, sys, warnings
import numpy as np
from fastgru import GRURegressor
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = [rng.standard_normal((steps, 1), dtype=np.float32) for steps in [10] * 31 + [20_000]]
params = json.loads(sys.argv[1])
sequence = params.get("output") == "sequence"
y = [x[:, 0] for x in X] if sequence else rng.standard_normal(32)
def growth(batch_size):
    before = peak()
    GRURegressor(max_iter=2, batch_size=batch_size, random_state=0, **params).fit(X, y).predict(X)
    return (peak() - before) / 2**20
GRURegressor(max_iter=1, **params).fit(X[:31], y[:31]).predict(X[:31])  # libraries and their threads
print(growth(1), growth(32))
"""


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    "params", [{}, {"pooling": "max"}, {"output": "sequence"}, {"bptt": 15_000}], ids=str
)
def test_one_long_sequence_among_short_ones_takes_no_padded_memory(
    params: dict[str, Any], shuffle: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WIDE, json.dumps({**params, "shuffle": shuffle})],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    alone, together = map(float, done.stdout.split())
    assert alone > 3  # MiB: the measurement sees the C++ side
    assert together < 10  # more than each sequence alone; the padded block took 700


@pytest.mark.parametrize("output", ["last", "sequence"])
def test_one_long_sequence_among_short_ones_is_answered_as_alone(output: str) -> None:
    rng = np.random.default_rng(1)
    X = [rng.normal(size=(steps, 2)) for steps in [7, 1, 12_000, 6_500, 3, 40]]
    y = [x[:, 0] for x in X] if output == "sequence" else rng.normal(size=6)
    estimator = small(output=output, max_iter=2).fit(X, y)
    together = estimator.predict(X)
    for i, x in enumerate(X):
        np.testing.assert_array_equal(estimator.predict([x])[0], together[i])
