"""`torch.nn.GRU` and `fastgru.torch.GRU` in the same model, in one process.

``python -m bench.torch_module`` trains a layer with a dense head (forward, backward, a step of Adam) and
makes single steps of inference that carry their state. The modules take turns; it prints the medians of all
rounds, and the median, least and largest ratio of a round.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

import fastgru
import fastgru.torch
from fastgru import _core

LAYERS: dict[str, type[nn.Module]] = {"fastgru.torch.GRU": fastgru.torch.GRU, "torch.nn.GRU": nn.GRU}
RATE, CHECKED = 1e-3, 5


@dataclass(frozen=True)
class Case:
    """What is timed, and the sizes (T, B, I, H)."""

    training: bool
    steps: int
    rows: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        kind = "training" if self.training else "a step of inference"
        return f"({self.steps},{self.rows},{self.inputs},{self.hidden}) {kind}"


CASES = (
    Case(True, 100, 32, 64, 128),
    Case(True, 100, 1, 64, 128),
    Case(False, 1, 1, 64, 128),
    Case(False, 1, 1, 512, 512),
)


class Network(nn.Module):
    """A GRU, and a dense layer on its last state."""

    def __init__(self, layer: type[nn.Module], case: Case) -> None:
        super().__init__()
        self.gru = layer(case.inputs, case.hidden)
        self.head = nn.Linear(case.hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each row of x (T, B, I)."""
        return self.head(self.gru(x)[0][-1])


def training(model: Network, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """Return what trains on one mini-batch and returns its loss."""
    adam = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)

    def step() -> Tensor:
        adam.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def inference(model: Network, x: Tensor) -> Callable[[], Tensor]:
    """Return what goes one step on from the state of the call before, and returns that state."""
    state = [torch.zeros(1, x.shape[1], model.gru.hidden_size)]

    def step() -> Tensor:
        with torch.inference_mode():
            _, state[0] = model.gru(x, state[0])
        return state[0]

    return step


def prepared(case: Case) -> dict[str, Callable[[], Tensor]]:
    """Return one call of each module: the same weights and data."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(case.steps, case.rows, case.inputs, generator=random)
    y = torch.randn(case.rows, 1, generator=random)
    weights = None
    calls = {}
    for name, layer in LAYERS.items():
        torch.manual_seed(0)
        model = Network(layer, case)
        weights = weights or model.state_dict()
        model.load_state_dict(weights)
        calls[name] = training(model, x, y) if case.training else inference(model, x)
    return calls


def apart(calls: dict[str, Callable[[], Tensor]]) -> float:
    """Return the largest difference of the first results: losses, or states."""
    found = [torch.stack([call().ravel() for _ in range(CHECKED)]) for call in calls.values()]
    return float((found[0] - found[1]).abs().max())


def seconds_of(call: Callable[[], Tensor], seconds: float) -> float:
    """Return the mean seconds of as many calls as fit into `seconds`."""
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or count == 0:
        call()
        count += 1
    return passed / count


def measured(case: Case, rounds: int, seconds: float) -> tuple[float, dict[str, list[float]]]:
    """Return how far the modules lie apart, and the seconds of a call in each round, taken in turns."""
    calls = prepared(case)
    difference = apart(calls)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for index in range(rounds):
        for name in list(calls)[:: 1 if index % 2 else -1]:
            times[name].append(seconds_of(calls[name], seconds))
    return difference, times


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each module in a round")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    fastgru.set_num_threads(chosen.threads)
    print(f"{platform.processor() or platform.machine()}, {_core.isa()}, {chosen.threads} thread(s)")
    print(f"fastgru {fastgru.__version__}, torch {torch.__version__}; medians of {chosen.rounds} rounds")
    for case in CASES:
        difference, times = measured(case, chosen.rounds, chosen.seconds)
        ours, theirs = times.values()
        ratios = np.divide(theirs, ours)
        middle = {name: f"{np.median(each) * 1e6:.0f} µs" for name, each in times.items()}
        print(
            f"{case}: {', '.join(f'{name} {text}' for name, text in middle.items())}; ratio "
            f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f}); {difference:.0e} apart"
        )


if __name__ == "__main__":
    main()
