"""A language model's scores for the prefixes of a beam search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru.sequences._labels import LabelSet
from fastgru.sequences._vocabulary import END, Vocabulary


def scorer_of(model: Any, labels: LabelSet) -> SymbolScorer:
    """Return what the search in the core asks: a `GRULanguageModel`, or a user's own model.

    Raises
    ------
    TypeError, ValueError
        It is no language model, or one of other symbols.
    """
    is_network = isinstance(getattr(model, "_vocabulary", None), Vocabulary)
    return SymbolScorer(NetworkScorer(model, labels) if is_network else model, labels)


class SymbolScorer:
    """A language model as the search in the core asks it, with labels.

    `model` scores symbols: ``begin() -> (state, scores)`` and ``advance(states, symbols) -> (states,
    scores)``.
    """

    def __init__(self, model: Any, labels: LabelSet) -> None:
        for name in ("begin", "advance"):
            if not callable(getattr(model, name, None)):
                raise TypeError(
                    f"lm must have the methods begin and advance, and {type(model).__name__} has no {name}"
                )
        self._model, self._labels = model, labels

    def begin(self) -> tuple[Any, Any]:
        """Return the state before the first label, and the scores of what may follow."""
        state, scores = self._model.begin()
        return state, scores

    def advance(self, states: list[Any], labels: list[int]) -> tuple[Any, Any]:
        """Return the states after the labels, and the scores of what may follow each."""
        states, scores = self._model.advance(states, self._labels.symbols(labels))
        return states, scores


class NetworkScorer:
    """A fitted `GRULanguageModel` of a transcriber's symbols. A state is that of its layers."""

    def __init__(self, model: Any, labels: LabelSet) -> None:
        check_is_fitted(model)
        vocabulary: Any = model._vocabulary
        if vocabulary.level != labels.vocabulary.level:
            raise ValueError(
                f"lm is a language model of the level {vocabulary.level!r}, and the symbols of the "
                f"transcriber are of the level {labels.vocabulary.level!r}: fit it on transcripts, with "
                "the same level"
            )
        self._network: Any = model._network
        symbols = labels.vocabulary.symbols
        own = [vocabulary.encode(symbol if labels.are_texts else [symbol])[0] for symbol in symbols]
        self._ids = dict(zip(symbols, own, strict=True))
        self._columns = np.array([END, *own])
        self._streams: dict[int, Any] = {}

    def begin(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the state before the first symbol, and the scores of what may follow."""
        stream = self._network.stream(1)
        scores = self._scores(stream, [END])
        return stream.state[:, 0], scores[0]

    def advance(
        self, states: list[NDArray[Any]], symbols: list[Any]
    ) -> tuple[list[NDArray[Any]], NDArray[np.float64]]:
        """Return the states after the symbols, and the scores of what may follow each."""
        count = len(states)
        if count not in self._streams:
            self._streams[count] = self._network.stream(count)
        stream = self._streams[count]
        stream.state = np.stack(states, axis=1)
        scores = self._scores(stream, [self._ids[symbol] for symbol in symbols])
        after = stream.state
        return [after[:, i] for i in range(count)], scores

    def _scores(self, stream: Any, ids: list[int]) -> NDArray[np.float64]:
        p = stream.step(np.array(ids, dtype=np.int64)[:, np.newaxis])[:, self._columns]
        return np.asarray(np.log(np.maximum(p, np.finfo(p.dtype).tiny), dtype=np.float64))
