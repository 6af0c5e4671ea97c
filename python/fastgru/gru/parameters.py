"""Checks of constructor arguments, and conversion of weights between a flat vector and named arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru import _core

__all__ = ["check_dropout", "check_flag", "check_size", "check_threads", "flatten", "generator", "named"]

Layout = list[tuple[str, tuple[int, ...]]]
RandomState = None | int | np.random.Generator | np.random.RandomState


def check_size(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__}") from None
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an int, got bool")
    if not 1 <= size < 2**63:
        raise ValueError(f"{name} must be at least 1 and below 2**63, got {size}")
    return size


def check_threads(value: Any) -> int:
    """Return a number of threads as an int from 0 on."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"num_threads must be an int, got {type(value).__name__}") from None
    if isinstance(value, bool | np.bool_):
        raise TypeError("num_threads must be an int, got bool")
    if not 0 <= count <= _core.max_threads:
        raise ValueError(f"num_threads must be from 0 to {_core.max_threads}, got {count}")
    return count


def check_flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; other types are refused."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {type(value).__name__}")
    return bool(value)


def check_dropout(value: Any) -> float:
    """Return `value` as a float in [0, 1)."""
    try:
        if isinstance(value, str | bytes | bool | np.bool_):
            raise TypeError
        p = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"dropout must be a number in [0, 1), got {type(value).__name__}") from None
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout must be in [0, 1), got {p}")
    return p


def generator(random_state: RandomState) -> np.random.Generator:
    """Return a counter-based generator for `random_state`; a generator is returned as it is."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(np.random.Philox(random_state.randint(2**32, size=4, dtype=np.uint64)))
    if random_state is None:
        return np.random.Generator(np.random.Philox())
    try:
        seed = operator.index(random_state)
    except TypeError:
        raise TypeError(
            "random_state must be None, an int, a numpy Generator or a RandomState, "
            f"got {type(random_state).__name__}"
        ) from None
    if seed < 0:
        raise ValueError(f"random_state must not be negative, got {seed}")
    return np.random.Generator(np.random.Philox(seed))


def named(flat: NDArray[Any], weights: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, NDArray[Any]]:
    """Return views of `flat`, one per weight."""
    views, start = {}, 0
    for name, shape in weights:
        size = math.prod(shape)
        views[name] = flat[start : start + size].reshape(shape)
        start += size
    return views


def flatten(
    state_dict: Mapping[str, Any], weights: Layout, dtype: np.dtype[Any], prefix: str = ""
) -> NDArray[Any]:
    """Return one flat vector of `dtype` from named arrays or tensors that fit `weights` in name and shape.

    Names in `state_dict` begin with `prefix`; with a prefix, other names are left alone.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"state_dict must be a mapping of names to arrays, or a path, got {type(state_dict).__name__}"
        )
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str, got {type(prefix).__name__}")
    _check_names(state_dict, [name for name, _ in weights], prefix)
    arrays = {name: _as_array(prefix + name, state_dict[prefix + name]) for name, _ in weights}
    for name, shape in weights:
        if arrays[name].shape != shape:
            raise ValueError(f"{prefix}{name} must have shape {shape}, got {arrays[name].shape}")
    flat = np.empty(sum(array.size for array in arrays.values()), dtype)
    for name, view in named(flat, weights).items():
        with np.errstate(over="ignore"):
            view[...] = arrays[name]
        if np.isinf(view).sum() != np.isinf(arrays[name]).sum():
            raise ValueError(f"{prefix}{name} holds values beyond the range of {dtype}")
    return flat


def _check_names(state_dict: Mapping[str, Any], wanted: list[str], prefix: str) -> None:
    missing = [prefix + name for name in wanted if prefix + name not in state_dict]
    known = {prefix + name for name in wanted}
    names = [str(name) for name in state_dict]
    unknown = [name for name in names if name.startswith(prefix) and name not in known]
    lists = (("missing", missing), ("unknown", unknown))
    problems = [f"{what} {_listed(found)}" for what, found in lists if found]
    if not problems:
        return
    fitting = [found for found in _prefixes(names, wanted) if found != prefix]
    hint = f"; its names fit with prefix={' or '.join(map(repr, fitting))}" if fitting else ""
    raise ValueError(f"state_dict does not fit this layer: {'; '.join(problems)}{hint}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


def _prefixes(names: list[str], wanted: list[str]) -> list[str]:
    """Return the prefixes that all wanted names have in `names`."""
    there = set(names)
    candidates = [name.removesuffix(wanted[0]) for name in names if name.endswith(wanted[0])]
    return [prefix for prefix in candidates if all(prefix + name in there for name in wanted)]


def _as_array(name: str, value: Any) -> NDArray[Any]:
    try:
        if hasattr(value, "detach"):  # a PyTorch tensor of any device and precision
            value = value.detach().cpu()
            value = value.float().numpy() if value.element_size() < 4 else value.numpy()
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; sparse, quantized, meta tensors
        raise TypeError(f"{name} must hold real numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array
