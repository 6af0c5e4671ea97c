"""The samples on which a fit is scored after every epoch: held out, or given by the caller."""

from __future__ import annotations

from typing import Any

from fastgru.estimators._data import DataMixin
from fastgru.estimators._fit_loop import Validate
from fastgru.estimators._network import Network
from fastgru.estimators._samples import Samples
from fastgru.estimators._split import held_out_split
from fastgru.estimators._steps import end_to_end
from fastgru.estimators._validation import thread_count


class ValidationMixin(DataMixin):
    """The methods of an estimator that choose or check its validation data, and score it."""

    validation_fraction: float

    def _held_out(self, samples: Samples, seed: int) -> tuple[Samples, Samples]:
        """Return the samples to train on, and those held out for validation."""
        estimator: Any = self  # subclasses define the strata
        train, held_out = held_out_split(
            len(samples), self.validation_fraction, seed % 2**32, estimator._strata(samples)
        )
        return samples.take(train), samples.take(held_out)

    def _check_validation_data(self, validation_data: Any) -> Samples:
        """Check and encode the argument of ``fit``, after its X and y."""
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            kind = type(validation_data).__name__
            got = f"{len(validation_data)} parts" if isinstance(validation_data, (tuple, list)) else kind
            raise ValueError(f"validation_data must be (X, y) or (X, y, sample_weight), got {got}")
        X, y, *rest = validation_data
        try:
            unseen = self._check_samples(X, y, rest[0] if rest else None, reset=False)
        except (TypeError, ValueError) as error:
            wanted = TypeError if isinstance(error, TypeError) else ValueError
            raise wanted(f"validation_data: {error}") from error
        if len(unseen) < 2:
            raise ValueError(f"validation_data has {len(unseen)} sample that counts, at least two are needed")
        return unseen

    def _validation(self, network: Network, unseen: Samples) -> Validate:
        """Return a function that scores the network's current weights on these samples."""
        estimator: Any = self  # subclasses define the score
        threads = thread_count(self.n_jobs)
        wanted, weight = end_to_end(unseen.chosen_y), unseen.answer_weight

        def validate() -> float:
            raw = network.predict(unseen.X, rows=unseen.rows, raw=True, num_threads=threads)
            return float(estimator._validation_score(wanted, raw.reshape(len(wanted), -1), weight))

        return validate
