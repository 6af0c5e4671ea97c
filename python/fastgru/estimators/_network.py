"""The estimator's network in the core: making it, its initial weights, its tensors for a file."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fastgru import _core

Network: TypeAlias = _core.NetworkF32 | _core.NetworkF64
Trainer: TypeAlias = _core.TrainerF32 | _core.TrainerF64


# The configuration of a network: the fields of the core's network_defaults(), as in a model file.
Architecture: TypeAlias = dict[str, Any]


def make_network(architecture: Architecture) -> Network:
    """Return a network with zero weights and no scaling.

    Raises
    ------
    ValueError
        The network would have more parameters than can be counted.
    MemoryError
        It does not fit into memory.
    """
    fields = {name: value for name, value in architecture.items() if name != "dtype"}
    return (_core.NetworkF64 if architecture["dtype"] == "float64" else _core.NetworkF32)(**fields)


def restored_network(
    architecture: Architecture, flat: NDArray[Any], scaling: tuple[NDArray[Any], ...]
) -> Network:
    """Return a network with these weights and this scaling, in the dtype of `architecture`."""
    network = make_network(architecture)
    network.set_parameters(flat)
    x_mean, x_scale, y_mean, y_scale = scaling
    network.set_scaling(x_mean, x_scale, y_mean, y_scale)
    return network


def copied_network(architecture: Architecture, network: Network) -> Network:
    """Return a network of its own with the same weights and scaling."""
    return restored_network(architecture, network.parameters, network.scaling)


def make_trainer(network: Network, **options: Any) -> Trainer:
    """Return a trainer of the network's precision."""
    if isinstance(network, _core.NetworkF64):
        return _core.TrainerF64(network, **options)
    return _core.TrainerF32(network, **options)


def solver_options(estimator: Any, batch_size: int) -> dict[str, Any]:
    """Return the options of `make_trainer` that an estimator's parameters of the solver decide."""
    return {
        "solver": estimator.solver,
        "learning_rate": estimator.learning_rate_init,
        "beta_1": estimator.beta_1,
        "beta_2": estimator.beta_2,
        "epsilon": estimator.epsilon,
        "momentum": estimator.momentum,
        "nesterov": bool(estimator.nesterovs_momentum),
        "alpha": estimator.alpha / batch_size,
        "clip_norm": 0.0 if estimator.clip_norm is None else estimator.clip_norm,
        "batch_size": batch_size,
        "recurrent_dropout": estimator.recurrent_dropout,
    }


def named_parameters(network: Network) -> dict[str, NDArray[Any]]:
    """Return read-only views of the network's weights by name, in torch's shapes."""
    flat = network.parameters
    views: dict[str, NDArray[Any]] = {}
    offset = 0
    for name, shape in network.parameter_layout:
        size = int(np.prod(shape))
        views[name] = flat[offset : offset + size].reshape(shape)
        offset += size
    return views


def gru_parameters(network: Network) -> dict[str, NDArray[Any]]:
    """Return those of the GRU alone, with the names of `fastgru.GRU`."""
    named = named_parameters(network)
    return {name[4:]: value for name, value in named.items() if name.startswith("gru.")}


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of the libraries loaded so far, NumPy's BLAS among them: 1.2 ms to find."""
    return ThreadpoolController()


def initial_parameters(network: Network, architecture: Architecture, seed: int) -> NDArray[np.float64]:
    """Draw the initial weights from a Philox generator keyed by `seed`: the same for both precisions.

    Input weights are Glorot uniform per gate, as in Keras: inputs of spread 1 give each gate a sum of
    spread about 1, whether there is one feature or a thousand. Recurrent weights are a random orthogonal
    matrix per gate: they keep the length of the state over many steps, so that gradients neither die nor
    grow. Biases are zero: standardized data is centred, and a gate at one half passes states and gradients
    alike. The head is Glorot uniform, too, with a zero bias: the first answer is near the targets'
    mean. An embedding is of spread 1, like standardized data; padding and the unknown token start at zero, so
    that a token that was never met says nothing.
    """
    generator = np.random.Generator(np.random.Philox(key=seed))
    hidden = architecture["hidden_size"]
    parts = []
    # LAPACK's order of summation, and so the last bits, may depend on its number of threads.
    with _thread_pools().limit(limits=1, user_api="blas"):
        for name, shape in network.parameter_layout:
            if len(shape) == 1:
                value = np.zeros(shape)
            elif name == "embedding.weight" and architecture["tied_embedding"]:
                # Spread 1 would make the first logits as large as the root of the width.
                value = generator.uniform(-1.0, 1.0, shape) * np.sqrt(6.0 / sum(shape))
            elif name == "embedding.weight":
                value = generator.standard_normal(shape)
                value[:2] = 0.0
            elif "weight_hh" in name:
                value = np.concatenate([_orthogonal(generator, hidden) for _ in range(3)])
            else:
                fan_out = hidden if "weight_ih" in name else shape[0]
                bound = np.sqrt(6.0 / (shape[1] + fan_out))
                value = generator.uniform(-bound, bound, shape)
            parts.append(value.ravel())
    return np.concatenate(parts)


def orthogonal_gates(generator: np.random.Generator, hidden: int) -> NDArray[np.float64]:
    """Draw a random orthogonal matrix for each gate, one above the other."""
    with _thread_pools().limit(limits=1, user_api="blas"):
        return np.concatenate([_orthogonal(generator, hidden) for _ in range(3)])


def _orthogonal(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    # With these signs the orthogonal matrix is uniformly distributed (Mezzadri, 2007).
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0), dtype=np.float64)
