"""The training data: sequences, targets and weights, with a choice of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._network import Trainer
from fastgru.estimators._sequence_list import SequenceList
from fastgru.estimators._steps import StepLayout, end_to_end


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
    # The weight of each step, if steps have their own; `weight` is then the mean over those above zero.
    step_weight: NDArray[np.float64] | SequenceList | None = None
    missing: bool = False  # whether some targets are NaN: there is none

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
        chosen: NDArray[Any] | SequenceList = self._chosen(self.y)
        return chosen

    @property
    def chosen_weight(self) -> NDArray[np.float64] | None:
        """The weights of the chosen rows."""
        return self.weight if self.rows is None or self.weight is None else self.weight[self.rows]

    @property
    def answer_weight(self) -> NDArray[np.float64] | None:
        """The weights of the chosen rows' answers: one per sample, or one per step if steps have targets."""
        if self.step_weight is not None:
            return end_to_end(self._chosen(self.step_weight))[:, 0]
        if isinstance(self.y, list) or self.y.ndim == 3:
            return StepLayout.of(self.chosen_y).repeat(self.chosen_weight)
        return self.chosen_weight

    def _chosen(self, values: NDArray[Any] | SequenceList) -> Any:
        if self.rows is None:
            return values
        return [values[row] for row in self.rows] if isinstance(values, list) else values[self.rows]

    def run_epoch(self, trainer: Trainer) -> float:
        """Train one epoch on the chosen samples; return the mean loss."""
        return float(
            trainer.run_epoch(
                self.X,
                self.y,
                sample_weight=self.weight if self.step_weight is None else None,
                step_weight=self.step_weight,
                rows=self.rows,
                class_weight=self.class_weight,
            )
        )

    def take(self, rows: NDArray[Any]) -> Samples:
        """Return the chosen rows at these positions."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def without_zero_weights(self) -> Samples:
        """Return the samples of nonzero weight; the same object if these are all."""
        if self.weight is None or self.weight.all():
            return self
        return self.take(np.flatnonzero(self.weight > 0))
