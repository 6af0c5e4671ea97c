"""Keras on its JAX backend: whole fits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays, gates_zrh
from bench.peers.base import Peer, Prepared


class Library(Peer):
    kinds: tuple[str, ...] = ("fit",)

    def versions(self) -> dict[str, str]:
        return {"keras": keras.__version__, "backend": keras.backend.backend()}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        assert start is not None
        x, y = data["x"], data["y"]

        def compiled() -> Any:
            model = keras.Sequential(
                [keras.layers.Input((case.T, case.I)), keras.layers.GRU(case.H), keras.layers.Dense(1)]
            )
            model.set_weights(_weights(start))
            adam = keras.optimizers.Adam(bench_data.FIT_RATE, epsilon=1e-8)
            model.compile(optimizer=adam, loss="mse")
            return model

        def outputs() -> Arrays:
            model = compiled()
            model.fit(x, y, batch_size=case.B, epochs=1, shuffle=False, verbose=0)
            return {"prediction": np.asarray(model.predict(x[:256], verbose=0))[:, 0]}

        model = compiled()  # one model for all timed fits: its compilation is not counted

        def fit() -> None:
            model.fit(x, y, batch_size=case.B, epochs=bench_data.FIT_EPOCHS, shuffle=True, verbose=0)

        return Prepared(fit, outputs, parts=bench_data.FIT_EPOCHS * (len(x) // case.B))


def _weights(start: Arrays) -> list[np.ndarray]:
    """Return Keras' arrays: kernel, recurrent kernel and biases in gate order z|r|h, then the head."""
    gates = {name: gates_zrh(start[f"start.gru.{name}_l0"]) for name in ("weight_ih", "weight_hh")}
    biases = [gates_zrh(start[f"start.gru.{name}_l0"]) for name in ("bias_ih", "bias_hh")]
    head = [start["start.head.weight"].T, start["start.head.bias"]]
    return [gates["weight_ih"].T, gates["weight_hh"].T, np.stack(biases), *head]
