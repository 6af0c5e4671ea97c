"""Classify reviews as good or bad: words as tokens, a learnt embedding, a GRU."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru

DATA = Path(__file__).parent / "data" / "reviews.tsv"
FOLDS = 5


def main() -> None:
    """Print the cross-validated accuracy: each review is held out once."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    lines = [line.split("\t") for line in DATA.read_text(encoding="utf-8").splitlines()]
    labels = np.array([label for label, _ in lines])  # "good" or "bad"
    texts = [re.findall(r"\w+", text.lower()) for _, text in lines]
    fold = np.arange(len(texts)) // 2 % FOLDS  # a good and the following bad review are a pair
    hits, majority = [], []
    for k in range(FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        # Id 1 stands for unknown words, and for words seen once, so that the network learns its embedding.
        counts = Counter(word for i in train for word in texts[i])
        ids = {word: 2 + i for i, word in enumerate(sorted(word for word in counts if counts[word] > 1))}
        X = [np.array([ids.get(word, 1) for word in text]) for text in texts]
        model = fastgru.GRUClassifier(
            hidden_size=32,
            embedding_dim=16,
            pooling="max",  # one word's evidence is not lost at the end
            dropout=0.5,
            input_dropout=0.2,
            max_iter=60,
            random_state=0,
        ).fit([X[i] for i in train], labels[train])
        hits += list(model.predict([X[i] for i in test]) == labels[test])
        majority += list(Counter(labels[train]).most_common(1)[0][0] == labels[test])
    print(f"{len(texts)} reviews, in turns held out: accuracy {np.mean(hits):.3f}")
    print(f"the more frequent answer to all: accuracy {np.mean(majority):.3f}")


if __name__ == "__main__":
    main()
