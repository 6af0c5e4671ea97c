"""fastgru's estimators in training: whole fits, and epochs."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Prepared
from fastgru import GRUClassifier, GRURegressor
from fastgru.estimators._network import initial_parameters, make_network


def prepare_fit(case: Case, data: Arrays, threads: int) -> Prepared:
    """Prepare a whole fit of a small network."""

    def estimator(epochs: int, shuffle: bool) -> GRURegressor:
        # The arithmetic of the peers' loops: neither scaling nor clipping, and no stopping early.
        return GRURegressor(
            case.H,
            learning_rate_init=bench_data.FIT_RATE,
            batch_size=case.B,
            max_iter=epochs,
            n_iter_no_change=np.inf,
            clip_norm=None,
            standardize=False,
            shuffle=shuffle,
            random_state=0,
            n_jobs=threads,
        )

    def outputs() -> Arrays:
        """One epoch in the given order, and the weights it began with, for the peers to do the same."""
        fitted = estimator(1, False).fit(data["x"], data["y"][:, 0])
        return {"prediction": fitted.predict(data["x"][:256]), **_first_weights(fitted)}

    timed = estimator(bench_data.FIT_EPOCHS, True)
    parts = bench_data.FIT_EPOCHS * (len(data["x"]) // case.B)
    return Prepared(partial(timed.fit, data["x"], data["y"][:, 0]), outputs, parts=parts)


def prepare_epoch(case: Case, data: Arrays, threads: int) -> Prepared:
    """Prepare epochs in the midst of a fit, timed by its callback."""
    x, y = data["x"], data["y"]
    classes = {"classes": np.arange(case.classes)} if case.classes else {}
    marks: list[float] = []

    def estimator(**more: Any) -> GRUClassifier | GRURegressor:
        kind = GRUClassifier if case.classes else GRURegressor
        return kind(
            case.H,
            embedding_dim=case.I if case.vocabulary else None,
            vocabulary_size=case.vocabulary or None,
            output="sequence" if case.every_step else "last",
            learning_rate_init=bench_data.FIT_RATE,
            batch_size=case.B,
            n_iter_no_change=np.inf,
            clip_norm=bench_data.CLIP_NORM,
            standardize=False,
            random_state=0,
            n_jobs=threads,
            **more,
        )

    def outputs() -> Arrays:
        """The loss of each mini-batch of an epoch, and the weights it began with."""
        learning = estimator()
        for first in range(0, len(x), case.B):
            rows = slice(first, first + case.B)
            learning.partial_fit(x[rows], y[rows], **classes)
        return {"losses": np.array(learning.loss_curve_), **_first_weights(learning)}

    # The first call tells of all classes, of which the samples need not have one each.
    timed = estimator(warm_start=True, callbacks=lambda event: marks.append(time.perf_counter()))
    timed.partial_fit(x[: case.B], y[: case.B], **classes)

    def epoch_seconds(epochs: int) -> float:
        marks.clear()
        timed.set_params(max_iter=1 + epochs).fit(x, y)
        return marks[-1] - marks[0]

    call = partial(epoch_seconds, 1)
    return Prepared(call, outputs, parts=case.batches, epoch_seconds=epoch_seconds)


def _first_weights(fitted: GRUClassifier | GRURegressor) -> Arrays:
    """Return the weights that an estimator's training began with, as "start.NAME" in PyTorch's names."""
    network = make_network(fitted._architecture)
    network.set_parameters(initial_parameters(network, fitted._architecture, fitted._seed))
    flat, first, at = np.array(network.parameters), {}, 0
    for name, shape in network.parameter_layout:
        size = int(np.prod(shape))
        first["start." + name] = flat[at : at + size].reshape(shape)
        at += size
    return first
