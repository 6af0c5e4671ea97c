"""A fitted estimator step by step: its stream, and the gates of its layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from sklearn.utils.validation import check_is_fitted

from fastgru import _core
from fastgru._containers import read_step
from fastgru.estimators._data import DataMixin
from fastgru.estimators._gates import Gates, gates_of


class StepwiseMixin(DataMixin):
    """The methods of an estimator that go through sequences one step at a time."""

    def stream(self, batch_size: int = 1) -> _core.NetworkStreamF32 | _core.NetworkStreamF64:
        """Return a stream that takes one time step at a time and gives the estimator's prediction after each.

        Parameters
        ----------
        batch_size : int, default=1
            Sequences stepped side by side.

        Returns
        -------
        stream
            ``stream.step(x_t)`` takes raw values of shape (n_features,), or (batch_size, n_features), in any
            container (the labels of a frame, or of a row of one, are compared with `feature_names_in_`), and
            returns (n_outputs,), or (batch_size, n_outputs), of the estimator's `dtype`, in the units of y;
            ``out=`` takes the array to write to. A classifier's are probabilities: one per class or label, of
            two classes that of the second alone; several quantiles of an output stand side by side. Tokens
            are stepped as integers, (1,) or (batch_size, 1). After t steps it is what the network answers to
            the t steps as one sequence. With frames, an answer comes with the last time step of each frame
            (``stream.answered`` is then True) and is repeated until the next; it is NaN before the first.
            ``step`` refuses what ``predict`` refuses, and the state then stays: NaN without
            ``missing="mask"``, infinity, negative tokens, and the padding id, which is no step.
            ``stream.reset()`` starts a new sequence, ``stream.copy()`` forks one; ``copy.deepcopy`` and
            ``pickle`` keep its state and the weights it was made with.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            ``bidirectional=True``: the reverse direction needs the future.
        """
        check_is_fitted(self)
        # The columns of a table are its time steps, of which a stream takes one at a time.
        names = getattr(self, "feature_names_in_", None) if self._n_dims == 3 else None
        reader = partial(read_step, names=None if names is None else tuple(names))
        return self._network.stream(batch_size, reader)

    def gates(self, X: Any, layer: int = -1) -> Gates:
        """Return the gates of one layer at every step of some sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as ``predict`` takes them.
        layer : int, default=-1
            Which layer, from 0; -1 is the last.

        Returns
        -------
        Gates
            A named tuple of `reset`, `update`, `candidate` and `state`, each an array (n_samples,
            n_timesteps, hidden_size), or a list of arrays if X is one; with two directions 2 * hidden_size,
            the reverse one second. Where `update` is near 1 a unit keeps its state, where it is near 0 it
            takes the candidate. With frames, n_timesteps counts frames.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            There is no such layer; or as ``predict``.
        """
        check_is_fitted(self)
        array = self._checked_like_fit(X)
        if not -self._architecture["num_layers"] <= layer < self._architecture["num_layers"]:
            raise ValueError(f"layer must be one of {self._architecture['num_layers']} layers, got {layer!r}")
        return gates_of(self._network, self._architecture, array, layer % self._architecture["num_layers"])
