"""Token networks with many classes against PyTorch: the losses of twenty steps from the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import oracle
from sklearn.exceptions import ConvergenceWarning

from fastgru import GRUClassifier, GRULanguageModel
from fastgru.estimators._network import initial_parameters, make_network, named_parameters
from fastgru.sequences._streams import cut

oracle("torch")  # without it, one skip for the module

STEPS, ROWS = 20, 16  # mini-batches, and rows of one
HIDDEN, EMBEDDED, RATE, CLIP_NORM = 64, 24, 5e-3, 1.0


def make_tokens(vocabulary: int, length: int) -> NDArray[np.int64]:
    """Draw texts in which, as in a language, a few tokens are frequent and most are rare; 0 is padding."""
    uniform = np.random.default_rng(3).uniform(size=(STEPS * ROWS, length))
    return np.asarray(1 + (vocabulary - 1) * uniform**3, dtype=np.int64)


def batches() -> list[slice]:
    return [slice(first, first + ROWS) for first in range(0, STEPS * ROWS, ROWS)]


def fitted(x: NDArray[np.int64], y: NDArray[np.int64], classes: int, **options: Any) -> GRUClassifier:
    """Train on one mini-batch after the other."""
    estimator = GRUClassifier(
        HIDDEN,
        embedding_dim=EMBEDDED,
        vocabulary_size=classes,
        batch_size=ROWS,
        learning_rate_init=RATE,
        clip_norm=CLIP_NORM,
        shuffle=False,
        random_state=0,
        **options,
    )
    for rows in batches():
        estimator.partial_fit(x[rows], y[rows], classes=np.arange(classes))
    return estimator


def make_model(torch: Any, estimator: GRUClassifier) -> Any:
    """Return PyTorch's modules with the weights that the estimator began with."""
    architecture = estimator._architecture
    network = make_network(architecture)
    network.set_parameters(initial_parameters(network, architecture, estimator._seed))
    classes = len(estimator.classes_)
    modules = {
        "embedding": torch.nn.Embedding(classes, EMBEDDED),
        "gru": torch.nn.GRU(EMBEDDED, HIDDEN, batch_first=True),
        "head": torch.nn.Linear(HIDDEN, classes),
    }
    model = torch.nn.ModuleDict(modules).to(getattr(torch, estimator.dtype))
    weights = named_parameters(network)
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return model


def torch_losses(torch: Any, model: Any, x: NDArray[np.int64], y: NDArray[np.int64]) -> list[float]:
    """Train on the same mini-batches with the usual loop."""
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    losses = []
    for rows in batches():
        states, last = model["gru"](model["embedding"](torch.from_numpy(x[rows])))
        scores = model["head"](states if y.ndim == 2 else last[0])
        loss = criterion(scores.reshape(-1, scores.shape[-1]), torch.from_numpy(y[rows]).reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["sequence", "last"])
@pytest.mark.parametrize(("classes", "length"), [(65, 30), (1300, 12)])
def test_twenty_losses_follow_torch(torch: Any, classes: int, length: int, output: str, dtype: str) -> None:
    tokens = make_tokens(classes, length + 1)
    x, y = tokens[:, :-1].copy(), tokens[:, 1:].copy() if output == "sequence" else tokens[:, -1].copy()
    estimator = fitted(x, y, classes, output=output, dtype=dtype)
    wanted = torch_losses(torch, make_model(torch, estimator), x, y)
    assert len(estimator.loss_curve_) == len(wanted) == STEPS
    assert np.mean(wanted[-5:]) < 0.99 * np.mean(wanted[:5])  # it is training that is compared
    tolerance = 1e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(estimator.loss_curve_, wanted, rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("level", "tied"), [("char", False), ("word", True)])
def test_streams_of_a_language_model_follow_torch(torch: Any, level: str, tied: bool, dtype: str) -> None:
    """Twenty updates on streams whose state goes on, from the same weights."""
    rng = np.random.default_rng(4)
    text = " ".join(f"w{int(300 * u**3)}" for u in rng.uniform(size=2500))
    model = GRULanguageModel(
        HIDDEN,
        level=level,
        tied_embedding=tied,
        embedding_dim=HIDDEN if tied else EMBEDDED,
        batch_size=8,
        bptt=15,
        learning_rate="constant",
        learning_rate_init=RATE,
        clip_norm=CLIP_NORM,
        max_iter=1,
        random_state=0,
        dtype=dtype,
    )
    with pytest.warns(ConvergenceWarning):
        model.fit([text])
    wanted = torch_stream_losses(torch, model, text)
    found = first_losses(model, text)
    assert np.mean(wanted[-5:]) < 0.99 * np.mean(wanted[:5])
    np.testing.assert_allclose(found, wanted, rtol=1e-4 if dtype == "float32" else 1e-9, atol=0)


def first_losses(model: GRULanguageModel, text: str) -> list[float]:
    """Return the losses of the first updates of a fit."""
    network = make_network(model._architecture)
    network.set_parameters(initial_parameters(network, model._architecture, model._seed))
    trainer = model._new_trainer(network, model._seed)
    inputs, targets = cut([model._vocabulary.encode(text)], 8, 15)
    trainer.run_epoch(inputs, targets)
    return trainer.batch_losses[:STEPS]


def torch_stream_losses(torch: Any, model: GRULanguageModel, text: str) -> list[float]:
    """Train with the usual loop: the state goes on, detached."""
    network = make_network(model._architecture)
    network.set_parameters(initial_parameters(network, model._architecture, model._seed))
    weights = {name: torch.tensor(value) for name, value in named_parameters(network).items()}
    size, width = model.n_symbols_, model._architecture["input_size"]
    modules = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(size, width),
            "gru": torch.nn.GRU(width, HIDDEN, batch_first=True),
            "head": torch.nn.Linear(HIDDEN, size),
        }
    ).to(getattr(torch, model.dtype))
    modules.load_state_dict({"head.weight": weights["embedding.weight"], **weights})
    if model.tied_embedding:
        modules["head"].weight = modules["embedding"].weight
    optimizer = torch.optim.Adam(modules.parameters(), RATE)
    inputs, targets = cut([model._vocabulary.encode(text)], 8, 15)
    least = min(map(len, inputs))
    x = torch.from_numpy(np.stack([each[:least, 0] for each in inputs]))
    y = torch.from_numpy(np.stack([each[:least, 0] for each in targets]).astype(np.int64))
    state, losses = None, []
    for first in range(0, 15 * STEPS, 15):
        states, state = modules["gru"](modules["embedding"](x[:, first : first + 15]), state)
        state = state.detach()
        scores = modules["head"](states).reshape(-1, size)
        loss = torch.nn.functional.cross_entropy(scores, y[:, first : first + 15].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_epoch_of_mini_batches_is_as_mini_batches_one_by_one(n_jobs: int) -> None:
    """The mean of the losses and the weights; with the test above, whole epochs follow PyTorch."""
    tokens = make_tokens(65, 21)
    x, y = tokens[:, :-1].copy(), tokens[:, 1:].copy()
    one_by_one = fitted(x, y, 65, output="sequence", n_jobs=n_jobs)
    at_once = GRUClassifier(**one_by_one.get_params()).partial_fit(x, y, classes=np.arange(65))
    np.testing.assert_allclose(at_once.loss_, np.mean(one_by_one.loss_curve_), rtol=1e-6)
    np.testing.assert_array_equal(at_once.predict_proba(x[:4]), one_by_one.predict_proba(x[:4]))
