"""fastgru itself, called as its users call it."""

from __future__ import annotations

from functools import partial

import numpy as np

import fastgru
from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared
from bench.peers.fastgru_training import prepare_epoch, prepare_fit
from fastgru import _core


class Library(Peer):
    kinds: tuple[str, ...] = ("infer", "train", "stream", "fit", "epoch", "memory")

    def __init__(self, threads: int, precision: str = "highest") -> None:
        super().__init__(threads)
        self._precision = precision
        fastgru.set_num_threads(threads)

    def versions(self) -> dict[str, str]:
        return {
            "fastgru": fastgru.__version__,
            "isa": _core.isa(),
            "compiler": _core.compiler,
            "numpy": np.__version__,
        }

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        if case.kind == "fit":
            return prepare_fit(case, data, self.threads)
        if case.kind == "epoch":
            return prepare_epoch(case, data, self.threads)
        layers = {"num_layers": case.L, "bidirectional": case.D == 2, "precision": self._precision}
        gru = fastgru.GRU(case.I, case.H, **layers, random_state=0)
        gru.load_state_dict(bench_data.weights_of(case, data))
        x, lengths = data["x"], data.get("lengths")
        if case.kind == "stream":
            return prepare_stream(gru, x)
        if case.kind == "infer":
            call = partial(gru, x) if lengths is None else partial(gru, x, lengths=lengths)
            return Prepared(call, lambda: {"y": gru(x, lengths=lengths)[0]})
        dy = data["dy"]

        def train() -> tuple[object, fastgru.gru.Gradients]:
            y, _, tape = gru.forward_train(x, lengths=lengths)
            return y, gru.backward(tape, dy)

        def outputs() -> Arrays:
            y, gradients = train()
            return {"y": np.asarray(y), "x": gradients.x, **gradients.params}

        return Prepared(train, outputs)


def prepare_stream(gru: fastgru.GRU, x: np.ndarray) -> Prepared:
    """Prepare steps of a layer, one for each of the inputs x (T, 1, I)."""
    stream = gru.stream()
    y = np.empty(gru.hidden_size, dtype=np.float32)
    inputs = list(x[:, 0])

    def outputs() -> Arrays:
        stream.reset()
        return {"y": np.stack([stream.step(x_t) for x_t in inputs])[:, None]}

    return Prepared(partial(stream.step, out=y), outputs, inputs)
