"""A fitted estimator step by step: its stream, and the gates of its layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru import _core
from fastgru._containers import read_step
from fastgru.estimators._data import DataMixin
from fastgru.estimators._gates import Gates, gates_of
from fastgru.gru.parameters import check_size, check_threads


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
        return self._network.stream(batch_size, self._step_reader())

    def stream_pool(self, capacity: int, *, num_threads: int = 1) -> _core.StreamPool:
        """Return a pool: up to `capacity` sequences, of which each call advances those that it names.

        A server that gets a value of some sequences at a time steps them together, which is several times as
        fast as a stream for each, to the same bits.

        Parameters
        ----------
        capacity : int
            Sequences at most. Each takes the memory of its state.
        num_threads : int, default=1
            Threads of a step, of which each takes up to 64 rows at a time; 0: as many as other calls use.

        Returns
        -------
        pool
            ``acquire()`` takes a free slot and returns its id, ``acquire(n)`` an array of n ids; each begins
            a new sequence. ``step(ids, x, out=None)`` advances these sequences by one step, in any order:
            x is (n, n_features), in any container that ``stream().step`` takes, and the answers are
            (n, n_outputs), as those of a stream. ``release(ids)`` gives slots back, ``reset(ids)`` begins
            new sequences in them. ``save(ids)`` returns the states as bytes, (n, state_bytes) of dtype uint8,
            which ``restore(ids, states)`` puts into slots of this or another pool of the same estimator.
            ``len(pool)`` slots of ``pool.capacity`` are taken: ``pool.ids``. ``answered(ids)``: with frames,
            whether the last step ended one. An id that is not in use, or that stands twice in a call, is a
            ValueError, and nothing changes; so is what ``predict`` refuses. An answer that is not finite is
            returned as it is, beside those of the other rows. A pool keeps the weights it was made with. One
            thread at a time may use it.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            ``bidirectional=True``: the reverse direction needs the future; `capacity` is below 1, or
            `num_threads` below 0.
        """
        check_is_fitted(self)
        return self._network.stream_pool(
            check_size("capacity", capacity), check_threads(num_threads), self._step_reader()
        )

    def _step_reader(self) -> Callable[[Any], NDArray[Any]]:
        """Return what makes an array of a time step in any container."""
        # The columns of a table are its time steps, of which a stream takes one at a time.
        names = getattr(self, "feature_names_in_", None) if self._n_dims == 3 else None
        return partial(read_step, names=None if names is None else tuple(names))

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
