"""A GRU between an embedding and a dense head: what the files of other libraries hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgru import _core
from fastgru._conversion import ConversionReport
from fastgru.gru.gru import GRU
from fastgru.gru.masking import compressed, expanded

__all__ = ["GRUNetwork"]

_POOLINGS = (None, *_core.network_choices()["pooling"])
_LINKS = (None, "softmax", "sigmoid")


@dataclass(frozen=True, repr=False, eq=False)
class GRUNetwork:
    """A network ``embedding → GRU → pooling → dense head`` that is called as a layer is.

    `fastgru.from_onnx` and `fastgru.from_keras` make it of a model that is more than a layer.

    Parameters
    ----------
    gru : GRU
        The layers.
    embedding : ndarray of shape (vocabulary, input_size), optional
        If given, the input is integer tokens, and row k stands for token k.
    reverse : bool, default=False
        Whether the layers, of one direction, read each sequence from its end.
    pooling : {None, "last", "mean", "max"}, default=None
        What the head reads: every step's states, the final states of the top layer, or their mean or maximum
        over time.
    head : (ndarray of shape (outputs, D·H), ndarray of shape (outputs,)), optional
        Weight and bias of the dense head.
    link : {None, "softmax", "sigmoid"}, default=None
        What makes answers of the head's outputs.
    mask : float, optional
        Steps whose features all have this value, or tokens of this value, are skipped, wherever they stand:
        they leave the states as they are.
    repeat : bool, default=False
        Whether the states at a skipped step are those of the last step read; zeros if not.
    turned : bool, default=False
        Whether answers to each step come in the order in which `reverse` layers read them: last step first.
    x_scaling, y_scaling : (ndarray, ndarray), optional
        Mean and scale of each feature, or of each answer: the layers read ``(x - mean) / scale``, and answers
        are ``y * scale + mean``, in float64 and rounded to the dtype. `mask` is compared with x as it came.
    conversion_report : ConversionReport, optional
        What the self-check of the conversion measured.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgru
    >>> gru = fastgru.GRU(3, 4, random_state=0)
    >>> head = np.ones((2, 4), np.float32), np.zeros(2, np.float32)
    >>> network = fastgru.GRUNetwork(gru, pooling="last", head=head, link="softmax")
    >>> y, h_n = network(np.ones((10, 5, 3)), lengths=[10, 3, 1, 2, 9])
    >>> y.shape, h_n.shape
    ((5, 2), (1, 5, 4))
    """

    gru: GRU
    embedding: NDArray[Any] | None = None
    reverse: bool = False
    pooling: str | None = None
    head: tuple[NDArray[Any], NDArray[Any]] | None = None
    link: str | None = None
    mask: float | None = None
    repeat: bool = False
    turned: bool = False
    x_scaling: tuple[NDArray[Any], NDArray[Any]] | None = None
    y_scaling: tuple[NDArray[Any], NDArray[Any]] | None = None
    conversion_report: ConversionReport | None = None

    def __post_init__(self) -> None:
        gru = self.gru
        if not isinstance(gru, GRU):
            raise TypeError(f"gru must be a fastgru.GRU, got {type(gru).__name__}")
        width = gru.hidden_size * (1 + gru.bidirectional)
        if self.reverse and gru.bidirectional:
            raise ValueError("reverse=True needs a layer of one direction")
        for name, value, known in (("pooling", self.pooling, _POOLINGS), ("link", self.link, _LINKS)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
        if self.mask is not None and self.pooling not in (None, "last"):
            raise ValueError(f"mask cannot be used with pooling={self.pooling!r}")
        if self.embedding is not None and np.shape(self.embedding)[1:] != (gru.input_size,):
            raise ValueError(
                f"embedding must have shape (vocabulary, {gru.input_size}), got {np.shape(self.embedding)}"
            )
        if self.head is not None:
            weight, bias = map(np.shape, self.head)
            if len(weight) != 2 or weight[1] != width or bias != weight[:1]:
                raise ValueError(
                    f"head must have shapes (outputs, {width}) and (outputs,), got {weight}, {bias}"
                )
            width = weight[0]
        for name, scaling, size in (
            ("x_scaling", self.x_scaling, gru.input_size),
            ("y_scaling", self.y_scaling, width),
        ):
            if scaling is not None:
                _check_scaling(name, scaling, size)
        if self.x_scaling is not None and self.embedding is not None:
            raise ValueError("x_scaling cannot be used with embedding: tokens have no scale")
        if self.y_scaling is not None and self.link is not None:
            raise ValueError(f"y_scaling cannot be used with link={self.link!r}: probabilities have no scale")

    def __call__(
        self, x: ArrayLike, h0: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Run the network over whole sequences.

        Parameters
        ----------
        x : array-like of shape (T, B, I), (B, T, I) with the layer's ``batch_first``, or (T, I)
            Real numbers; of tokens, integers without the last axis.
        h0 : array-like of shape (L·D, B, H), or (L·D, H) for one sequence, optional
            Initial states; zeros if not given.
        lengths : array-like of int of shape (B,), optional
            Number of valid steps of each row; T if not given.

        Returns
        -------
        y : ndarray of shape (T, B, outputs), (B, T, outputs), or (B, outputs) with `pooling`
            The answers; without a head, states. Beyond a row's length a head answers a state of zeros.
        h_n : ndarray of shape (L·D, B, H)
            The final states.

        Raises
        ------
        TypeError, ValueError
            As of `GRU`; or a token is no integer of the vocabulary.
        """
        states, h_n = self._states(np.asarray(x), h0, lengths)
        y = states if self.pooling is None else self._pooled(states, h_n, lengths)
        if self.head is not None:
            y = y @ self.head[0].T + self.head[1]
        if self.y_scaling is not None:
            mean, scale = self.y_scaling
            y = (y.astype(np.float64) * scale + mean).astype(y.dtype)
        return _answers(y, self.link), h_n

    def _states(
        self, x: NDArray[Any], h0: ArrayLike | None, lengths: ArrayLike | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the states at all steps, and the final ones."""
        given = x
        if self.embedding is not None:
            x = self._embedded(x)
        x = raw = np.asarray(x, self.gru.dtype)
        if self.x_scaling is not None:
            mean, scale = self.x_scaling
            x = ((raw.astype(np.float64) - mean) / scale).astype(raw.dtype)
        if self.mask is not None:
            skipped = (given == self.mask) if self.embedding is not None else (raw == self.mask).all(axis=-1)
            return self._masked(x, ~skipped, h0, lengths)
        if not self.reverse:
            return self.gru(x, h0, lengths)
        states, h_n = self.gru(self._turned(x, lengths), h0, lengths)
        return (states if self.turned else self._turned(states, lengths)), h_n

    def _masked(
        self, x: NDArray[Any], valid: NDArray[Any], h0: ArrayLike | None, lengths: ArrayLike | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Run the layers over the valid steps alone, and put the states back to their steps."""
        rows_first = self.gru.batch_first or x.ndim == 2
        single = x.ndim == 2
        if single:
            x, valid = x[np.newaxis], valid[np.newaxis]
        elif not rows_first:
            x, valid = x.swapaxes(0, 1), valid.T
        if lengths is not None:
            valid = valid & (np.arange(valid.shape[1]) < np.asarray(lengths)[:, np.newaxis])
        if self.reverse:
            x, valid = x[:, ::-1], valid[:, ::-1]
        steps, counts = compressed(x, valid)
        if single:
            states, h_n = self.gru(steps[0, : counts[0]], h0)
            full = np.zeros((1, *x.shape[1:2], states.shape[-1]), states.dtype)
            full[0, : counts[0]] = states
            states = full
        elif rows_first:
            states, h_n = self.gru(steps, h0, counts)
        else:
            states, h_n = self.gru(steps.swapaxes(0, 1), h0, counts)
            states = states.swapaxes(0, 1)
        states = expanded(states, valid, self.gru.bidirectional, self.repeat)
        if self.reverse and not self.turned:
            states = states[:, ::-1]
        return (states[0] if single else states if rows_first else states.swapaxes(0, 1)), h_n

    def _embedded(self, tokens: NDArray[Any]) -> NDArray[Any]:
        table = self.embedding
        assert table is not None
        if tokens.dtype.kind not in "iu":
            raise TypeError(f"x must hold integer tokens, got dtype {tokens.dtype}")
        if tokens.size and not (tokens.min() >= 0 and tokens.max() < len(table)):
            wrong = tokens.min() if tokens.min() < 0 else tokens.max()
            raise ValueError(f"x has the token {wrong}, but the vocabulary is 0 to {len(table) - 1}")
        return np.asarray(table[tokens])

    def _turned(self, x: NDArray[Any], lengths: ArrayLike | None) -> NDArray[Any]:
        """Return each row from its last valid step to its first one; later steps stay where they are."""
        time = 1 if self.gru.batch_first and x.ndim == 3 else 0
        if lengths is None:
            return np.flip(x, time)
        rows = np.asarray(lengths)
        step = np.arange(x.shape[time])[:, np.newaxis]
        order = np.where(step < rows, rows - 1 - step, step)
        index = order.T if time == 1 else order
        return np.take_along_axis(x, index[..., np.newaxis], axis=time)

    def _pooled(self, states: NDArray[Any], h_n: NDArray[Any], lengths: ArrayLike | None) -> NDArray[Any]:
        if self.pooling == "last":
            return np.concatenate(list(h_n[-(1 + self.gru.bidirectional) :]), axis=-1)
        time = 1 if self.gru.batch_first and states.ndim == 3 else 0
        if lengths is None:
            return np.asarray(states.mean(axis=time) if self.pooling == "mean" else states.max(axis=time))
        rows = np.asarray(lengths)
        if self.pooling == "mean":
            return np.asarray(states.sum(axis=time) / np.maximum(rows, 1).astype(states.dtype)[:, np.newaxis])
        valid = np.arange(states.shape[time])[:, np.newaxis] < rows
        valid = (valid.T if time == 1 else valid)[..., np.newaxis]
        highest = np.where(valid, states, -np.inf).max(axis=time, initial=-np.inf)
        return np.where(rows[:, np.newaxis] > 0, highest, 0).astype(states.dtype)

    def __repr__(self) -> str:
        parts = [repr(self.gru) + (", reverse" if self.reverse else "")]
        if self.embedding is not None:
            parts.insert(0, f"embedding of {len(self.embedding)} tokens")
        if self.x_scaling is not None:
            parts.insert(0, "scaling")
        if self.mask is not None:
            parts.insert(0, f"mask {self.mask:g}")
        parts += [f"{self.pooling} over time"] if self.pooling else []
        if self.head is not None:
            parts.append(f"dense head of {len(self.head[1])}")
        parts += [self.link] if self.link else []
        parts += ["scaling"] if self.y_scaling is not None else []
        return f"GRUNetwork({' → '.join(parts)})"


def _check_scaling(name: str, scaling: Any, size: int) -> None:
    """Raise ValueError unless it is a mean and a scale for each of `size` values."""
    shapes = [np.shape(part) for part in scaling] if isinstance(scaling, tuple) else None
    if shapes != [(size,), (size,)]:
        raise ValueError(
            f"{name} must be a mean and a scale of the shape ({size},), got {shapes or scaling!r}"
        )
    mean, scale = (np.asarray(part, np.float64) for part in scaling)
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and scale.all()):
        raise ValueError(f"{name} must hold finite numbers, and no scale of 0")


def _answers(y: NDArray[Any], link: str | None) -> NDArray[Any]:
    if link == "sigmoid":
        half = np.asarray(0.5, y.dtype)
        return np.asarray(half * (np.tanh(half * y) + 1))
    if link == "softmax":
        powers = np.exp(y - y.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    return y
