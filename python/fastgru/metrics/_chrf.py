"""chrF."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.metrics._pairs import checked_pairs, refuse_tokens

_MARKS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def chrf(y_true: Any, y_pred: Any, *, char_order: int = 6, word_order: int = 0, beta: float = 2) -> float:
    """Return chrF of all samples together, from 0 to 100: an F-score of character n-grams.

    Precision and recall are means over n-grams of one to `char_order` characters, without white space, and of
    one to `word_order` words. The figure is that of sacrebleu's ``corpus_chrf`` with its defaults (chrF2),
    whose arguments have the other order; ``word_order=2`` is chrF++.

    Parameters
    ----------
    y_true, y_pred : list of str
        The true texts and the predicted ones.
    char_order : int, default=6
        The longest n-grams of characters.
    word_order : int, default=0
        The longest n-grams of words; a punctuation mark at either end of a word is a word of its own.
    beta : float, default=2
        How many times as important recall is as precision.

    Returns
    -------
    float
        100 for equal texts, 0 if no character is right.

    Raises
    ------
    TypeError, ValueError
        No lists of texts, or unlike numbers of them; orders that are no integers, or too small; a
        `beta` that is not above 0.

    References
    ----------
    Popović, chrF: character n-gram F-score for automatic MT evaluation, WMT 2015; chrF++: words helping
    character n-grams, WMT 2017.

    Examples
    --------
    >>> from fastgru.metrics import chrf
    >>> round(chrf(["The cat sat on the mat."], ["The cat sat on a mat."]), 1)
    65.8

    As a scorer of scikit-learn:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(chrf)
    """
    for name, order, least in (("char_order", char_order, 1), ("word_order", word_order, 0)):
        if isinstance(order, bool) or not isinstance(order, (int, np.integer)):
            raise TypeError(f"{name} must be an integer, got {order!r}")
        if order < least:
            raise ValueError(f"{name} must be at least {least}, got {order}")
    if isinstance(beta, bool) or not isinstance(beta, (int, float, np.number)):
        raise TypeError(f"beta must be a number, got {beta!r}")
    if not 0 < beta < np.inf:
        raise ValueError(f"beta must be a finite number above 0, got {beta}")
    true, predicted = checked_pairs(y_true, y_pred)
    refuse_tokens(true, predicted, "join the tokens, as in ' '.join(tokens)")
    counts = np.zeros((char_order + word_order, 3), np.int64)
    for wanted, found in zip(true, predicted, strict=True):
        counts += _counts(wanted, found, int(char_order), int(word_order))
    return _f_score(counts, float(beta))


def _counts(wanted: str, found: str, char_order: int, word_order: int) -> NDArray[np.int64]:
    """Return for each order the number of predicted n-grams, of true ones, and of those that agree."""
    rows = []
    for wanted_grams, found_grams in zip(
        _all_n_grams(wanted, char_order, word_order),
        _all_n_grams(found, char_order, word_order),
        strict=True,
    ):
        n_wanted = sum(wanted_grams.values())
        n_found = sum(found_grams.values()) if n_wanted else 0  # none can be right
        rows.append((n_found, n_wanted, sum((wanted_grams & found_grams).values())))
    return np.array(rows, np.int64)


def _f_score(counts: NDArray[np.int64], beta: float) -> float:
    counted = counts[(counts[:, 0] > 0) & (counts[:, 1] > 0)]  # the orders that both have
    if not counted[:, 2].any():
        return 0.0
    precision = float(np.mean(counted[:, 2] / counted[:, 0]))
    recall = float(np.mean(counted[:, 2] / counted[:, 1]))
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def _all_n_grams(text: str, char_order: int, word_order: int) -> list[Counter[Any]]:
    characters = "".join(text.split())
    grams: list[Counter[Any]] = [
        Counter(characters[i : i + n] for i in range(len(characters) - n + 1))
        for n in range(1, char_order + 1)
    ]
    words = _words(text) if word_order else []
    for n in range(1, word_order + 1):
        grams.append(Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)))
    return grams


def _words(text: str) -> list[str]:
    """Return words, with one mark cut off: the last character if it is one, else the first."""
    words = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _MARKS:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _MARKS:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words
