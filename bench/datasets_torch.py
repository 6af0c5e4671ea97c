"""The network of GRUClassifier in PyTorch, trained by the usual loop."""

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

STEPS = 20  # number of steps whose losses are compared
torch.set_num_threads(1)


class Network(torch.nn.Module):
    def __init__(self, features: int, answers: int, model: GRUClassifier) -> None:
        super().__init__()
        self.both, self.mean, size = model.bidirectional, model.pooling == "mean", model.hidden_size
        self.gru = torch.nn.GRU(features, size, batch_first=True, bidirectional=self.both)
        self.head = torch.nn.Linear(2 * size if self.both else size, answers)

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

    def loss(self, out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self.head.out_features == 1:  # two classes
            return torch.nn.functional.binary_cross_entropy_with_logits(out[:, 0], y.to(out.dtype))
        return torch.nn.functional.cross_entropy(out, y)

    def classes(self, out: torch.Tensor) -> NDArray[Any]:
        chosen = (out[:, 0] > 0).long() if self.head.out_features == 1 else out.argmax(dim=1)
        return chosen.numpy()


class Prepared:
    """Standardized, padded sequences with their lengths (None: all of one length)."""

    def __init__(self, sequences: list[NDArray[Any]], like: list[NDArray[Any]]) -> None:
        steps = np.concatenate(like).astype(np.float64)
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
    """Return the network with the initial weights of the fitted `model`."""
    start = clone(model).set_params(max_iter=1, learning_rate_init=1e-30).fit(data[0], data[1])
    architecture = start._architecture
    network = Network(architecture["input_size"], architecture["output_size"], model)
    weights = named_parameters(start._network)
    own = network.state_dict()
    network.load_state_dict(
        {name: torch.tensor(value).reshape(own[name].shape) for name, value in weights.items()}
    )
    return network


def train(network: Network, x: Prepared, y: torch.Tensor, model: GRUClassifier) -> list[float]:
    """Train like `model`, except for the order of samples; return the loss of every step."""
    adam = torch.optim.Adam(network.parameters(), lr=model.learning_rate_init, fused=True)
    losses = []
    for _ in range(model.n_iter_):
        for rows in torch.randperm(len(y)).split(model.batch_size):
            loss = network.loss(network(*x.take(rows)), y[rows])
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), model.clip_norm)
            adam.step()
            losses.append(float(loss.detach()))
    return losses


def loss_differences(data: Any, options: dict[str, Any]) -> tuple[float, float]:
    """Return the largest relative difference of 20 losses, all samples in one mini-batch.

    The first is between fastgru's and PyTorch's losses, the second between PyTorch's in float32 and float64:
    the effect of rounding alone, which training may amplify.
    """
    few = {**options, "max_iter": STEPS, "batch_size": len(data[0]), "n_iter_no_change": STEPS}
    ours = GRUClassifier(random_state=0, n_jobs=1, **few).fit(data[0], data[1])
    x, y = _training(data, ours)
    theirs = np.array(train(first_weights(ours, data), x, y, ours))
    x.x = x.x.double()
    exact = np.array(train(first_weights(ours, data).double(), x, y, ours))
    return _difference(np.array(ours.loss_curve_), theirs), _difference(theirs, exact)


def fit_score(data: Any, model: GRUClassifier) -> tuple[float, float]:
    """Return the test accuracy after as many epochs as `model` trained, and the seconds of the loop."""
    torch.manual_seed(model.random_state)
    network = first_weights(model, data)
    x, y = _training(data, model)
    start = time.perf_counter()
    train(network, x, y, model)
    seconds = time.perf_counter() - start
    test = Prepared(data[2], data[0])
    with torch.inference_mode():
        answers = model.classes_[network.classes(network(*test.take(torch.arange(len(data[2])))))]
    return float(np.mean(answers == data[3])), seconds


def _training(data: Any, model: GRUClassifier) -> tuple[Prepared, torch.Tensor]:
    return Prepared(data[0], data[0]), torch.tensor(np.searchsorted(model.classes_, data[1]))


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(a / b - 1.0)))
