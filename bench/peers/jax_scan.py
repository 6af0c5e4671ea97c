"""JAX: the GRU as one would write it for speed, W·x of all steps first, then lax.scan, jitted as a whole."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared

UNROLL = 8  # of 1, 4 and 8 the fastest at batch 1, and as fast as 4 at batch 32


class Library(Peer):
    def versions(self) -> dict[str, str]:
        return {"jax": jax.__version__}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        weights = {n: jnp.asarray(a) for n, a in bench_data.weights_of(case, data).items()}
        x = jnp.asarray(data["x"])
        if case.kind == "stream":
            return _prepare_stream(case, weights, x)
        lengths = jnp.asarray(data["lengths"].astype(np.int32)) if case.ragged else None
        run_forward = partial(forward, layers=case.L, directions=case.D, lengths=lengths)
        if case.kind == "infer":
            run = jax.jit(run_forward)
            return Prepared(
                lambda: run(weights, x).block_until_ready(), lambda: {"y": np.asarray(run(weights, x))}
            )
        return _prepare_train(run_forward, weights, x, jnp.asarray(data["dy"]))


def _cell(gx: Any, h: Any, recurrent: Any, bias: Any) -> Any:
    size = h.shape[-1]
    gh = h @ recurrent.T + bias
    gates = jax.nn.sigmoid(gx[:, : 2 * size] + gh[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = jnp.tanh(gx[:, 2 * size :] + r * gh[:, 2 * size :])
    return n + z * (h - n)


def _direction(weights: Any, x: Any, end: str, lengths: Any, reverse: bool) -> Any:
    gx = x @ weights[f"weight_ih_{end}"].T + weights[f"bias_ih_{end}"]
    recurrent, bias = weights[f"weight_hh_{end}"], weights[f"bias_hh_{end}"]
    h0 = jnp.zeros((x.shape[1], recurrent.shape[1]), x.dtype)
    if lengths is None:

        def step(h: Any, gx_t: Any) -> tuple[Any, Any]:
            h = _cell(gx_t, h, recurrent, bias)
            return h, h

        return jax.lax.scan(step, h0, gx, reverse=reverse, unroll=UNROLL)[1]

    def masked_step(h: Any, gx_and_t: Any) -> tuple[Any, Any]:
        gx_t, t = gx_and_t
        real = (t < lengths)[:, None]
        h = jnp.where(real, _cell(gx_t, h, recurrent, bias), h)
        return h, jnp.where(real, h, 0.0)

    steps = (gx, jnp.arange(x.shape[0]))
    return jax.lax.scan(masked_step, h0, steps, reverse=reverse, unroll=UNROLL)[1]


def forward(weights: Any, x: Any, *, layers: int, directions: int, lengths: Any) -> Any:
    """Return y (T, B, D*H) from weights under PyTorch's names."""
    for layer in range(layers):
        parts = [_direction(weights, x, f"l{layer}", lengths, False)]
        if directions == 2:
            parts.append(_direction(weights, x, f"l{layer}_reverse", lengths, True))
        x = jnp.concatenate(parts, axis=-1) if directions == 2 else parts[0]
    return x


def _prepare_train(run_forward: Any, weights: Any, x: Any, dy: Any) -> Prepared:
    @jax.jit
    def train(weights: Any, x: Any, dy: Any) -> Any:
        y, pull_back = jax.vjp(run_forward, weights, x)
        return y, *pull_back(dy)

    def outputs() -> Arrays:
        y, gradients, dx = train(weights, x, dy)
        named = {name: np.asarray(value) for name, value in gradients.items()}
        return {"y": np.asarray(y), "x": np.asarray(dx), **named}

    return Prepared(lambda: jax.block_until_ready(train(weights, x, dy)), outputs)


def _prepare_stream(case: Case, weights: Any, x: Any) -> Prepared:
    @jax.jit
    def advance(weights: Any, x_t: Any, h: Any) -> Any:
        gx = x_t @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
        return _cell(gx, h, weights["weight_hh_l0"], weights["bias_hh_l0"])

    first = jnp.zeros((1, case.H), jnp.float32)
    state = [first]
    inputs = list(x)

    def step(x_t: Any) -> Any:
        state[0] = advance(weights, x_t, state[0]).block_until_ready()
        return state[0]

    def outputs() -> Arrays:
        state[0] = first
        return {"y": np.stack([np.asarray(step(x_t)) for x_t in inputs])}

    return Prepared(step, outputs, inputs)
