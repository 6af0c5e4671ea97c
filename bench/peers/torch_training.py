"""PyTorch in training: the loops everybody writes, on tensors at hand, no DataLoader, and fused Adam."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Prepared


class _Regressor(torch.nn.Module):
    def __init__(self, inputs: int, hidden: int, start: Arrays) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(inputs, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)
        _load(self, start)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.gru(x)[1][0])


def prepare_fit(wrap: Callable[..., Any], case: Case, data: Arrays, start: Arrays) -> Prepared:
    """Prepare a whole fit of a small network, of which `wrap` makes what is run."""
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])

    def fit(epochs: int, shuffle: bool) -> _Regressor:
        model = _Regressor(case.I, case.H, start)
        run = wrap(model)
        adam = torch.optim.Adam(model.parameters(), lr=bench_data.FIT_RATE, fused=True)
        for _ in range(epochs):
            order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
            for rows in order.split(case.B):
                adam.zero_grad()
                torch.nn.functional.mse_loss(run(x[rows]), y[rows]).backward()
                adam.step()
        return model

    def outputs() -> Arrays:
        model = fit(1, False)
        with torch.inference_mode():
            return {"prediction": np.asarray(model(x[:256])[:, 0])}

    parts = bench_data.FIT_EPOCHS * (len(x) // case.B)
    return Prepared(partial(fit, bench_data.FIT_EPOCHS, True), outputs, parts=parts)


class _Network(torch.nn.Module):
    """Numbers or tokens, a GRU, a dense layer on its states or on the last one."""

    def __init__(self, case: Case, start: Arrays) -> None:
        super().__init__()
        if case.vocabulary:
            self.embedding = torch.nn.Embedding(case.vocabulary, case.I)
        self.gru = torch.nn.GRU(case.I, case.H, batch_first=True)
        self.head = torch.nn.Linear(case.H, case.classes or 1)
        self.case = case
        _load(self, start)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, last = self.gru(self.embedding(x) if self.case.vocabulary else x)
        return self.head(states if self.case.every_step else last[0])


class _Training:
    """A network and its Adam."""

    def __init__(self, case: Case, start: Arrays) -> None:
        self._model = _Network(case, start)
        self._adam = torch.optim.Adam(self._model.parameters(), lr=bench_data.FIT_RATE, fused=True)
        self._loss = torch.nn.CrossEntropyLoss() if case.classes else torch.nn.MSELoss()

    def step(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Train on a mini-batch and return its loss."""
        self._adam.zero_grad()
        answers = self._model(x).reshape(-1, self._model.head.out_features)
        loss = self._loss(answers, y.reshape(-1) if y.dtype == torch.int64 else y.reshape(-1, 1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), bench_data.CLIP_NORM)
        self._adam.step()
        return loss.item()


def prepare_epoch(case: Case, data: Arrays, start: Arrays) -> Prepared:
    """Prepare epochs in the midst of a training."""
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])

    def epoch(training: _Training, order: torch.Tensor) -> list[float]:
        return [training.step(x[rows], y[rows]) for rows in order.split(case.B)]

    def outputs() -> Arrays:
        return {"losses": np.array(epoch(_Training(case, start), torch.arange(len(x))))}

    timed = _Training(case, start)

    def epoch_seconds(epochs: int) -> float:
        began = 0.0
        for number in range(1 + epochs):
            if number == 1:
                began = time.perf_counter()
            epoch(timed, torch.randperm(len(x)))
        return time.perf_counter() - began

    call = partial(epoch_seconds, 1)
    return Prepared(call, outputs, parts=case.batches, epoch_seconds=epoch_seconds)


def _load(model: torch.nn.Module, start: Arrays) -> None:
    first = bench_data.first_weights(start)
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in first.items()})
