"""The side of ``python -m bench.lstm`` that trains: one library in its own process (bench/worker.py)."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru
from bench.datasets_fit import fitted
from bench.datasets_load import Split
from bench.lstm_data import is_regression, load_set
from bench.lstm_networks import NETWORKS, Variant, parameter_count, same_size
from bench.peers.fastgru_layer import prepare_stream
from bench.timing import calibrate, time_batch

BATCH_SECONDS = 0.02  # of the steps timed
INPUTS = 64  # different ones of them


class FitServer:
    """Answers for one library, "fastgru" or "torch"."""

    def __init__(self, library: str, threads: int) -> None:
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is given
        fastgru.set_num_threads(threads)
        self._torch: Any = None
        if library == "torch":
            from bench import lstm_torch

            self._torch = lstm_torch
            lstm_torch.set_threads(threads)

    def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        """Train a network of `NETWORKS` on a set; return its score, seconds, sizes and a step's seconds."""
        name, variant = request["set"], NETWORKS[request["network"]]
        data, epochs = _load(name), request["epochs"]
        ours = variant.library == "fastgru"
        # In PyTorch's process one epoch of fastgru, not timed, gives the sizes and the first weights.
        budget = {"max_iter": epochs, "n_iter_no_change": epochs} if ours else {"max_iter": 1}
        model, seconds = fitted(data, is_regression(name), request["seed"], **budget)
        inputs, outputs = model._architecture["input_size"], model._architecture["output_size"]
        hidden = hidden_size(variant, inputs, model.hidden_size, outputs)
        if ours:
            score = float(model.score(data.X_test, data.y_test))
            trained = model.n_iter_
        else:
            network = self._torch.make_network(variant, model, data, hidden)
            score, seconds = self._torch.fit_score(data, network, model, epochs)
            trained = epochs
        return {
            "score": score,
            "seconds": seconds,
            "epochs": trained,
            "sizes": [inputs, hidden, outputs],
            "parameters": parameter_count(variant.cell, inputs, hidden, outputs),
            "step": self._step_seconds(variant, inputs, hidden),
        }

    def _step_seconds(self, variant: Variant, inputs: int, hidden: int) -> float:
        """Return the median time of a step of the layer alone, its state carried on."""
        x = np.random.default_rng(0).standard_normal((INPUTS, 1, inputs)).astype(np.float32)
        if variant.library == "fastgru":
            prepared = prepare_stream(fastgru.GRU(input_size=inputs, hidden_size=hidden), x)
        else:
            prepared = self._torch.step(variant, x, hidden)
        return time_batch(prepared, calibrate(prepared, BATCH_SECONDS))["p50"]


def hidden_size(variant: Variant, inputs: int, hidden: int, outputs: int) -> int:
    """Return the hidden units of a network, where the GRU has `hidden`."""
    return same_size(inputs, hidden, outputs) if variant.same_size else hidden


@cache
def _load(name: str) -> Split:
    return load_set(name)
