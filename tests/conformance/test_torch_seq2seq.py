"""Encoder-decoder networks against the same network in PyTorch: answers, attention, gradients, losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle

from fastgru import _core

torch = oracle("torch")

SOURCES, TARGETS, EMBEDDED, HIDDEN, END = 23, 19, 12, 16, 2
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "no attention": {"attention": "none", "num_layers": 1, "bidirectional": False},
    "dot, two layers": {"attention": "dot", "num_layers": 2, "bidirectional": False},
    "general, two directions": {"attention": "general", "num_layers": 1, "bidirectional": True},
    "general, two layers and directions": {"attention": "general", "num_layers": 2, "bidirectional": True},
}
Rows = list[list[int]]


class TorchSeq2Seq(torch.nn.Module):  # type: ignore[misc]
    """Luong's network without input feeding, on padded batches."""

    def __init__(self, attention: str, num_layers: int, bidirectional: bool) -> None:
        super().__init__()
        nn = torch.nn
        self.attention_kind, self.directions = attention, 2 if bidirectional else 1
        self.source = nn.Embedding(SOURCES, EMBEDDED, padding_idx=0)
        self.target = nn.Embedding(TARGETS, EMBEDDED, padding_idx=0)
        self.encoder = nn.GRU(
            EMBEDDED, HIDDEN // self.directions, num_layers, batch_first=True, bidirectional=bidirectional
        )
        self.decoder = nn.GRU(EMBEDDED, HIDDEN, num_layers, batch_first=True)
        self.score = nn.Linear(HIDDEN, HIDDEN, bias=False) if attention == "general" else None
        self.combine = nn.Linear(2 * HIDDEN, HIDDEN, bias=False) if attention != "none" else None
        self.head = nn.Linear(HIDDEN, TARGETS)

    def forward(self, sources: Rows, targets: Rows) -> Any:
        """Return the logits after each symbol of the targets (rows, steps, classes), and the weights."""
        pad = torch.nn.utils.rnn.pad_sequence
        lengths = torch.tensor([len(row) + 1 for row in sources])
        x = pad([torch.tensor([*row, END]) for row in sources], batch_first=True)
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            self.source(x), lengths, batch_first=True, enforce_sorted=False
        )
        memory, last = self.encoder(packed)
        memory, _ = torch.nn.utils.rnn.pad_packed_sequence(memory, batch_first=True)
        layers, rows = last.shape[0] // self.directions, len(sources)
        first = last.view(layers, self.directions, rows, -1).transpose(1, 2).reshape(layers, rows, HIDDEN)
        y = pad([torch.tensor([END, *row]) for row in targets], batch_first=True)
        states, _ = self.decoder(self.target(y), first)
        if self.combine is None:
            return self.head(states), None
        keys = memory if self.score is None else self.score(memory)
        scores = states @ keys.transpose(1, 2)
        beyond = torch.arange(memory.shape[1])[None, :] >= lengths[:, None]
        weights = torch.softmax(scores.masked_fill(beyond[:, None, :], -torch.inf), dim=2)
        return self.head(torch.tanh(self.combine(torch.cat([weights @ memory, states], dim=2)))), weights

    def loss(self, sources: Rows, targets: Rows, smoothing: float = 0.0) -> Any:
        """Return the mean loss of all symbols and ends."""
        logits, _ = self(sources, targets)
        steps = logits.shape[1]
        wanted = torch.tensor([[*row, END, *[-100] * (steps - len(row) - 1)] for row in targets])
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, label_smoothing=smoothing
        )

    def named(self) -> dict[str, Any]:
        """Return the parameters by the core's names."""
        found = {"embedding.source": self.source.weight, "embedding.target": self.target.weight}
        for part, gru in (("encoder", self.encoder), ("decoder", self.decoder)):
            found |= {f"{part}.gru.{name}": value for name, value in gru.named_parameters()}
        if self.score is not None:
            found["attention.weight"] = self.score.weight
        if self.combine is not None:
            found["attention.combine.weight"] = self.combine.weight
        return found | {"head.weight": self.head.weight, "head.bias": self.head.bias}


def joined(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.cumsum([0, *map(len, rows)])
    return np.array([symbol for row in rows for symbol in row], dtype=np.int64), starts


@pytest.fixture(scope="module")
def pairs() -> tuple[Rows, Rows]:
    random = np.random.default_rng(0)

    def rows(vocabulary: int) -> Rows:
        return [random.integers(3, vocabulary, size).tolist() for size in random.integers(0, 12, 20)]

    return rows(SOURCES), rows(TARGETS)


@pytest.fixture(params=ARCHITECTURES)
def networks(request: pytest.FixtureRequest) -> tuple[TorchSeq2Seq, _core.Seq2Seq]:
    torch.manual_seed(1)
    architecture = ARCHITECTURES[request.param]
    wanted = TorchSeq2Seq(**architecture)
    network = _core.Seq2Seq(
        source_vocabulary=SOURCES,
        target_vocabulary=TARGETS,
        embedding_size=EMBEDDED,
        hidden_size=HIDDEN,
        **architecture,
    )
    named = wanted.named()
    for name in ("embedding.source", "embedding.target"):
        with torch.no_grad():
            named[name][0] = 0.0
    assert [name for name, _ in network.parameter_layout] == list(named)
    network.set_parameters(np.concatenate([value.detach().numpy().ravel() for value in named.values()]))
    return wanted, network


def test_log_probabilities_and_attention(
    networks: tuple[TorchSeq2Seq, _core.Seq2Seq], pairs: tuple[Rows, Rows]
) -> None:
    wanted, network = networks
    sources, targets = pairs
    with torch.no_grad():
        logits, weights = wanted(sources, targets)
    log_p = torch.log_softmax(logits.double(), dim=2).numpy()
    sums = [sum(log_p[i, t, symbol] for t, symbol in enumerate([*row, END])) for i, row in enumerate(targets)]
    arguments = (*joined(sources), *joined(targets))
    np.testing.assert_allclose(network.score(*arguments), sums, rtol=0, atol=2e-5)
    if weights is None:
        return
    found = network.attend(*arguments)
    parts = [
        weights[i, : len(target) + 1, : len(source) + 1].ravel()
        for i, (source, target) in enumerate(zip(sources, targets, strict=True))
    ]
    np.testing.assert_allclose(found, torch.cat(parts).numpy(), rtol=0, atol=2e-6)


def test_gradients(networks: tuple[TorchSeq2Seq, _core.Seq2Seq], pairs: tuple[Rows, Rows]) -> None:
    """After a step of Adam with a large epsilon, each weight has moved by its gradient."""
    wanted, network = networks
    sources, targets = pairs
    before = network.parameters.copy()
    epsilon, rate = 1e4, 1e4
    trainer = _core.Seq2SeqTrainer(
        network, learning_rate=rate, epsilon=epsilon, clip_norm=0.0, batch_size=20, label_smoothing=0.1
    )
    loss = trainer.run_epoch(*joined(sources), *joined(targets))
    expected = wanted.loss(sources, targets, smoothing=0.1)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-5)
    offset = 0
    for name, value in wanted.named().items():
        moved = (before - network.parameters)[offset : offset + value.numel()]
        gradient = np.zeros_like(moved) if value.grad is None else value.grad.numpy().ravel()
        np.testing.assert_allclose(moved * epsilon / rate, gradient, rtol=0, atol=2e-6, err_msg=name)
        offset += value.numel()


def test_twenty_losses(networks: tuple[TorchSeq2Seq, _core.Seq2Seq], pairs: tuple[Rows, Rows]) -> None:
    wanted, network = networks
    sources, targets = pairs
    trainer = _core.Seq2SeqTrainer(
        network, learning_rate=3e-3, batch_size=5, shuffle=False, clip_norm=1.0, label_smoothing=0.1
    )
    optimizer = torch.optim.Adam(wanted.parameters(), lr=3e-3)
    found, expected = [], []
    for _ in range(5):
        trainer.run_epoch(*joined(sources), *joined(targets))
        found += trainer.batch_losses
        for first in range(0, 20, 5):
            optimizer.zero_grad()
            loss = wanted.loss(sources[first : first + 5], targets[first : first + 5], smoothing=0.1)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(wanted.parameters(), 1.0)
            optimizer.step()
            expected.append(loss.item())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_greedy_answers(networks: tuple[TorchSeq2Seq, _core.Seq2Seq], pairs: tuple[Rows, Rows]) -> None:
    wanted, network = networks
    sources = pairs[0]
    answers = network.translate(*joined(sources), np.full(len(sources), 8))
    for source, [(symbols, log_probability, _)] in zip(sources, answers, strict=True):
        found: list[int] = []
        total, ended = 0.0, False
        while not ended and len(found) < 8:
            with torch.no_grad():
                log_p = torch.log_softmax(wanted([source], [found])[0][0, -1].double(), dim=0)
            log_p[0] = -torch.inf
            best = int(log_p.argmax())
            total, ended = total + float(log_p[best]), best == END
            found += [] if ended else [best]
        assert symbols.tolist() == found
        assert log_probability == pytest.approx(total, abs=2e-5)
