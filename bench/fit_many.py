"""Many small fits: a loop over ``fit`` beside `fastgru.fit_many`, in turns.

``python -m bench.fit_many`` fits GRU(16) to 100 windows of 10 steps each, with the estimator's defaults, and
prints seconds of either, their ratio, microseconds of a model's mini-batch, and whether all models have the
same bits. The processes of joblib are started before the clock. ``--jax`` trains as many models at once with
JAX instead, by `vmap`, an epoch of mini-batches of 32 rows, and prints microseconds of a model's mini-batch.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone

import fastgru


def run_jax(chosen: argparse.Namespace) -> None:
    """Train all models at once with JAX, the step compiled for all of them."""
    import jax
    import jax.numpy as jnp

    from bench.peers import jax_models

    random = np.random.default_rng(0)
    hidden, batches = chosen.hidden, chosen.windows // 32
    shapes = {"weight_ih_l0": (3 * hidden, 1), "weight_hh_l0": (3 * hidden, hidden)}
    shapes |= {f"bias_{part}_l0": (3 * hidden,) for part in ("ih", "hh")}
    weights = {
        f"gru.{name}": random.uniform(-0.2, 0.2, (chosen.models, *shape)) for name, shape in shapes.items()
    }
    weights |= {"head.weight": random.uniform(-0.2, 0.2, (chosen.models, 1, hidden))}
    weights |= {"head.bias": np.zeros((chosen.models, 1))}
    every = {name: jnp.asarray(array, jnp.float32) for name, array in weights.items()}
    x = jnp.asarray(random.normal(size=(batches, 32, 10, 1)), jnp.float32)
    data = x, x[:, :, :, 0].sum(axis=2)[..., None]
    jax.block_until_ready(jax_models._train(every, data))
    for _ in range(chosen.rounds):
        start = time.perf_counter()
        for _ in range(5):
            jax.block_until_ready(jax_models._train(every, data))
        each = (time.perf_counter() - start) / 5 / batches / chosen.models
        print(
            f"JAX {jax.__version__}, {chosen.models} GRU({hidden}) at once: {each * 1e6:.1f} us a mini-batch"
        )


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--backend", default="loky", help="of joblib: loky (processes) or threading")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--windows", type=int, default=100, help="of each model")
    parser.add_argument("--jax", action="store_true")
    chosen = parser.parse_args()
    if chosen.jax:
        run_jax(chosen)
        return
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    Xs = [random.normal(size=(chosen.windows, 10, 1)).astype(np.float32) for _ in range(chosen.models)]
    ys = [X[:, :, 0].sum(axis=1) + 0.1 * random.normal(size=chosen.windows) for X in Xs]
    estimator = fastgru.GRURegressor(chosen.hidden, random_state=0)
    with joblib.parallel_config(chosen.backend):
        compare(chosen, estimator, Xs, ys)


def compare(chosen: argparse.Namespace, estimator: Any, Xs: list[Any], ys: list[Any]) -> None:
    """Fit all models either way, in turns, and print what it took."""
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
        batches = sum(model.n_iter_ for model in many) * -(-chosen.windows // 32)
        took, ratio = end - middle, (middle - start) / (end - middle)
        print(
            f"{chosen.models} fits of GRU({chosen.hidden}): a loop {middle - start:.2f} s, "
            f"fit_many {took:.2f} s, {ratio:.2f}x, {took / batches * 1e6:.1f} us a mini-batch; "
            f"{'the same' if same else 'OTHER'} bits"
        )


if __name__ == "__main__":
    main()
