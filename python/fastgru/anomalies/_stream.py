"""A detector step by step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._containers import read_step
from fastgru.anomalies._residuals import Residuals, errors_of, shares_of

_Floats = NDArray[np.float64]


class AnomalyStream:
    """The state of series that are scored one time step at a time; made by ``detector.stream()``.

    Attributes
    ----------
    batch_size : int
        Series stepped side by side.
    prediction : int or ndarray of shape (batch_size,)
        1 where the last step was usual, -1 where it was an anomaly; 1 before the first step.
    contributions : ndarray of shape (n_features,) or (batch_size, n_features)
        The variables' shares of the last score, which they add up to (with the sign of an error: positive).
    expected : ndarray of shape (n_features,) or (batch_size, n_features)
        What is expected of the next step.
    offset : float or ndarray of shape (batch_size,)
        The score below which a step is an anomaly: the detector's ``offset_``, unless `adapt` moves it.
    """

    def __init__(self, detector: Any, batch_size: int, adapt: float | None) -> None:
        names = getattr(detector, "feature_names_in_", None) if detector._n_dims == 3 else None
        self._names = None if names is None else tuple(names)
        self._network = detector._network.stream(batch_size)
        self._residuals: Residuals = detector._residuals
        self._limit = float(np.finfo(detector._architecture["dtype"]).max)
        self._masked = bool(detector._architecture["missing_mask"])
        self._past = None if detector.samples == "sequences" else float(detector.smoothing)
        self._usual, self._unit = detector._usual, detector._unit
        self._first_offset, self._adapt, self._wanted = detector.offset_, adapt, detector._share
        self.batch_size = batch_size
        self._single = batch_size == 1
        self.reset()

    def reset(self) -> None:
        """Begin new series, with the threshold of the detector."""
        rows, variables = self.batch_size, len(self._residuals.center)
        self._network.reset()
        self._known = 0
        self._seen = np.tile(self._residuals.center, (rows, 1))
        self._expected = self._seen.copy()
        self._count = np.zeros(rows)  # steps with a value
        self._sum = np.zeros(rows)  # their smoothed error, or the sum of their squares
        self._parts = np.zeros((rows, variables))  # the same of each variable
        self._scores = np.full(rows, -self._usual)
        self._offsets = np.full(rows, self._first_offset)
        self._flags = np.ones(rows, dtype=np.int64)

    def step(self, x: Any) -> Any:
        """Score one time step.

        Parameters
        ----------
        x : array-like of shape (n_features,), or (batch_size, n_features)
            The values, in any container (the labels of a frame, or of a row of one, are compared with
            `feature_names_in_`); a number is a step of one variable.

        Returns
        -------
        score : float, or ndarray of shape (batch_size,) for an x of two axes
            What ``score_samples`` gives this step, to the bit; with ``samples="sequences"`` the score of the
            sequence so far. `prediction`, `contributions` and `expected` are then those after this step.

        Raises
        ------
        TypeError, ValueError
            Another shape, text, infinity, NaN without ``missing="mask"``. The stream is then as before.
        """
        values = self._checked(x)
        read = self._residuals.clipped(values)
        known = np.full(self.batch_size, self._known)
        scaled = self._residuals.scaled(values, self._expected, known)
        changes = np.asarray(self._network.step(read), dtype=np.float64).reshape(values.shape)
        self._known += 1
        self._seen = np.where(np.isnan(read), self._seen, read)
        self._expected = self._seen + changes
        self._add(scaled)
        self._flags = np.where(self._scores - self._offsets < 0, -1, 1)
        if self._adapt is not None:
            anomalous = self._flags < 0
            self._offsets = self._offsets + self._adapt * self._unit * (self._wanted - anomalous)
        return self._given(self._scores)

    @property
    def score(self) -> Any:
        """The score of the last step."""
        return self._given(self._scores)

    @property
    def prediction(self) -> Any:
        """1 where the last step was usual, -1 where it was an anomaly."""
        return int(self._flags[0]) if self._single else self._flags.copy()

    @property
    def offset(self) -> Any:
        """The score below which a step is an anomaly."""
        return self._given(self._offsets)

    @property
    def expected(self) -> _Floats:
        """The values that are expected of the next step."""
        return np.array(self._expected[0] if self._single else self._expected)

    @property
    def contributions(self) -> _Floats:
        """The variables' parts of the last score."""
        parts = self._parts
        if self._past is None:
            total = np.maximum(self._sum, np.finfo(np.float64).tiny)
            parts = -self._scores[:, np.newaxis] * parts / total[:, np.newaxis]
        none = (self._count == 0)[:, np.newaxis]
        parts = np.where(none, self._usual / parts.shape[1], parts)
        return np.array(parts[0] if self._single else parts)

    def copy(self) -> AnomalyStream:
        """Return a stream of its own that goes on from here."""
        return copy.copy(self)

    def __copy__(self) -> AnomalyStream:
        twin = object.__new__(type(self))
        twin.__dict__.update(vars(self))  # arrays are replaced, never changed
        twin._network = self._network.copy()
        return twin

    def __deepcopy__(self, memo: Any) -> AnomalyStream:
        return self.__copy__()

    def _checked(self, x: Any) -> _Floats:
        """Return a step as (batch_size, n_features), after every check."""
        array = np.asarray(read_step([x] if np.ndim(x) == 0 else x, self._names))
        if array.dtype.kind not in "biuf":
            raise TypeError(f"x must hold real numbers, got dtype {array.dtype}")
        shape = self._seen.shape
        if array.shape != shape and not (self._single and array.shape == shape[1:]):
            one = f" or ({shape[1]},)" if self._single else ""
            raise ValueError(f"x must have shape {shape}{one}, got {array.shape}")
        values: _Floats = array.astype(np.float64).reshape(shape)
        if np.isnan(values).any() and not self._masked:
            raise ValueError("x contains NaN: fill missing values in, or fit with missing='mask'")
        if (np.abs(values) > self._limit).any():  # false for NaN
            raise ValueError("x contains infinity or a value too large for the dtype of the network")
        return values

    def _add(self, scaled: _Floats) -> None:
        """Join the errors of a step with those before."""
        errors, shares = errors_of(scaled), shares_of(scaled)
        present = ~np.isnan(errors)
        if self._past is None:
            squares = np.where(present, errors * errors, 0.0)
            self._count = self._count + present
            self._sum = self._sum + squares
            self._parts = self._parts + squares[:, np.newaxis] * shares
            with np.errstate(invalid="ignore"):
                found = np.sqrt(self._sum / self._count)
            self._scores = -np.where(self._count > 0, found, self._usual)
            return
        now = np.where(self._count > 0, 1.0 - self._past, 1.0)
        errors = np.where(present, errors, 0.0)
        joined = np.where(self._count > 0, self._sum + now * (errors - self._sum), errors)
        parts = self._parts + now[:, np.newaxis] * (errors[:, np.newaxis] * shares - self._parts)
        self._sum = np.where(present, joined, self._sum)
        self._parts = np.where(present[:, np.newaxis], parts, self._parts)
        self._count = self._count + present
        self._scores = -np.where(self._count > 0, self._sum, self._usual)

    def _given(self, rows: _Floats) -> Any:
        return float(rows[0]) if self._single else rows.copy()
