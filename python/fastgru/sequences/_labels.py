"""The labels of a CTC network: symbols of a vocabulary, behind the blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.metrics import character_error_rate, token_error_rate
from fastgru.sequences._answers import symbols_of
from fastgru.sequences._vocabulary import END, Vocabulary

_TEXTS = ("char", "word")  # levels whose samples are texts

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class LabelSet:
    """The map from targets to labels and back. Label 0 is the blank, label k the k-th symbol."""

    vocabulary: Vocabulary

    @property
    def size(self) -> int:
        """The network's outputs: the blank and the symbols."""
        return 1 + len(self.vocabulary.symbols)

    @property
    def are_texts(self) -> bool:
        """Whether targets are texts, not lists of tokens."""
        return self.vocabulary.level in _TEXTS

    @property
    def space(self) -> int:
        """The label of the space between two words; 0: there is none."""
        symbols = self.vocabulary.symbols
        return 1 + symbols.index(" ") if self.vocabulary.level == "char" and " " in symbols else 0

    def encode(self, target: Any, name: str) -> Labels:
        """Return the labels of a target.

        Raises
        ------
        TypeError
            It is a text where the others are lists of tokens, or the reverse.
        ValueError
            It has a symbol that is not in the vocabulary. The message names it.
        """
        try:
            labels = self.vocabulary.encode(target) - END
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        unknown = np.flatnonzero(labels < 1)
        if unknown.size:
            place = int(unknown[0])
            raise ValueError(
                f"{name} has at place {place} a symbol that is none of the {self.size - 1} learnt by fit: "
                f"{symbols_of(self.vocabulary, target)[place]!r}"
            )
        return labels

    def decode(self, labels: Sequence[int]) -> Any:
        """Return the text, or the list of tokens, of some labels."""
        return self.vocabulary.decode(np.array(labels, dtype=np.int64) + END)

    def symbols(self, labels: Sequence[int]) -> list[Any]:
        """Return the symbol of each label."""
        return [self.vocabulary.symbols[label - 1] for label in labels]

    def error_rate(self, y_true: Any, y_pred: Any) -> float:
        """Return the character error rate of texts, or the token error rate."""
        return (character_error_rate if self.are_texts else token_error_rate)(y_true, y_pred)


def least_frames(labels: Labels) -> int:
    """Return the fewest frames that can spell some labels: a blank stands between equal ones."""
    return len(labels) + int((labels[1:] == labels[:-1]).sum())
