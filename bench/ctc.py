"""Training by CTC beside a PyTorch loop: the same network, batch and first weights, in one process.

``python -m bench.ctc`` prints the mean time of a mini-batch of either, their ratio, and how far the losses of
the first steps lie apart.
"""

from __future__ import annotations

import argparse
import platform
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import fastgru
from fastgru import _core

FEATURES, CLASSES, LABELS, BATCH, BATCHES = 40, 30, 40, 16, 4
LAYERS, HIDDEN, FRAMES, RATE = 2, 128, 300, 1e-3


class Network(torch.nn.Module):
    """A GRU of two layers and two directions, and a dense layer on every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(FEATURES, HIDDEN, LAYERS, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(2 * HIDDEN, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the probabilities, (frames, rows, classes)."""
        return self.head(self.gru(x)[0]).log_softmax(-1).transpose(0, 1)


def torch_epoch(model: Network, adam: Any, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Train one epoch; return the loss of each mini-batch."""
    loss_of = torch.nn.CTCLoss()
    losses = []
    for first in range(0, len(x), BATCH):
        rows = slice(first, first + BATCH)
        lengths = torch.full((BATCH,), FRAMES), torch.full((BATCH,), LABELS)
        loss = loss_of(model(x[rows]), y[rows], *lengths)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        losses.append(float(loss.detach()))
    return losses


def data() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return clips of noise and their labels."""
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH * BATCHES, FRAMES, FEATURES)).astype(np.float32)
    return x, random.integers(1, CLASSES, size=(len(x), LABELS, 1)).astype(np.float32)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    x, y = data()
    model = Network()
    network = _core.NetworkF32(
        input_size=FEATURES,
        hidden_size=HIDDEN,
        num_layers=LAYERS,
        bidirectional=True,
        output_size=CLASSES,
        sequence=True,
        loss="ctc",
    )
    network.set_parameters(np.concatenate([each.numpy().ravel() for each in model.state_dict().values()]))
    trainer = _core.TrainerF32(
        network, batch_size=BATCH, learning_rate=RATE, shuffle=False, num_threads=chosen.threads
    )
    adam = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    tensors = torch.from_numpy(x), torch.from_numpy(y[:, :, 0]).long()
    trainer.run_epoch(x, y)
    ours, theirs = trainer.batch_losses, torch_epoch(model, adam, *tensors)
    apart = max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))
    seconds: dict[str, list[float]] = {"fastgru": [], "torch": []}
    for _ in range(chosen.epochs):  # in turns: both meet the same neighbours
        for name, run in (
            ("fastgru", lambda: trainer.run_epoch(x, y)),
            ("torch", lambda: torch_epoch(model, adam, *tensors)),
        ):
            began = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - began) / BATCHES)
    best = {name: min(times) for name, times in seconds.items()}
    ours_ms, theirs_ms = best["fastgru"] * 1e3, best["torch"] * 1e3
    print(f"{platform.processor() or platform.machine()}, {_core.isa()}, {chosen.threads} thread(s)")
    print(f"{LAYERS} layers, two directions, H={HIDDEN}, {FRAMES} frames, batch {BATCH}, {LABELS} labels")
    print(f"fastgru {fastgru.__version__}: {ours_ms:.1f} ms a mini-batch, with clipping and Adam")
    print(f"torch {torch.__version__}: {theirs_ms:.1f} ms, {theirs_ms / ours_ms:.2f} times as long")
    print(f"the losses of the first {BATCHES} steps lie {apart:.1e} apart")


if __name__ == "__main__":
    main()
