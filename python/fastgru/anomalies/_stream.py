"""A detector step by step."""

from __future__ import annotations

import copy
import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fastgru._containers import read_step
from fastgru.anomalies._row import Row, Rules

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
        self._limit = float(np.finfo(detector._architecture["dtype"]).max)
        self._masked = bool(detector._architecture["missing_mask"])
        self._rules = Rules.of(detector, adapt)
        self.batch_size = batch_size
        self._rows = [Row(self._rules) for _ in range(batch_size)]

    def reset(self) -> None:
        """Begin new series, with the threshold of the detector."""
        self._network.reset()
        self._rows = [Row(self._rules) for _ in self._rows]

    def step(self, x: Any) -> Any:
        """Score one time step.

        Parameters
        ----------
        x : array-like of shape (n_features,), or (batch_size, n_features)
            The values, in any container (the labels of a frame, or of a row of one, are compared with
            `feature_names_in_`); a number is a step of one variable.

        Returns
        -------
        score : float, or ndarray of shape (batch_size,) where that is above 1
            What ``score_samples`` gives this step, to the bit; with ``samples="sequences"`` the score of the
            sequence so far. `prediction`, `contributions` and `expected` are then those after this step.

        Raises
        ------
        TypeError, ValueError
            Another shape, text, infinity, NaN without ``missing="mask"``. The stream is then as before.
        """
        values = self._checked(x)
        read = [self._rules.read(given, row.last) for given, row in zip(values, self._rows, strict=True)]
        changes = self._network.step(np.array(read)).tolist()
        for row, given, inputs, change in zip(self._rows, values, read, changes, strict=True):
            row.step(self._rules, given, inputs, change)
        return self.score

    @property
    def score(self) -> Any:
        """The score of the last step."""
        return self._given([row.score for row in self._rows])

    @property
    def prediction(self) -> Any:
        """1 where the last step was usual, -1 where it was an anomaly."""
        return self._given([row.flag for row in self._rows])

    @property
    def offset(self) -> Any:
        """The score below which a step is an anomaly."""
        return self._given([row.offset for row in self._rows])

    @property
    def expected(self) -> _Floats:
        """The values that are expected of the next step."""
        return np.array(self._given([row.expected for row in self._rows]))

    @property
    def contributions(self) -> _Floats:
        """The variables' parts of the last score."""
        return np.array(self._given([row.contributions(self._rules) for row in self._rows]))

    def copy(self) -> AnomalyStream:
        """Return a stream of its own that goes on from here."""
        return copy.copy(self)

    def __copy__(self) -> AnomalyStream:
        twin = object.__new__(type(self))
        twin.__dict__.update(vars(self))
        twin._network, twin._rows = self._network.copy(), [copy.copy(row) for row in self._rows]
        return twin

    def __deepcopy__(self, memo: Any) -> AnomalyStream:
        return self.__copy__()

    def _checked(self, x: Any) -> list[list[float]]:
        """Return the rows of a step, after every check."""
        array = np.asarray(self._read(x))
        if array.dtype.kind not in "biuf":
            raise TypeError(f"x must hold real numbers, got dtype {array.dtype}")
        shape = self.batch_size, self._rules.n_variables
        if array.shape != shape and not (shape[0] == 1 and array.shape == shape[1:]):
            one = f" or ({shape[1]},)" if shape[0] == 1 else ""
            raise ValueError(f"x must have shape {shape}{one}, got {array.shape}")
        rows = cast(list[list[float]], array.astype(np.float64).reshape(shape).tolist())
        for row in rows:
            for value in row:
                if math.isnan(value) and not self._masked:
                    raise ValueError("x contains NaN: fill missing values in, or fit with missing='mask'")
                if abs(value) > self._limit:  # false for NaN
                    raise ValueError("x contains infinity or a value too large for the dtype of the network")
        return rows

    def _read(self, x: Any) -> Any:
        if isinstance(x, (float, int)):
            return [x]
        if type(x) is np.ndarray and x.ndim and x.dtype.kind != "O":
            return x
        return read_step([x] if np.ndim(x) == 0 else x, self._names)

    def _given(self, rows: list[Any]) -> Any:
        return rows[0] if self.batch_size == 1 else np.array(rows)
