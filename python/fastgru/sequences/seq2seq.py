"""The encoder-decoder estimator: texts to texts, letters to phones, any symbols to any symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru.sequences._answers import Attention
from fastgru.sequences._integers import whole
from fastgru.sequences._seq2seq import BaseSeq2Seq
from fastgru.sequences._seq2seq_params import CONSTRAINTS

_MOST_BEAMS = 1000


class GRUSeq2Seq(BaseSeq2Seq):
    """Encoder-decoder network of GRUs: reads one sequence of symbols and writes another.

    An encoder reads the source; a decoder, which starts from the encoder's last states, writes the target,
    one symbol after the other [1]_ [2]_. With attention it looks back at every symbol of the source, each
    time it chooses one [3]_. The decoder does not read its attention of the step before ("input feeding"), so
    that training runs whole targets at once. Answers do not depend on the other samples of a call, to the
    bit.

    Parameters
    ----------
    level : {"char", "word"} or tokenizer, default="char"
        What a symbol of a text is. A tokenizer is an object with ``encode`` and ``decode``, such as
        sentencepiece's. Token sequences (lists of str or int) have their tokens as symbols.
    source_level, target_level : as `level` or None, default=None
        That of the sources or the targets alone; None: `level`.
    max_vocabulary : int or None, default=None
        The most symbols of each side, padding, unknown and end among them: the rarest are left out.
    min_count : int, default=1
        How often a symbol occurs at least.
    hidden_size : int, default=256
        Units of the decoder, and of the encoder. With two directions each has half of them, so that their
        last states side by side are the decoder's first ones.
    num_layers : int, default=1
        Layers of both.
    bidirectional : bool, default=True
        Whether the encoder reads in both directions.
    attention_score : {"general", "dot"} or None, default="general"
        The score of a decoder's state q for an encoder's state m: q W m, or q m; None: no attention.
    embedding_dim : int or None, default=None
        Values of a symbol's vector; None: `hidden_size`.
    dropout : float, default=0.1
        Share of values set to 0 in training: of embeddings, between layers, of the head's input.
    label_smoothing : float, default=0.1
        Share of the target's probability that is spread evenly over all symbols [5]_.
    reset_after : bool, default=True
        The form of the reset gate, as in `GRU`.
    alpha : float, default=0.0
        L2 penalty, as in `GRUClassifier`.
    batch_size : int, default=64
        Pairs of a mini-batch; those of similar length come together.
    learning_rate : {"constant", "cosine", "plateau"}, default="cosine"
        The course of the rate: falls to 0 over `max_iter` epochs, or by 5 when training no longer improves.
    learning_rate_init : float, default=0.002
        The first rate of Adam.
    max_iter : int, default=20
        Epochs at most.
    shuffle : bool, default=True
        Whether each epoch has another order.
    random_state : int, RandomState or None, default=None
        Seed of the first weights, the order of pairs, dropout, and the pairs held out.
    tol : float, default=1e-4
        An improvement is at least so much.
    n_iter_no_change : int, inf or "auto", default="auto"
        Epochs without an improvement after which training ends.
    early_stopping : bool or {"loss", "chrf"}, default=False
        Whether to hold pairs out, and keep the weights of the epoch that is best on them: by the loss (True),
        or by chrF of greedy answers.
    validation_fraction : float, default=0.1
        Share of the pairs held out.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of Adam.
    clip_norm : float or None, default=1.0
        The gradient's largest norm.
    verbose : bool or int, default=False
        Whether to show epochs with their loss and perplexity.
    callbacks : callable, list of them or None, default=None
        Called after each epoch with a dict; a true answer ends training.
    n_jobs : int or None, default=None
        Threads. The results do not depend on it.

    Attributes
    ----------
    n_source_symbols_, n_target_symbols_ : int
        Sizes of the vocabularies.
    n_iter_ : int
        Epochs run.
    loss_curve_ : list of float
        Mean loss of a symbol in each epoch, smoothed and with dropout.
    loss_, best_loss_ : float
        The last one, and the smallest (None with early stopping).
    validation_scores_ : list of float or None
        Scores of the held-out pairs: chrF, or minus the loss, whose exponential is the perplexity.
    best_validation_score_ : float or None
        The best of them.
    metadata_ : dict
        Your own metadata, which ``save`` writes.

    See Also
    --------
    fastgru.plot.attention : Picture of where the network looked.

    References
    ----------
    .. [1] Cho et al., Learning phrase representations using RNN encoder-decoder for statistical machine
       translation, EMNLP 2014.
    .. [2] Sutskever, Vinyals and Le, Sequence to sequence learning with neural networks, NIPS 2014.
    .. [3] Luong, Pham and Manning, Effective approaches to attention-based neural machine translation, EMNLP
       2015.
    .. [4] Wu et al., Google's neural machine translation system, arXiv:1609.08144, 2016.
    .. [5] Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016.

    Examples
    --------
    Words backwards:

    >>> import fastgru
    >>> words = ["abc", "acb", "bac", "bca", "cab", "cba", "ab", "ba", "ca", "ac", "bc", "cb"]
    >>> model = fastgru.GRUSeq2Seq(hidden_size=32, max_iter=40, batch_size=4, learning_rate_init=0.01,
    ...                            tol=0.0, n_iter_no_change=40, random_state=0)
    >>> model = model.fit(words, [word[::-1] for word in words])
    >>> model.predict(["cab", "ab"])
    ['bac', 'ba']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    def __init__(
        self,
        level: Any = "char",
        *,
        source_level: Any = None,
        target_level: Any = None,
        max_vocabulary: int | None = None,
        min_count: int = 1,
        hidden_size: int = 256,
        num_layers: int = 1,
        bidirectional: bool = True,
        attention_score: str | None = "general",
        embedding_dim: int | None = None,
        dropout: float = 0.1,
        label_smoothing: float = 0.1,
        reset_after: bool = True,
        alpha: float = 0.0,
        batch_size: int = 64,
        learning_rate: str = "cosine",
        learning_rate_init: float = 0.002,
        max_iter: int = 20,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        n_iter_no_change: float | str = "auto",
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = 1.0,
        verbose: bool | int = False,
        callbacks: Callable[[dict[str, Any]], Any] | list[Callable[[dict[str, Any]], Any]] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.level = level
        self.source_level = source_level
        self.target_level = target_level
        self.max_vocabulary = max_vocabulary
        self.min_count = min_count
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.attention_score = attention_score
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.reset_after = reset_after
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.clip_norm = clip_norm
        self.verbose = verbose
        self.callbacks = callbacks
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> GRUSeq2Seq:
        """Fit to pairs of sources and targets. On an error the estimator stays as it was.

        Ctrl-C ends training and keeps the weights of the best epoch, with a warning.

        Parameters
        ----------
        X : list of str, or of lists of str or int
            The sources.
        y : list of str, or of lists of str or int
            The targets, one for each source.

        Returns
        -------
        GRUSeq2Seq
            Itself.

        Raises
        ------
        TypeError, ValueError
            No lists of texts or token sequences, an empty one, unlike numbers of them, a parameter out of its
            range.
        """
        self._fit(X, y)
        return self

    def predict(
        self,
        X: Any,
        num_beams: int = 1,
        length_penalty: float = 1.0,
        max_length: int | None = None,
        n_best: int = 1,
        no_repeat_ngram_size: int = 0,
        replace_unknown: bool = True,
    ) -> list[Any]:
        """Return the answers to sources.

        Parameters
        ----------
        X : list of str, or of lists of str or int
            The sources.
        num_beams : int, default=1
            Answers followed side by side; 1: the most probable symbol each time. At most 1000.
        length_penalty : float, default=1.0
            Answers are ranked by their log probability over ((5 + length) / 6) ** length_penalty [4]_: 0
            prefers short ones.
        max_length : int or None, default=None
            The most symbols of an answer; None: by the lengths of the pairs in ``fit``.
        n_best : int, default=1
            How many answers to each source, at most `num_beams`. It never changes the first one.
        no_repeat_ngram_size : int, default=0
            Above 0: no answer has the same so many symbols in a row twice.
        replace_unknown : bool, default=True
            Whether an unknown symbol of an answer is replaced by the source's where attention points. False,
            or without attention: it is left out.

        Returns
        -------
        list
            Texts, or lists of tokens, as in ``fit``; with `n_best` above 1 a list of such for each source,
            the best first.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            `X` is not as in ``fit``; a number out of its range.
        """
        check_is_fitted(self)
        num_beams = whole(num_beams, "num_beams", 1, _MOST_BEAMS)
        n_best = whole(n_best, "n_best", 1, num_beams, " (num_beams)")
        if max_length is not None:
            max_length = whole(max_length, "max_length", 1, 2**31)
        ngram = whole(no_repeat_ngram_size, "no_repeat_ngram_size", 0, 2**31)
        if isinstance(length_penalty, bool) or not isinstance(length_penalty, (int, float, np.number)):
            raise TypeError(f"length_penalty must be a number, got {length_penalty!r}")
        if not np.isfinite(length_penalty) or abs(length_penalty) > 100:
            raise ValueError(f"length_penalty must be a number from -100 to 100, got {length_penalty!r}")
        if not isinstance(replace_unknown, (bool, np.bool_)):
            raise TypeError(f"replace_unknown must be a bool, got {replace_unknown!r}")
        return self._answers(
            X, num_beams, float(length_penalty), max_length, n_best, ngram, bool(replace_unknown)
        )

    def attention(self, X: Any, num_beams: int = 1) -> list[Attention]:
        """Return the answers to sources with the attention weights of each.

        Parameters
        ----------
        X : list of str, or of lists of str or int
            The sources.
        num_beams : int, default=1
            As in ``predict``.

        Returns
        -------
        list of Attention
            With `answer`, `source_symbols`, `answer_symbols` and `weights` (the answer's symbols and end, the
            source's symbols and end).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            As ``predict``; or the network has no attention.
        """
        check_is_fitted(self)
        if self._architecture["attention"] == "none":
            raise ValueError("attention needs a network with attention: attention_score is None")
        return self._attention(X, whole(num_beams, "num_beams", 1, _MOST_BEAMS))

    def score_samples(self, X: Any, y: Any) -> NDArray[np.float64]:
        """Return the log-likelihood of each target, its end included, given its source.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            `X` or `y` is not as in ``fit``, or their numbers differ.
        """
        return self._log_likelihoods(X, y)[0]

    def perplexity(self, X: Any, y: Any) -> float:
        """Return the perplexity of a symbol of the targets given their sources.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            As `score_samples`.
        """
        found, counts = self._log_likelihoods(X, y)
        return float(np.exp(-found.sum() / counts.sum()))

    def score(self, X: Any, y: Any) -> float:
        """Return chrF of the greedy answers, from 0 to 100; of token sequences, with tokens for characters.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            As ``predict``, or `y` has another number of samples.
        """
        check_is_fitted(self)
        answers = self.predict(X)
        wanted = self._checked_targets(y, len(answers))
        return self._chrf(wanted, answers)
