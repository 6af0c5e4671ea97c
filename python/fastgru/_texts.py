"""The one door for texts and token sequences."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np

from fastgru._tables import is_column, is_frame

Sample: TypeAlias = str | list[str] | list[int]

MOST_INTEGER = 2**53  # what every reader of JSON gives back as it was


def check_texts(X: Any, name: str = "X", *, allow_empty: bool = False) -> list[Any]:
    """Return samples as a list of str, or a list of lists of tokens: all str, or all int.

    Parameters
    ----------
    X : list, tuple, array, or Series of pandas or polars
        Texts, or token sequences: lists, tuples or arrays (n_tokens,) of str or of int. An integer array of
        two axes holds one sequence a row.
    name : str, default="X"
        The name of the argument in messages.
    allow_empty : bool, default=False
        Whether a sample may have no symbols.

    Raises
    ------
    TypeError
        `X` is no list of samples, or a sample is neither a text nor a sequence of tokens.
    ValueError
        No samples, an empty one, texts beside token sequences, or a text that is no valid Unicode.

    Examples
    --------
    >>> from fastgru._texts import check_texts
    >>> check_texts(("one text", "another"))
    ['one text', 'another']
    """
    samples = _samples(X, name)
    if not samples:
        raise ValueError(f"{name} has no samples: at least one text or token sequence is needed")
    checked = [_checked(sample, f"{name}[{i}]", name) for i, sample in enumerate(samples)]
    if not allow_empty and not all(checked):
        i = next(i for i, sample in enumerate(checked) if not sample)
        raise ValueError(f"{name}[{i}] is empty: a sample has at least one symbol")
    kinds = [kind_of(sample) for sample in checked]
    known = next((kind for kind in kinds if kind is not None), None)
    for i, kind in enumerate(kinds):
        if kind not in (None, known):
            first = next(j for j, other in enumerate(kinds) if other is not None)
            raise ValueError(
                f"{name}[{i}] is {_KINDS[str(kind)]} and {name}[{first}] is {_KINDS[str(known)]}: the "
                "samples are all texts, all lists of text tokens, or all lists of integer tokens"
            )
    return checked


_KINDS = {"text": "a text", "tokens": "a list of text tokens", "integers": "a list of integer tokens"}


def kind_of(sample: Any) -> str | None:
    """Return what a checked sample is: "text", "tokens", "integers"; None for a list without tokens."""
    if isinstance(sample, str):
        return "text"
    return None if not sample else "tokens" if isinstance(sample[0], str) else "integers"


def _samples(X: Any, name: str) -> list[Any]:
    if isinstance(X, str):
        raise TypeError(
            f"{name} is a single text, and a list of texts is wanted: wrap it in a list, [{name}]"
        )
    if is_column(X):
        return list(X)
    if is_frame(X):
        raise TypeError(f"{name} is a {type(X).__name__}: pass the column of texts alone, as {name}['text']")
    if isinstance(X, np.ndarray):
        if X.ndim not in (1, 2):
            raise TypeError(
                f"{name} has shape {X.shape}: an array of texts is (n_samples,), one of tokens is "
                "(n_samples, n_tokens)"
            )
        return list(X)
    if not isinstance(X, (list, tuple)):
        raise TypeError(
            f"{name} must be a list of texts or of token sequences, got {type(X).__name__}"
            + (f": pass list({name})" if hasattr(X, "__iter__") and not isinstance(X, (bytes, dict)) else "")
        )
    return list(X)


def _checked(sample: Any, place: str, name: str) -> Sample:
    if isinstance(sample, str):
        return _text(sample, place)
    if is_column(sample):
        sample = list(sample)
    if isinstance(sample, (list, tuple)):
        return _tokens(sample, place)
    if isinstance(sample, np.ndarray) and sample.ndim > 0:
        if sample.ndim != 1:
            raise TypeError(f"{place} has shape {sample.shape}: a token sequence is (n_tokens,)")
        return _tokens(sample.tolist(), place)
    if _is_missing(sample):
        raise TypeError(f"{place} is missing ({sample!r}), and a text or a list of tokens is wanted")
    advice = ""
    if isinstance(sample, (bytes, bytearray)):
        advice = ": decode it, as in .decode('utf-8')"
    elif isinstance(sample, (int, np.integer)) and not isinstance(sample, bool):
        advice = f": if {name} is one token sequence, wrap it in a list, [{name}]"
    raise TypeError(
        f"{place} is {_short(sample)} ({type(sample).__name__}), and a text or a list of tokens is wanted"
        + advice
    )


def _is_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    no_number = isinstance(value, (float, np.floating)) and bool(np.isnan(value))
    return value is None or no_number or (pandas is not None and (value is pandas.NA or value is pandas.NaT))


def _text(text: str, place: str) -> str:
    text = str(text)  # also of NumPy's class
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{place} has the lone surrogate {text[error.start]!r} at position {error.start}, which is "
                "no character: the text was decoded with another encoding than its own"
            ) from None
    return text


def _tokens(tokens: Any, place: str) -> list[Any]:
    kinds = set(map(type, tokens))
    if kinds <= {str}:
        joined = "".join(tokens)
        if joined.isascii():
            return list(tokens)
    elif kinds == {int} and all(-MOST_INTEGER <= token <= MOST_INTEGER for token in tokens):
        return list(tokens)
    checked = [_token(token, f"{place}[{j}]") for j, token in enumerate(tokens)]
    for j, token in enumerate(checked):
        if type(token) is not type(checked[0]):
            raise TypeError(
                f"{place}[{j}] is {_short(token)} and {place}[0] is {_short(checked[0])}: the tokens of a "
                "sample are all texts or all integers"
            )
    return checked


def _token(token: Any, place: str) -> str | int:
    if isinstance(token, str):
        return _text(token, place)
    if isinstance(token, (int, np.integer)) and not isinstance(token, bool):
        if not -MOST_INTEGER <= token <= MOST_INTEGER:
            raise ValueError(f"{place} is {token}: an integer token lies between -2**53 and 2**53")
        return int(token)
    raise TypeError(
        f"{place} is {_short(token)} ({type(token).__name__}), and a token is a text or an integer"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
