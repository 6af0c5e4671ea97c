"""The input and output of an estimator: checked and encoded samples; predictions and their sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from fastgru._containers import read
from fastgru.estimators._axes import refuse_one_sequence
from fastgru.estimators._missing import check_present
from fastgru.estimators._network import Architecture, Network
from fastgru.estimators._samples import Samples
from fastgru.estimators._sequence_list import SequenceList, require_steps
from fastgru.estimators._steps import StepLayout
from fastgru.estimators._tokens import check_tokens
from fastgru.estimators._validation import (
    as_sequences,
    check_features,
    check_sequences,
    check_weights,
    thread_count,
)


class DataMixin:
    """The methods of an estimator that check and encode its data."""

    _network: Network
    _architecture: Architecture
    _n_dims: int
    embedding_dim: int | None
    missing: str
    output: str
    dtype: str
    n_jobs: int | None

    def _check_X(self, X: Any, *, tokens: bool, missing: bool, dtype: str) -> NDArray[Any] | SequenceList:
        """Return `X` in the form that the core reads."""
        if tokens:
            fitted = self.__dict__.get("_architecture")
            every_step = fitted["sequence"] if fitted is not None and hasattr(self, "_network") else False
            return check_tokens(self, X, every_step=every_step or self.output == "sequence")
        return check_sequences(self, X, dtype=dtype, allow_nan=missing)

    def _check_samples(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Samples:
        """Check and encode the arguments of ``fit``; `reset`: they decide features and classes."""
        estimator: Any = self  # subclasses define how y is encoded
        X = read(X)
        array = self._check_X(
            X, tokens=self.embedding_dim is not None, missing=self.missing == "mask", dtype=self.dtype
        )
        require_steps(array)
        if self.output == "sequence" and y is not None:
            samples = self._step_samples(array, y, sample_weight, reset=reset)
        else:
            targets = estimator._encode_targets(y, reset=reset)
            check_consistent_length(array, targets)
            weight = estimator._all_weights(sample_weight, targets, array)
            missing = check_present(targets, None, weight, columns=reset)
            samples = Samples(as_sequences(array), targets, weight, missing=missing)
        check_features(self, X, array, reset=reset)
        return samples.without_zero_weights()

    def _step_samples(
        self, array: NDArray[Any] | SequenceList, y: Any, sample_weight: Any, *, reset: bool
    ) -> Samples:
        """Encode targets of every time step. A step of weight zero has no target."""
        estimator: Any = self
        layout = StepLayout.of(array)
        estimator._check_step_targets(y)
        flat = estimator._encode_targets(layout.join(y), reset=reset)
        of_steps = layout.join_weights(sample_weight)
        if of_steps is None:
            weight, step_weight = estimator._all_weights(sample_weight, flat, array), None
        else:
            of_steps = check_weights(of_steps, flat)
            assert of_steps is not None
            flat = np.where(of_steps[:, np.newaxis] > 0, flat, np.nan)
            weight = layout.mean_above_zero(of_steps)
            step_weight = layout.split(of_steps[:, np.newaxis])
        class_weight = estimator._step_class_weight(flat)
        missing = check_present(flat, layout, weight, columns=reset)
        return Samples(
            as_sequences(array), layout.split(flat), weight, None, class_weight, step_weight, missing
        )

    def _checked_like_fit(self, X: Any) -> NDArray[Any] | SequenceList:
        """Check that `X` fits the data of ``fit``, and return it in the form that the core reads."""
        X = read(X)
        fitted = self._architecture
        tokens, missing = fitted["vocabulary_size"] > 0, fitted["missing_mask"]
        array = self._check_X(X, tokens=tokens, missing=missing, dtype=fitted["dtype"])
        check_features(self, X, array, reset=False)
        refuse_one_sequence(array, self._n_dims)
        return as_sequences(array)

    def _answers(self, X: Any, *, raw: bool = False) -> tuple[NDArray[np.float64], StepLayout | None]:
        """Return the network's predictions as rows, and their layout in sequences (None: one per sequence).

        `raw`: scores instead of probabilities.
        """
        check_is_fitted(self)
        array = self._checked_like_fit(X)
        answers = self._network.predict(array, raw=raw, num_threads=thread_count(self.n_jobs))
        layout = StepLayout.of(array) if self._architecture["sequence"] else None
        answers = answers.reshape(-1, answers.shape[-1])
        if not np.isfinite(answers).all():
            row = int(np.flatnonzero(~np.isfinite(answers).all(axis=1))[0])
            if layout is not None:
                row = int(np.searchsorted(np.cumsum(layout.lengths), row, side="right"))
            raise ValueError(
                f"X[{row}] lies so far from the data of fit that its answer leaves {answers.dtype}"
            )
        return np.asarray(answers, dtype=np.float64), layout
