"""The GRU as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.metrics import r2_score

from fastgru.estimators._base import BaseGRU
from fastgru.estimators._network import Head
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import Standard, identity, standard
from fastgru.estimators._validation import check_real_targets

__all__ = ["GRURegressor"]

_Self = TypeVar("_Self", bound="GRURegressor")


class GRURegressor(RegressorMixin, MultiOutputMixin, BaseGRU):  # type: ignore[misc]  # scikit-learn has no types
    """Regression on sequences with a gated recurrent unit (GRU), trained on the CPU.

    The GRU reads a sample's time steps in order; a dense layer turns its last state into the targets. Trained
    on the squared error with mini-batches, as :class:`sklearn.neural_network.MLPRegressor` is, whose
    parameters and attributes carry the same names here.

    Parameters
    ----------
    hidden_size : int, default=64
        Units of each layer and direction.
    num_layers : int, default=1
        GRU layers on top of each other.
    bidirectional : bool, default=False
        Read each sample backwards, too. Such an estimator cannot :meth:`stream`.
    dropout : float in [0, 1), default=0.0
        In training, the share of every layer's outputs set to zero, between layers and before the dense
        layer.
    reset_after : bool, default=True
        Apply the reset gate after the recurrent product (PyTorch, cuDNN, Keras' default); False: before it
        (Cho et al., 2014).
    solver : {"adam", "sgd"}, default="adam"
        Adam (Kingma & Ba, 2014), or stochastic gradient descent with momentum.
    alpha : float, default=0.0
        L2 penalty: ``alpha * w`` is added to the gradient of every weight matrix (not of biases).
    batch_size : int, default=32
        Samples per step of the solver, at most all.
    learning_rate_init : float, default=0.005
        The step size.
    max_iter : int, default=200
        Epochs at most: how often each sample is used.
    shuffle : bool, default=True
        Put the samples in a new order each epoch. Sequences of unlike length then share a mini-batch with
        their like.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of samples, dropout and the validation split. An int gives the
        same bits at every fit, at any number of threads.
    tol : float, default=1e-4
        An epoch counts as an improvement when it lowers the training loss, or with `early_stopping` raises
        the validation score, by at least this much.
    verbose : bool or int, default=False
        Show a progress bar if tqdm is installed, else a line per epoch.
    warm_start : bool, default=False
        Let ``fit`` go on from the weights, the optimiser's state and the scaling of the fit before:
        ``max_iter=5`` twice is ``max_iter=10`` once, to the bit (without `early_stopping`).
    momentum : float in [0, 1), default=0.9
        For ``solver="sgd"``.
    nesterovs_momentum : bool, default=True
        For ``solver="sgd"`` with momentum.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the samples, stop when the score on them no longer improves, and
        keep the weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        The share held out, drawn at random. For overlapping windows of one series, the held-out ones resemble
        their neighbours and the score flatters.
    beta_1, beta_2 : float in [0, 1), default=0.9, 0.999
        Decay of Adam's first and second moments.
    epsilon : float, default=1e-8
        For Adam, against division by zero.
    n_iter_no_change : int or inf, default=10
        Training stops after more than this many epochs in a row without improvement.
    clip_norm : float or None, default=1.0
        The gradient of a step is scaled down to this norm where it is longer. None: never.
    standardize : bool, default=True
        Subtract from every feature and every target its mean and divide by its standard deviation (weighted
        by `sample_weight`, over samples and time steps), inside: predictions are in the units of y. Taken
        from the first ``fit`` or ``partial_fit``. Constant columns are safe. Unscaled input is what makes a
        GRU fail in practice: turn it off only for data that is scaled already.
    dtype : {"float32", "float64"}, default="float32"
        What is computed in. float64 is much slower and meant for checks.
    n_jobs : int or None, default=None
        Threads for training and prediction; -1: all cores. None: ``fastgru.set_num_threads``, else the
        environment's OMP_NUM_THREADS, else all cores. Results do not depend on it.

    Attributes
    ----------
    n_features_in_ : int
        Time steps of an X of shape (n_samples, n_timesteps), features of an X of shape (n_samples,
        n_timesteps, n_features).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a frame whose column names are all texts.
    n_outputs_ : int
        Targets per sample.
    n_iter_ : int
        Epochs run by the last call.
    loss_ : float
        Training loss of the last epoch: the mean squared error of standardized targets.
    loss_curve_ : list of float
        Training loss of every epoch.
    best_loss_ : float or None
        The least of `loss_curve_`; None with early stopping.
    validation_scores_ : list of float or None
        With early stopping, R² on the held-out samples after each epoch.
    best_validation_score_ : float or None
        The highest of `validation_scores_`.

    See Also
    --------
    fastgru.GRU : The layer alone, in PyTorch's terms.
    fastgru.make_windows : Samples from one long series.

    Notes
    -----
    Initial weights: Glorot uniform input weights, an orthogonal recurrent matrix per gate, zero biases.

    Ctrl-C during ``fit`` stops it with a warning, as in scikit-learn's MLP: the estimator is fitted, with the
    weights of the best epoch so far (of the last whole mini-batch, if no epoch was finished). Ctrl-C during
    ``partial_fit`` is passed on, so that the caller's loop ends.

    References
    ----------
    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru import GRURegressor, make_windows
    >>> wave = np.sin(np.arange(400) / 5)
    >>> X, y = make_windows(wave, length=20)
    >>> est = GRURegressor(hidden_size=16, max_iter=50, early_stopping=True, random_state=0)
    >>> est = est.fit(X[:300], y[:300])
    >>> est.predict(X[300:]).shape
    (80,)
    >>> est.score(X[300:], y[300:]) > 0.99
    True

    Sequences of unlike length:

    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 30), 2)) for _ in range(200)]
    >>> y = np.array([sequence[-1].sum() for sequence in X])
    >>> GRURegressor(hidden_size=16, max_iter=50, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, X: Any, y: Any, sample_weight: Any = None) -> _Self:
        """Train on sequences and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, of one variable or several. Finite real numbers; arrays of float32 and float64,
            memory-mapped ones too, are read where they lie, whatever their strides. Sequences of unlike
            length are a list (or a tuple, or an array of objects) of arrays (n_timesteps_i, n_features) or
            (n_timesteps_i,); nothing is padded, and mini-batches are put together from sequences of about
            the same length. A nested list of numbers is a table.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, finite real numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts in the standardization and the loss, not negative; samples of weight
            zero are left out. Only ratios matter.

        Returns
        -------
        self : GRURegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            Bad parameters, shapes, NaN or infinity; or training diverged.
        TypeError
            Sparse data, or objects that are not numbers.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached while training still improved.
        UserWarning
            Ctrl-C; or a column keeps few digits in `dtype`.
        """
        self._fit(X, y, sample_weight, incremental=False)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self: _Self, X: Any, y: Any, sample_weight: Any = None) -> _Self:
        """Train for one epoch on the given samples, going on from what is there.

        The first call decides the number of features and targets and the standardization, which stay.
        `max_iter`, `tol` and `n_iter_no_change` play no part; `early_stopping` is not possible.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            As in :meth:`fit`; ratios count within a call.

        Returns
        -------
        self : GRURegressor
            The estimator, one epoch on.

        Raises
        ------
        ValueError
            As in :meth:`fit`; or ``early_stopping=True``.
        TypeError
            As in :meth:`fit`.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the targets of sequences.

        A row's prediction has the same bits whatever rows stand beside it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            The sequences, of the rank used at fit; with three axes the number of time steps may differ from
            fit's.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            The predicted targets, in the units of y; one axis if there is one target.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Another number of features than at fit, NaN or infinity.
        """
        raw = self._raw_predict(X)
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def _encode_targets(self, y: Any, *, reset: bool) -> NDArray[Any]:
        targets = check_real_targets(self, y, dtype=self.dtype)
        if not reset and targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {targets.shape[1]} outputs, but the fit before had {self.n_outputs_}")
        return targets

    def _head(self, samples: Samples) -> Head:
        return {
            "output_size": samples.y.shape[1],
            "loss": "squared_error",
            "huber_delta": 1.0,
            "quantiles": [],
        }

    def _target_scaling(self, samples: Samples) -> Standard:
        if not self.standardize:
            return identity(samples.y.shape[1])
        return standard(samples.y, samples.weight, name="y", rows=samples.rows, answers_in=self.dtype)

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        return float(r2_score(y.astype(np.float64), raw.astype(np.float64), sample_weight=sample_weight))

    def _publish(self) -> None:
        super()._publish()
        self.n_outputs_ = self._architecture["output_size"]
