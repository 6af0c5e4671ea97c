"""Encoded texts as streams of tokens, on which a language model is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._network import Trainer
from fastgru.sequences._vocabulary import END

Tokens = NDArray[np.int64]
Cut = tuple[list[Tokens], list[NDArray[np.float64]]]


def as_pairs(text: Tokens) -> tuple[Tokens, NDArray[np.float64]]:
    """Return what the network reads of one text, and what it is to predict: (n + 1, 1) each."""
    ends = np.array([END])
    inputs = np.concatenate([ends, text])[:, np.newaxis]
    targets = np.concatenate([text, ends])[:, np.newaxis]
    return inputs, targets.astype(np.float64)


def cut(texts: list[Tokens], rows: int, bptt: int) -> Cut:
    """Lay texts end to end, and cut the whole into at most `rows` streams of equal length, give or take one.

    An end stands before the first text and after each. There are fewer streams where they would be shorter
    than `bptt`. No token is left out: every one behind the first end is predicted once.
    """
    ends = np.array([END])
    line = np.concatenate([ends, *(part for text in texts for part in (text, ends))])
    count = len(line) - 1
    rows = int(np.clip(count // bptt, 1, rows))
    bounds = [count * row // rows for row in range(rows + 1)]
    inputs = [line[first:last, np.newaxis] for first, last in pairwise(bounds)]
    targets = line.astype(np.float64)
    wanted = [targets[first + 1 : last + 1, np.newaxis] for first, last in pairwise(bounds)]
    return inputs, wanted


@dataclass
class Streams:
    """The texts of a fit. With `shuffle` they follow each other in another order in each epoch."""

    texts: list[Tokens]
    rows: int
    bptt: int
    seed: int
    shuffle: bool
    _cut: Cut | None = field(default=None, repr=False)

    @property
    def n_updates(self) -> int:
        """The number of updates of an epoch."""
        count = sum(map(len, self.texts)) + len(self.texts)
        rows = int(np.clip(count // self.bptt, 1, self.rows))
        return -(-count // (rows * self.bptt))

    def run_epoch(self, trainer: Trainer) -> float:
        """Train one epoch; return the mean loss of a token."""
        inputs, targets = self._streams(trainer.epoch)
        return float(trainer.run_epoch(inputs, targets))

    def evaluate(self, trainer: Trainer) -> float:
        """Return the mean loss of a token with the current weights."""
        inputs, targets = self._streams(0)
        return float(trainer.evaluate(inputs, targets))

    def _streams(self, epoch: int) -> Cut:
        if self.shuffle and len(self.texts) > 1:
            generator = np.random.Generator(np.random.Philox(key=self.seed, counter=epoch))
            order = generator.permutation(len(self.texts))
            return cut([self.texts[i] for i in order], self.rows, self.bptt)
        if self._cut is None:
            self._cut = cut(self.texts, self.rows, self.bptt)
        return self._cut


def held_out(texts: list[Tokens], fraction: float, seed: int) -> tuple[list[Tokens], list[Tokens]]:
    """Return the texts to train on, and those held out for validation.

    Of 20 texts and more, whole ones are drawn; fewer are cut, and the end of each is held out.

    Raises
    ------
    ValueError
        Nothing would be left on one of the two sides.
    """
    if len(texts) >= 20:
        order = np.random.Generator(np.random.Philox(key=seed)).permutation(len(texts))
        count = min(max(1, round(fraction * len(texts))), len(texts) - 1)
        return [texts[i] for i in np.sort(order[count:])], [texts[i] for i in np.sort(order[:count])]
    places = [len(text) - round(fraction * len(text)) for text in texts]
    train = [text[:place] for text, place in zip(texts, places, strict=True) if place]
    unseen = [text[place:] for text, place in zip(texts, places, strict=True) if place < len(text)]
    if not train or not unseen:
        raise ValueError(
            f"early_stopping=True holds out validation_fraction={fraction} of X, and {len(texts)} texts of "
            f"{sum(map(len, texts))} symbols together are too few for that"
        )
    return train, unseen
