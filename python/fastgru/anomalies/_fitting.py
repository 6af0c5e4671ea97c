"""Fitting a detector: the network on changes, then what is usual on the part it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from fastgru.anomalies._calibration import (
    changes_of,
    drifting,
    least_spread,
    measured,
    normal_range,
    robust_spread,
    threshold,
    unit,
)
from fastgru.anomalies._forecaster import Forecaster, chunks, split
from fastgru.anomalies._persistence import DetectorFileMixin
from fastgru.anomalies._residuals import Residuals, joined, smoothed
from fastgru.anomalies._scoring import errors_of_series, predictor
from fastgru.anomalies._series import read_series
from fastgru.estimators._draft import draft_of, publish

_Floats = NDArray[np.float64]

# Parameters that are the forecaster's own.
FORECASTER = (
    "hidden_size",
    "num_layers",
    "loss",
    "huber_delta",
    "dropout",
    "precision",
    "batch_size",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "tol",
    "n_iter_no_change",
    "verbose",
    "missing",
    "callbacks",
    "dtype",
    "n_jobs",
)
_FEWEST = 20  # errors that have a quantile
_RARE = 1e-3  # the least share of anomalies that a threshold goes on learning from


class FittingMixin(DetectorFileMixin):
    """The implementation of a detector's ``fit``."""

    def _fit(self, X: Any) -> None:
        """Fit a draft of the detector, and publish it: an error on the way leaves the detector as it was."""
        draft: Any = draft_of(self)
        draft.__dict__.pop("_network", None)
        interrupted = draft._train(X)
        publish(draft, self)
        if interrupted is not None:
            raise interrupted  # for the caller's loop, now that the weights are kept

    def _train(self, X: Any) -> KeyboardInterrupt | None:
        """Fit this draft; return the Ctrl-C that is to be passed on."""
        own: Any = self
        series = read_series(self, X, reset=True).parts
        _check_enough(series, own)
        values = np.concatenate(series)
        self._seed = int(check_random_state(own.random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
        parts = split(series, own.validation_fraction, self._seed)
        firsts = np.stack([part[0] for part in series if len(part)]) if parts.whole else values
        firsts = np.where(np.isnan(firsts).all(axis=0), np.nanmedian(values, axis=0), firsts)
        center = np.nanmedian(firsts, axis=0)
        drifts = np.zeros(values.shape[1], bool) if parts.whole else drifting(series)
        read = np.where(drifts, changes_of(series), values) if drifts.any() else values
        low, high = normal_range(read)
        least = least_spread(np.clip(read, low, high))
        # Of a variable with a trend nothing is expected of the first step.
        first = np.where(drifts, np.finfo(np.float64).max, robust_spread(firsts - center))
        first = np.maximum(first, least)
        before = Residuals(low, high, drifts, center, first[np.newaxis])
        interrupted = self._train_network(before, least, parts.train, parts.held, whole=parts.whole)
        predict = predictor(self)
        spread = measured(predict, parts.held, before, least, whole=parts.whole)
        self._residuals = Residuals(low, high, drifts, center, spread)
        self._calibrate(parts.held, series)
        self._publish()
        return interrupted

    def _train_network(
        self,
        residuals: Residuals,
        least: _Floats,
        train: list[_Floats],
        held: list[_Floats],
        *,
        whole: bool,
    ) -> KeyboardInterrupt | None:
        own: Any = self
        X, y = chunks(train, residuals, own.chunk_length, whole=whole)
        _check_targets(y, own)
        unseen = chunks(held, residuals, own.chunk_length, whole=whole, fewest=2)
        params = {name: getattr(own, name) for name in FORECASTER}
        forecaster: Any = Forecaster(
            output="sequence", early_stopping=len(unseen[0]) > 1, random_state=self._seed % 2**32, **params
        )
        interrupted = None
        try:
            forecaster.fit(X, y, validation_data=unseen if len(unseen[0]) > 1 else None)
        except KeyboardInterrupt as error:
            if not hasattr(forecaster, "_network"):
                raise
            interrupted = error
        _silence_constants(forecaster._network, y, least)
        for name in ("_network", "_architecture", "_history", "_trainer_state"):
            setattr(self, name, getattr(forecaster, name))
        return interrupted

    def _calibrate(self, held: list[_Floats], series: list[_Floats]) -> None:
        """Set the usual error and the threshold."""
        own: Any = self
        usual, every = self._scores_of(held), self._scores_of(series)
        if len(usual) < _FEWEST:  # too few for a quantile: those of training, which flatter
            usual = every
        self._usual, self._unit = float(np.median(usual)), unit(usual)
        if own.contamination == "auto":
            self._threshold = threshold(usual, every)
            self._share = max(_RARE, float(np.mean(usual > self._threshold)))
        else:
            self._share = float(own.contamination)
            # As scikit-learn's detectors: of the negative scores.
            self._threshold = -float(np.percentile(-every, 100 * self._share))

    def _scores_of(self, series: list[_Floats]) -> _Floats:
        """Return the errors, smoothed or joined, of all steps or sequences."""
        own: Any = self
        errors = errors_of_series(self, series)
        if own.samples == "sequences":
            return np.array([joined(each, 1.0) for each in errors])
        found = np.concatenate([smoothed(each, own.smoothing, np.nan) for each in errors])
        return np.asarray(found[~np.isnan(found)])


def _check_enough(series: list[_Floats], detector: Any) -> None:
    steps = sum(map(len, series))
    if max(map(len, series)) < 2:
        if detector.samples == "sequences":
            raise ValueError(
                f"X has {len(series)} sequences of 1 time step (n_features = 1), and what follows a step is "
                "learnt from sequences of two or more. For one series of a variable, take samples='steps'"
            )
        raise ValueError(
            f"X has {steps} time steps (n_samples = {steps}) in {len(series)} series, and what follows a "
            "step is learnt from series of two or more"
        )
    empty = np.flatnonzero(np.isnan(np.concatenate(series)).all(axis=0))
    if len(empty):
        raise ValueError(f"X: {_name(detector, empty[0])} has no value: every one is missing")


def _check_targets(targets: list[_Floats], detector: Any) -> None:
    if not targets:
        raise ValueError("X: every step that training would learn from is missing")
    empty = np.flatnonzero(np.isnan(np.concatenate(targets)).all(axis=0))
    if len(empty):
        raise ValueError(
            f"X: {_name(detector, empty[0])} has no value in the part that is trained on: "
            f"validation_fraction={detector.validation_fraction:g} holds the rest out"
        )


def _silence_constants(network: Any, targets: list[_Floats], least: _Floats) -> None:
    """Make the noise in the forecasts of variables that always change alike smaller than every spread.

    The network learns a constant up to a thousandth of the target's scale, which is 1 for it, whatever X's
    unit.
    """
    changes = np.concatenate(targets)
    varies = np.nanmax(changes, axis=0) > np.nanmin(changes, axis=0)
    x_mean, x_scale, y_mean, y_scale = network.scaling
    network.set_scaling(x_mean, x_scale, y_mean, np.where(varies, y_scale, 1e-3 * least))


def _name(detector: Any, column: int) -> str:
    names = getattr(detector, "feature_names_in_", None)
    if names is None or len(names) <= column:
        return f"variable {column}"
    return f"variable {names[column]!r}"
