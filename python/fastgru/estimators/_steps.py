"""Predictions at every time step: targets concatenated, and predictions split into sequences again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from fastgru._targets import read_targets
from fastgru.estimators._sequence_list import SequenceList


@dataclass(frozen=True)
class StepLayout:
    """The steps of the sequences of an X: (n_samples, n_timesteps) of an array, or the length of each."""

    shape: tuple[int, int] | None
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, X: NDArray[Any] | SequenceList) -> StepLayout:
        """Return the layout of a checked `X`."""
        if isinstance(X, list):
            return cls(None, np.array([len(sequence) for sequence in X], dtype=np.int64))
        return cls((X.shape[0], X.shape[1]), np.full(X.shape[0], X.shape[1], dtype=np.int64))

    def split(self, flat: NDArray[Any]) -> Any:
        """Return (all steps, ...) as an array (n_samples, n_timesteps, ...), or as a list of arrays."""
        if self.shape is not None:
            return flat.reshape(*self.shape, *flat.shape[1:])
        return np.split(flat, np.cumsum(self.lengths)[:-1])

    def join(self, y: Any, name: str = "y", what: str = "a target") -> NDArray[Any]:
        """Return the targets of all steps, one sequence after the other: (all steps,) or (all steps, k).

        `name` and `what` stand for the argument in messages.

        Raises
        ------
        ValueError
            `y` has other sequences or steps than X, or its sequences differ in their number of outputs.
        """
        y = read_targets(y, name, by_instance=True)
        check_consistent_length(self.lengths, y)
        if self.shape is not None and not isinstance(y, (list, tuple)):
            array = np.asarray(y)
            if array.dtype != object or array.ndim > 1:
                if array.ndim not in (2, 3) or array.shape[:2] != self.shape:
                    raise ValueError(
                        f"{name} should be of shape {self.shape} or {(*self.shape, 'n_outputs')}, {what} for "
                        f"every step of X, got {array.shape}"
                    )
                return _column(array.reshape(-1, *array.shape[2:]))
        parts = [np.asarray(read_targets(part, f"{name}[{i}]")) for i, part in enumerate(y)]
        full = [part for part in parts if len(part)] or parts  # what has no steps has no dtype and outputs
        for i, (part, length) in enumerate(zip(parts, self.lengths, strict=True)):
            if part.ndim not in (1, 2) or len(part) != length:
                raise ValueError(
                    f"{name}[{i}] should be of shape ({length},) or ({length}, n_outputs), {what} for every "
                    f"step of X[{i}], got {part.shape}"
                )
            if length and part.shape[1:] != full[0].shape[1:]:
                raise ValueError(f"{name}[{i}] has shape {part.shape}, but {name}[0] has {full[0].shape}")
        return _column(np.concatenate(full))

    def repeat(self, weight: NDArray[Any] | None) -> NDArray[Any] | None:
        """Return the weight of every step from that of every sequence."""
        return None if weight is None else np.repeat(weight, self.lengths)

    def mean_above_zero(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of every sequence's step weights that are above zero; 0 without any."""
        steps = np.repeat(np.arange(len(self.lengths)), self.lengths)
        total = np.bincount(steps, weights=weight, minlength=len(self.lengths))
        return total / np.maximum(1, np.bincount(steps, weights=weight > 0, minlength=len(self.lengths)))

    def join_weights(self, sample_weight: Any) -> NDArray[Any] | None:
        """Return the weight of every step from an array (n_samples, n_timesteps), or a list of arrays.

        None: the weights are not those of steps.

        Raises
        ------
        ValueError
            They are weights of other steps than those of X, or of several outputs.
        """
        weights = read_targets(sample_weight, "sample_weight", by_instance=True)
        if weights is None or getattr(weights, "ndim", 2) < 2:
            return None
        weight = self.join(weights, "sample_weight", "a weight")
        if weight.ndim != 1:
            raise ValueError(f"sample_weight has {weight.shape[1]} weights for every step of X, wanted one")
        return weight


def end_to_end(values: NDArray[Any] | SequenceList) -> NDArray[Any]:
    """Return (n_samples, n_timesteps, k), or a list of (n_timesteps_i, k), as (all steps, k)."""
    return np.concatenate(values) if isinstance(values, list) else values.reshape(-1, values.shape[-1])


def _column(flat: NDArray[Any]) -> NDArray[Any]:
    return flat[:, 0] if flat.ndim == 2 and flat.shape[1] == 1 else flat
