"""What a fitted detector expects, which variables are to blame, and its streams."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru.anomalies._residuals import errors_and_shares_of, joined, smoothed
from fastgru.anomalies._scoring import forecasts
from fastgru.anomalies._series import Series, read_series
from fastgru.anomalies._stream import AnomalyStream

_Floats = NDArray[np.float64]


class InsightMixin:
    """The methods of a fitted detector besides its scores."""

    samples: str
    smoothing: float
    _usual: float

    def _read(self, X: Any) -> Series:
        check_is_fitted(self)
        return read_series(self, X, reset=False)

    def expected(self, X: Any) -> Any:
        """Return the values that were expected of each step from the steps before it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            As in ``fit``.

        Returns
        -------
        values : ndarray of shape (n_timesteps, n_variables), or list of them
            In the units of X; an array (n_series, n_timesteps, n_variables) for one of series or sequences.

        Raises
        ------
        NotFittedError, ValueError
            As ``score_samples``.
        """
        series = self._read(X)
        return series.wrapped([forecast.expected for forecast in forecasts(self, series.parts)])

    def contributions(self, X: Any) -> Any:
        """Return each variable's part of the scores: which of them is to blame.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            As in ``fit``.

        Returns
        -------
        parts : ndarray of shape (n_timesteps, n_variables), or list of them
            With "sequences" (n_samples, n_variables). Not negative. Along the last axis they
            add up to ``-score_samples(X)``: a step's error belongs to the variables in the shares of their
            squares, and is smoothed as the score is. A missing value has no part in its step. The
            columns are those of X (`feature_names_in_`).

        Raises
        ------
        NotFittedError, ValueError
            As ``score_samples``.
        """
        series = self._read(X)
        scaled = [forecast.scaled for forecast in forecasts(self, series.parts)]
        if self.samples == "sequences":
            return np.stack([self._parts_of_sequence(each) for each in scaled])
        return series.wrapped([self._parts_of_steps(each) for each in scaled])

    def stream(self, batch_size: int = 1, *, adapt: float | None = None) -> AnomalyStream:
        """Return a stream that scores one time step at a time.

        Parameters
        ----------
        batch_size : int, default=1
            Series stepped side by side.
        adapt : float in (0, 1), default=None
            The rate at which the threshold follows the scores, so that as many steps as in training lie
            below it (the share of `contamination`): each usual step moves it up a little, each anomaly down.
            0.01 to 0.1 are slow. None: it stays `offset_`, and decisions are those of ``predict``.

        Returns
        -------
        AnomalyStream
            ``stream.step(x_t)`` takes the values of a step and returns its score, that of ``score_samples``
            to the bit (with ``samples="sequences"``: that of the sequence so far). ``stream.prediction``,
            ``stream.contributions`` and ``stream.expected`` (of the next step) are those after it.
            ``stream.reset()`` begins a new series, ``stream.copy()`` forks one; ``copy.deepcopy`` and
            ``pickle`` keep its state. A step that is refused changes nothing.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            `batch_size` is no positive integer, `adapt` no rate.
        """
        check_is_fitted(self)
        legal = isinstance(adapt, Real) and not isinstance(adapt, bool) and 0 < adapt < 1
        if adapt is not None and not legal:
            raise ValueError(f"adapt must be a number between 0 and 1, without both, or None, got {adapt!r}")
        return AnomalyStream(self, batch_size, adapt)

    def _parts_of_steps(self, scaled: _Floats) -> _Floats:
        errors, shares = errors_and_shares_of(scaled)
        parts = errors[:, np.newaxis] * shares
        start = self._usual / scaled.shape[1]
        return np.column_stack([smoothed(column, self.smoothing, start) for column in parts.T])

    def _parts_of_sequence(self, scaled: _Floats) -> _Floats:
        errors, shares = errors_and_shares_of(scaled)
        squares = np.nan_to_num((errors * errors)[:, np.newaxis] * shares).sum(axis=0)
        total, n_variables = squares.sum(), scaled.shape[1]
        shares = squares / total if total > 0 else np.full(n_variables, 1.0 / n_variables)
        return np.asarray(joined(errors, self._usual) * shares)
