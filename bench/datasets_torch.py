"""The network of the estimators in PyTorch, trained by the usual loop; an LSTM in place of the GRU."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_regressor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from bench.datasets_load import Sequences, Split, standardized
from bench.datasets_rivals import score
from fastgru import GRUClassifier, GRURegressor
from fastgru.estimators._network import named_parameters

Estimator = GRUClassifier | GRURegressor
STEPS = 20  # number of steps whose losses are compared


class Network(torch.nn.Module):
    """Recurrent layer, pooling and dense layer as in a fitted estimator; `cell` is nn.GRU or nn.LSTM.

    It has the estimator's hidden units, or `hidden_size`.
    """

    def __init__(self, model: Estimator, cell: type[torch.nn.Module], hidden_size: int | None = None) -> None:
        super().__init__()
        architecture, size = model._architecture, hidden_size or model.hidden_size
        self.both, self.pooling = model.bidirectional, model.pooling_
        self.layer = cell(architecture["input_size"], size, batch_first=True, bidirectional=self.both)
        self.head = torch.nn.Linear(2 * size if self.both else size, architecture["output_size"])
        self.regression = is_regressor(model)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        padding = -torch.inf if self.pooling == "max" else 0.0
        if lengths is None:
            states, h_n = self.layer(x)
            count = torch.full((len(x),), x.shape[1])
        else:
            rows = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            rows, h_n = self.layer(rows)
            states, count = pad_packed_sequence(rows, batch_first=True, padding_value=padding)
        if self.pooling == "max":
            return self.head(states.amax(dim=1))
        if self.pooling == "mean":
            return self.head(states.sum(dim=1) / count[:, None])
        h_n = h_n[0] if isinstance(h_n, tuple) else h_n  # an LSTM also returns its cells
        return self.head(torch.cat([h_n[-2], h_n[-1]], dim=1) if self.both else h_n[-1])

    def loss(self, out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self.regression:
            return torch.nn.functional.mse_loss(out[:, 0], y.to(out.dtype))
        if self.head.out_features == 1:  # two classes
            return torch.nn.functional.binary_cross_entropy_with_logits(out[:, 0], y.to(out.dtype))
        return torch.nn.functional.cross_entropy(out, y)

    def answers(self, out: torch.Tensor, y: Targets) -> NDArray[Any]:
        """Return labels, or numbers in the units of y."""
        if self.regression:
            return out[:, 0].double().numpy() * y.scale + y.mean
        chosen = (out[:, 0] > 0).long() if self.head.out_features == 1 else out.argmax(dim=1)
        return y.classes[chosen.numpy()]


class Targets:
    """The targets as the network learns them: classes by number, or standardized numbers."""

    def __init__(self, model: Estimator, y: NDArray[Any]) -> None:
        if is_regressor(model):
            self.mean, self.scale = y.mean(), y.std()
            self.values = torch.tensor((y - self.mean) / self.scale, dtype=torch.float32)
        else:
            self.classes = model.classes_
            self.values = torch.tensor(np.searchsorted(model.classes_, y))


def framed(x: NDArray[np.float32], length: int, step: int) -> NDArray[np.float32]:
    """Return `length` successive time steps in a row, one row every `step`, counted back from the last one.

    Zeros stand before a sequence that is shorter than a frame.
    """
    if len(x) < length:
        x = np.concatenate([np.zeros((length - len(x), x.shape[1]), x.dtype), x])
    x = x[(len(x) - length) % step :]
    frames = np.lib.stride_tricks.sliding_window_view(x, length, axis=0)[::step]  # (frames, F, length)
    return frames.transpose(0, 2, 1).reshape(len(frames), -1)


class Prepared:
    """Standardized, framed, padded sequences with their lengths (None: all of one length)."""

    def __init__(self, sequences: Sequences, like: Sequences, model: Estimator) -> None:
        length, step = model.frame_length_, model.frame_step_
        rows = [torch.tensor(framed(x, length, step)) for x in standardized(sequences, like)]
        self.x = pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(x) for x in rows])
        self.lengths = None if bool((lengths == lengths[0]).all()) else lengths

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.lengths is None:
            return self.x[rows], None
        lengths = self.lengths[rows]
        return self.x[rows, : int(lengths.max())], lengths


def first_weights(model: Estimator, data: Split) -> Network:
    """Return the network with the initial weights of the fitted `model`."""
    start = clone(model).set_params(max_iter=1, learning_rate_init=1e-30).fit(data.X, data.y)
    network = Network(start, torch.nn.GRU)
    own = network.state_dict()
    for name, value in named_parameters(start._network).items():
        key = name if name.startswith("head.") else f"layer.{name.removeprefix('gru.')}"
        own[key] = torch.tensor(value).reshape(own[key].shape)
    network.load_state_dict(own)
    return network


def train(network: Network, x: Prepared, y: torch.Tensor, model: Estimator, epochs: int) -> list[float]:
    """Train with the options of `model`, samples in another order; return the loss of every step."""
    torch.set_num_threads(1)  # every time: aeon's methods set the threads of all of OpenMP
    adam = torch.optim.Adam(network.parameters(), lr=model.learning_rate_init, fused=True)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(model.batch_size):
            loss = network.loss(network(*x.take(rows)), y[rows])
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), model.clip_norm)
            adam.step()
            losses.append(float(loss.detach()))
    return losses


def loss_differences(data: Split, model: Estimator) -> tuple[float, float]:
    """Return the largest relative difference of 20 losses, all samples in one mini-batch.

    `model` need not be fitted. The first is between fastgru's and PyTorch's losses, the second between
    PyTorch's in float32 and float64: the effect of rounding alone, which training may amplify.
    """
    few = {"max_iter": STEPS, "batch_size": len(data.X), "n_iter_no_change": STEPS, "random_state": 0}
    ours = clone(model).set_params(**few).fit(data.X, data.y)
    x, y = Prepared(data.X, data.X, ours), Targets(ours, data.y).values
    theirs = np.array(train(first_weights(ours, data), x, y, ours, STEPS))
    x.x = x.x.double()
    exact = np.array(train(first_weights(ours, data).double(), x, y, ours, STEPS))
    return _difference(np.array(ours.loss_curve_), theirs), _difference(theirs, exact)


def lstm(model: Estimator) -> Network:
    """Return the network with an LSTM in place of the GRU, and PyTorch's own first weights."""
    torch.manual_seed(model.random_state)
    return Network(model, torch.nn.LSTM)


def fit_score(data: Split, network: Network, model: Estimator, epochs: int) -> tuple[float, float]:
    """Train the network with the options of `model`; return the test score and the seconds of the loop."""
    torch.manual_seed(model.random_state)
    x, y = Prepared(data.X, data.X, model), Targets(model, data.y)
    start = time.process_time()  # autograd has a thread of its own
    train(network, x, y.values, model, epochs)
    seconds = time.process_time() - start
    test = Prepared(data.X_test, data.X, model)
    with torch.inference_mode():
        out = network(*test.take(torch.arange(len(data.X_test))))
    return score(data.y_test, network.answers(out, y), network.regression), seconds


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(a / b - 1.0)))
