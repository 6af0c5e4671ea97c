"""The methods of a language model that write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru.estimators._network import Network
from fastgru.sequences._generation import (
    Draw,
    checked_draw,
    checked_stop,
    drawn,
    encoded_prompt,
    written,
)
from fastgru.sequences._integers import whole
from fastgru.sequences._vocabulary import Vocabulary


class WritingMixin:
    """What comes next after a prompt: probabilities, and texts drawn from them."""

    _network: Network
    _vocabulary: Vocabulary

    def predict_proba(self, prompt: Any) -> NDArray[np.float64]:
        """Return the probability of each symbol to come next after a prompt.

        Parameters
        ----------
        prompt : str, or list of str or of int
            One text (may be empty) or token sequence.

        Returns
        -------
        ndarray of shape (n_symbols_,)
            In the order of `symbols_`. Padding and unknown, which are never drawn, have 0.
        """
        generator, draw, _ = self._prepared(prompt, 1, 1.0, None, 1.0, None, 0)
        probabilities: NDArray[np.float64] = generator.probabilities(**draw.arguments())[0]
        return probabilities

    def generate(
        self,
        prompt: Any = "",
        max_new_tokens: int = 100,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        num_return_sequences: int | None = None,
        stop: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Continue a prompt: draw the next symbol again and again, until a text ends.

        Probabilities are computed in float64. What is drawn depends on `random_state` and the number of the
        sequence alone, not on how many are drawn at once.

        Parameters
        ----------
        prompt : str, or list of str or of int, default=""
            What to continue.
        max_new_tokens : int, default=100
            The most symbols to draw.
        temperature : float, default=1.0
            Divides the logits: below 1 makes likely symbols likelier. 0: always the likeliest.
        top_k : int or None, default=None
            Draw among so many of the likeliest symbols only.
        top_p : float, default=1.0
            Draw among the fewest likeliest symbols that together have this probability only.
        num_return_sequences : int or None, default=None
            How many continuations to draw, side by side. None: one, returned by itself.
        stop : str, list of str, or of integer tokens; default=None
            A continuation ends before the first of these.
        random_state : int, RandomState instance or None, default=None
            Decides what is drawn.

        Returns
        -------
        str, list of tokens, or a list of these
            The continuation, without the prompt; a list of `num_return_sequences`.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            Before ``fit``; an argument is not what it should be; the model knows no symbol of the prompt.
        """
        most = whole(max_new_tokens, "max_new_tokens", 1)
        single = num_return_sequences is None
        count = 1 if single else whole(num_return_sequences, "num_return_sequences", 1)
        options = (temperature, top_k, top_p, stop, random_state)
        generator, draw, stops = self._prepared(prompt, count, *options)
        texts = drawn(generator, self._vocabulary, draw, most, stops)
        return texts[0] if single else texts

    def iter_generate(
        self,
        prompt: Any = "",
        max_new_tokens: int = 100,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        stop: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Iterator[Any]:
        """Yield the continuation that `generate` returns, piece by piece as it is drawn.

        The arguments are those of `generate`, and are checked at the call, not at the first piece.

        Yields
        ------
        str or list of tokens
            What is new.

        Examples
        --------
        >>> from fastgru import GRULanguageModel
        >>> model = GRULanguageModel(8, bptt=5, max_iter=2, random_state=0).fit(["abab", "baba"])
        >>> pieces = list(model.iter_generate("a", 20, random_state=1))
        >>> "".join(pieces) == model.generate("a", 20, random_state=1)
        True
        """
        most = whole(max_new_tokens, "max_new_tokens", 1)
        options = (temperature, top_k, top_p, stop, random_state)
        generator, draw, stops = self._prepared(prompt, 1, *options)
        return written(generator, self._vocabulary, draw, most, stops)

    def _prepared(
        self, prompt: Any, rows: int, temperature: Any, top_k: Any, top_p: Any, stop: Any, random_state: Any
    ) -> tuple[Any, Draw, list[Any]]:
        """Return a generator that has read the prompt, the options of the draw, and the stops."""
        check_is_fitted(self)
        draw = checked_draw(temperature, top_k, top_p, random_state)
        stops = checked_stop(self._vocabulary, stop)
        generator = self._network.generator()
        generator.feed(encoded_prompt(self._vocabulary, prompt)[np.newaxis])
        return (generator if rows == 1 else generator.spread(0, rows)), draw, stops
