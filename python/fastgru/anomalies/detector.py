"""Anomalies of time series by what a GRU did not expect."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from fastgru.anomalies._fitting import FORECASTER, FittingMixin
from fastgru.anomalies._insight import InsightMixin
from fastgru.anomalies._residuals import joined, smoothed
from fastgru.anomalies._scoring import errors_of_series
from fastgru.estimators._params import REGRESSOR_CONSTRAINTS

__all__ = ["GRUAnomalyDetector"]

_Self = TypeVar("_Self", bound="GRUAnomalyDetector")


class GRUAnomalyDetector(OutlierMixin, FittingMixin, InsightMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Anomaly detection in time series by the one-step forecasts of a GRU.

    A GRU learns to forecast every variable of the next time step from the steps before. A step's error is the
    difference between its values and the forecast, each in the usual size of that variable's differences;
    the more they exceed it, the more abnormal is the step. No labels are needed, and a few anomalies in the
    training data do little harm.

    Parameters
    ----------
    hidden_size : int, default=32
        Units of each GRU layer.
    num_layers : int, default=1
        GRU layers on top of each other.
    samples : {"steps", "sequences"}, default="steps"
        What is scored. "steps": X is one series, its rows the time steps in order, and every step gets a
        score; a list of series, or an array of three axes, gets a list, or an array, of scores. "sequences":
        X is what the other estimators take, and every sequence gets one score.
    contamination : "auto" or float in (0, 0.5], default="auto"
        The share of anomalies in the training data: the threshold `offset_` is the score that so many of its
        steps (or sequences) do not reach. auto: a fence above the errors of the part that training has not
        seen, far outside of what they usually are, but not beyond all errors of the training data.
    smoothing : float in [0, 1), default=0.4
        With ``samples="steps"``: the score is a running mean of the errors, in which the past counts so much
        and the step itself the rest. 0: each step by itself. Higher: stretches stand out more, single steps
        less, and a stretch ends later.
    chunk_length : int or "auto", default="auto"
        The time steps of the pieces of a series on which the network is trained. auto: 64; sequences of up to
        256 steps are not cut.
    loss : {"absolute_error", "squared_error", "huber"}, default="absolute_error"
        The loss that training minimises. Anomalies in the training data change the absolute error least.
    huber_delta : float, default=1.0
        For ``loss="huber"``, in standard deviations of the changes from step to step.
    dropout : float in [0, 1), default=0.0
        In training, the share of every layer's outputs that is set to zero.
    precision : {"highest", "high", "medium", "int8"}, default="highest"
        As of `GRURegressor`.
    batch_size : int, default=32
        Pieces per step of the solver (Adam).
    learning_rate : {"constant", "cosine", "plateau"}, default="constant"
        The step size during ``fit``, as of `GRURegressor`.
    learning_rate_init : float, default=0.01
        The step size.
    max_iter : int, default=300
        The largest number of epochs.
    tol : float, default=1e-4
        An epoch counts as an improvement when it raises the validation score by at least this much.
    n_iter_no_change : int, inf or "auto", default="auto"
        Training stops after more than this many epochs in a row without improvement, and the best epoch's
        weights are kept. auto: 10, or more where that is fewer than 100 mini-batches.
    validation_fraction : float in (0, 1), default=0.2
        The share held out for early stopping and to measure usual errors: the end of every series; of ten
        series or more, or sequences, whole ones, drawn at random. Data too short to be split serve for both.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of pieces and the sequences held out. An int gives the same
        bits at every fit, at any number of threads.
    missing : {"error", "mask"}, default="error"
        NaN in X is an error, or marks a missing value: it has no error, and its step is scored by the other
        variables. A step without any value carries the score before it on.
    callbacks : callable, list of callables or None, default=None
        Called after each epoch of ``fit``, as of `GRURegressor`.
    verbose : bool or int, default=False
        Show a progress bar if tqdm is installed, else a line per epoch.
    dtype : {"float32", "float64"}, default="float32"
        The precision of the network.
    n_jobs : int or None, default=None
        Threads, as of `GRURegressor`. Results do not depend on it.

    Attributes
    ----------
    offset_ : float
        The threshold: a step or sequence whose score lies below it is an anomaly.
    spread_ : ndarray of shape (n_variables,)
        The usual size of each variable's difference from its forecast, in its own unit.
    n_features_in_ : int
        Variables of a series; of sequences of shape (n_samples, n_timesteps) the time steps.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a frame whose column names are all texts.
    n_iter_ : int
        Epochs of training.
    loss_curve_ : list of float
        Training loss of every epoch.
    validation_scores_ : list of float or None
        The share of the mean absolute change that is forecast in the part held out, after every epoch; None
        where too little could be held out.

    See Also
    --------
    fastgru.GRURegressor : The network inside.
    fastgru.plot.anomalies : A picture of a series with its anomalies.

    Notes
    -----
    The network forecasts changes: what is expected of a step is the last value seen plus the forecast change.
    It reads values far outside of the usual range (the middle nine tenths, once more their width on both
    sides) as the ends of that range. A long stretch of wild values therefore stays abnormal, in training too,
    and so does a series that leaves the range for good, until the detector is fitted again. A variable with a
    trend in the training data has no such range: of it the network reads changes from step to step.

    What is expected of the first step of a series is the median (with a trend: anything); the first steps, at
    which the network knows little of the past, are measured by the larger errors that are usual there.

    Errors of several variables are joined by their root mean square. The score of a sequence is the root mean
    square over its steps.

    Ctrl-C during ``fit`` is treated as by `GRURegressor`: the best weights so far are kept.

    References
    ----------
    P. Malhotra et al., "Long Short Term Memory Networks for Anomaly Detection in Time Series", ESANN 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru import GRUAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(1000) / 5) + 0.05 * rng.normal(size=1000)
    >>> detector = GRUAnomalyDetector(random_state=0).fit(wave[:600])
    >>> wave[800:805] += 1
    >>> found = np.flatnonzero(detector.predict(wave) < 0)
    >>> 800 in found and 799 not in found
    True

    Step by step, as the values arrive:

    >>> stream = detector.stream()
    >>> scores = [stream.step(value) for value in wave]
    >>> bool((scores == detector.score_samples(wave)).all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: REGRESSOR_CONSTRAINTS[name] for name in FORECASTER if name != "loss"},
        # Answers of quantiles are no forecasts.
        "loss": [StrOptions(set(REGRESSOR_CONSTRAINTS["loss"][0].options) - {"quantile"})],
        "samples": [StrOptions({"steps", "sequences"})],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "smoothing": [Interval(Real, 0, 1, closed="left")],
        "chunk_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        samples: str = "steps",
        contamination: float | str = "auto",
        smoothing: float = 0.4,
        chunk_length: int | str = "auto",
        loss: str = "absolute_error",
        huber_delta: float = 1.0,
        dropout: float = 0.0,
        precision: str = "highest",
        batch_size: int = 32,
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
        max_iter: int = 300,
        tol: float = 1e-4,
        n_iter_no_change: float | str = "auto",
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
        missing: str = "error",
        callbacks: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        verbose: bool | int = False,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.samples = samples
        self.contamination = contamination
        self.smoothing = smoothing
        self.chunk_length = chunk_length
        self.loss = loss
        self.huber_delta = huber_delta
        self.dropout = dropout
        self.precision = precision
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.missing = missing
        self.callbacks = callbacks
        self.verbose = verbose
        self.dtype = dtype
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, X: Any, y: Any = None) -> _Self:
        """Learn what is usual.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            One series, its rows the time steps in order, or a list of series (or n_series, n_timesteps,
            n_features); a frame of any index. Best free of anomalies; a few do little harm. With
            ``samples="sequences"``: (n_samples, n_timesteps[, n_features]), or a list.
        y : None
            Not used.

        Returns
        -------
        self : GRUAnomalyDetector
            The fitted detector.

        Raises
        ------
        ValueError
            Bad parameters, shapes, NaN or infinity; fewer than two time steps; a variable without values; or
            training diverged.
        TypeError
            Sparse data, or objects that are not numbers.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached while training still improved.
        UserWarning
            Ctrl-C; or X looks like the data of the other mode of `samples`.
        """
        self._fit(X)
        return self

    def score_samples(self, X: Any) -> Any:
        """Return the scores: the negative errors; the lower, the more abnormal.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            As in :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,), or list of them; with "sequences" (n_samples,)
            About -1 where all is as usual: the differences from the forecasts, in their usual sizes. A list
            of series has a list of scores, an array of them an array (n_series, n_timesteps).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Another number of features than at fit, NaN or infinity.
        """
        series = self._read(X)
        errors = errors_of_series(self, series.parts)
        if self.samples == "sequences":
            return -np.array([joined(each, self._usual) for each in errors], dtype=np.float64)
        return series.wrapped([-smoothed(each, self.smoothing, self._usual) for each in errors])

    def decision_function(self, X: Any) -> Any:
        """Return ``score_samples(X) - offset_``: below 0 for anomalies.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            As in :meth:`fit`.

        Returns
        -------
        decision : ndarray, or list of them
            Of the shape of ``score_samples(X)``.
        """
        scores = self.score_samples(X)
        if isinstance(scores, list):
            return [each - self.offset_ for each in scores]
        return scores - self.offset_

    def predict(self, X: Any) -> Any:
        """Return -1 for anomalies and 1 for the rest.

        Parameters
        ----------
        X : array-like of shape (n_timesteps,) or (n_timesteps, n_features), or list
            As in :meth:`fit`.

        Returns
        -------
        labels : ndarray of int, or list of them
            Of the shape of ``score_samples(X)``.
        """
        decision = self.decision_function(X)
        if isinstance(decision, list):
            return [np.where(each < 0, -1, 1) for each in decision]
        return np.where(decision < 0, -1, 1)
