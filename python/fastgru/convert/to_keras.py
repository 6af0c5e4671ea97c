"""`to_keras`: a layer or a network as a Sequential model of Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionError
from fastgru.convert._layers import gates, reconfigured
from fastgru.convert._library import library
from fastgru.convert.from_keras import checked
from fastgru.gru import GRU, GRUNetwork

__all__ = ["to_keras"]


def to_keras(model: GRU | GRUNetwork) -> Any:
    """Return a layer or a network as a built ``keras.Sequential`` with a copy of its weights.

    Parameters
    ----------
    model : GRU or GRUNetwork
        The model. Keras takes (B, T, features), whatever the layer's ``batch_first``.

    Returns
    -------
    keras.Sequential
        Its predictions are ``y``. It has been compared with `model` on random input: ``conversion_report``.

    Raises
    ------
    ConversionError
        Keras cannot express it: biases of both kinds with ``reset_after=False``, weights of one byte, the
        mean or maximum over time, scaling, answers of a reverse layer in the order of time.
    TypeError
        `model` is neither.
    ImportError
        Keras is not installed (extra ``keras``).

    Examples
    --------
    >>> import fastgru
    >>> fastgru.to_keras(fastgru.GRU(3, 4, 2)).save("gru.keras")  # doctest: +SKIP
    """
    if not isinstance(model, GRU | GRUNetwork):
        raise TypeError(f"model must be a GRU or a GRUNetwork, got {type(model).__name__}")
    network = GRUNetwork(model) if isinstance(model, GRU) else model
    _check(network)
    keras = library("keras", "to_keras")
    built = keras.Sequential()
    _add_front(keras, built, network)
    gru = network.gru
    for index in range(gru.num_layers):
        layer = _layer(keras.layers, network, index)
        built.add(layer)
        ends = [f"_l{index}", f"_l{index}_reverse"][: 1 + gru.bidirectional]
        layer.set_weights([array for end in ends for array in _arrays(gru, end)])
    dtype = gru.dtype.name
    if network.head is not None:
        weight, bias = network.head
        dense = keras.layers.Dense(len(bias), activation=network.link or "linear", dtype=dtype)
        built.add(dense)
        dense.set_weights([weight.T, bias])
    elif network.link is not None:
        built.add(keras.layers.Activation(network.link, dtype=dtype))
    built.conversion_report = checked(built, replace(network, gru=reconfigured(gru, batch_first=True)))
    return built


def _check(network: GRUNetwork) -> None:
    """Refuse what Keras cannot express."""
    gru = network.gru
    obstacles = {
        'precision="int8"': gru.precision == "int8",
        f"pooling={network.pooling!r}": network.pooling not in (None, "last"),
        "reverse=True without turned=True": network.reverse and not (network.pooling or network.turned),
        "repeat=True of two directions": network.repeat and gru.bidirectional and not network.pooling,
        f"mask={network.mask} of tokens": network.embedding is not None and network.mask not in (None, 0.0),
    }
    if network.x_scaling is not None or network.y_scaling is not None:
        raise ConversionError("x_scaling and y_scaling cannot be expressed: Keras scales in float32 alone")
    for what, there in obstacles.items():
        if there and (what[:6] != "repeat" or network.mask is not None):
            raise ConversionError(f"{what} cannot be expressed: Keras has nothing like it")
    for name, value in gru.state_dict().items():
        if name.startswith("bias_hh") and value.any() and not gru.reset_after:
            raise ConversionError(f"{name} cannot be expressed: with reset_after=False, Keras has one bias")


def _add_front(keras: Any, built: Any, network: GRUNetwork) -> None:
    """Add the input with its embedding or mask."""
    dtype = network.gru.dtype.name
    if network.embedding is None:
        built.add(keras.Input((None, network.gru.input_size), dtype=dtype))
        if network.mask is not None:
            built.add(keras.layers.Masking(network.mask, dtype=dtype))
        return
    built.add(keras.Input((None,), dtype="int64"))
    sizes = network.embedding.shape
    embedding = keras.layers.Embedding(*sizes, mask_zero=network.mask is not None, dtype=dtype)
    built.add(embedding)
    embedding.set_weights([network.embedding])


def _layer(layers: Any, network: GRUNetwork, index: int) -> Any:
    """Return a layer of Keras without its weights."""
    gru = network.gru
    layer = layers.GRU(
        gru.hidden_size,
        use_bias=gru.bias,
        reset_after=gru.reset_after,
        return_sequences=index < gru.num_layers - 1 or network.pooling is None,
        go_backwards=network.reverse and index == 0,
        zero_output_for_mask=not (network.repeat or network.pooling),
        dtype=gru.dtype.name,
    )
    return layers.Bidirectional(layer, dtype=gru.dtype.name) if gru.bidirectional else layer


def _arrays(gru: GRU, end: str) -> list[NDArray[Any]]:
    """Return the weights of a cell in the order of Keras: gates z, r, h in columns."""
    state = gru.state_dict()
    arrays = [gates(state[name + end]).T for name in ("weight_ih", "weight_hh")]
    if gru.bias:
        parts = [gates(state[name + end]) for name in ("bias_ih", "bias_hh")]
        arrays.append(np.stack(parts) if gru.reset_after else parts[0])
    return arrays
