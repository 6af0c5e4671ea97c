"""`fastgru.torch.replace` in whole models of the kinds people have: the same losses, step by step."""

from __future__ import annotations

import copy
import gc
import itertools
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch_layers import assert_close, nn, torch

import fastgru
import fastgru.torch as drop_in

rnn = torch.nn.utils.rnn


class SpeechEnhancer(nn.Module):  # type: ignore[misc]
    """Encoder of strided convolutions, GRU, decoder with skip connections: a mask of a spectrogram."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1, 4, 8]
        self.encoder = nn.ModuleList(
            nn.Conv2d(a, b, (2, 3), stride=(1, 2), padding=(1, 1)) for a, b in itertools.pairwise(widths)
        )
        self.gru = nn.GRU(8 * 5, 8 * 5, num_layers=2, batch_first=True)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(2 * b, a, (2, 3), stride=(1, 2), padding=(1, 1))
            for a, b in zip(reversed(widths[:-1]), reversed(widths[1:]), strict=True)
        )

    def forward(self, spectrogram: Any) -> Any:
        h, skips = spectrogram.unsqueeze(1), []
        for layer in self.encoder:
            h = layer(h)[:, :, : spectrogram.shape[1]].relu()
            skips.append(h)
        rows, channels, steps, bins = h.shape
        y, _ = self.gru(h.transpose(1, 2).reshape(rows, steps, channels * bins))
        h = y.reshape(rows, steps, channels, bins).transpose(1, 2)
        for layer in self.decoder:
            skip = skips.pop()
            h = nn.functional.pad(layer(torch.cat([h, skip], 1)), (0, 0, 1, 0))[:, :, : spectrogram.shape[1]]
        return torch.sigmoid(h.squeeze(1)) * spectrogram[..., : h.shape[-1]]


class Tagger(nn.Module):  # type: ignore[misc]
    """A label for every word of sentences of unlike length."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8, padding_idx=0)
        self.rnn = nn.GRU(8, 6, num_layers=2, bidirectional=True, dropout=0.0)
        self.head = nn.Linear(12, 5)

    def forward(self, words: Any, lengths: Any) -> Any:
        packed = rnn.pack_padded_sequence(self.embedding(words), lengths, enforce_sorted=False)
        y, _ = rnn.pad_packed_sequence(self.rnn(packed)[0])
        return self.head(y)


class TextClassifier(nn.Module):  # type: ignore[misc]
    """The last states of both directions, and a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.encoder = nn.ModuleDict({"gru": nn.GRU(8, 6, bidirectional=True, batch_first=True)})
        self.head = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, words: Any) -> Any:
        _, h_n = self.encoder["gru"](self.embedding(words))
        return self.head(torch.cat([h_n[-2], h_n[-1]], 1))


class Decoder(nn.Module):  # type: ignore[misc]
    """A cell step by step that reads its own answers, from the last state of an encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.GRU(3, 6)
        self.cell = nn.GRUCell(4, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        _, h_n = self.encoder(x)
        h, y, answers = h_n[0], x.new_zeros(x.shape[1], 4), []
        for _ in range(5):
            h = self.cell(y, h)
            y = self.head(h)
            answers.append(y)
        return torch.stack(answers)


class Characters(nn.Module):  # type: ignore[misc]
    """The next character of a text; the state goes on from one piece to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 16)
        self.rnn = nn.GRU(16, 32, num_layers=2, batch_first=True)
        self.head = nn.Linear(32, 30)

    def forward(self, letters: Any, state: Any = None) -> Any:
        y, state = self.rnn(self.embedding(letters), state)
        return self.head(y), state


def loss_of(answers: Any) -> Any:
    return answers.square().mean()


MODELS: dict[str, tuple[type, Callable[[], tuple[Any, ...]], list[str]]] = {
    "speech enhancer": (SpeechEnhancer, lambda: (torch.rand(3, 12, 17),), ["gru"]),
    "tagger": (
        Tagger,
        lambda: (torch.randint(1, 50, (9, 4)), torch.tensor([3, 9, 1, 6])),
        ["rnn"],
    ),
    "text classifier": (TextClassifier, lambda: (torch.randint(0, 50, (4, 9)),), ["encoder.gru"]),
    "decoder": (Decoder, lambda: (torch.randn(7, 4, 3),), ["encoder", "cell"]),
}


@pytest.mark.parametrize("kind", MODELS)
def test_whole_models(kind: str) -> None:
    make, data, names = MODELS[kind]
    torch.manual_seed(0)
    theirs, given = make(), data()
    ours = copy.deepcopy(theirs)
    parameters = list(ours.parameters())
    report = drop_in.replace(ours)
    assert list(report.replaced) == names
    assert not report.skipped
    assert all(one is other for one, other in zip(ours.parameters(), parameters, strict=True))
    assert str(report).startswith(f"{names[0]}: GRU(")
    assert_close(ours(*given), theirs(*given))
    losses = []
    for model in (ours, theirs):
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        of_model = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = loss_of(model(*given))
            loss.backward()
            optimizer.step()
            of_model.append(loss.item())
        losses.append(of_model)
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    theirs.load_state_dict(ours.state_dict())


def test_a_character_model_trains_to_the_same_losses() -> None:
    text = "to be or not to be that is the question " * 40
    letters = torch.tensor([ord(c) - 96 if c != " " else 0 for c in text])
    torch.manual_seed(0)
    theirs = Characters()
    ours = copy.deepcopy(theirs)
    drop_in.replace(ours)
    losses = []
    for model in (ours, theirs):
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        of_model, state = [], None
        pieces = letters[:1600].view(4, 400)
        for step in range(50):
            start = step * 7 % 360
            logits, state = model(pieces[:, start : start + 30], state)
            state = state.detach()
            target = pieces[:, start + 1 : start + 31]
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_model.append(loss.item())
        losses.append(of_model)
    assert losses[0][-1] < 0.8 * losses[0][0]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_a_thousand_iterations_leave_nothing() -> None:
    """Neither objects nor tensors nor memory, with graphs used once, twice and never."""
    gru = drop_in.GRU(8, 16)
    optimizer = torch.optim.SGD(gru.parameters(), 1e-3)
    x = torch.randn(20, 8, 8)

    def iterate(count: int) -> None:
        for index in range(count):
            optimizer.zero_grad()
            y, _ = gru(x)
            if index % 3:
                y.mean().backward(retain_graph=index % 3 == 2)
            if index % 3 == 2:
                y.mean().backward()
            optimizer.step()

    def resident() -> int:
        status = Path("/proc/self/statm").read_text(encoding="ascii")
        return int(status.split()[1]) * resource.getpagesize()

    iterate(100)
    gc.collect()
    objects, memory = len(gc.get_objects()), resident()
    iterate(1000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert resident() - memory < 3_000_000  # of one tape for each iteration it would be 50 MB


def test_replace_keeps_the_module() -> None:
    gru = nn.GRU(3, 5, batch_first=True).eval()
    calls: list[str] = []
    gru.register_forward_hook(lambda *_: calls.append("hook"))
    model = nn.ModuleDict({"one": gru, "same": gru, "other": nn.Linear(3, 5)})
    report = drop_in.replace(model)
    assert model["one"] is model["same"] is gru is report.replaced["one"]
    assert type(gru) is drop_in.GRU
    assert not gru.training
    gru(torch.zeros(2, 4, 3))
    assert calls == ["hook"]
    assert drop_in.replace(model) == drop_in.Replacement({}, {})
    assert str(drop_in.replace(model)) == "there is no GRU in this model"
    assert fastgru.from_torch(drop_in.GRU(3, 5)).hidden_size == 5


def test_replace_itself() -> None:
    gru = nn.GRU(3, 5)
    assert str(drop_in.replace(gru)) == "the model itself: GRU(3, 5)"
    assert type(gru) is drop_in.GRU


class Own(nn.GRU):  # type: ignore[misc]
    pass


def test_what_replace_leaves_alone() -> None:
    parametrized = nn.GRU(3, 5)
    nn.utils.parametrizations.weight_norm(parametrized, "weight_hh_l0")
    layers = {
        "own": Own(3, 5),
        "parametrized": parametrized,
        "bfloat": nn.GRUCell(3, 5, dtype=torch.bfloat16),
        "zeros": nn.GRU(3, 5, 2, dropout=1.0),
        "plain": nn.GRU(3, 5),
        "lstm": nn.LSTM(3, 5),
    }
    report = drop_in.replace(nn.ModuleDict(layers))
    assert list(report.replaced) == ["plain"]
    assert report.skipped == {
        "own": "Own is a subclass, which may compute something else",
        "parametrized": "ParametrizedGRU is a subclass, which may compute something else",
        "bfloat": "its weights are of torch.bfloat16",
        "zeros": "dropout=1",
    }
    assert "bfloat: left alone: its weights are of torch.bfloat16" in str(report)
    with pytest.raises(TypeError, match=r"model must be an nn\.Module, got int"):
        drop_in.replace(3)  # type: ignore[arg-type]
