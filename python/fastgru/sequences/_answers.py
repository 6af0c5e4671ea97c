"""From the symbols of an answer to its text, unknown ones copied from the source; attention as a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.sequences._vocabulary import UNKNOWN, Vocabulary
from fastgru.sequences._words import join_words, split_words

_SPACE = "▁"  # sentencepiece's sign of one


@dataclass(frozen=True)
class Attention:
    """Where an encoder-decoder network looked at each symbol of an answer.

    Attributes
    ----------
    answer : str or list
        The answer, as ``predict`` gives it.
    source_symbols, answer_symbols : list
        The symbols of the source and of the answer, each with its end.
    weights : ndarray of shape (n_answer_symbols, n_source_symbols)
        The weight of each source symbol's state when the answer's symbol was chosen; rows sum to one.
    """

    answer: Any
    source_symbols: list[Any]
    answer_symbols: list[Any]
    weights: NDArray[np.float32] = field(repr=False)


def symbols_of(vocabulary: Vocabulary, sample: Any) -> list[Any]:
    """Return the symbols of a sample, one for each id that `vocabulary` encodes it to."""
    if vocabulary.level == "word":
        return list(split_words(sample))
    if vocabulary.level == "tokenizer":
        return [vocabulary.symbol(int(each)) for each in vocabulary.encode(sample)]
    return list(sample)


def is_unknown(vocabulary: Vocabulary, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which ids stand for no symbol: the vocabulary's own, or the tokenizer's."""
    found: NDArray[np.bool_] = ids == UNKNOWN
    tokenizer = vocabulary.unknown_id
    return found if tokenizer is None else found | (ids == tokenizer)


def named(vocabulary: Vocabulary, ids: Sequence[int]) -> list[Any]:
    """Return the symbols of ids."""
    return [vocabulary.symbol(int(each)) for each in ids]


def with_copies(
    vocabulary: Vocabulary,
    ids: NDArray[np.int64],
    source: list[Any],
    weights: NDArray[np.float32],
) -> Any:
    """Return the answer with every unknown symbol replaced by the source's where attention points.

    `weights` is as in `Attention`; the source's end is never copied.
    """
    unknown = is_unknown(vocabulary, ids)
    symbols = named(vocabulary, ids.tolist())
    for place in np.flatnonzero(unknown):
        copied = source[int(weights[place, :-1].argmax())]
        symbols[place] = copied if vocabulary.level == "integers" else str(copied)
    if vocabulary.level == "integers" and not all(type(each) is int for each in symbols):
        return vocabulary.decode(ids)
    if vocabulary.level == "char":
        return "".join(symbols)
    if vocabulary.level == "word":
        return join_words(symbols)
    if vocabulary.level == "tokenizer":
        return "".join(symbols).replace(_SPACE, " ").strip()
    return symbols
