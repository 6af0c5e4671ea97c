"""Transcripts of clips, such as speech, by a GRU and connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from fastgru.estimators._params import REGRESSOR_CONSTRAINTS
from fastgru.estimators._summary import SummaryMixin
from fastgru.sequences._transcriber_fit import FittingMixin
from fastgru.sequences._transcribing import TranscribingMixin

__all__ = ["GRUTranscriber"]

_Self = TypeVar("_Self", bound="GRUTranscriber")


class GRUTranscriber(FittingMixin, TranscribingMixin, SummaryMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Transcripts of clips: from frames of speech, handwriting or gestures to texts, without times.

    A GRU answers every frame of a clip with a probability of each symbol, or of none (the blank). It learns
    by connectionist temporal classification (CTC): the probability of a transcript is the sum over all ways
    to place its symbols in time, so that nobody has to say when each of them comes.

    Parameters
    ----------
    hidden_size : int, default=128
        Units of each GRU layer and direction.
    num_layers : int, default=2
        GRU layers on top of each other.
    bidirectional : bool, default=True
        Read each clip backwards, too. Such a transcriber cannot :meth:`stream`.
    level : {"char", "word"}, default="char"
        The symbols of texts: characters or words. Targets that are lists of tokens (phones, notes) have their
        tokens as symbols.
    frame_length, frame_step : int or "auto", default="auto"
        The network reads frames: `frame_length` successive time steps as one, a new frame every `frame_step`
        time steps. auto: the step is up to 4, as long as nearly every clip keeps two frames for each symbol,
        and a frame is twice as long.
    dropout : float in [0, 1), default=0.2
        In training, the share of every layer's outputs that is set to zero.
    input_dropout, recurrent_dropout : float in [0, 1), default=0.0
        As of `GRURegressor`.
    time_masks, time_mask_length : int, default=0, 20
        In training, so many stretches of every clip are replaced by the mean, each of up to
        `time_mask_length` time steps and a fifth of the clip, anew in every epoch (Park et al., 2019).
    feature_masks, feature_mask_width : int, default=0, 8
        The same for so many bands of up to `feature_mask_width` neighbouring features.
    join_clips : float, default=0.0
        In every epoch, so many pairs of clips for each clip are joined to longer ones, with their targets
        (and a space between, where texts have spaces). Helps where clips are few and short.
    too_short : {"skip", "error"}, default="skip"
        Clips that have fewer frames than their target needs (one for each symbol, one more between two that
        are equal) cannot be learnt: leave them out with a warning, or raise.
    reset_after : bool, default=True
        As of `GRURegressor`.
    precision : {"highest", "high", "medium", "int8"}, default="highest"
        As of `GRURegressor`.
    batch_size : int, default=16
        Clips per step of the solver (Adam).
    learning_rate : {"constant", "cosine", "plateau"}, default="cosine"
        The step size during ``fit``, as of `GRURegressor`.
    learning_rate_init : float, default=0.003
        The step size.
    max_iter : int, default=60
        The number of epochs, at most.
    tol : float, default=1e-4
        An epoch counts as an improvement when it lowers the training loss, or with `early_stopping` raises
        the validation score, by at least this much.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the clips, stop when :meth:`score` on them (or on the
        `validation_data` of ``fit``) no longer improves, and keep the weights of the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        The share held out, drawn at random.
    n_iter_no_change : int, inf or "auto", default="auto"
        Training stops after more than this many epochs in a row without improvement. auto: 10, or more where
        that is fewer than 100 mini-batches.
    clip_norm : float or None, default=1.0
        The largest norm of a step's gradient; None: no limit.
    standardize : bool, default=True
        Subtract from every feature its mean and divide by its standard deviation, inside.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of clips, dropout, masks, pairs and the validation split. An
        int gives the same bits at every fit, at any number of threads.
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
    symbols_ : list
        The symbols, the most frequent first.
    frame_length_, frame_step_ : int
        What the parameters were, or what "auto" chose.
    n_features_in_ : int
        Features of a time step.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a list of frames whose column names are all texts.
    n_iter_ : int
        Epochs of training.
    loss_curve_ : list of float
        Training loss of every epoch: the mean over clips of -log p(target) for each of its symbols, as
        ``torch.nn.CTCLoss`` counts it.
    validation_scores_ : list of float or None
        With early stopping or `validation_data`, :meth:`score` on those clips after each epoch.
    best_validation_score_ : float or None
        The highest of `validation_scores_`.

    See Also
    --------
    fastgru.metrics.character_error_rate : What :meth:`score` is made of.

    Notes
    -----
    A transcript is best where symbols come in the order of the sounds. Ctrl-C during ``fit`` is treated as by
    `GRURegressor`: the weights of the best epoch so far are kept.

    References
    ----------
    A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist Temporal Classification: Labelling
    Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006 (the loss and its gradient).
    A. Hannun, A. Maas, D. Jurafsky and A. Ng, "First-Pass Large Vocabulary Continuous Speech Recognition
    using Bi-Directional Recurrent DNNs", 2014 (prefix beam search with a language model).
    D. Park et al., "SpecAugment", Interspeech 2019 (masks).

    Examples
    --------
    Clips in which each letter is a burst of its own, before a pause of any length:

    >>> import numpy as np
    >>> from fastgru import GRUTranscriber
    >>> rng = np.random.default_rng(0)
    >>> def clip(text):
    ...     letters = [4 * [ord(letter) - ord("a")] + rng.integers(1, 4) * [3] for letter in text]
    ...     bursts = np.eye(4)[np.concatenate(letters)]
    ...     return bursts + 0.1 * rng.normal(size=bursts.shape)
    >>> texts = ["".join(rng.choice(list("abc"), 6)) for _ in range(80)]
    >>> X = [clip(text) for text in texts]
    >>> est = GRUTranscriber(hidden_size=24, num_layers=1, max_iter=40, n_iter_no_change=40, random_state=0)
    >>> est = est.fit(X[:60], texts[:60])
    >>> est.score(X[60:], texts[60:]) > 0.8
    True
    >>> [symbol for symbol, first, last in est.align(X[:1], texts[:1])[0]] == list(texts[0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: REGRESSOR_CONSTRAINTS[name]
            for name in (
                "hidden_size",
                "num_layers",
                "bidirectional",
                "frame_length",
                "frame_step",
                "dropout",
                "input_dropout",
                "recurrent_dropout",
                "reset_after",
                "precision",
                "batch_size",
                "learning_rate",
                "learning_rate_init",
                "max_iter",
                "tol",
                "early_stopping",
                "validation_fraction",
                "n_iter_no_change",
                "clip_norm",
                "standardize",
                "random_state",
                "callbacks",
                "verbose",
                "dtype",
                "n_jobs",
            )
        },
        "level": [StrOptions({"char", "word"})],
        "time_masks": [Interval(Integral, 0, None, closed="left")],
        "time_mask_length": [Interval(Integral, 0, None, closed="left")],
        "feature_masks": [Interval(Integral, 0, None, closed="left")],
        "feature_mask_width": [Interval(Integral, 0, None, closed="left")],
        "join_clips": [Interval(Real, 0, 100, closed="both")],
        "too_short": [StrOptions({"skip", "error"})],
    }

    def __init__(
        self,
        hidden_size: int = 128,
        num_layers: int = 2,
        *,
        bidirectional: bool = True,
        level: str = "char",
        frame_length: int | str = "auto",
        frame_step: int | str = "auto",
        dropout: float = 0.2,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        time_masks: int = 0,
        time_mask_length: int = 20,
        feature_masks: int = 0,
        feature_mask_width: int = 8,
        join_clips: float = 0.0,
        too_short: str = "skip",
        reset_after: bool = True,
        precision: str = "highest",
        batch_size: int = 16,
        learning_rate: str = "cosine",
        learning_rate_init: float = 3e-3,
        max_iter: int = 60,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float | str = "auto",
        clip_norm: float | None = 1.0,
        standardize: bool = True,
        random_state: int | np.random.RandomState | None = None,
        callbacks: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        verbose: bool | int = False,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.level = level
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.recurrent_dropout = recurrent_dropout
        self.time_masks = time_masks
        self.time_mask_length = time_mask_length
        self.feature_masks = feature_masks
        self.feature_mask_width = feature_mask_width
        self.join_clips = join_clips
        self.too_short = too_short
        self.reset_after = reset_after
        self.precision = precision
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.dtype = dtype
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, X: Any, y: Any, *, validation_data: Any = None) -> _Self:
        """Train on clips and their transcripts.

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i, n_features)
            The clips. Finite real numbers; of speech for example the logarithms of a mel filterbank's
            energies, 100 time steps a second.
        y : list of str, or list of lists of tokens
            The transcript of each clip; it may be empty. Tokens are texts or integers.
        validation_data : tuple (X, y), default=None
            Clips that training does not see, scored after every epoch. With `early_stopping` they take the
            place of the clips held out; else they decide nothing.

        Returns
        -------
        self : GRUTranscriber
            The fitted transcriber.

        Raises
        ------
        ValueError
            Bad parameters or shapes; NaN or infinity; unlike numbers of clips and targets; no symbol in any
            target; every clip too short for its target; or training diverged.
        TypeError
            No list of clips, objects that are not numbers, or targets that are neither texts nor tokens.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached while training still improved.
        UserWarning
            Ctrl-C; clips that are too short for their targets.
        """
        self._fit(X, y, validation_data)
        return self
