"""From the answers of a CTC network to labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru import _core
from fastgru._texts import check_texts
from fastgru.estimators._network import Network
from fastgru.sequences._clips import FrameRule
from fastgru.sequences._labels import LabelSet
from fastgru.sequences._scorers import scorer_of

_WIDEST = 10_000  # prefixes of a beam


def probabilities(
    network: Network, X: list[NDArray[Any]], rule: FrameRule, threads: int
) -> list[NDArray[Any]]:
    """Return the probabilities of each clip's frames, (n_frames, classes)."""
    answers = network.predict(X, num_threads=threads)
    starts = np.cumsum([0, *map(len, X)])
    return [answers[start + rule.ends(len(x))] for start, x in zip(starts, X, strict=False)]


def best_paths(answers: list[NDArray[Any]]) -> list[list[int]]:
    """Return the labels that the most probable class of every frame spells."""
    return [_core.ctc_best_path(log_of(each)) for each in answers]


def log_of(answers: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithm of probabilities, those that were rounded to zero as the least number."""
    return np.asarray(np.log(np.maximum(answers, np.finfo(answers.dtype).tiny), dtype=np.float64))


def make_lexicon(words: Any, labels: LabelSet) -> _core.CtcLexicon:
    """Return the trie of the words that answers consist of.

    Raises
    ------
    TypeError, ValueError
        It is no list of words; a word is empty, or has a symbol that fit did not see, or a space.
    """
    checked = check_texts(words, "lexicon")
    encoded = [labels.encode(word, f"lexicon[{i}]").tolist() for i, word in enumerate(checked)]
    for i, word in enumerate(encoded):
        if labels.space and labels.space in word:
            raise ValueError(f"lexicon[{i}] is {checked[i]!r}: a space stands between words, not in one")
    return _core.CtcLexicon(encoded, labels.space)


def searched(
    answers: Sequence[NDArray[Any]],
    labels: LabelSet,
    *,
    beam_width: int,
    lexicon: Any,
    lm: Any,
    lm_weight: float,
    symbol_bonus: float,
) -> list[list[int]]:
    """Return the labels that prefix beam search finds for each clip."""
    trie = None if lexicon is None else make_lexicon(lexicon, labels)
    scorer = None if lm is None else scorer_of(lm, labels)
    return [
        _core.ctc_beam_search(log_of(each), beam_width, trie, scorer, lm_weight, symbol_bonus)[0]
        for each in answers
    ]


def check_search(beam_width: Any, lm_weight: Any, symbol_bonus: Any) -> None:
    """Refuse parameters of a search.

    Raises
    ------
    TypeError
        They are no numbers.
    ValueError
        `beam_width` is below 1 or above 10000; the others are not finite.
    """
    if isinstance(beam_width, bool) or not isinstance(beam_width, Integral):
        raise TypeError(f"beam_width must be an integer, got {beam_width!r}")
    if not 1 <= int(beam_width) <= _WIDEST:
        raise ValueError(f"beam_width must be from 1 to {_WIDEST}, got {beam_width}")
    for name, value in (("lm_weight", lm_weight), ("symbol_bonus", symbol_bonus)):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r}")
        if not np.isfinite(float(value)):
            raise ValueError(f"{name} must be finite, got {value!r}")
