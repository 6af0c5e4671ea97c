"""Training speed of an encoder-decoder network against a PyTorch loop of the same network, on one thread.

    python -m bench.seq2seq [--hidden 256] [--symbols 8000] [--batch 64] [--length 25] [--batches 8]

Both train the same pairs of random lengths in the same mini-batches, in turns, in one process; the figure is
the median of the ratios. PyTorch has padded batches, packed for the encoder; its attention and head run over
the padding, as is usual.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import torch

from fastgru import _core

END = 2


class Network(torch.nn.Module):
    """Luong's network without input feeding: one layer, an encoder of two directions, general attention."""

    def __init__(self, symbols: int, hidden: int) -> None:
        super().__init__()
        nn = torch.nn
        self.hidden = hidden
        self.source, self.target = (nn.Embedding(symbols, hidden, padding_idx=0) for _ in range(2))
        self.encoder = nn.GRU(hidden, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(hidden, hidden, batch_first=True)
        self.score = nn.Linear(hidden, hidden, bias=False)
        self.combine = nn.Linear(2 * hidden, hidden, bias=False)
        self.head = nn.Linear(hidden, symbols)

    def loss(self, x: Any, lengths: Any, y: Any, wanted: Any) -> Any:
        """Return the mean loss of a mini-batch."""
        rnn = torch.nn.utils.rnn
        packed = rnn.pack_padded_sequence(self.source(x), lengths, batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(packed)
        memory, _ = rnn.pad_packed_sequence(memory, batch_first=True)
        states, _ = self.decoder(self.target(y), last.transpose(0, 1).reshape(1, len(x), self.hidden))
        scores = states @ self.score(memory).transpose(1, 2)
        beyond = torch.arange(memory.shape[1])[None, :] >= lengths[:, None]
        weights = torch.softmax(scores.masked_fill(beyond[:, None, :], -torch.inf), dim=2)
        logits = self.head(torch.tanh(self.combine(torch.cat([weights @ memory, states], dim=2))))
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, label_smoothing=0.1
        )


def batches(rows: list[list[int]], targets: list[list[int]], size: int) -> list[tuple[Any, ...]]:
    """Return PyTorch's mini-batches."""
    made = []
    for first in range(0, len(rows), size):
        sources, answers = rows[first : first + size], targets[first : first + size]
        pad = torch.nn.utils.rnn.pad_sequence
        x = pad([torch.tensor([*row, END]) for row in sources], batch_first=True)
        y = pad([torch.tensor([END, *row]) for row in answers], batch_first=True)
        wanted = pad([torch.tensor([*row, END]) for row in answers], batch_first=True, padding_value=-100)
        made.append((x, torch.tensor([len(row) + 1 for row in sources]), y, wanted))
    return made


def main() -> None:
    """Print the time of a mini-batch of each, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("hidden", 256), ("symbols", 8000), ("batch", 64), ("length", 25), ("batches", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    sizes = random.integers(given.length - 3, given.length + 4, given.batch * given.batches)
    rows, targets = ([random.integers(3, given.symbols, n).tolist() for n in sizes] for _ in range(2))
    network = _core.Seq2Seq(
        source_vocabulary=given.symbols,
        target_vocabulary=given.symbols,
        embedding_size=given.hidden,
        hidden_size=given.hidden,
        bidirectional=True,
    )
    network.set_parameters(random.normal(size=len(network.parameters)) / given.hidden**0.5)
    trainer = _core.Seq2SeqTrainer(
        network, batch_size=given.batch, shuffle=False, label_smoothing=0.1, num_threads=1, learning_rate=1e-3
    )
    starts = np.cumsum([0, *sizes])
    ours = (np.concatenate(rows), starts, np.concatenate(targets), starts)
    theirs = Network(given.symbols, given.hidden)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    loaded = batches(rows, targets, given.batch)

    def epoch() -> None:
        for batch in loaded:
            optimizer.zero_grad()
            theirs.loss(*batch).backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            optimizer.step()

    trainer.run_epoch(*ours)
    epoch()
    times: list[tuple[float, float]] = []
    for _ in range(given.repeats):
        before = time.process_time()
        trainer.run_epoch(*ours)
        middle = time.process_time()
        epoch()
        times.append((middle - before, time.process_time() - middle))
    own, other = (1e3 * statistics.median(column) / given.batches for column in zip(*times, strict=True))
    ratio = statistics.median(b / a for a, b in times)
    print(f"H={given.hidden}, {given.symbols} symbols, {given.batch} pairs of {given.length}; CPU time")
    print(f"fastgru {own:.1f} ms a mini-batch, PyTorch {torch.__version__} {other:.1f} ms: {ratio:.2f} times")


if __name__ == "__main__":
    main()
