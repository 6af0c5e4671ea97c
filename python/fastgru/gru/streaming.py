"""A layer step by step: streams, and pools of them."""

from __future__ import annotations

from fastgru import _core
from fastgru.gru.base import Layer
from fastgru.gru.parameters import check_size, check_threads


class StreamingLayer(Layer):
    """The methods of a layer that go through sequences one step at a time."""

    def stream(self, batch_size: int = 1) -> _core.StreamF32 | _core.StreamF64:
        """Return a stream: sequences that advance together, one step per call, and keep their state.

        Parameters
        ----------
        batch_size : int, default=1
            Number of sequences, B.

        Returns
        -------
        stream
            ``step(x, out=None)`` takes (B, I), or (I,) when B is 1, and returns the top layer's new state,
            (B, H) or (H,); ``state`` is a copy of all states, (L, B, H), and can be set; ``reset()`` sets
            them to zero; ``copy()`` returns an independent stream. A stream keeps the weights it was created
            with, also in a pickle. One thread at a time may use it.

        Raises
        ------
        ValueError
            The layer has two directions, or `batch_size` is below 1.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgru
        >>> gru = fastgru.GRU(2, 4, random_state=0)
        >>> x = np.ones((3, 2))
        >>> stream = gru.stream()
        >>> steps = [stream.step(x_t) for x_t in x]
        >>> np.allclose(steps, gru(x)[0])
        True
        """
        return self._core.stream(check_size("batch_size", batch_size))

    def stream_pool(self, capacity: int, *, num_threads: int = 1) -> _core.StreamPool:
        """Return a pool: up to `capacity` sequences, of which each call advances those that it names.

        Several times as fast as a stream for each, to the same bits.

        Parameters
        ----------
        capacity : int
            Sequences at most.
        num_threads : int, default=1
            Threads of a step, of which each takes up to 64 rows at a time; 0: as many as other calls use.

        Returns
        -------
        pool
            ``acquire()`` takes a free slot for a new sequence and returns its id, ``acquire(n)`` an array of
            n; ``release(ids)`` gives them back, ``reset(ids)`` begins anew. ``step(ids, x, out=None)`` takes
            (n, I) and returns the top layer's new states, (n, H). ``save(ids)`` returns the states as bytes,
            (n, state_bytes) of dtype uint8, for ``restore(ids, states)`` in this or another pool. ``ids`` of
            ``capacity`` slots are taken. A bad id is a ValueError, and nothing changes. A pool keeps the
            weights it was created with. One thread at a time may use it.

        Raises
        ------
        ValueError
            The layer has two directions, `capacity` is below 1, or `num_threads` below 0.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgru
        >>> gru = fastgru.GRU(2, 4, random_state=0)
        >>> pool = gru.stream_pool(1000)
        >>> anna, bob = pool.acquire(2)
        >>> pool.step([anna], [[1.0, 2.0]]).shape
        (1, 4)
        >>> pool.step([bob, anna], np.ones((2, 2))).shape
        (2, 4)
        >>> pool.release([bob])
        >>> len(pool)
        1
        """
        return self._core.stream_pool(check_size("capacity", capacity), check_threads(num_threads))
