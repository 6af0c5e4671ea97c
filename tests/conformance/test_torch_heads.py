"""Every loss and every head against PyTorch: the losses of twenty steps from the same weights and batches."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle

from fastgru import _core

torch = oracle("torch")

N, T, INPUTS, HIDDEN, OUTPUTS, BATCH, EPOCHS = 40, 9, 3, 12, 3, 8, 4  # 20 steps
QUANTILES = [0.1, 0.5, 0.8, 0.9]
CLASS_WEIGHT = np.array([0.5, 1.0, 3.0])
LOSSES = ["squared_error", "absolute_error", "huber", "quantile", "cross_entropy", "binary_cross_entropy"]


class TorchNetwork(torch.nn.Module):  # type: ignore[misc]
    """A GRU in two directions, what the head reads of its states, a dense layer."""

    def __init__(self, answers: int, pooling: str, sequence: bool) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, HIDDEN, num_layers=2, bidirectional=True, batch_first=True)
        self.head = torch.nn.Linear(2 * HIDDEN, answers)
        self.pooling, self.sequence = pooling, sequence

    def forward(self, x: Any, lengths: Any) -> Any:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, h_n = self.gru(packed)
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=T)
        valid = (torch.arange(T)[None] < lengths[:, None])[..., None]
        if self.sequence:
            return self.head(states)
        if self.pooling == "mean":
            return self.head((states * valid).sum(dim=1) / lengths[:, None])
        if self.pooling == "max":
            return self.head(states.masked_fill(~valid, -np.inf).max(dim=1).values)
        return self.head(torch.cat([h_n[-2], h_n[-1]], dim=-1))


def rising(out: Any) -> Any:
    """(..., OUTPUTS * quantiles) to (..., OUTPUTS, quantiles): the middle one, and steps outwards."""
    out = out.reshape(*out.shape[:-1], OUTPUTS, len(QUANTILES))
    middle = len(QUANTILES) // 2
    steps = torch.nn.functional.softplus(out)
    above = out[..., middle : middle + 1] + steps[..., middle + 1 :].cumsum(dim=-1)
    below = out[..., middle : middle + 1] - steps[..., :middle].flip(-1).cumsum(dim=-1).flip(-1)
    return torch.cat([below, out[..., middle : middle + 1], above], dim=-1)


def torch_errors(loss: str, out: Any, y: Any) -> Any:
    """The loss of each answer, averaged over outputs."""
    functional = torch.nn.functional
    if loss == "cross_entropy":
        flat = functional.cross_entropy(out.reshape(-1, OUTPUTS), y.reshape(-1).long(), reduction="none")
        return flat.reshape(y.shape[:-1])
    if loss == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(out, y, reduction="none").mean(dim=-1)
    if loss == "huber":
        return functional.huber_loss(out, y, delta=0.8, reduction="none").mean(dim=-1)
    if loss == "quantile":
        levels = torch.tensor(QUANTILES, dtype=out.dtype)
        errors = y[..., None] - rising(out)
        return torch.maximum(levels * errors, (levels - 1) * errors).mean(dim=(-1, -2))
    return ((out - y) ** 2 if loss == "squared_error" else (out - y).abs()).mean(dim=-1)


def make_targets(loss: str, x: NDArray[Any], sequence: bool) -> NDArray[Any]:
    signal = np.cumsum(x, axis=1) if sequence else x.sum(axis=1)
    if loss == "cross_entropy":
        return np.argmax(signal, axis=-1, keepdims=True).astype(float)
    return (signal > 0).astype(float) if loss == "binary_cross_entropy" else signal / 2


def make_pair(loss: str, dtype: str, pooling: str, sequence: bool) -> tuple[Any, Any]:
    torch.manual_seed(5)
    answers = OUTPUTS * (len(QUANTILES) if loss == "quantile" else 1)
    model = TorchNetwork(answers, pooling, sequence).to(getattr(torch, dtype))
    network = {"float32": _core.NetworkF32, "float64": _core.NetworkF64}[dtype](
        input_size=INPUTS,
        hidden_size=HIDDEN,
        num_layers=2,
        bidirectional=True,
        output_size=OUTPUTS,
        loss=loss,
        huber_delta=0.8,
        quantiles=QUANTILES if loss == "quantile" else [],
        sequence=sequence,
        pooling=pooling,
    )
    state = model.state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == network.parameter_layout
    network.set_parameters(np.concatenate([value.numpy().ravel() for value in state.values()]))
    return model, network


def answered(lengths: NDArray[np.int64], sequence: bool) -> NDArray[Any]:
    """(N, T) or (N,): 1 where there is an answer."""
    return (np.arange(T) < lengths[:, None]).astype(float) if sequence else np.ones(N)


def torch_losses(
    model: Any, loss: str, x: NDArray[Any], y: NDArray[Any], weight: NDArray[Any], lengths: NDArray[np.int64]
) -> list[float]:
    dtype = next(model.parameters()).dtype
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    valid = answered(lengths, model.sequence)
    of_answers = (weight[:, None] if model.sequence else weight) * valid
    if loss == "cross_entropy":
        of_answers = of_answers * CLASS_WEIGHT[y[..., 0].astype(int)]
    mean_weight = of_answers.sum() / valid.sum()
    losses = []
    for first in list(range(0, N, BATCH)) * EPOCHS:
        rows = slice(first, first + BATCH)
        out = model(torch.tensor(x[rows], dtype=dtype), torch.tensor(lengths[rows]))
        errors = torch_errors(loss, out, torch.tensor(y[rows], dtype=dtype))
        total = (errors * torch.tensor(of_answers[rows], dtype=dtype)).sum()
        value = total / (valid[rows].sum() * mean_weight)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("head", ["last", "mean", "max", "sequence"])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_follow_torch(loss: str, head: str, dtype: str) -> None:
    sequence = head == "sequence"
    generator = np.random.default_rng(3)
    x = generator.normal(size=(N, T, INPUTS))
    lengths, weight = generator.integers(1, T + 1, N), generator.uniform(0.5, 2.0, N)
    y = make_targets(loss, x, sequence)
    model, network = make_pair(loss, dtype, "last" if sequence else head, sequence)
    wanted = torch_losses(model, loss, x, y, weight, lengths)
    make_trainer = _core.TrainerF32 if dtype == "float32" else _core.TrainerF64
    trainer: Any = make_trainer(network, batch_size=BATCH, shuffle=False, learning_rate=1e-2)
    class_weight = CLASS_WEIGHT if loss == "cross_entropy" else None
    listed = [row[:n] for row, n in zip(x, lengths, strict=True)]
    targets = [row[:n] for row, n in zip(y, lengths, strict=True)] if sequence else y
    losses: list[float] = []
    for _ in range(EPOCHS):
        trainer.run_epoch(listed, targets, weight, class_weight=class_weight)
        losses += trainer.batch_losses
    assert len(losses) == 20 and np.mean(wanted[-5:]) < np.mean(wanted[:5])  # it is training that is compared
    np.testing.assert_allclose(losses, wanted, rtol=1e-4 if dtype == "float32" else 1e-9, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_embeddings_follow_torch(dtype: str) -> None:
    torch.manual_seed(6)
    kind = getattr(torch, dtype)
    modules = torch.nn.ModuleDict(
        {
            "gru": torch.nn.GRU(INPUTS, HIDDEN, batch_first=True),
            "head": torch.nn.Linear(HIDDEN, 1),
            "embedding": torch.nn.Embedding(7, INPUTS),
        }
    ).to(kind)
    make_network = _core.NetworkF32 if dtype == "float32" else _core.NetworkF64
    network: Any = make_network(input_size=INPUTS, hidden_size=HIDDEN, vocabulary_size=7)
    state = modules.state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == network.parameter_layout
    network.set_parameters(np.concatenate([value.numpy().ravel() for value in state.values()]))
    generator = np.random.default_rng(3)
    tokens = generator.integers(1, 7, (N, T))
    y = (tokens == 3).sum(axis=1, keepdims=True) - (tokens == 5).sum(axis=1, keepdims=True) / 2.0
    make_trainer = _core.TrainerF32 if dtype == "float32" else _core.TrainerF64
    trainer: Any = make_trainer(network, batch_size=BATCH, shuffle=False, learning_rate=1e-2)
    losses: list[float] = []
    for _ in range(EPOCHS):
        trainer.run_epoch(tokens[..., None], y)
        losses += trainer.batch_losses
    optimizer = torch.optim.Adam(modules.parameters(), 1e-2)
    wanted = []
    for first in list(range(0, N, BATCH)) * EPOCHS:
        rows = slice(first, first + BATCH)
        _, h_n = modules["gru"](modules["embedding"](torch.tensor(tokens[rows])))
        loss = ((modules["head"](h_n[-1]) - torch.tensor(y[rows], dtype=kind)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimizer.step()
        wanted.append(float(loss.detach()))
    assert wanted[-1] < wanted[0]
    np.testing.assert_allclose(losses, wanted, rtol=1e-4 if dtype == "float32" else 1e-9, atol=0)


def torch_truncated(model: Any, x: Any, sequence: bool, bptt: int) -> Any:
    """The head's outputs at the end, or at every step; states cross a boundary without their history."""
    state, outputs = None, []
    steps = x.shape[1]
    skipped = 0 if sequence else (steps - bptt)
    bounds = [*range(0, steps, bptt), steps] if sequence else [0, skipped, steps]
    for first, last in itertools.pairwise(bounds):
        state = None if state is None else state.detach()
        states, state = model["gru"](x[:, first:last], state)
        outputs.append(model["head"](states))
    return torch.cat(outputs, dim=1) if sequence else outputs[-1][:, -1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sequence", [False, True])
def test_truncated_backpropagation_follows_torch(sequence: bool, dtype: str) -> None:
    torch.manual_seed(7)
    kind, bptt = getattr(torch, dtype), 4
    parts = {
        "gru": torch.nn.GRU(INPUTS, HIDDEN, 2, batch_first=True),
        "head": torch.nn.Linear(HIDDEN, OUTPUTS),
    }
    model = torch.nn.ModuleDict(parts).to(kind)
    make_network = _core.NetworkF32 if dtype == "float32" else _core.NetworkF64
    network: Any = make_network(
        input_size=INPUTS, hidden_size=HIDDEN, num_layers=2, output_size=OUTPUTS, sequence=sequence
    )
    network.set_parameters(np.concatenate([value.numpy().ravel() for value in model.state_dict().values()]))
    generator = np.random.default_rng(3)
    x = generator.normal(size=(N, T, INPUTS))
    y = make_targets("squared_error", x, sequence)
    make_trainer = _core.TrainerF32 if dtype == "float32" else _core.TrainerF64
    trainer: Any = make_trainer(network, batch_size=BATCH, shuffle=False, learning_rate=1e-2, bptt=bptt)
    losses: list[float] = []
    for _ in range(EPOCHS):
        trainer.run_epoch(x, y)
        losses += trainer.batch_losses
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    wanted = []
    for first in list(range(0, N, BATCH)) * EPOCHS:
        rows = slice(first, first + BATCH)
        out = torch_truncated(model, torch.tensor(x[rows], dtype=kind), sequence, bptt)
        loss = ((out - torch.tensor(y[rows], dtype=kind)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        wanted.append(float(loss.detach()))
    assert wanted[-1] < wanted[0]
    np.testing.assert_allclose(losses, wanted, rtol=1e-4 if dtype == "float32" else 1e-9, atol=0)
