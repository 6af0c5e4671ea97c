"""Texts drawn from a language model, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from fastgru._texts import check_texts
from fastgru.estimators._warning import warn_user
from fastgru.sequences._answers import is_unknown, symbols_of
from fastgru.sequences._integers import whole
from fastgru.sequences._vocabulary import END, Vocabulary

_AT_ONCE = 32  # tokens drawn between two looks for a stop


@dataclass(frozen=True)
class Draw:
    """The checked options of a draw."""

    temperature: float
    top_k: int
    top_p: float
    seed: int

    def arguments(self) -> dict[str, Any]:
        """Return them as the core's generator takes them."""
        return {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}


def checked_draw(temperature: Any, top_k: Any, top_p: Any, random_state: Any) -> Draw:
    """Check the options.

    Raises
    ------
    TypeError, ValueError
        One of them is not what it should be.
    """
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
    temperature = _real(temperature, "temperature")
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be a finite number, at least 0, got {temperature!r}")
    top_p = _real(top_p, "top_p")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p!r}")
    return Draw(temperature, 0 if top_k is None else whole(top_k, "top_k", 1), top_p, seed)


def _real(value: Any, name: str) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def encoded_prompt(vocabulary: Vocabulary, prompt: Any) -> NDArray[np.int64]:
    """Return the end that begins every text, and the symbols of the prompt.

    Raises
    ------
    TypeError, ValueError
        The prompt is no text or token sequence of this vocabulary, or knows none of its symbols.
    """
    is_tokens = isinstance(prompt, (list, tuple, np.ndarray)) and len(prompt) == 0
    (sample,) = check_texts([[] if is_tokens else prompt], "prompt", allow_empty=True)
    if sample in ("", []):
        return np.array([END])
    ids = vocabulary.encode(sample)
    unknown = is_unknown(vocabulary, ids)
    if unknown.all():
        raise ValueError(
            f"prompt has none of the {vocabulary.size - 3} symbols that the model was fitted on: "
            f"{prompt!r:.60}"
        )
    if unknown.any():
        symbols = symbols_of(vocabulary, sample)
        strange = sorted({str(symbols[place]) for place in np.flatnonzero(unknown)})
        warn_user(f"prompt has symbols that the model was not fitted on: {', '.join(strange)[:60]}")
    return np.concatenate([np.array([END]), ids])


def checked_stop(vocabulary: Vocabulary, stop: Any) -> list[Any]:
    """Return the texts, or of token sequences the tokens, before which a generated text ends.

    Raises
    ------
    TypeError, ValueError
        They are no texts or tokens, or empty.
    """
    if stop is None:
        return []
    if vocabulary.level == "integers":
        wanted = [stop] if isinstance(stop, Integral) else list(stop)
        return [whole(each, "stop", -(2**53)) for each in wanted]
    stops = [stop] if isinstance(stop, str) else list(stop)
    for each in stops:
        if not isinstance(each, str) or not each:
            raise ValueError(f"stop must be a text or a list of texts that are not empty, got {stop!r}")
    return stops


class Writer:
    """One text as it grows: decodes ids, and finds its end.

    A text may end in the middle of a stop that is not whole yet. That part is held back until it is clear.
    """

    def __init__(self, vocabulary: Vocabulary, stops: list[Any]) -> None:
        self._vocabulary, self._stops = vocabulary, stops
        self._ids: list[int] = []
        self._shown = 0
        self.ended = False

    def add(self, ids: Sequence[int]) -> Any:
        """Take tokens; return what is new of the text (or the new tokens)."""
        for id in ids:
            if id == END:
                self.ended = True
                break
            self._ids.append(int(id))
        text = self._vocabulary.decode(np.array(self._ids, dtype=np.int64))
        certain = self._cut(text)
        if self.ended:
            certain = len(text) if certain < 0 else certain
        elif certain >= 0:
            self.ended = True
        else:
            certain = self._certain(text)
        new = text[self._shown : certain]
        self._shown = max(self._shown, certain)
        return new

    def _cut(self, text: Any) -> int:
        """Return where the first stop begins, or -1."""
        if isinstance(text, str):
            places = [text.find(stop) for stop in self._stops]
        else:
            places = [text.index(stop) if stop in text else -1 for stop in self._stops]
        return min((place for place in places if place >= 0), default=-1)

    def _certain(self, text: Any) -> int:
        if not isinstance(text, str):
            return len(text)
        # The last character of a tokenizer's pieces may be incomplete.
        held = 1 if text.endswith("\ufffd") else 0
        for stop in self._stops:
            for size in range(1, len(stop)):
                if text.endswith(stop[:size]):
                    held = max(held, size)
        return len(text) - held


def written(generator: Any, vocabulary: Vocabulary, draw: Draw, most: int, stops: list[Any]) -> Iterator[Any]:
    """Yield the text of a generator of one row as it goes."""
    writer = Writer(vocabulary, stops)
    for step in range(most):
        ids = generator.generate(1, seed=draw.seed, end=END, **draw.arguments())[0]
        new = writer.add(ids)
        if step == most - 1 and not writer.ended:
            new = new + writer.add([END])
        if len(new):
            yield new
        if writer.ended:
            return


def drawn(generator: Any, vocabulary: Vocabulary, draw: Draw, most: int, stops: list[Any]) -> list[Any]:
    """Return the texts of all rows of a generator."""
    if not stops:
        ids = generator.generate(most, seed=draw.seed, end=END, **draw.arguments())
        return [vocabulary.decode(row) for row in ids]
    writers = [Writer(vocabulary, stops) for _ in range(generator.rows)]
    texts: list[Any] = [vocabulary.decode(np.zeros(0, np.int64)) for _ in writers]
    for first in range(0, most, _AT_ONCE):
        count = min(_AT_ONCE, most - first)
        ids = generator.generate(count, seed=draw.seed, **draw.arguments())
        for i, writer in enumerate(writers):
            if not writer.ended:
                texts[i] = texts[i] + writer.add(ids[i].tolist())
        if all(writer.ended for writer in writers):
            return texts
    for i, writer in enumerate(writers):
        if not writer.ended:
            texts[i] = texts[i] + writer.add([END])
    return texts
