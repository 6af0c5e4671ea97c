"""BLEU."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgru.metrics._pairs import checked_pairs

_ORDER = 4
_TOKENIZE = ("13a", "char", "none")
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_SPACED = (  # mteval-v13a.pl, for Western languages
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # unless a digit precedes it
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # unless a digit follows it
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def bleu(y_true: Any, y_pred: Any, *, tokenize: str = "13a") -> float:
    """Return BLEU of all samples together, from 0 to 100: how many n-grams of the predictions are right.

    The geometric mean of the precisions of n-grams of one to four words, times a penalty for predictions that
    are shorter than the truth. The figure is that of sacrebleu's ``corpus_bleu`` with its defaults (one
    reference, smoothing "exp"), whose arguments have the other order.

    Parameters
    ----------
    y_true, y_pred : list of str, or of token sequences
        The true texts and the predicted ones. Token sequences are compared as they are.
    tokenize : {"13a", "char", "none"}, default="13a"
        How texts become words: as WMT's mteval-v13a does; one a character (for Chinese or Japanese); at white
        space alone (for texts with spaces between all words).

    Returns
    -------
    float
        100 for equal texts of four words and more, 0 if no word is right.

    Raises
    ------
    TypeError, ValueError
        No lists of texts or tokens, or unlike numbers of them; another `tokenize`.

    References
    ----------
    Papineni, Roukos, Ward and Zhu, BLEU: a method for automatic evaluation of machine translation, ACL 2002.
    Post, A call for clarity in reporting BLEU scores, WMT 2018.

    Examples
    --------
    >>> from fastgru.metrics import bleu
    >>> round(bleu(["The cat sat on the mat."], ["The cat sat on a mat."]), 1)
    48.9

    As a scorer of scikit-learn:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(bleu)
    """
    if tokenize not in _TOKENIZE:
        raise ValueError(f"tokenize must be one of {', '.join(map(repr, _TOKENIZE))}, got {tokenize!r}")
    true, predicted = checked_pairs(y_true, y_pred)
    right, total = np.zeros(_ORDER, np.int64), np.zeros(_ORDER, np.int64)
    true_length = predicted_length = 0
    for wanted, found in zip(true, predicted, strict=True):
        wanted_words, found_words = _words(wanted, tokenize), _words(found, tokenize)
        true_length += len(wanted_words)
        predicted_length += len(found_words)
        for n in range(1, _ORDER + 1):
            wanted_grams, found_grams = _n_grams(wanted_words, n), _n_grams(found_words, n)
            total[n - 1] += max(0, len(found_words) - n + 1)
            right[n - 1] += sum((wanted_grams & found_grams).values())
    return _score(right.tolist(), total.tolist(), true_length, predicted_length)


def _score(right: list[int], total: list[int], true_length: int, predicted_length: int) -> float:
    if not any(right) or not all(total):
        return 0.0
    penalty = min(1.0, math.exp(1 - true_length / predicted_length))
    logarithms, halved = 0.0, 1.0
    for n in range(_ORDER):
        if (
            right[n] == 0
        ):  # smoothing: the first order without a match counts half a match, the next a quarter
            halved *= 2
            logarithms += math.log(100.0 / (halved * total[n]))
        else:
            logarithms += math.log(100.0 * right[n] / total[n])
    return penalty * math.exp(logarithms / _ORDER)


def _n_grams(words: Sequence[Any], n: int) -> Counter[tuple[Any, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _words(sample: Any, tokenize: str) -> list[Any]:
    if not isinstance(sample, str):
        return list(sample)
    if tokenize == "char":
        return list("".join(sample.split()))
    return _words_13a(sample.rstrip()) if tokenize == "13a" else sample.split()


def _words_13a(text: str) -> list[str]:
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, spaced in _SPACED:
        text = pattern.sub(spaced, text)
    return text.split()
