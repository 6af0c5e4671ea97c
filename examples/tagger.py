"""Tag the words of a sentence (noun, verb, …): a label at every step, from a bidirectional GRU."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru

DATA = Path(__file__).parent / "data" / "tagged.txt"
FOLDS = 5


def frequent_tags(sentences: list[list[str]], tags: list[list[str]]) -> dict[str, str]:
    """Return the baseline: each word's most frequent tag, NOUN for an unknown word."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, its_tags in zip(sentences, tags, strict=True):
        for word, tag in zip(sentence, its_tags, strict=True):
            counts[word][tag] += 1
    return defaultdict(lambda: "NOUN", {word: tally.most_common(1)[0][0] for word, tally in counts.items()})


def main() -> None:
    """Print the cross-validated share of correct tags: each sentence is held out once."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    lines = [line.split() for line in DATA.read_text(encoding="utf-8").splitlines()]
    words = [[pair.split("/")[0] for pair in line] for line in lines]
    tags = [[pair.split("/")[1] for pair in line] for line in lines]
    fold = np.arange(len(lines)) // 5 % FOLDS  # neighbours share words (data/README.md): one fold
    hits, baseline = [], []
    for k in range(FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        # Id 1 stands for unknown words, and for words seen once, so that the network learns its embedding.
        counts = Counter(word for i in train for word in words[i])
        ids = {word: 2 + i for i, word in enumerate(sorted(word for word in counts if counts[word] > 1))}
        X = [np.array([ids.get(word, 1) for word in sentence]) for sentence in words]
        model = fastgru.GRUClassifier(
            output="sequence",
            bidirectional=True,  # "the play", "they play": the words on both sides decide
            hidden_size=24,
            embedding_dim=16,
            dropout=0.3,
            input_dropout=0.2,
            max_iter=60,
            random_state=0,
        ).fit([X[i] for i in train], [tags[i] for i in train])
        usual = frequent_tags([words[i] for i in train], [tags[i] for i in train])
        for i, predicted in zip(test, model.predict([X[i] for i in test]), strict=True):
            hits += [a == b for a, b in zip(predicted, tags[i], strict=True)]
            baseline += [usual[word] == tag for word, tag in zip(words[i], tags[i], strict=True)]
    print(f"{len(lines)} sentences, in turns held out: {np.mean(hits):.3f} of {len(hits)} tags are right")
    print(f"each word's most frequent tag: {np.mean(baseline):.3f}")


if __name__ == "__main__":
    main()
