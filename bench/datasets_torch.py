"""The network of GRUClassifier in PyTorch, trained by the loop its users write."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from fastgru import GRUClassifier
from fastgru.estimators._network import named_parameters

BATCH, RATE, CLIP, STEPS = 32, 5e-3, 1.0, 20  # GRUClassifier's defaults
torch.set_num_threads(1)


class Network(torch.nn.Module):
    def __init__(self, features: int, answers: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.both, self.mean = options.get("bidirectional", False), options.get("pooling") == "mean"
        self.gru = torch.nn.GRU(features, 64, batch_first=True, bidirectional=self.both)
        self.head = torch.nn.Linear(128 if self.both else 64, answers)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        if lengths is None:
            states, h_n = self.gru(x)
            count = torch.full((len(x),), x.shape[1])
        else:
            packed, h_n = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
            states, count = pad_packed_sequence(packed, batch_first=True)
        if self.mean:
            return self.head(states.sum(dim=1) / count[:, None])
        return self.head(torch.cat([h_n[-2], h_n[-1]], dim=1) if self.both else h_n[-1])


class Prepared:
    """Standardized, padded sequences with their lengths (None: all alike)."""

    def __init__(self, sequences: list[NDArray[Any]], steps: NDArray[Any]) -> None:
        mean, scale = steps.mean(axis=0), steps.std(axis=0)
        scale[scale == 0] = 1.0
        rows = [torch.tensor((x - mean) / scale, dtype=torch.float32) for x in sequences]
        self.x = pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(x) for x in rows])
        self.lengths = None if bool((lengths == lengths[0]).all()) else lengths

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.lengths is None:
            return self.x[rows], None
        lengths = self.lengths[rows]
        return self.x[rows, : int(lengths.max())], lengths


def first_weights(model: GRUClassifier, data: Any) -> Network:
    """Return the network with the weights that `model`, not fitted or fitted, starts from."""
    start = clone(model).set_params(max_iter=1, learning_rate_init=1e-30).fit(data[0], data[1])
    architecture = start._architecture
    options = {name: architecture[name] for name in ("bidirectional", "pooling")}
    network = Network(architecture["input_size"], architecture["output_size"], options)
    weights = named_parameters(start._network)
    own = network.state_dict()
    network.load_state_dict(
        {name: torch.tensor(value).reshape(own[name].shape) for name, value in weights.items()}
    )
    return network


def train(network: Network, x: Prepared, y: torch.Tensor, epochs: int, batch: int) -> list[float]:
    """Return the loss of every step."""
    adam = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    two = network.head.out_features == 1
    loss_of = (
        torch.nn.functional.binary_cross_entropy_with_logits if two else torch.nn.functional.cross_entropy
    )
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(batch):
            out = network(*x.take(rows))
            loss = loss_of(out[:, 0], y[rows].float()) if two else loss_of(out, y[rows])
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            adam.step()
            losses.append(float(loss.detach()))
    return losses


def loss_difference(data: Any, options: dict[str, Any]) -> float:
    """Return the largest relative difference of 20 losses, all samples in one batch."""
    ours = GRUClassifier(
        random_state=0, n_jobs=1, max_iter=STEPS, batch_size=len(data[0]), n_iter_no_change=STEPS, **options
    ).fit(data[0], data[1])
    network = first_weights(ours, data)
    wanted = train(network, *_training(data, ours), STEPS, len(data[0]))
    return float(np.max(np.abs(np.array(ours.loss_curve_) / np.array(wanted) - 1.0)))


def fit_score(data: Any, options: dict[str, Any], model: GRUClassifier) -> tuple[float, float]:
    """Return the test accuracy after as many epochs as `model` took, and the seconds of the loop."""
    torch.manual_seed(model.random_state)
    network = first_weights(model, data)
    x, y = _training(data, model)
    start = time.perf_counter()
    train(network, x, y, model.n_iter_, BATCH)
    seconds = time.perf_counter() - start
    test = Prepared(data[2], np.concatenate(data[0]))
    with torch.inference_mode():
        out = network(*test.take(torch.arange(len(data[2]))))
    two = network.head.out_features == 1
    answers = model.classes_[((out[:, 0] > 0).long() if two else out.argmax(dim=1)).numpy()]
    return float(np.mean(answers == data[3])), seconds


def _training(data: Any, model: GRUClassifier) -> tuple[Prepared, torch.Tensor]:
    labels = np.searchsorted(model.classes_, data[1])
    return Prepared(data[0], np.concatenate(data[0])), torch.tensor(labels)
