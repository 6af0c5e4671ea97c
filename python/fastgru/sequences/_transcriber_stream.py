"""A transcriber step by step."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from fastgru._containers import read_step


class TranscriberStream:
    """The state of clips that are transcribed while they arrive; made by ``transcriber.stream()``.

    Attributes
    ----------
    batch_size : int
        Clips stepped side by side.
    answer : str or list
        What has been heard so far: what ``predict`` answers to the time steps so far. A list of answers
        where `batch_size` is above 1.
    """

    def __init__(self, transcriber: Any, batch_size: int) -> None:
        names = getattr(transcriber, "feature_names_in_", None)
        reader = partial(read_step, names=None if names is None else tuple(names))
        self._network = transcriber._network.stream(batch_size, reader)
        self._labels = transcriber._labels
        self.batch_size = batch_size
        self.reset()

    def reset(self) -> None:
        """Begin new clips."""
        self._network.reset()
        self._last = [0] * self.batch_size
        self._heard: list[list[int]] = [[] for _ in range(self.batch_size)]

    def step(self, x: Any) -> Any:
        """Take one time step.

        Parameters
        ----------
        x : array-like of shape (n_features,), or (batch_size, n_features)
            The features, in any container.

        Returns
        -------
        new : str or list
            The symbols that this step added, as a text or a list of tokens, mostly none; a list of them where
            `batch_size` is above 1.

        Raises
        ------
        TypeError, ValueError
            Another shape, text, NaN or infinity. The stream is then as before.
        """
        answers = self._network.step(x).reshape(self.batch_size, -1)
        new: list[list[int]] = [[] for _ in range(self.batch_size)]
        if self._network.answered:
            for i, label in enumerate(answers.argmax(axis=1).tolist()):
                if label not in (0, self._last[i]):
                    new[i].append(label)
                    self._heard[i].append(label)
                self._last[i] = label
        return self._given(new)

    @property
    def answer(self) -> Any:
        """What has been heard so far."""
        return self._given(self._heard)

    def copy(self) -> TranscriberStream:
        """Return a stream of its own that goes on from here."""
        return copy.copy(self)

    def __copy__(self) -> TranscriberStream:
        twin = object.__new__(type(self))
        twin.__dict__.update(vars(self))
        twin._network, twin._last = self._network.copy(), list(self._last)
        twin._heard = [list(each) for each in self._heard]
        return twin

    def __deepcopy__(self, memo: Any) -> TranscriberStream:
        return self.__copy__()

    def _given(self, rows: list[list[int]]) -> Any:
        decoded = [self._labels.decode(row) for row in rows]
        return decoded[0] if self.batch_size == 1 else decoded
