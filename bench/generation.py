"""Speed of writing with a language model: ``python -m bench.generation``, from a checkout.

fastgru and PyTorch draw tokens from the same weights: a GRU with a head over as many symbols as a text has
characters, one text at a time and 64 side by side. PyTorch runs the loop that everybody writes, under
``inference_mode``: embedding, `nn.GRU` for one step, `nn.Linear`, softmax, `multinomial`. Both draw the same
tokens if they draw the likeliest; that is checked first. The two take turns in one process; the median of the
rounds is shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastgru import GRULanguageModel, get_num_threads, set_num_threads
from fastgru.estimators._network import named_parameters

SYMBOLS = 65
ROUNDS = 7


def fitted(hidden: int) -> GRULanguageModel:
    """Return a model of characters that has hardly been trained: speed does not depend on it."""
    rng = np.random.default_rng(0)
    text = "".join(chr(48 + i) for i in rng.integers(0, SYMBOLS, 4000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GRULanguageModel(hidden, max_iter=1, random_state=0).fit([text])


class TorchLoop:
    """The usual loop over a model's weights."""

    def __init__(self, model: GRULanguageModel) -> None:
        import torch

        self._torch = torch
        torch.set_num_threads(get_num_threads())
        size, width = model.n_symbols_, model._architecture["input_size"]
        weights = {k: torch.tensor(v) for k, v in named_parameters(model._network).items()}
        self.modules = torch.nn.ModuleDict(
            {
                "embedding": torch.nn.Embedding(size, width),
                "gru": torch.nn.GRU(width, model.hidden_size, batch_first=True),
                "head": torch.nn.Linear(model.hidden_size, size),
            }
        )
        self.modules.load_state_dict(weights)

    def draw(self, count: int, rows: int, greedy: bool) -> Any:
        """Draw tokens for rows of text from their beginning."""
        torch = self._torch
        tokens = torch.full((rows, 1), 2)
        state, drawn = None, []
        with torch.inference_mode():
            for _ in range(count):
                states, state = self.modules["gru"](self.modules["embedding"](tokens), state)
                logits = self.modules["head"](states[:, -1])
                logits[:, :2] = -torch.inf
                if greedy:
                    tokens = logits.argmax(-1, keepdim=True)
                else:
                    tokens = torch.multinomial(torch.softmax(logits, -1), 1)
                drawn.append(tokens)
        return torch.cat(drawn, 1).numpy()


def draw(model: GRULanguageModel, count: int, rows: int, greedy: bool) -> Any:
    """Draw tokens for rows of text from their beginning with fastgru."""
    generator: Any = model._network.generator(rows)
    generator.feed(np.full((rows, 1), 2))
    return generator.generate(count, seed=1, temperature=0.0 if greedy else 1.0)


def seconds(run: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def alternating(runs: list[Callable[[], Any]]) -> list[float]:
    """Return the median seconds of each run, taken in turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for each, run in zip(times, runs, strict=True):
            each.append(seconds(run))
    return [statistics.median(each) for each in times]


def report(hidden: int, count: int) -> str:
    """Measure one size; return its lines."""
    model = fitted(hidden)
    loop = TorchLoop(model)
    if not np.array_equal(draw(model, 200, 2, True), loop.draw(200, 2, True)):
        raise RuntimeError("fastgru and PyTorch do not draw the same likeliest tokens")
    ours, theirs, side, singles = alternating(
        [
            lambda: draw(model, count, 1, False),
            lambda: loop.draw(count, 1, False),
            lambda: draw(model, count // 8, 64, False),
            lambda: [draw(model, count // 8, 1, False) for _ in range(64)],
        ]
    )
    ids = draw(model, count, 1, False)[0]
    through = ours + seconds(lambda: model._vocabulary.decode(ids))
    return (
        f"GRU({hidden}), {model.n_symbols_} symbols, {get_num_threads()} threads: a token "
        f"{ours / count * 1e6:.1f} us, PyTorch's loop {theirs / count * 1e6:.1f} us: {theirs / ours:.1f}x\n"
        f"  64 texts side by side {singles / side:.1f}x as fast as one after the other\n"
        f"  {count} characters, drawn and decoded: {through * 1e3:.1f} ms"
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.generation", description=__doc__.split(":")[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 512], help="units (default: 256 512)")
    parser.add_argument("--threads", type=int, default=1, help="of both libraries (default: 1)")
    parser.add_argument("--tokens", type=int, default=1000, help="tokens of a round (default: 1000)")
    options = parser.parse_args(arguments)
    set_num_threads(options.threads)
    for hidden in options.hidden:
        print(report(hidden, options.tokens), flush=True)


if __name__ == "__main__":
    main()
