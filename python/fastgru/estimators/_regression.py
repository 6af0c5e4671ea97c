"""The regressor's targets, losses, quantiles and scores."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score

from fastgru._targets import read_weights
from fastgru.estimators._base import BaseGRU
from fastgru.estimators._missing import mean_over_outputs
from fastgru.estimators._params import REGRESSOR_CONSTRAINTS
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import Standard, identity, standard
from fastgru.estimators._steps import end_to_end
from fastgru.estimators._validation import check_real_targets, weights_of_steps


class Regression(RegressorMixin, MultiOutputMixin, BaseGRU):  # type: ignore[misc]  # scikit-learn has no types
    """The implementation of `GRURegressor`."""

    _parameter_constraints = REGRESSOR_CONSTRAINTS
    loss: str
    quantile: float | ArrayLike
    n_outputs_: int

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², the share of the variance of y that is explained, averaged over outputs.

        For several quantiles it is D², the share of the pinball loss of y's own quantiles that is saved,
        averaged over them. With ``output="sequence"`` every time step counts alike. Missing targets (NaN) are
        left out, as are outputs with fewer than two.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`predict`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or one per time step
            The true targets, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), or one per time step, default=None
            How much each sample, or step, counts.

        Returns
        -------
        score : float
            1 is perfect; 0 is as good as a constant.
        """
        answers, layout = self._answers(X)
        if layout is not None:
            y = layout.join(y)
            sample_weight = weights_of_steps(sample_weight, layout)
        wanted = check_real_targets(self, y, dtype="float64", every_step=layout is not None)
        return self._validation_score(wanted, answers, read_weights(sample_weight))

    def _unpacked(self, answers: NDArray[Any]) -> NDArray[Any]:
        """Reshape (n, n_outputs * n_quantiles), without axes of length one."""
        quantiles = max(1, len(self._architecture["quantiles"]))
        several = answers.reshape(len(answers), -1, quantiles)
        if quantiles == 1:
            several = several[:, :, 0]
        return several[:, 0] if several.shape[1] == 1 else several

    def _encode_targets(self, y: Any, *, reset: bool) -> NDArray[Any]:
        targets = check_real_targets(self, y, dtype=self.dtype, every_step=self.output == "sequence")
        if reset:
            self.n_outputs_ = targets.shape[1]
        if targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {targets.shape[1]} outputs, but the fit before had {self.n_outputs_}")
        return targets

    def _settings(self) -> dict[str, Any]:
        return {
            **super()._settings(),
            "quantiles": self._quantiles() if self.loss == "quantile" else [],
        }

    def _quantiles(self) -> list[float]:
        quantiles = np.atleast_1d(np.asarray(self.quantile, dtype=np.float64))
        if quantiles.ndim != 1 or not np.all((quantiles > 0) & (quantiles < 1)):
            raise ValueError(f"quantile must be numbers between 0 and 1, without both, got {self.quantile!r}")
        if not 1 <= len(np.unique(quantiles)) == len(quantiles) <= 128:
            raise ValueError(f"quantile must be up to 128 different numbers, got {self.quantile!r}")
        return [float(quantile) for quantile in np.sort(quantiles)]

    def _head(self, samples: Samples) -> dict[str, Any]:
        return {"output_size": samples.n_targets}

    def _target_scaling(self, samples: Samples) -> Standard:
        if not self.standardize:
            return identity(samples.n_targets)
        if samples.missing or samples.step_weight is not None:
            answers = end_to_end(samples.chosen_y)
            return standard(
                answers, samples.answer_weight, name="y", answers_in=self.dtype, missing=samples.missing
            )
        return standard(samples.y, samples.weight, name="y", rows=samples.rows, answers_in=self.dtype)

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        wanted, answers = y.astype(np.float64), raw.astype(np.float64)
        quantiles = answers.shape[1] // wanted.shape[1]
        if quantiles == 1:
            return mean_over_outputs(r2_score, wanted, answers, sample_weight)
        scores = [
            mean_over_outputs(
                partial(d2_pinball_score, alpha=level), wanted, answers[:, q::quantiles], sample_weight
            )
            for q, level in enumerate(self._architecture["quantiles"])
        ]
        return float(np.mean(scores))

    def _publish(self) -> None:
        super()._publish()
        self.n_outputs_ = self._architecture["output_size"]
