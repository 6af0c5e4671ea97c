"""Training steps against PyTorch: the same first weights, the same mini-batches, the losses of every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle

from fastgru import _core

torch = oracle("torch")

N, T, INPUTS, HIDDEN, OUTPUTS, BATCH, EPOCHS = 40, 12, 3, 16, 2, 8, 4  # 20 steps
Array = NDArray[np.float64]

SOLVERS: dict[str, dict[str, Any]] = {
    "adam": {"solver": "adam", "learning_rate": 5e-3},
    "adam, other betas": {
        "solver": "adam",
        "learning_rate": 1e-2,
        "beta_1": 0.8,
        "beta_2": 0.99,
        "epsilon": 1e-6,
    },
    "adam, weight decay": {"solver": "adam", "learning_rate": 5e-3, "alpha": 0.1},
    "adam, clipping bites": {"solver": "adam", "learning_rate": 5e-3, "clip_norm": 0.05},
    "adam, no clipping": {"solver": "adam", "learning_rate": 5e-3, "clip_norm": 0.0},
    "sgd": {"solver": "sgd", "learning_rate": 0.1, "momentum": 0.0},
    "sgd, momentum": {"solver": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "sgd, nesterov": {"solver": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "sgd, weight decay": {"solver": "sgd", "learning_rate": 0.05, "momentum": 0.9, "alpha": 0.1},
    "sgd, clipping bites": {"solver": "sgd", "learning_rate": 0.5, "momentum": 0.5, "clip_norm": 0.1},
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "one layer": {"num_layers": 1, "bidirectional": False, "bias": True},
    "two layers, two directions": {"num_layers": 2, "bidirectional": True, "bias": True},
    "no bias": {"num_layers": 1, "bidirectional": False, "bias": False},
}


class TorchNetwork(torch.nn.Module):  # type: ignore[misc]
    """The core's network with default pooling: a GRU, the last state of its top layer, a dense head."""

    def __init__(self, architecture: dict[str, Any]) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, HIDDEN, batch_first=True, **architecture)
        self.directions = 2 if architecture["bidirectional"] else 1
        self.head = torch.nn.Linear(self.directions * HIDDEN, OUTPUTS)

    def forward(self, x: Any, lengths: Any) -> Any:
        if lengths is not None:
            x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, h_n = self.gru(x)
        return self.head(torch.cat(list(h_n[-self.directions :]), dim=-1))


def make_model(architecture: dict[str, Any], dtype: str) -> Any:
    torch.manual_seed(5)
    return TorchNetwork(architecture).to(getattr(torch, dtype))


def flat_parameters(model: Any, layout: list[tuple[str, tuple[int, ...]]]) -> NDArray[Any]:
    state = model.state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == layout
    return np.concatenate([value.numpy().ravel() for value in state.values()])


def torch_optimizer(model: Any, options: dict[str, Any]) -> Any:
    matrices = [p for name, p in model.named_parameters() if "weight" in name]
    biases = [p for name, p in model.named_parameters() if "bias" in name]
    groups = [{"params": matrices, "weight_decay": options.get("alpha", 0.0)}, {"params": biases}]
    if options["solver"] == "sgd":
        nesterov = options.get("nesterov", False)
        return torch.optim.SGD(groups, options["learning_rate"], options["momentum"], nesterov=nesterov)
    betas = (options.get("beta_1", 0.9), options.get("beta_2", 0.999))
    return torch.optim.Adam(groups, options["learning_rate"], betas, options.get("epsilon", 1e-8))


def torch_losses(
    model: Any,
    options: dict[str, Any],
    x: Array,
    y: Array,
    weight: Array | None,
    lengths: NDArray[np.int64] | None,
) -> list[float]:
    dtype = next(model.parameters()).dtype
    optimizer = torch_optimizer(model, options)
    clip_norm = options.get("clip_norm", 1.0)
    losses = []
    for first in list(range(0, N, BATCH)) * EPOCHS:
        rows = slice(first, first + BATCH)
        out = model(
            torch.tensor(x[rows], dtype=dtype), None if lengths is None else torch.tensor(lengths[rows])
        )
        errors = (out - torch.tensor(y[rows], dtype=dtype)) ** 2
        if weight is None:
            loss = errors.mean()
        else:
            of_rows = torch.tensor(weight[rows], dtype=dtype)
            loss = (of_rows * errors.mean(dim=1)).sum() / (len(of_rows) * weight.mean())
        optimizer.zero_grad()
        loss.backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def check(
    dtype: str,
    architecture: dict[str, Any],
    options: dict[str, Any],
    weight: Array | None = None,
    lengths: NDArray[np.int64] | None = None,
) -> None:
    network_type, trainer_type = {
        "float32": (_core.NetworkF32, _core.TrainerF32),
        "float64": (_core.NetworkF64, _core.TrainerF64),
    }[dtype]
    generator = np.random.default_rng(3)
    x = generator.normal(size=(N, T, INPUTS))
    y = np.stack([x.mean(axis=(1, 2)), np.sin(x[:, -1, 0])], axis=1) * 2 + 1
    network = network_type(input_size=INPUTS, hidden_size=HIDDEN, output_size=OUTPUTS, **architecture)
    model = make_model(architecture, dtype)
    network.set_parameters(flat_parameters(model, network.parameter_layout))
    trainer = trainer_type(network, batch_size=BATCH, shuffle=False, **options)
    losses: list[float] = []
    for _ in range(EPOCHS):
        trainer.run_epoch(x, y, weight, lengths)
        losses += trainer.batch_losses
    wanted = torch_losses(model, options, x, y, weight, lengths)
    assert len(losses) == 20
    assert wanted[-1] < 0.9 * wanted[0]  # it is training that is compared
    tolerance = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(losses, wanted, rtol=tolerance, atol=0)
    np.testing.assert_allclose(
        network.parameters, flat_parameters(model, network.parameter_layout), rtol=0, atol=10 * tolerance
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_follows_torch(dtype: str, solver: str) -> None:
    check(dtype, ARCHITECTURES["one layer"], SOLVERS[solver])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_follows_torch(dtype: str, architecture: str) -> None:
    check(dtype, ARCHITECTURES[architecture], SOLVERS["adam, weight decay"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("architecture", ["one layer", "two layers, two directions"])
def test_lengths_and_sample_weights_follow_torch(dtype: str, architecture: str) -> None:
    generator = np.random.default_rng(4)
    weight = generator.uniform(0.5, 2.0, N)
    lengths = generator.integers(1, T + 1, N)
    check(dtype, ARCHITECTURES[architecture], SOLVERS["adam"], weight, lengths)
