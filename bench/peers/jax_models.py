"""JAX training many small networks at once: `vmap` over the models, a mini-batch of the same rows for each.

A model's time is the whole time over the number of models, the peer's best case; fastgru fits one after the
other.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared
from bench.peers.jax_scan import forward

MODELS = 100
TIMED_BATCHES = 4  # of all models; a whole fit would take a quarter of a minute
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Library(Peer):
    kinds: tuple[str, ...] = ("fit",)

    def versions(self) -> dict[str, str]:
        return {"jax": jax.__version__}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        assert start is not None
        first = {name: jnp.asarray(array) for name, array in bench_data.first_weights(start).items()}
        weights = jax.tree.map(lambda a: jnp.broadcast_to(a, (MODELS, *a.shape)), first)
        batches = _mini_batches(case, data)
        timed = jax.tree.map(lambda a: a[:TIMED_BATCHES], batches)

        def outputs() -> Arrays:
            """Train all models for an epoch, and ask the last one."""
            trained = jax.tree.map(lambda a: a[-1], _train(weights, batches))
            return {"prediction": np.asarray(_predict(trained, jnp.asarray(data["x"][:256])))[:, 0]}

        def call() -> None:
            jax.block_until_ready(_train(weights, timed))

        return Prepared(call, outputs, parts=MODELS * TIMED_BATCHES)


def _mini_batches(case: Case, data: Arrays) -> tuple[Any, Any]:
    """Return x (batches, B, T, I) and y (batches, B, 1)."""
    count = len(data["x"]) // case.B
    split = (a[: count * case.B].reshape(count, case.B, *a.shape[1:]) for a in (data["x"], data["y"]))
    x, y = (jnp.asarray(a) for a in split)
    return x, y


def _predict(weights: Any, x: Any) -> Any:
    gru = {name[4:]: array for name, array in weights.items() if name.startswith("gru.")}
    last = forward(gru, x.transpose(1, 0, 2), layers=1, directions=1, lengths=None)[-1]
    return last @ weights["head.weight"].T + weights["head.bias"]


def _loss(weights: Any, x: Any, y: Any) -> Any:
    return jnp.mean((_predict(weights, x) - y) ** 2)


def _adam(weights: Any, x: Any, y: Any, state: Any, step: Any) -> tuple[Any, Any]:
    """Train one model on one mini-batch, the `step`-th from 1; its state is both moments."""
    gradients = jax.grad(_loss)(weights, x, y)
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state[0], gradients)
    square = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state[1], gradients)

    def update(w: Any, m: Any, v: Any) -> Any:
        root = jnp.sqrt(v / (1 - BETA2**step)) + EPSILON
        return w - bench_data.FIT_RATE * m / (1 - BETA1**step) / root

    return jax.tree.map(update, weights, mean, square), (mean, square)


@jax.jit
def _train(weights: Any, batches: tuple[Any, Any]) -> Any:
    """Train every model on every mini-batch in turn; `weights` have the models as their first axis."""
    every = jax.vmap(_adam, in_axes=(0, None, None, 0, None))

    def step(carried: Any, batch: tuple[Any, Any]) -> tuple[Any, None]:
        trained, state, count = carried
        return (*every(trained, *batch, state, count), count + 1), None

    zeros = jax.tree.map(jnp.zeros_like, weights)
    return jax.lax.scan(step, (weights, (zeros, zeros), jnp.float32(1)), batches)[0][0]
