"""The training data on its way to the trainer: rows that belong together, taken together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Samples:
    """Checked sequences (n_samples, n_timesteps, n_features), with the targets and weights of those rows."""

    X: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[Any]) -> Samples:
        """Return the rows at these indices, or where a mask is true, as copies."""
        weight = None if self.weight is None else self.weight[rows]
        return Samples(self.X[rows], self.y[rows], weight)

    def without_zero_weights(self) -> Samples:
        """Return the samples that count; the same object if all do."""
        if self.weight is None or self.weight.all():
            return self
        return self.take(self.weight > 0)
