"""Edit distances and error rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgru._texts import check_texts
from fastgru.metrics._pairs import checked_pairs, refuse_texts, refuse_tokens


def edit_distance(a: Any, b: Any) -> int:
    """Return how many symbols are inserted, deleted or replaced to make `b` of `a` (Levenshtein).

    Parameters
    ----------
    a, b : str, or sequences of tokens
        Two texts, compared by their characters (Unicode code points), or two token sequences.

    Returns
    -------
    int
        From 0 to the length of the longer one.

    Raises
    ------
    TypeError, ValueError
        They are no texts or token sequences, or one is a text and the other is not.

    References
    ----------
    Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, Soviet Physics
    Doklady 10, 1966. Myers, A fast bit-vector algorithm for approximate string matching, Journal of the ACM
    46, 1999, with the changes of Hyyrö, A bit-vector algorithm for computing Levenshtein and Damerau edit
    distances, Nordic Journal of Computing 10, 2003.

    Examples
    --------
    >>> from fastgru.metrics import edit_distance
    >>> edit_distance("kitten", "sitting"), edit_distance(["K", "AE", "T"], ["K", "AH", "T", "S"])
    (3, 2)
    """
    (a,), (b,) = (check_texts([each], name, allow_empty=True) for each, name in ((a, "a"), (b, "b")))
    if a and b and isinstance(a, str) != isinstance(b, str):
        names = ["a text" if isinstance(each, str) else "a list of tokens" for each in (a, b)]
        raise TypeError(f"a is {names[0]} and b is {names[1]}: both are texts, or both lists of tokens")
    return _distance(a, b)


def word_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return the word errors of all texts together, as a share of the true words (WER).

    The words that are inserted, deleted or replaced to make the true texts of the predicted ones, over the
    number of true words: 0 is perfect, and more than 1 is possible. Words stand between white space; case and
    punctuation count. The figure is jiwer's.

    Parameters
    ----------
    y_true, y_pred : list of str
        The true texts and the predicted ones.

    Returns
    -------
    float
        A fraction, not a percentage. If there are no true words at all: the number of predicted ones.

    Raises
    ------
    TypeError, ValueError
        No lists of texts, or unlike numbers of them.

    Examples
    --------
    >>> from fastgru.metrics import word_error_rate
    >>> word_error_rate(["to be or not", "to be"], ["to see or not", "be"])
    0.3333333333333333

    As a scorer of scikit-learn, for which more is better:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(word_error_rate, greater_is_better=False)
    """
    true, predicted = checked_pairs(y_true, y_pred)
    refuse_tokens(true, predicted, "token_error_rate takes tokens")
    return _rate([text.split() for text in true], [text.split() for text in predicted])


def character_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return the character errors of all texts together, as a share of the true characters (CER).

    As `word_error_rate`, for characters (Unicode code points); spaces count, but not those at the ends of a
    text. The figure is jiwer's.

    Parameters
    ----------
    y_true, y_pred : list of str
        The true texts and the predicted ones.

    Returns
    -------
    float
        A fraction, not a percentage. If there are no true characters at all: the number of predicted ones.

    Raises
    ------
    TypeError, ValueError
        No lists of texts, or unlike numbers of them.

    Examples
    --------
    >>> from fastgru.metrics import character_error_rate
    >>> character_error_rate(["seven"], ["eleven"])
    0.4
    """
    true, predicted = checked_pairs(y_true, y_pred)
    refuse_tokens(true, predicted, "token_error_rate takes tokens")
    return _rate([text.strip() for text in true], [text.strip() for text in predicted])


def token_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return the token errors of all sequences together, as a share of the true tokens.

    Of phones it is the phone error rate (PER).

    Parameters
    ----------
    y_true, y_pred : list of token sequences
        The true sequences and the predicted ones: lists, tuples or arrays of str or of int.

    Returns
    -------
    float
        A fraction, not a percentage. If there are no true tokens at all: the number of predicted ones.

    Raises
    ------
    TypeError, ValueError
        No lists of token sequences, or unlike numbers of them.

    Examples
    --------
    >>> from fastgru.metrics import token_error_rate
    >>> token_error_rate([["K", "AE", "T"]], [["K", "AH", "T"]])
    0.3333333333333333
    """
    true, predicted = checked_pairs(y_true, y_pred)
    refuse_texts(true, predicted, "word_error_rate and character_error_rate take texts")
    return _rate(true, predicted)


def _rate(true: Sequence[Sequence[Any]], predicted: Sequence[Sequence[Any]]) -> float:
    errors = sum(_distance(wanted, found) for wanted, found in zip(true, predicted, strict=True))
    return errors / max(1, sum(map(len, true)))


def _distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Return the edit distance, a column of the table at a time.

    A column's differences from row to row are bits of two integers: `rises` where the next row is one more,
    `falls` where it is one less.
    """
    if len(a) < len(b):
        a, b = b, a
    if not b or a == b:
        return 0 if a == b else len(a)
    places: dict[Any, int] = {}
    for i, symbol in enumerate(a):
        places[symbol] = places.get(symbol, 0) | (1 << i)
    distance, everywhere, last = len(a), (1 << len(a)) - 1, 1 << (len(a) - 1)
    rises, falls = everywhere, 0
    for symbol in b:
        equal = places.get(symbol, 0)
        below = equal | falls
        diagonal = (((equal & rises) + rises) ^ rises) | equal
        right_rises = falls | (everywhere & ~(diagonal | rises))
        right_falls = rises & diagonal
        if right_rises & last:
            distance += 1
        elif right_falls & last:
            distance -= 1
        right_rises = (right_rises << 1) | 1
        rises = everywhere & ((right_falls << 1) | ~(below | right_rises))
        falls = everywhere & right_rises & below
    return distance
