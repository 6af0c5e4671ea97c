"""Rounding a fitted network to weights of one byte."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru import _int8
from fastgru.estimators._draft import draft_of
from fastgru.estimators._network import (
    Architecture,
    Network,
    gru_parameters,
    named_parameters,
    restored_network,
)
from fastgru.estimators._sequence_list import SequenceList
from fastgru.gru.quantization import (
    LayerError,
    QuantizationReport,
    error_of,
    layer_errors,
    layer_pairs,
    matrix_bytes,
)

_Self = TypeVar("_Self", bound="QuantizeMixin")


def rounded_network(architecture: Architecture, network: Network) -> tuple[Architecture, Network]:
    """Return the configuration and the network with weights of one byte.

    Raises
    ------
    ValueError
        The network is of a kind that has no such form.
    """
    if architecture["dtype"] != "float32":
        raise ValueError("precision='int8' needs dtype='float32', which this estimator has not")
    flat = np.concatenate([value.ravel() for value in _int8.rounded(named_parameters(network)).values()])
    rounded = {**architecture, "precision": "int8"}
    return rounded, restored_network(rounded, flat, network.scaling)


class QuantizeMixin:
    """``quantize`` of an estimator."""

    _architecture: Architecture
    _network: Network

    def quantize(self: _Self, calibration: Any, y: Any = None) -> _Self:
        """Return this estimator with the GRU's weights rounded to one byte each, for faster predictions.

        Each row of a weight matrix (one unit of one gate) is rounded to whole numbers from -127 to 127 times
        a scale of its own; states are rounded to one byte and inputs to two, sums are exact. Biases, the
        head, an embedding and the scaling stay as they are. The estimator itself is not changed, and the new
        one cannot be trained.

        Parameters
        ----------
        calibration : array-like of shape (n_samples, n_timesteps[, n_features]), or list
            Sequences, as in ``predict``, on which the errors are measured. Take data that was not fitted.
        y : array-like, default=None
            Their targets: the report then says what the rounding does to ``score``.

        Returns
        -------
        estimator : GRURegressor or GRUClassifier
            Its ``quantization_report_`` holds the error of each layer and of the predictions.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            `dtype` is float64, `reset_after` False, or the weights are rounded already.
        """
        check_is_fitted(self)
        if self._architecture["precision"] == "int8":
            raise ValueError("the weights of this estimator are rounded to one byte already")
        estimator: Any = self
        sequences = estimator._checked_like_fit(calibration)
        rounded: Any = draft_of(estimator)
        del rounded._before
        rounded.precision = "int8"
        rounded._architecture, rounded._network = rounded_network(self._architecture, self._network)
        rounded._trainer_state = {"solver": None, "state": {}}  # the moments are as large as the weights
        before, after = (each._answers(calibration)[0] for each in (estimator, rounded))
        weights = gru_parameters(self._network)
        rounded.quantization_report_ = QuantizationReport(
            _layer_errors(self._network, self._architecture, sequences),
            *error_of(after, before),
            *matrix_bytes(weights),
            None if y is None else float(estimator.score(calibration, y)),
            None if y is None else float(rounded.score(calibration, y)),
        )
        result: _Self = rounded
        return result


def _layer_errors(
    network: Network, architecture: Architecture, X: NDArray[Any] | SequenceList
) -> tuple[LayerError, ...]:
    """Measure each layer; of sequences of several lengths, one after the other."""
    pairs = layer_pairs(gru_parameters(network), architecture)
    each = [X] if not isinstance(X, list) else [sequence[np.newaxis] for sequence in X if len(sequence)]
    measured = [layer_errors(pairs, network.inputs(part)) for part in each]
    steps = [part.shape[0] * part.shape[1] for part in each]
    return tuple(
        LayerError(
            errors[0].name,
            max(error.largest for error in errors),
            float(np.sqrt(np.average([error.rms**2 for error in errors], weights=steps))),
        )
        for errors in zip(*measured, strict=True)
    )
