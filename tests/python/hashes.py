"""Hashes of the results of fastgru: outputs, gradients and fitted weights of many architectures.

``python tests/python/hashes.py`` prints one line for each instruction set and case. Run on two versions of
the code, the same lines say that both compute the same bits; ``test_hashes.py`` compares them with those
stored in ``hashes.json`` (``--write`` stores them anew, after a change of bits that is meant). Nothing here
depends on LAPACK or on the order of NumPy's sums: weights are drawn uniformly, and data are whole numbers
over 64. What is fitted, and what is float64, depends on the C library's exp, log and pow, whose version is
stored beside the hashes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

import fastgru
from fastgru import GRU, GRUClassifier, GRURegressor, _core
from fastgru.estimators import _architecture

STORED = Path(__file__).with_name("hashes.json")


def uniform(seed: int, shape: tuple[int, ...], scale: float = 1.0) -> NDArray[np.float64]:
    values = np.random.Generator(np.random.Philox(key=seed)).integers(-64, 65, shape)
    return values * (scale / 64)


def drawn_parameters(network: Any, *_: Any) -> NDArray[np.float64]:
    """Replace `initial_parameters`, which needs LAPACK."""
    return uniform(11, (sum(int(np.prod(shape)) for _, shape in network.parameter_layout),), 0.25)


def digest(*arrays: Any) -> str:
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def layer_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for hidden, reset_after in itertools.product((1, 5, 7, 16, 20, 33, 50, 64, 100, 130), (True, False)):
        yield f"layer {hidden} after={reset_after}", {"hidden_size": hidden, "reset_after": reset_after}
    deep = {"hidden_size": 19, "num_layers": 3, "bidirectional": True, "dropout": 0.25}
    for reset_after in (True, False):
        yield f"layer deep after={reset_after}", {**deep, "reset_after": reset_after}
    yield "layer without bias", {"hidden_size": 21, "num_layers": 2, "bias": False}
    yield "layer float64", {"hidden_size": 9, "bidirectional": True, "dtype": "float64"}
    yield "layer float64 before", {"hidden_size": 9, "reset_after": False, "dtype": "float64"}


def layer_hash(params: dict[str, Any]) -> str:
    gru = GRU(input_size=6, random_state=0, **params)
    weights = gru.state_dict()
    gru.load_state_dict({n: uniform(i, w.shape, 0.4) for i, (n, w) in enumerate(weights.items())})
    parts = []
    for rows, lengths in ((1, None), (3, [5, 9, 0]), (13, None), (34, list(range(34)))):
        x = uniform(5, (33, rows, 6)).astype(gru.dtype)
        for memory in ("high", "low"):
            if memory == "low" and params.get("dtype") == "float64":
                continue
            gru_rng = GRU(input_size=6, random_state=3, **params)
            gru_rng.load_state_dict(gru.state_dict())
            y, h_n, tape = gru_rng.forward_train(x, lengths=lengths, memory=memory)
            gradients = gru_rng.backward(tape, dy=np.ones_like(y), dh_n=np.ones_like(h_n))
            parts += [y.copy(), h_n, gradients.x, gradients.h0, *gradients.params.values()]
        parts += list(gru(x, lengths=lengths))
    stream = gru.stream() if not params.get("bidirectional") else None
    if stream is not None:
        parts += [stream.step(row) for row in uniform(6, (5, 6)).astype(gru.dtype)]
    return digest(*parts)


def int8_hash(hidden: int) -> str:
    """Return the hash of forward alone; int8 has no gradients."""
    gru = GRU(input_size=6, hidden_size=hidden, num_layers=2, precision="int8", random_state=0)
    weights = gru.state_dict()
    gru.load_state_dict({n: uniform(i, w.shape, 0.4) for i, (n, w) in enumerate(weights.items())})
    parts = [uniform(3, (6,)), *gru.state_dict().values()]
    for rows in (1, 2, 13):
        parts += list(gru(uniform(5, (33, rows, 6)), lengths=range(33 - rows, 33)))
    return digest(*parts)


COMMON = {
    "hidden_size": 20,
    "max_iter": 3,
    "random_state": 3,
    "standardize": False,
    "n_iter_no_change": np.inf,
}
REGRESSORS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one output": {"outputs": 1},
    "float64": {"dtype": "float64", "hidden_size": 7},
    "deep": {"num_layers": 2, "bidirectional": True, "dropout": 0.3, "hidden_size": 33},
    "before": {"reset_after": False, "input_dropout": 0.2},
    "sgd": {"solver": "sgd", "batch_size": 13, "alpha": 1e-3},
    "wide": {"hidden_size": 130, "batch_size": 70},
    "recurrent dropout": {"recurrent_dropout": 0.2, "bptt": 4},
    "bptt at every step": {"output": "sequence", "bptt": 4},
    "every step": {"output": "sequence", "dropout": 0.1},
    "every step, lists": {"output": "sequence", "lists": True, "bidirectional": True},
    "lists": {"lists": True, "dropout": 0.2},
    "mean": {"pooling": "mean", "bidirectional": True, "dropout": 0.1},
    "max": {"pooling": "max", "lists": True},
    "absolute": {"loss": "absolute_error"},
    "huber": {"loss": "huber", "huber_delta": 0.7, "pooling": "max"},
    "quantile": {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    "quantile at every step": {"loss": "quantile", "quantile": 0.8, "output": "sequence"},
    "mask": {"missing": "mask", "input_dropout": 0.1},
    "tokens": {"embedding_dim": 6, "input_dropout": 0.1},
}
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "two classes": {"classes": 2},
    "five classes": {"classes": 5, "dropout": 0.2},
    "weighted": {"classes": 3, "class_weight": "balanced", "pooling": "mean"},
    "tags": {"classes": 4, "output": "sequence", "embedding_dim": 5},
    "multilabel": {"classes": 0},
    "many classes": {"classes": 70, "output": "sequence", "samples": 140},
    "float64": {"classes": 3, "dtype": "float64"},
}


def inputs(params: dict[str, Any], samples: int) -> Any:
    """Sequences of 9 steps, or a list of different lengths; numbers, numbers with NaN, or tokens."""
    if "embedding_dim" in params:
        return np.random.Generator(np.random.Philox(key=4)).integers(1, 12, (samples, 9))
    x = uniform(7, (samples, 9, 4))
    if params.get("missing") == "mask":
        x[uniform(8, x.shape) > 0.7] = np.nan
    if params.pop("lists", False):
        return [row[: 1 + i % 9] for i, row in enumerate(x)]
    return x


def fitted_hash(estimator: Any, x: Any, y: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(x, y)
    network = estimator._network
    parts = [network.parameters, estimator.loss_curve_]
    answers = estimator.predict(x)
    parts += answers if isinstance(answers, list) else [np.asarray(answers, dtype=np.float64)]
    if not estimator.bidirectional:
        stream = estimator.stream()
        parts += [stream.step(np.atleast_1d(step)) for step in x[1]]
    return digest(*parts)


def regressor_hash(params: dict[str, Any]) -> str:
    params = {**COMMON, **params}
    x = inputs(params, 70)
    outputs = params.pop("outputs", 2)
    y: Any = uniform(9, (70, outputs))
    if params.get("output") == "sequence":
        y = [uniform(9 + i, (len(row), outputs)) for i, row in enumerate(x)]
        y = y if isinstance(x, list) else np.stack(y)
    if outputs == 1:
        y = y[:, 0]
    return fitted_hash(GRURegressor(**params), x, y)


def classifier_hash(params: dict[str, Any]) -> str:
    params = {**COMMON, **params}
    samples, classes = params.pop("samples", 70), params.pop("classes")
    x = inputs(params, samples)
    steps = (9,) if params.get("output") == "sequence" else ()
    y: Any = np.arange(samples * int(np.prod(steps))).reshape(samples, *steps) % max(1, classes)
    if not classes:
        y = (uniform(9, (samples, 3)) > 0).astype(int)
    return fitted_hash(GRUClassifier(**params), x, y)


def hashes() -> dict[str, str]:
    """Return the hash of every case on the active instruction set."""
    _architecture.initial_parameters = drawn_parameters  # type: ignore[assignment]
    found = {name: layer_hash(params) for name, params in layer_cases()}
    found |= {f"layer int8 {hidden}": int8_hash(hidden) for hidden in (7, 16, 50, 130)}
    found |= {f"regressor {name}": regressor_hash(params) for name, params in REGRESSORS.items()}
    found |= {f"classifier {name}": classifier_hash(params) for name, params in CLASSIFIERS.items()}
    return found


def main() -> None:
    everything: dict[str, dict[str, str]] = {}
    for isa in _core.isa_names():
        _core.set_isa(isa)
        everything[isa] = hashes()
        for name, value in everything[isa].items():
            print(f"{isa:10} {value}  {name}")
    everything["made with"] = {"C library": " ".join(platform.libc_ver())}
    if "--write" in sys.argv:
        STORED.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    print(f"# fastgru {fastgru.__version__}", file=sys.stderr)
    main()
