"""The CTC loss against torch.nn.CTCLoss(reduction="mean"): value, gradient, twenty steps of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle

from fastgru import _core

torch = oracle("torch")

INPUTS, HIDDEN, CLASSES, BATCH = 3, 8, 6, 5
LENGTHS = [20, 9, 13, 5, 1, 30, 7, 7, 12, 16]
# Among them repeated labels, no label, exactly enough steps, and a single step.
LABELS: list[list[int]] = [
    [1, 2, 2, 3],
    [],
    [5, 5, 5],
    [1, 1, 1],
    [4],
    [3, 1, 4, 1, 5, 2, 5, 3],
    [2, 4],
    [1, 2, 3, 4, 5, 1, 2],
    [3, 3],
    [5, 4, 3, 2, 1],
]
TYPES: dict[str, Any] = {
    "float32": (_core.NetworkF32, _core.TrainerF32),
    "float64": (_core.NetworkF64, _core.TrainerF64),
}


class TorchNetwork(torch.nn.Module):  # type: ignore[misc]
    """The core's network with predictions at every step, two layers and two directions."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, HIDDEN, 2, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(2 * HIDDEN, CLASSES)

    def loss(self, x: list[NDArray[Any]], labels: list[list[int]]) -> Any:
        """Return the mean over the samples of the loss of a label."""
        dtype = next(self.parameters()).dtype
        lengths = [len(each) for each in x]
        padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(each, dtype=dtype) for each in x], True)
        packed = torch.nn.utils.rnn.pack_padded_sequence(padded, lengths, True, enforce_sorted=False)
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], True)
        answers = self.head(states).log_softmax(-1).transpose(0, 1)
        flat = torch.tensor([label for each in labels for label in each])
        counts = [len(each) for each in labels]
        return torch.nn.CTCLoss(reduction="mean")(answers, flat, lengths, counts)


def problem(dtype: str) -> tuple[Any, Any, list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    generator = np.random.default_rng(3)
    x = [generator.normal(size=(length, INPUTS)) for length in LENGTHS]
    y = [np.array(each, dtype=np.float64).reshape(-1, 1) for each in LABELS]
    torch.manual_seed(5)
    model = TorchNetwork().to(getattr(torch, dtype))
    network = TYPES[dtype][0](
        input_size=INPUTS,
        hidden_size=HIDDEN,
        num_layers=2,
        bidirectional=True,
        output_size=CLASSES,
        sequence=True,
        loss="ctc",
    )
    network.set_parameters(flat(model))
    return model, network, x, y


def flat(model: Any) -> NDArray[Any]:
    return np.concatenate([value.numpy().ravel() for value in model.state_dict().values()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient_are_those_of_torch(dtype: str) -> None:
    model, network, x, y = problem(dtype)
    trainer = TYPES[dtype][1](
        network,
        batch_size=len(x),
        shuffle=False,
        solver="sgd",
        learning_rate=1.0,
        momentum=0.0,
        clip_norm=0.0,
    )
    before = network.parameters.astype(np.float64)
    got = trainer.run_epoch(x, y)
    wanted = model.loss(x, LABELS)
    wanted.backward()
    tolerance = 2e-6 if dtype == "float32" else 1e-12
    assert got == pytest.approx(wanted.item(), rel=tolerance)
    gradient = np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
    np.testing.assert_allclose(before - network.parameters, gradient, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_twenty_training_losses_follow_torch(dtype: str) -> None:
    model, network, x, y = problem(dtype)
    trainer = TYPES[dtype][1](network, batch_size=BATCH, shuffle=False, learning_rate=1e-2)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses: list[float] = []
    wanted: list[float] = []
    for _ in range(10):
        trainer.run_epoch(x, y)
        losses += trainer.batch_losses
        for first in range(0, len(x), BATCH):
            rows = slice(first, first + BATCH)
            loss = model.loss(x[rows], LABELS[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            wanted.append(float(loss.detach()))
    assert len(losses) == 20
    assert wanted[-1] < 0.9 * wanted[1]  # it is training that is compared
    np.testing.assert_allclose(losses, wanted, rtol=1e-4 if dtype == "float32" else 1e-10, atol=0)
