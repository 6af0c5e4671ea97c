"""The symbols of texts and token sequences, and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgru._texts import MOST_INTEGER, check_texts, kind_of
from fastgru.sequences._integers import whole
from fastgru.sequences._tokenizers import Tokenizer, from_model
from fastgru.sequences._words import join_words, split_words

__all__ = ["END", "PADDING", "UNKNOWN", "Vocabulary", "check_texts"]

PADDING, UNKNOWN, END = 0, 1, 2  # END is the start symbol, too
_SPECIALS = ("<padding>", "<unknown>", "<end>")
_FIRST = len(_SPECIALS)  # the id of the first symbol
_MOST = 2**24  # ids, of a vocabulary in a file
_LEVELS = ("char", "word", "tokens", "integers", "tokenizer")
_KEYS = {"tokenizer": {"level", "class", "size", "model"}}
_TEXTS = ("char", "word", "tokenizer")  # levels whose samples are texts


class Vocabulary:
    """The symbols of a level, and their ids.

    0 is padding, 1 an unknown symbol, 2 the end of a sequence; symbols follow from 3 on, the most frequent
    first, equally frequent ones in the order of their code points or numbers. `fit` and `from_config`
    make one.

    Attributes
    ----------
    level : {"char", "word", "tokens", "integers", "tokenizer"}
        What a symbol is: a Unicode code point; a word, number, punctuation mark or line break; a token of
        token sequences (text or integer); a piece of a tokenizer.
    symbols : tuple
        The symbols from id 3 on; empty for a tokenizer.
    size : int
        The number of ids, those of padding, unknown and end included.

    Examples
    --------
    >>> from fastgru.sequences._vocabulary import Vocabulary
    >>> vocabulary = Vocabulary.fit(["abba", "baa"])
    >>> vocabulary.size, vocabulary.encode("abc").tolist(), vocabulary.decode([3, 4, 2])
    (5, [3, 4, 1], 'ab')
    """

    level: str
    symbols: tuple[Any, ...]
    size: int

    def __init__(self, level: str, symbols: Iterable[Any] = (), tokenizer: Tokenizer | None = None) -> None:
        self.level, self.symbols, self._tokenizer = level, tuple(symbols), tokenizer
        self.size = _FIRST + (tokenizer.size if tokenizer else len(self.symbols))
        self._ids = {symbol: _FIRST + i for i, symbol in enumerate(self.symbols)}
        self._class = tokenizer.name if tokenizer else ""

    @classmethod
    def fit(
        cls,
        samples: Any,
        level: Any = "char",
        max_size: int | None = None,
        min_count: int = 1,
        *,
        name: str = "X",
    ) -> Vocabulary:
        """Return the vocabulary of samples.

        Parameters
        ----------
        samples : list
            As `check_texts` takes them.
        level : {"char", "word"} or tokenizer, default="char"
            What a symbol of texts is; token sequences have their tokens as symbols. A tokenizer brings its
            own.
        max_size : int or None, default=None
            The most ids, those of padding, unknown and end included: the rarest symbols are left out.
        min_count : int, default=1
            How often a symbol occurs at least.
        name : str, default="X"
            The name of the samples in messages.

        Raises
        ------
        TypeError, ValueError
            As `check_texts`; another level or tokenizer; limits that are no integers, too small, leave no
            symbol, or are set for a tokenizer.
        """
        checked = check_texts(samples, name, allow_empty=True)
        if isinstance(level, str) and level not in ("char", "word"):
            raise ValueError(f"level must be 'char', 'word' or a tokenizer, got {level!r}")
        tokenizer = None if isinstance(level, str) else Tokenizer(level)
        most = None if max_size is None else whole(max_size, "max_size", _FIRST + 1)
        least = whole(min_count, "min_count", 1)
        kind = next((kind for kind in map(kind_of, checked) if kind is not None), "tokens")
        if kind == "text" and tokenizer is not None:
            if most is not None or least > 1:
                raise ValueError(
                    f"max_size={max_size!r} and min_count={min_count!r} choose among symbols that are "
                    "counted, and a tokenizer brings its own: leave them at None and 1"
                )
            return cls("tokenizer", tokenizer=tokenizer)
        found = level if kind == "text" else kind
        counts: Counter[Any] = Counter()
        for sample in checked:
            counts.update(split_words(sample) if found == "word" else sample)
        kept = [symbol for symbol, count in counts.items() if count >= least]
        if not kept:
            most_often = max(counts.values(), default=0)
            raise ValueError(
                f"{name} has no symbol that occurs min_count={least} times: the most frequent occurs "
                f"{most_often} times"
            )
        kept.sort(key=lambda symbol: (-counts[symbol], symbol))
        return cls(found, kept[: None if most is None else most - _FIRST])

    def encode(self, sample: Any) -> NDArray[np.int64]:
        """Return the ids of a text or token sequence, without the end.

        Raises
        ------
        TypeError
            The sample is a token sequence and the vocabulary is one of texts, or the reverse.
        """
        (sample,) = check_texts([sample], "sample", allow_empty=True)
        kind = kind_of(sample)
        if kind not in (None, "text" if self.level in _TEXTS else self.level):
            raise TypeError(
                f"the sample is {_short(sample)}, and the vocabulary has the level {self.level!r}: pass "
                f"{'a text' if self.level in _TEXTS else 'a list of its tokens'}"
            )
        if self.level == "tokenizer" and kind == "text":
            return self._read_tokenizer().encode(sample) + _FIRST
        symbols = split_words(sample) if self.level == "word" and kind == "text" else sample
        find = self._ids.get
        return np.array([find(symbol, UNKNOWN) for symbol in symbols], dtype=np.int64)

    def decode(self, ids: ArrayLike) -> Any:
        """Return the text of ids, or of token sequences the list of tokens.

        Padding, unknown and end are left out.

        Raises
        ------
        TypeError, ValueError
            The ids are no integers, not of one axis, or none of this vocabulary.
        """
        given = np.asarray(ids)
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise TypeError(f"ids must be integers, (n_symbols,), got {given.dtype} of shape {given.shape}")
        outside = given[(given < 0) | (given >= self.size)]
        if outside.size:
            raise ValueError(f"ids has {outside[0]}, and the vocabulary has the ids 0 to {self.size - 1}")
        own = given[given >= _FIRST].astype(np.int64) - _FIRST
        if self.level == "tokenizer":
            return self._read_tokenizer().decode(own) if own.size else ""
        symbols = [self.symbols[i] for i in own.tolist()]
        if self.level == "char":
            return "".join(symbols)
        return join_words(symbols) if self.level == "word" else symbols

    def symbol(self, id: int) -> str | int:
        """Return the symbol of an id, or what a special id means.

        Raises
        ------
        TypeError, ValueError
            The id is no integer, or none of this vocabulary.
        """
        place = whole(id, "id", 0)
        if place >= self.size:
            raise ValueError(f"id is {place}, and the vocabulary has the ids 0 to {self.size - 1}")
        if place < _FIRST:
            return _SPECIALS[place]
        if self.level == "tokenizer":
            return self._read_tokenizer().piece(place - _FIRST)
        found: str | int = self.symbols[place - _FIRST]
        return found

    @property
    def unknown_id(self) -> int | None:
        """The id of what a tokenizer itself does not know; None without a tokenizer, or if it tells none."""
        found = None if self._tokenizer is None else self._tokenizer.unknown
        return None if found is None else found + _FIRST

    def unknown_share(self, sample: Any) -> float:
        """Return which share of a sample's symbols is unknown; 0 if it has none."""
        ids = self.encode(sample)
        unknown = ids == UNKNOWN
        if self.unknown_id is not None:
            unknown |= ids == self.unknown_id
        return float(unknown.mean()) if ids.size else 0.0

    def with_tokenizer(self, tokenizer: Any) -> Vocabulary:
        """Return this vocabulary with the tokenizer that a model file could not hold.

        Raises
        ------
        TypeError, ValueError
            The vocabulary has none, or this one is no tokenizer or has another size.
        """
        if self.level != "tokenizer":
            raise ValueError(f"a vocabulary of the level {self.level!r} has no tokenizer")
        checked = Tokenizer(tokenizer)
        if _FIRST + checked.size != self.size:
            raise ValueError(
                f"the tokenizer {checked.name} has {checked.size} ids, and the one that the vocabulary was "
                f"made of ({self._class}) has {self.size - _FIRST}"
            )
        return type(self)("tokenizer", tokenizer=checked)

    def to_config(self) -> dict[str, Any]:
        """Return the vocabulary as values that JSON can hold.

        Of a tokenizer, only the class's name and the size; of sentencepiece's, its model as well.
        """
        if self.level != "tokenizer":
            return {"level": self.level, "symbols": list(self.symbols)}
        model = self._tokenizer.model if self._tokenizer else None
        return {"level": self.level, "class": self._class, "size": self.size - _FIRST, "model": model}

    @classmethod
    def from_config(cls, config: Any) -> Vocabulary:
        """Invert `to_config`. Nothing in `config` is run.

        A vocabulary of a tokenizer that is not sentencepiece's needs `with_tokenizer` before it reads texts.

        Raises
        ------
        ImportError
            The tokenizer is one of sentencepiece, which is not installed.
        ValueError
            It is not what `to_config` gives.
        """
        if not isinstance(config, Mapping) or config.get("level") not in _LEVELS:
            raise ValueError(
                f"vocabulary must be an object with a level of {', '.join(_LEVELS)}, got {_short(config)}"
            )
        level = config["level"]
        keys = _KEYS.get(level, {"level", "symbols"})
        if set(config) != keys:
            raise ValueError(
                f"vocabulary of the level {level!r} must have the keys {sorted(keys)}, got "
                f"{sorted(map(str, config))}"
            )
        if level != "tokenizer":
            return cls(level, _checked_symbols(config["symbols"], level))
        name, size, model = config["class"], config["size"], config["model"]
        if not isinstance(name, str):
            raise ValueError(f"class of the vocabulary must be a text, got {_short(name)}")
        if type(size) is not int or not 1 <= size <= _MOST:
            raise ValueError(
                f"size of the vocabulary must be an integer from 1 to {_MOST}, got {_short(size)}"
            )
        if model is not None:
            if not isinstance(model, str):
                raise ValueError(f"model of the vocabulary must be null or a text, got {_short(model)}")
            return cls("tokenizer", tokenizer=from_model(model, size))
        vocabulary = cls("tokenizer")
        vocabulary.size, vocabulary._class = _FIRST + size, name
        return vocabulary

    def _read_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            raise ValueError(
                f"the vocabulary needs its tokenizer ({self._class}, {self.size - _FIRST} ids), which a "
                "model file cannot hold: give it back by with_tokenizer(tokenizer)"
            )
        return self._tokenizer

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.to_config() == other.to_config()

    def __hash__(self) -> int:
        return hash((self.level, self.size))

    def __repr__(self) -> str:
        return f"Vocabulary(level={self.level!r}, size={self.size})"


def _checked_symbols(symbols: Any, level: str) -> Sequence[Any]:
    if not isinstance(symbols, list) or not 1 <= len(symbols) <= _MOST - _FIRST:
        raise ValueError(
            f"symbols of the vocabulary must be a list of 1 to {_MOST - _FIRST}, got {_short(symbols)}"
        )
    wanted = int if level == "integers" else str
    for i, symbol in enumerate(symbols):
        fits = type(symbol) is wanted
        if fits and level == "char":
            fits = len(symbol) == 1
        elif fits and level == "word":
            fits = split_words(symbol) == [symbol]
        elif fits and level == "integers":
            fits = -MOST_INTEGER <= symbol <= MOST_INTEGER
        if not fits:
            raise ValueError(
                f"symbols[{i}] of the vocabulary must be one symbol of the level {level!r}, got "
                f"{_short(symbol)}"
            )
    if len(set(symbols)) < len(symbols):
        twice = next(symbol for symbol, count in Counter(symbols).items() if count > 1)
        raise ValueError(f"symbols of the vocabulary has {_short(twice)} more than once")
    return symbols


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
