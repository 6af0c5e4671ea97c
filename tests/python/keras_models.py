"""Models of Keras, on PyTorch unless KERAS_BACKEND says otherwise, for the tests of its conversion."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from oracles import oracle

os.environ.setdefault("KERAS_BACKEND", "torch")
oracle(os.environ["KERAS_BACKEND"])  # without it or Keras, one skip for the module that imports this
keras: Any = oracle("keras")
layers = keras.layers


def built(*parts: Any) -> Any:
    """Return a Sequential model with random weights."""
    model = keras.Sequential(list(parts))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.uniform(-0.5, 0.5, weight.shape))
    return model


def features(size: int = 3) -> Any:
    return layers.Input((None, size))


def tokens() -> Any:
    return layers.Input((None,))


def functional(chain: Callable[[Any], Any]) -> Any:
    x = features()
    return keras.Model(x, chain(x))
