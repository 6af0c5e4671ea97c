"""Checked pairs of true and predicted samples."""

from __future__ import annotations

from typing import Any

from fastgru._texts import check_texts, kind_of


def checked_pairs(y_true: Any, y_pred: Any) -> tuple[list[Any], list[Any]]:
    """Return two lists of equally many texts, or of token sequences.

    Raises
    ------
    TypeError, ValueError
        As `check_texts`; unlike numbers of samples; texts in one and token sequences in the other.
    """
    true = check_texts(y_true, "y_true", allow_empty=True)
    predicted = check_texts(y_pred, "y_pred", allow_empty=True)
    if len(true) != len(predicted):
        raise ValueError(f"y_true has {len(true)} samples and y_pred has {len(predicted)}: they are pairs")
    kinds = [next((kind for kind in map(kind_of, each) if kind), None) for each in (true, predicted)]
    if None not in kinds and kinds[0] != kinds[1]:
        raise TypeError(f"y_true holds {_NAMES[str(kinds[0])]} and y_pred holds {_NAMES[str(kinds[1])]}")
    return true, predicted


_NAMES = {"text": "texts", "tokens": "lists of text tokens", "integers": "lists of integer tokens"}


def refuse_tokens(true: list[Any], predicted: list[Any], advice: str) -> None:
    """Raise TypeError where a sample is no text."""
    for name, samples in (("y_true", true), ("y_pred", predicted)):
        for i, sample in enumerate(samples):
            if not isinstance(sample, str):
                raise TypeError(f"{name}[{i}] is a list of tokens, and a text is wanted: {advice}")


def refuse_texts(true: list[Any], predicted: list[Any], advice: str) -> None:
    """Raise TypeError where a sample is a text."""
    for name, samples in (("y_true", true), ("y_pred", predicted)):
        for i, sample in enumerate(samples):
            if isinstance(sample, str):
                raise TypeError(f"{name}[{i}] is a text, and a list of tokens is wanted: {advice}")
