"""Many small fits: a loop over ``fit`` beside `fastgru.fit_many`, in turns.

``python -m bench.fit_many`` fits GRU(16) to 100 windows of 10 steps each, with the estimator's defaults, and
prints seconds of either, their ratio, and whether all models have the same bits. The processes of joblib are
started before the clock.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.base import clone

import fastgru


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    Xs = [random.normal(size=(100, 10, 1)).astype(np.float32) for _ in range(chosen.models)]
    ys = [X[:, :, 0].sum(axis=1) + 0.1 * random.normal(size=100) for X in Xs]
    estimator = fastgru.GRURegressor(chosen.hidden, random_state=0)
    fastgru.fit_many(estimator, Xs[:4], ys[:4], n_jobs=chosen.jobs)
    for _ in range(chosen.rounds):
        start = time.perf_counter()
        loop = [clone(estimator).fit(X, y) for X, y in zip(Xs, ys, strict=True)]
        middle = time.perf_counter()
        many = fastgru.fit_many(estimator, Xs, ys, n_jobs=chosen.jobs)
        end = time.perf_counter()
        same = all(
            np.array_equal(one.predict(X), other.predict(X)) and one.loss_curve_ == other.loss_curve_
            for one, other, X in zip(loop, many, Xs, strict=True)
        )
        print(
            f"{chosen.models} fits of GRU({chosen.hidden}): a loop {middle - start:.2f} s, fit_many "
            f"{end - middle:.2f} s, {(middle - start) / (end - middle):.2f}x; "
            f"{'the same bits' if same else 'OTHER BITS'}"
        )


if __name__ == "__main__":
    main()
