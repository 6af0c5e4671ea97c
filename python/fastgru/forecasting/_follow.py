"""The network's state at the end of every series, moved on as new values arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators import GRURegressor
from fastgru.forecasting._quantiles import LEVELS

_Floats = NDArray[np.float64]


class Follower:
    """Streams of several series side by side, each with the answer after its last step.

    Reading a series step by step gives the bits of reading it at once. A follower does not change: `moved`
    returns another.

    Parameters
    ----------
    stream : stream of a network
        One row per series.
    answers : ndarray of shape (n_series, n_outputs)
        The network's last answer to each; NaN before a first step.
    """

    def __init__(self, stream: Any, answers: NDArray[Any]) -> None:
        self._stream, self._answers = stream, answers

    @classmethod
    def new(cls, est: GRURegressor, n_series: int, n_outputs: int) -> Follower:
        """Return a follower of series that have not begun."""
        return cls(est.stream(n_series), np.full((n_series, n_outputs), np.nan))

    def moved(self, inputs: Sequence[_Floats]) -> Follower:
        """Return the follower after more steps of each series.

        Parameters
        ----------
        inputs : sequence of ndarray of shape (n_steps_i, n_inputs)
            What each series brings; unlike numbers of steps are fine.
        """
        stream, answers = self._stream.copy(), self._answers.copy()
        lengths = np.array([len(each) for each in inputs])
        ends = np.unique(lengths[lengths > 0])
        state, before = stream.state, 0
        for stop in ends:
            going = lengths >= stop
            block = np.stack(
                [
                    each[before:stop] if goes else np.zeros((stop - before, each.shape[1]))
                    for each, goes in zip(inputs, going, strict=True)
                ],
                axis=1,
            )
            for row in block:
                last = stream.step(np.ascontiguousarray(row))
            last = np.asarray(last).reshape(len(lengths), -1)
            answers[going] = last[going]
            now = stream.state
            now[:, ~going] = state[:, ~going]  # those that have ended stay
            stream.state = state = now
            before = int(stop)
        return Follower(stream, answers)

    def answers(self, horizon: int) -> _Floats:
        """Return the last answers: (n_series, horizon, n_levels), in units of each series."""
        return np.asarray(self._answers, dtype=np.float64).reshape(-1, horizon, len(LEVELS))

    def forks(self, est: GRURegressor, place: int, count: int) -> Any:
        """Return a stream of `count` copies of one of the series."""
        stream = est.stream(count)
        stream.state = np.repeat(self._stream.state[:, [place]], count, axis=1)
        return stream
