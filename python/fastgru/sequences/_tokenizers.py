"""Tokenizers of other packages: their sizes, ids and what a model file holds of them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

SENTENCEPIECE = "SentencePieceProcessor"
_MOST_MODEL_BYTES = 50_000_000


class Tokenizer:
    """A tokenizer object, with checks of what it answers.

    Parameters
    ----------
    given : object
        With ``encode(text)``, giving a list of int (or an object with ``ids``), ``decode(list of int)``,
        giving the text, and one of ``get_piece_size()``, ``get_vocab_size()`` and ``vocab_size`` (a number or
        a method).
    """

    def __init__(self, given: Any) -> None:
        self.given = given
        self.name = type(given).__name__
        for method in ("encode", "decode"):
            if not callable(getattr(given, method, None)):
                raise TypeError(
                    "level must be 'char', 'word' or a tokenizer with encode and decode, got "
                    f"{given!r} ({self.name}), which has no {method}"
                )
        self.size = self._found_size()

    def _found_size(self) -> int:
        for name in ("get_piece_size", "get_vocab_size", "vocab_size"):
            found = getattr(self.given, name, None)
            if found is None:
                continue
            size = found() if callable(found) else found
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
                raise ValueError(
                    f"{name} of the tokenizer {self.name} is {size!r}, and a number of ids is wanted"
                )
            return int(size)
        raise TypeError(
            f"the tokenizer {self.name} does not tell its size: it has none of get_piece_size(), "
            "get_vocab_size() and vocab_size"
        )

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the tokenizer's own ids of a text.

        Raises
        ------
        TypeError, ValueError
            It answers with something else than ids below its size.
        """
        found = self.given.encode(text)
        ids = np.asarray(getattr(found, "ids", found))
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise TypeError(
                f"encode of the tokenizer {self.name} must give a list of integers, got {str(found)[:60]!r}"
            )
        outside = ids[(ids < 0) | (ids >= self.size)]
        if outside.size:
            raise ValueError(
                f"encode of the tokenizer {self.name} gave the id {outside[0]}, and its size is {self.size}"
            )
        return ids.astype(np.int64)

    def decode(self, ids: NDArray[np.int64]) -> str:
        """Return the text of the tokenizer's own ids.

        Raises
        ------
        TypeError
            It answers with something else than a text.
        """
        text = self.given.decode(ids.tolist())
        if not isinstance(text, str):
            raise TypeError(
                f"decode of the tokenizer {self.name} must give a text, got {type(text).__name__}"
            )
        return text

    def piece(self, own_id: int) -> str:
        """Return the piece of text that an id stands for."""
        for name in ("id_to_piece", "id_to_token"):
            if callable(getattr(self.given, name, None)):
                return str(getattr(self.given, name)(own_id))
        return self.decode(np.array([own_id]))

    @property
    def unknown(self) -> int | None:
        """The tokenizer's own id of what it does not know, if it tells one."""
        found = getattr(self.given, "unk_id", getattr(self.given, "unk_token_id", None))
        found = found() if callable(found) else found
        return int(found) if isinstance(found, (int, np.integer)) and found >= 0 else None

    @property
    def model(self) -> str | None:
        """The model of a sentencepiece tokenizer as base64, for a model file; None of others."""
        if self.name != SENTENCEPIECE:
            return None
        return base64.b64encode(self.given.serialized_model_proto()).decode("ascii")


def from_model(model: str, size: int) -> Tokenizer:
    """Invert `Tokenizer.model`.

    Raises
    ------
    ImportError
        sentencepiece is not installed.
    ValueError
        It is no model of `size` pieces.
    """
    try:
        content = base64.b64decode(model.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(f"model of the vocabulary must be base64: {error}") from None
    if not 0 < len(content) <= _MOST_MODEL_BYTES:
        raise ValueError(
            f"model of the vocabulary must have 1 to {_MOST_MODEL_BYTES} bytes, got {len(content)}"
        )
    try:
        import sentencepiece
    except ImportError:
        raise ImportError(
            "this vocabulary is a tokenizer of sentencepiece, which is not installed: "
            'pip install "fastgru[sequences]"'
        ) from None
    given = sentencepiece.SentencePieceProcessor()
    try:
        given.LoadFromSerializedProto(content)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"model of the vocabulary is no model of sentencepiece: {error}") from None
    tokenizer = Tokenizer(given)
    if tokenizer.size != size:
        raise ValueError(f"size of the vocabulary is {size} pieces, and its model has {tokenizer.size}")
    return tokenizer
