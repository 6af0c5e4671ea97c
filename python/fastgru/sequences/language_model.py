"""Language models: the next character, word, note, base or move."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from fastgru import _core
from fastgru.estimators._params import PARAMETER_CONSTRAINTS
from fastgru.metrics import bits_per_token, perplexity
from fastgru.sequences._language_model import BaseLanguageModel
from fastgru.sequences._writing import WritingMixin

_SHARED = (
    *("hidden_size", "num_layers", "embedding_dim", "dropout", "input_dropout", "recurrent_dropout"),
    *("reset_after", "dtype", "solver", "alpha", "batch_size", "learning_rate", "learning_rate_init"),
    *("max_iter", "shuffle", "random_state", "tol", "verbose", "warm_start", "momentum"),
    *("nesterovs_momentum", "early_stopping", "validation_fraction", "beta_1", "beta_2", "epsilon"),
    *("n_iter_no_change", "clip_norm", "callbacks", "n_jobs"),
)


class GRULanguageModel(WritingMixin, BaseLanguageModel):
    """A GRU that predicts the next symbol of a text or of any token sequence, and writes new ones.

    Training lays the texts end to end, cuts the whole into `batch_size` streams, and reads `bptt` symbols of
    each between two updates; the state goes on from one update to the next.

    Parameters
    ----------
    hidden_size : int, default=256
        Units of each GRU layer.
    num_layers : int, default=1
        Number of stacked layers.
    level : {"char", "word"}, tokenizer or None, default="char"
        What a symbol of a text is: a Unicode code point; a word, number, punctuation mark or line break; a
        piece of a tokenizer (an object with ``encode``, ``decode`` and a size, such as sentencepiece's or
        that of the package tokenizers). Token sequences (lists of str or of int) have their tokens as
        symbols, whatever the level; with None they alone are accepted.
    max_vocabulary : int or None, default=None
        The most symbols, three special ones included; the rarest count as unknown. None: all.
    min_count : int, default=1
        Rarer symbols count as unknown.
    embedding_dim : int or None, default=None
        Values of the vector that stands for a symbol. None: 64, or `hidden_size` with `tied_embedding`.
    tied_embedding : bool, default=False
        Whether a symbol's logit is the product of the state with the symbol's own vector (Press and Wolf,
        2017), which saves the weights of the head: for many words.
    dropout : float, default=0.0
        Dropout between the layers and before the head.
    input_dropout : float, default=0.0
        Dropout of the symbols' vectors.
    recurrent_dropout : float, default=0.0
        DropConnect of the recurrent weights: one mask per update.
    reset_after : bool, default=True
        Whether the reset gate acts after the product (PyTorch, Keras' default) or before it (Cho et al.).
    precision : {"highest", "high"}, default="highest"
        "high": within 2e-5, faster on some CPUs.
    batch_size : int, default=32
        The number of streams.
    bptt : int, default=100
        Symbols of each stream between two updates; gradients go back so far at most (truncated
        backpropagation through time).
    solver : {"adam", "sgd"}, default="adam"
        The optimiser.
    alpha : float, default=0.0
        L2 penalty of the weight matrices, divided by `batch_size`.
    learning_rate : {"constant", "cosine", "plateau"}, default="cosine"
        The schedule: "cosine" falls from `learning_rate_init` to 0 over `max_iter` epochs.
    learning_rate_init : float, default=4e-3
        The learning rate of the first epoch.
    max_iter : int, default=20
        The most epochs.
    shuffle : bool, default=True
        Whether the texts follow each other in another order in each epoch.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the texts and dropout.
    tol : float, default=1e-4
        An epoch that improves the loss (or the score) by less counts as none, for `n_iter_no_change`.
    verbose : bool or int, default=False
        Whether to show the progress, with the perplexity.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights and the vocabulary of the last one.
    momentum, nesterovs_momentum : float, default=0.9; bool, default=True
        Of solver "sgd".
    early_stopping : bool, default=False
        Whether to hold out a share of X (whole texts of 20 and more, else the end of each), to stop when its
        log-likelihood no longer improves, and to keep the best weights.
    validation_fraction : float, default=0.1
        That share.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of solver "adam".
    n_iter_no_change : int, float or "auto", default="auto"
        Epochs in a row without improvement after which training ends.
    clip_norm : float or None, default=1.0
        The largest global norm of a gradient.
    callbacks : callable or list of callables, default=None
        Called after each epoch with a dict; a true result ends training.
    dtype : {"float32", "float64"}, default="float32"
        Of the weights.
    n_jobs : int or None, default=None
        Threads. The result does not depend on it.

    Attributes
    ----------
    symbols_ : ndarray of shape (n_symbols_,)
        The symbol of each id; ``"<padding>"``, ``"<unknown>"`` and ``"<end>"`` come first.
    n_symbols_ : int
        Their number.
    n_iter_ : int
        Epochs of the last ``fit``.
    loss_curve_ : list of float
        The mean loss of a symbol in each epoch, in nats.
    validation_scores_ : list of float or None
        The mean log-likelihood of a held-out symbol after each epoch.
    best_loss_, best_validation_score_ : float or None
        Their best.

    See Also
    --------
    GRUClassifier : With ``output="sequence"``, labels of symbols that are given.

    References
    ----------
    .. [1] T. Mikolov et al., "Recurrent neural network based language model", Interspeech 2010.
    .. [2] O. Press and L. Wolf, "Using the output embedding to improve language models", EACL 2017.
    .. [3] A. Holtzman et al., "The curious case of neural text degeneration", ICLR 2020.

    Examples
    --------
    >>> from fastgru import GRULanguageModel
    >>> model = GRULanguageModel(hidden_size=32, batch_size=4, bptt=20, random_state=0)
    >>> model.fit(["to be or not to be, that is the question. "] * 20)
    GRULanguageModel(batch_size=4, bptt=20, hidden_size=32, random_state=0)
    >>> model.generate("to be or ", max_new_tokens=18, temperature=0)
    'not to be, that is'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: PARAMETER_CONSTRAINTS[name] for name in _SHARED},
        "level": [StrOptions({"char", "word"}), HasMethods(["encode", "decode"]), None],
        "max_vocabulary": [Interval(Integral, 4, None, closed="left"), None],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "tied_embedding": ["boolean"],
        "precision": [StrOptions({*_core.network_choices()["precision"]} - {"int8"})],
        "bptt": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        level: Any = "char",
        max_vocabulary: int | None = None,
        min_count: int = 1,
        embedding_dim: int | None = None,
        tied_embedding: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        precision: str = "highest",
        batch_size: int = 32,
        bptt: int = 100,
        solver: str = "adam",
        alpha: float = 0.0,
        learning_rate: str = "cosine",
        learning_rate_init: float = 4e-3,
        max_iter: int = 20,
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
        callbacks: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.level = level
        self.max_vocabulary = max_vocabulary
        self.min_count = min_count
        self.embedding_dim = embedding_dim
        self.tied_embedding = tied_embedding
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.recurrent_dropout = recurrent_dropout
        self.reset_after = reset_after
        self.precision = precision
        self.batch_size = batch_size
        self.bptt = bptt
        self.solver = solver
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.callbacks = callbacks
        self.dtype = dtype
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: None = None) -> GRULanguageModel:
        """Learn the symbols of texts, and to predict each from those before it.

        Parameters
        ----------
        X : list of str, or list of lists of str or of int
            Texts or token sequences, of any length; a book is a list of one text.
        y : None
            Ignored; here for pipelines and searches.

        Returns
        -------
        self : GRULanguageModel

        Raises
        ------
        TypeError, ValueError
            X is no list of texts or token sequences, holds an empty one, or is too little to hold out from;
            a parameter is not what it should be.
        """
        self._fit(X, incremental=False)
        return self

    def partial_fit(self, X: Any, y: None = None) -> GRULanguageModel:
        """Train one epoch on X. The first call decides which symbols there are.

        Parameters
        ----------
        X : list of str, or list of lists of str or of int
            As ``fit`` takes them.
        y : None
            Ignored.

        Returns
        -------
        self : GRULanguageModel

        Raises
        ------
        TypeError, ValueError
            As ``fit``; with `early_stopping`.
        """
        self._fit(X, incremental=True)
        return self

    @property
    def symbols_(self) -> NDArray[Any]:
        """The symbol of each id, those of padding, unknown and end first."""
        if not hasattr(self, "_network"):
            raise AttributeError("symbols_ is there after fit")
        symbols = [self._vocabulary.symbol(i) for i in range(self._vocabulary.size)]
        return np.array(symbols, dtype=object)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the log-likelihood of each text, its end included, in nats.

        Parameters
        ----------
        X : list of str, or list of lists of str or of int
            Each text begins anew, whatever stands beside it.

        Returns
        -------
        ndarray of shape (n_samples,)
            The sum of log p(symbol | those before it).

        Raises
        ------
        NotFittedError, TypeError, ValueError
            Before ``fit``; X is no list of texts or token sequences as at ``fit``.
        """
        return self._log_likelihoods(X)[1]

    def score(self, X: Any, y: None = None) -> float:
        """Return the mean log-likelihood of a symbol of X, ends included, in nats: the higher, the better.

        Parameters
        ----------
        X : list of str, or list of lists of str or of int
            As `score_samples` takes them.
        y : None
            Ignored.

        Returns
        -------
        float
        """
        _, values, lengths = self._log_likelihoods(X)
        return float(values.sum() / lengths.sum())

    def perplexity(self, X: Any) -> float:
        """Return e to minus the mean log-likelihood of a symbol of X, ends included: the lower, the better.

        Examples
        --------
        >>> from fastgru import GRULanguageModel
        >>> model = GRULanguageModel(8, bptt=5, max_iter=2, random_state=0).fit(["abab", "baba"])
        >>> bool(1 < model.perplexity(["abba"]) < 5)
        True
        """
        _, values, lengths = self._log_likelihoods(X)
        return perplexity(values, int(lengths.sum()))

    def bits_per_char(self, X: Any) -> float:
        """Return the bits that X takes, divided by the number of its characters.

        What an arithmetic coder would need with this model: comparable to a compressor's, and between models
        of characters, words and pieces. The end of a text is paid for, but is no character. Unknown symbols
        count as one symbol, so a model with many of them looks better than it is.

        Raises
        ------
        ValueError
            X holds token sequences, which have no characters.
        """
        texts, values, _ = self._log_likelihoods(X)
        if not isinstance(texts[0], str):
            raise ValueError("bits_per_char needs texts, got token sequences: perplexity takes them")
        return bits_per_token(values, sum(map(len, texts)))
