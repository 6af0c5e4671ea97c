"""The training data: sequences, targets and weights, with a choice of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._sequence_list import SequenceList


@dataclass(frozen=True)
class Samples:
    """Checked sequences with their targets and weights, and the chosen samples (`rows`; None: all).

    `X` is (n_samples, n_timesteps, n_features) or a list of (n_timesteps_i, n_features); `y` is (n_samples,
    n_targets), or of the form of X if every step has targets. Choosing rows copies
    nothing: the core reads them from the whole `X` and `y`.
    """

    X: NDArray[Any] | SequenceList
    y: NDArray[Any] | SequenceList
    weight: NDArray[np.float64] | None
    rows: NDArray[np.int64] | None = None
    class_weight: NDArray[np.float64] | None = None  # the weight of each class, if every step has a class

    def __len__(self) -> int:
        return len(self.y) if self.rows is None else len(self.rows)

    @property
    def n_features(self) -> int:
        """Values per time step."""
        return int(self.X[0].shape[-1])

    @property
    def median_steps(self) -> float:
        """The median number of time steps of all sequences."""
        return float(np.median([len(sequence) for sequence in self.X]))

    @property
    def most_steps(self) -> int:
        """The time steps of the longest sequence."""
        return max(len(sequence) for sequence in self.X)

    @property
    def n_targets(self) -> int:
        """Columns of y, per sample or per time step."""
        return int(self.y[0].shape[-1])

    @property
    def chosen_y(self) -> NDArray[Any] | SequenceList:
        """The targets of the chosen rows."""
        if self.rows is None:
            return self.y
        return [self.y[row] for row in self.rows] if isinstance(self.y, list) else self.y[self.rows]

    @property
    def chosen_weight(self) -> NDArray[np.float64] | None:
        """The weights of the chosen rows."""
        return self.weight if self.rows is None or self.weight is None else self.weight[self.rows]

    def take(self, rows: NDArray[Any]) -> Samples:
        """Return the chosen rows at these positions."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def without_zero_weights(self) -> Samples:
        """Return the samples of nonzero weight; the same object if these are all."""
        if self.weight is None or self.weight.all():
            return self
        return self.take(np.flatnonzero(self.weight > 0))
