"""The computations of `GRU`."""

from __future__ import annotations

import operator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastgru import _core
from fastgru.gru.base import Gradients, checked_config
from fastgru.gru.parameters import RandomState, generator, named
from fastgru.gru.quantization import measured
from fastgru.gru.streaming import StreamingLayer

__all__ = ["GRU"]


class GRU(StreamingLayer):
    """A gated recurrent unit (GRU) with any number of stacked layers, in one or two directions.

    Parameters
    ----------
    input_size : int
        Features of `x` per step, I.
    hidden_size : int
        Size of the state, H.
    num_layers : int, default=1
        Number of stacked layers, L. Each layer reads the outputs of the layer below.
    bias : bool, default=True
        Whether the gates have biases.
    batch_first : bool, default=False
        If True, `x`, `y` and their gradients are (B, T, ·) instead of (T, B, ·). The default is PyTorch's;
        fastgru's estimators, in contrast, always take (samples, steps, features). States are (L·D, B, H) in
        both cases.
    dropout : float in [0, 1), default=0.0
        Probability of dropout on the outputs of every layer but the last, in `forward_train` only.
    bidirectional : bool, default=False
        Whether a second set of cells reads each sequence backwards, from its own end; then D = 2.
    reset_after : bool, default=True
        Where the reset gate r acts. True: after the recurrent product (PyTorch, cuDNN, Keras' default, ONNX
        ``linear_before_reset=1``). False: before it (Cho et al. 2014, ONNX' default).
    precision : {"highest", "high", "medium", "int8"}, default="highest"
        How exactly products are computed, with `dtype` float32. "highest": as exactly as float32. "high":
        states within 2e-5, faster where the CPU has instructions for it (`explain` says what runs); "medium"
        is the same. "int8": the weights are rounded to one byte each when they are set, for inference alone;
        see `quantize`.
    dtype : {"float32", "float64"} or dtype, default="float32"
        Dtype of weights, states and results. float64 runs on the reference engine: exact, and slower.
    random_state : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Source of the initial weights, and of dropout masks that get no seed.

    Raises
    ------
    TypeError
        A parameter has the wrong type.
    ValueError
        A size is below 1, `dropout` outside [0, 1), `precision` or `dtype` unknown; or "int8" with `dtype`
        float64 or `reset_after` False.
    MemoryError
        The weights do not fit.

    Notes
    -----
    With σ the logistic function and ∘ the elementwise product, a step of one cell is ::

        r = σ(W_ir x + b_ir + W_hr h + b_hr)        z = σ(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r∘(W_hn h + b_hn))     reset_after=True
        n = tanh(W_in x + b_in + W_hn (r∘h) + b_hn)     reset_after=False
        h' = (1 - z)∘n + z∘h

    Only `load_state_dict` changes the weights; a running call keeps the weights it started with. The layer
    keeps no state between calls, and any number of threads may call it at once. Initial weights are uniform
    in ±1/√H. Inf and NaN in a row of `x` affect only that row of `y` and `h_n`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgru
    >>> gru = fastgru.GRU(3, 8, num_layers=2, random_state=0)
    >>> y, h_n = gru(np.ones((10, 4, 3)))
    >>> y.shape, h_n.shape, y.dtype
    ((10, 4, 8), (2, 4, 8), dtype('float32'))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        reset_after: bool = True,
        precision: str = "highest",
        dtype: DTypeLike = "float32",
        random_state: RandomState = None,
    ) -> None:
        self._random = generator(random_state)
        self._configure(
            checked_config(
                input_size=input_size,
                hidden_size=hidden_size,
                num_layers=num_layers,
                bias=bias,
                batch_first=batch_first,
                dropout=dropout,
                bidirectional=bidirectional,
                reset_after=reset_after,
                precision=precision,
                dtype=dtype,
            )
        )
        bound = 1.0 / np.sqrt(self.hidden_size)
        self._core.set_parameters(self._random.uniform(-bound, bound, self._core.parameters.shape))

    def __call__(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        out: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Run the layer over whole sequences.

        Parameters
        ----------
        x : array-like of shape (T, B, I), (B, T, I) with `batch_first`, or (T, I): one sequence
            Real numbers of any dtype. An array of the layer's dtype whose last axis is contiguous is used
            in place, whatever its other strides; anything else is converted once. Without steps or rows the
            results are empty, and the states those of before.
        h0 : array-like of shape (L·D, B, H), or (L·D, H) for one sequence, optional
            Initial states; zeros if not given.
        lengths : array-like of int of shape (B,), optional
            Number of valid steps of each row, 0 to T, in any order; T if not given. Later steps are never
            read. With length 0, the row's final state is its `h0`.
        out : ndarray, optional
            Array to write `y` to: of the layer's dtype and the shape of `y`, writeable, last axis contiguous.

        Returns
        -------
        y : ndarray of shape (T, B, D·H), (B, T, D·H) with `batch_first`, or (T, D·H)
            The top layer's state after each step, forward then reverse direction; zero beyond a row's length.
            It is `out`, if given.
        h_n : ndarray of shape (L·D, B, H) or (L·D, H)
            The states of each row at its own end; of the reverse direction, after step 0.

        Raises
        ------
        ValueError
            A shape is wrong, a length is out of range, or the layout of `out` is not supported.
        TypeError
            An argument does not hold real numbers, `lengths` not integers, or `out` has another dtype.
        MemoryError
            There is not enough memory.
        KeyboardInterrupt
            Ctrl-C was pressed; `out` is then partly written.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgru
        >>> gru = fastgru.GRU(1, 2, random_state=0)
        >>> y, h_n = gru(np.ones((5, 2, 1)), lengths=[5, 3])
        >>> bool((y[3:, 1] == 0).all()), bool((h_n[0, 1] == y[2, 1]).all())
        (True, True)
        """
        return self._core.forward(x, h0, lengths, out)

    def forward_train(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        *,
        random_state: int | None = None,
        memory: Literal["high", "low"] = "high",
    ) -> tuple[NDArray[Any], NDArray[Any], Any]:
        """Run the layer with dropout, and keep a tape for `backward`.

        Parameters
        ----------
        x, h0, lengths
            As in `__call__`. `x` must not change before `backward` is done.
        random_state : int in [0, 2**64), optional
            Key of the dropout masks: the same key gives the same masks, at any number of threads. By default
            the next key of the layer's own generator.
        memory : {"high", "low"}, default="high"
            Contents of the tape for every step, layer and direction. "high": the gates and the state, 4H + H
            floats per sample. "low" (gradient checkpointing): the state alone, H floats per sample;
            `backward` computes the gates again, a chunk of about √T steps (of at least 256 samples in all) at
            a time, in one block of 4H floats per sample and step of the chunk. That costs about one more
            forward call. Gradients of `x` and `h0` have the same bits; those of the parameters are summed in
            another order. A float is 4 bytes; the states of the last layer are `y` itself; dropout adds H
            floats in both cases, for all layers but the first. With float64, "low" changes nothing.

        Returns
        -------
        y, h_n : ndarray
            As from `__call__`. `y` is read-only: `backward` reads it.
        tape : object
            The tape, for one `backward`; after that the layer keeps its memory for the next call.

        Raises
        ------
        ValueError
            As in `__call__`, or `memory` is neither "high" nor "low".
        TypeError, MemoryError, KeyboardInterrupt
            As in `__call__`.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgru
        >>> gru = fastgru.GRU(3, 4, random_state=0)
        >>> y, h_n, tape = gru.forward_train(np.ones((5, 2, 3)))
        >>> gradients = gru.backward(tape, np.ones_like(y))
        >>> gradients.x.shape, gradients.params["weight_hh_l0"].shape
        ((5, 2, 3), (12, 4))
        """
        if memory not in ("high", "low"):
            raise ValueError(f'memory must be "high" or "low", got {memory!r}')
        return self._core.forward_train(x, h0, lengths, self._dropout_key(random_state), memory == "low")

    def backward(self, tape: Any, dy: ArrayLike | None = None, dh_n: ArrayLike | None = None) -> Gradients:
        """Compute gradients of ``sum(y * dy) + sum(h_n * dh_n)``.

        Parameters
        ----------
        tape : object
            The tape from `forward_train` of this layer. It can be used once, with the weights of that call.
        dy : array-like of the shape of y, optional
            Gradient of the outputs; zeros if not given. Steps beyond a row's length are never read.
        dh_n : array-like of the shape of h_n, optional
            Gradient of the final states; zeros if not given.

        Returns
        -------
        Gradients
            The gradients, in the fields `x`, `h0` and `params`.

        Raises
        ------
        ValueError
            The tape was used already or belongs to another layer, or a shape is wrong.
        TypeError
            `tape` is not a tape of this dtype, or a gradient does not hold real numbers.
        """
        dx, dh0, flat = self._backward(tape, dy, dh_n)
        return Gradients(dx, dh0, named(flat, self._core.parameter_layout))

    def _backward(self, tape: Any, dy: ArrayLike | None, dh_n: ArrayLike | None) -> tuple[NDArray[Any], ...]:
        wanted = _core.TapeF32 if self._config.dtype == "float32" else _core.TapeF64
        if not isinstance(tape, wanted):
            raise TypeError(
                f"tape must be the third result of this layer's forward_train, got {type(tape).__name__}"
            )
        core: Any = self._core
        result: tuple[NDArray[Any], ...] = core.backward(tape, dy, dh_n)
        return result

    def _dropout_key(self, random_state: int | None) -> int:
        if random_state is None:
            return int(self._random.integers(2**64, dtype=np.uint64)) if self.dropout > 0 else 0
        try:
            key = operator.index(random_state)
        except TypeError:
            raise TypeError(
                f"random_state must be an int or None, got {type(random_state).__name__}"
            ) from None
        if not 0 <= key < 2**64:
            raise ValueError(f"random_state must be in [0, 2**64), got {key}")
        return key

    def quantize(self, calibration: ArrayLike, lengths: ArrayLike | None = None) -> GRU:
        """Return this layer with weights rounded to one byte each.

        Each row of a weight matrix (one unit of one gate) is rounded to whole numbers from -127 to 127 times
        a scale of its own. States are rounded to one byte and inputs to two, relative to the largest value of
        their row. The sums are exact, so the result has the same bits in any batch, on any number of threads
        and on every instruction set with fused multiply-add.

        Parameters
        ----------
        calibration : array-like
            Sequences to measure the error on, as the `x` of a call.
        lengths : array-like of int of shape (B,), optional
            Their lengths.

        Returns
        -------
        GRU
            A layer with ``precision="int8"``. Its ``quantization_report`` holds the error of each layer's
            states and of the outputs, and prints as a table.

        Raises
        ------
        ValueError
            `dtype` is float64, `reset_after` False, or the weights are rounded already.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgru
        >>> gru = fastgru.GRU(3, 32, random_state=0)
        >>> x = np.random.default_rng(0).normal(size=(20, 8, 3))
        >>> small = gru.quantize(x)
        >>> small.precision, small.quantization_report.largest < 0.02
        ('int8', True)
        """
        if self.precision == "int8":
            raise ValueError("the weights of this layer are rounded to one byte already")
        config = checked_config(**self._config._replace(precision="int8")._asdict())
        rounded = type(self).__new__(type(self))
        rounded._configure(config)
        rounded._random, rounded._metadata = self._random, dict(self._metadata)
        rounded._core.set_parameters(self._core.parameters)
        rounded.quantization_report = measured(
            self.state_dict(),
            self._config._asdict(),
            self._time_first(calibration),
            None if lengths is None else np.asarray(lengths),
        )
        return rounded

    def _time_first(self, x: ArrayLike) -> NDArray[Any]:
        array = np.asarray(x, dtype=self.dtype)
        if array.ndim == 2:
            return array[:, np.newaxis]
        return array.swapaxes(0, 1) if self.batch_first else array
