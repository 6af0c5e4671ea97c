"""The GRU as a scikit-learn regressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context

from fastgru.estimators._base import shared_parameters
from fastgru.estimators._regression import Regression

__all__ = ["GRURegressor"]

_Self = TypeVar("_Self", bound="GRURegressor")


class GRURegressor(Regression):
    """Regression on sequences with a gated recurrent unit (GRU), trained on the CPU.

    The GRU reads a sample's time steps in order; a dense layer maps its state (the last one, or as `pooling`
    and `output` choose) to the targets. Parameters and attributes have the names of
    :class:`sklearn.neural_network.MLPRegressor`, and like it the estimator trains with mini-batches.

    Parameters
    ----------
    hidden_size : int, default=64
        Units of each layer and direction.
    num_layers : int, default=1
        GRU layers on top of each other.
    loss : {"squared_error", "absolute_error", "huber", "quantile"}, default="squared_error"
        The loss that training minimises, over standardized targets. huber: half the squared error up to
        `huber_delta`, linear beyond.
    quantile : float or array-like of float in (0, 1), default=0.5
        For ``loss="quantile"`` (pinball loss): the quantiles to predict. One network predicts several, in
        rising order along a last axis of `predict`; they cannot cross.
    huber_delta : float, default=1.0
        For ``loss="huber"``, in standard deviations of y.
    bidirectional : bool, default=False
        Read each sample backwards, too. Such an estimator cannot :meth:`stream`.
    embedding_dim : int or None, default=None
        The length of the vector learnt for each token; X then holds tokens, integers from 1 on. None: X holds
        numbers. Id 0 is padding: it is left out at the beginning and end of the rows of an array. Id 1 is the
        unknown token; every id that the first ``fit`` could not know is read as it.
    vocabulary_size : int or None, default=None
        With `embedding_dim`: the bound below which ids lie. None: taken from the first ``fit``.
    frame_length, frame_step : int or "auto", default="auto"
        The network reads frames: `frame_length` successive time steps as one, a new frame every `frame_step`
        time steps. It so makes n_timesteps / frame_step steps. The last frame of a sequence ends with its
        last time step; a sequence shorter than a frame is one frame, with zeros (the mean) before it. With
        ``output="sequence"`` the first frame begins with the first time step, and a prediction holds until
        the next frame has ended. `bptt` counts frames. Not for tokens. auto: 8 and 4 where the median
        sequence has 256 time steps or more and ``output="last"``, else 1; if one is given, the step is half
        the length.
    output : {"last", "sequence"}, default="last"
        One prediction per sequence, or one per time step (many-to-many): y and predictions are then arrays
        (n_samples, n_timesteps) or (n_samples, n_timesteps, n_outputs), or lists of arrays like X.
    pooling : {"last", "mean", "max", "auto"}, default="auto"
        The input of the dense layer with ``output="last"``: the last state, or the mean or the maximum of
        each unit over the time steps. auto: last.
    dropout : float in [0, 1), default=0.0
        In training, the share of every layer's outputs that is set to zero, between layers and before the
        dense layer.
    input_dropout : float in [0, 1), default=0.0
        In training, the share of the values that the first layer reads set to zero, anew at every step.
    recurrent_dropout : float in [0, 1), default=0.0
        In training, the share of the recurrent weights set to zero, anew for every mini-batch (DropConnect,
        as in Merity et al., 2017).
    reset_after : bool, default=True
        Apply the reset gate after the recurrent product (PyTorch, cuDNN, Keras' default); False: before it
        (Cho et al., 2014).
    precision : {"highest", "high", "medium", "int8"}, default="highest"
        How exactly products are computed, with `dtype` float32. "highest": as exactly as float32. "high":
        states within 2e-5, faster where the CPU has instructions for it (`fastgru.explain`); "medium" is the
        same. "int8": training as with "highest", then ``quantize``: one byte a weight, for predictions alone.
    solver : {"adam", "sgd"}, default="adam"
        Adam (Kingma & Ba, 2014), or stochastic gradient descent with momentum.
    alpha : float, default=0.0
        L2 penalty, counted as scikit-learn's MLP counts it: ``alpha / batch_size * w`` is added to the
        gradient of every weight matrix (not of biases). PyTorch's `weight_decay` is ``alpha / batch_size``.
    batch_size : int, default=32
        Samples per step of the solver, at most all.
    learning_rate : {"constant", "cosine", "plateau"}, default="constant"
        The step size during ``fit``. cosine: half a cosine down to zero at `max_iter`. plateau: divided by
        five each time training would stop for lack of improvement, until below 1e-6.
    learning_rate_init : float, default=0.005
        The step size.
    max_iter : int, default=200
        The largest number of epochs; an epoch uses each sample once.
    shuffle : bool, default=True
        Put the samples in a new order each epoch. A mini-batch then holds sequences of about the same length.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of samples, dropout and the validation split. An int gives the
        same bits at every fit, at any number of threads.
    tol : float, default=1e-4
        An epoch counts as an improvement when it lowers the training loss, or with `early_stopping` raises
        the validation score, by at least this much.
    verbose : bool or int, default=False
        Show a progress bar if tqdm is installed, else a line per epoch.
    warm_start : bool, default=False
        Let ``fit`` continue from the weights, the optimiser's state and the scaling of the previous fit:
        ``max_iter=5`` twice is ``max_iter=10`` once, to the bit (without `early_stopping`, at a constant
        `learning_rate`: the other schedules start again with every fit).
    momentum : float in [0, 1), default=0.9
        For ``solver="sgd"``.
    nesterovs_momentum : bool, default=True
        For ``solver="sgd"`` with momentum.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the samples, stop when the score on them (or on the
        `validation_data` of ``fit``) no longer improves, and keep the weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        The share held out, drawn at random. For overlapping windows of one series, the held-out ones resemble
        their neighbours and the score flatters.
    beta_1, beta_2 : float in [0, 1), default=0.9, 0.999
        Decay of Adam's first and second moments.
    epsilon : float, default=1e-8
        For Adam, against division by zero.
    n_iter_no_change : int, inf or "auto", default="auto"
        Training stops after more than this many epochs in a row without improvement. auto: 10, or more where
        that is fewer than 100 mini-batches.
    clip_norm : float or None, default=1.0
        The largest norm of a step's gradient; a longer one is scaled down. None: no limit.
    bptt : int or None, default=None
        Truncated backpropagation: gradients go back through at most so many time steps, which bounds memory.
        One prediction per sequence then learns from the last steps; predictions at every step learn from the
        steps of their stretch. The forward state still crosses. Not with two directions or `pooling`.
    standardize : bool, default=True
        Subtract from every feature and every target its mean and divide by its standard deviation (weighted
        by `sample_weight`, over samples and time steps), inside: predictions are in the units of y. Taken
        from the first ``fit`` or ``partial_fit``. Constant columns are safe. Unscaled input is what makes a
        GRU fail in practice: turn it off only for data that is scaled already.
    missing : {"error", "mask"}, default="error"
        NaN in X is an error, or marks a missing value: the network then reads the mean in its place, and a
        second input for every feature that says whether the value was present.
    callbacks : callable, list of callables or None, default=None
        Called after each epoch of ``fit`` with a dict of `epoch`, `loss`, `validation_score` and
        `learning_rate`; training stops where one returns True.
    dtype : {"float32", "float64"}, default="float32"
        The precision of the computation. float64 is much slower and meant for checks.
    n_jobs : int or None, default=None
        Threads for training and prediction; -1: all cores. None: ``fastgru.set_num_threads``, else the
        environment's OMP_NUM_THREADS, else all cores. Results do not depend on it.

    Attributes
    ----------
    frame_length_, frame_step_, pooling_ : int, int, str
        What the parameters were, or what "auto" chose.
    n_features_in_ : int
        Time steps of an X of shape (n_samples, n_timesteps), features of an X of shape (n_samples,
        n_timesteps, n_features).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a frame, or a list of frames, whose column names are all texts.
    n_outputs_ : int
        Targets per sample.
    n_iter_ : int
        Epochs run by the last call.
    loss_ : float
        Training loss of the last epoch: the mean of `loss` over standardized targets.
    loss_curve_ : list of float
        Training loss of every epoch.
    best_loss_ : float or None
        The least of `loss_curve_`; None with early stopping.
    validation_scores_ : list of float or None
        With early stopping or `validation_data`, :meth:`score` on those samples after each epoch.
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
    weights of the best epoch so far (of the last whole mini-batch, if no epoch was finished). A search
    (`GridSearchCV`) or a loop goes on with the next fit; Ctrl-C twice within two seconds ends these, too.
    Ctrl-C during ``partial_fit`` is passed on, so that the caller's loop ends. A call that raises any other
    error (bad data, a callback's own, divergence) leaves the estimator as it was before.

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

    Several quantiles:

    >>> est = GRURegressor(loss="quantile", quantile=[0.1, 0.5, 0.9], max_iter=10, random_state=0)
    >>> low, middle, high = est.fit(X[:300], y[:300]).predict(X[300:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True

    Sequences of unlike length:

    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 30), 2)) for _ in range(200)]
    >>> y = np.array([sequence[-1].sum() for sequence in X])
    >>> GRURegressor(hidden_size=16, max_iter=50, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        hidden_size: int = 64,
        num_layers: int = 1,
        *,
        loss: str = "squared_error",
        quantile: float | ArrayLike = 0.5,
        huber_delta: float = 1.0,
        bidirectional: bool = False,
        embedding_dim: int | None = None,
        vocabulary_size: int | None = None,
        frame_length: int | str = "auto",
        frame_step: int | str = "auto",
        output: str = "last",
        pooling: str = "auto",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        precision: str = "highest",
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int = 32,
        learning_rate: str = "constant",
        learning_rate_init: float = 5e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float | str = "auto",
        clip_norm: float | None = 1.0,
        bptt: int | None = None,
        standardize: bool = True,
        missing: str = "error",
        callbacks: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(**shared_parameters(locals()))
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> _Self:
        """Train on sequences and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, of one variable or several. Finite real numbers. Arrays of float32 and float64 are
            read without a copy, at any strides, memory-mapped ones too. Sequences of different lengths are a
            list of (n_timesteps_i, n_features) or (n_timesteps_i,), of arrays, frames or lists; or a frame
            of sktime's kinds: an index (instance, time), or sequences in its cells. Nothing is padded; a
            sequence without steps is answered from the zero state. With `embedding_dim`: tokens, (n_samples,
            n_tokens) or a list of (n_tokens_i,).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, finite real numbers. With ``output="sequence"`` one for each time step. Some of
            several outputs, or of the time steps, may be missing (NaN): they are left out of the loss.
        sample_weight : array-like of shape (n_samples,), or one per time step, default=None
            The weight of each sample in the standardization and the loss, not negative; samples of weight
            zero are left out. Only ratios matter. Time steps may have their own with ``output="sequence"``.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Samples of the same form that training does not see, scored after every epoch. With
            `early_stopping` they take the place of the samples held out; else they decide nothing.

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
            Ctrl-C; X looks like (n_samples, n_channels, n_timesteps); a column keeps few digits in `dtype`.
        """
        self._fit(X, y, sample_weight, incremental=False, validation_data=validation_data)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self: _Self, X: Any, y: Any, sample_weight: Any = None) -> _Self:
        """Train for one epoch on the given samples, continuing from the current weights.

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

    def predict(self, X: Any) -> Any:
        """Predict the targets of sequences.

        A row's prediction has the same bits whatever the other rows are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, of the rank used at fit; with three axes, and in a list, the number of time steps
            may differ from fit's.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            The predicted targets, in the units of y; one axis if there is one target, one more for several
            quantiles. With ``output="sequence"`` a target for every time step: an array (n_samples,
            n_timesteps) or (n_samples, n_timesteps, n_outputs), or a list of arrays if X is one.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Another number of features than at fit, NaN or infinity.
        """
        answers, layout = self._answers(X)
        answers = self._unpacked(answers)
        return answers if layout is None else layout.split(answers)
