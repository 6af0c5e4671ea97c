r"""Translate short descriptions of Debian's packages by an encoder-decoder network with attention.

    printf '#clear Acquire::Languages;\nAcquire::Languages { "en"; "it"; };\n' > languages.conf
    apt-get -c languages.conf update
    python examples/translate.py --language it

Debian's volunteers translate the descriptions of its packages; apt keeps a list of them for each language.
Packages of one stem (libfoo1, libfoo-dev, python3-foo) are on one side of the split.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

import fastgru
from fastgru.metrics import bleu, chrf

LISTS = Path("/var/lib/apt/lists")


def text_of(path: Path) -> str:
    """Return a list of apt, which may keep it packed."""
    if path.suffix == ".lz4":
        done = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], capture_output=True, check=True)
        return done.stdout.decode("utf-8")
    return path.read_text(encoding="utf-8")


def descriptions(language: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Return the package's name and its short description for each checksum of the English one."""
    found = sorted(folder.glob(f"*_main_i18n_Translation-{language}*"))
    if not found:
        raise SystemExit(f"{folder} has no descriptions in {language!r}: see the first lines of this file")
    entry = rf"^Package: (.+)\nDescription-md5: (.+)\nDescription-{language}: (.+)"
    entries = re.findall(entry, "\n".join(map(text_of, found)), re.MULTILINE)
    return {md5: (name, short) for name, md5, short in entries}


def stem(package: str) -> str:
    """Return what related packages have in common."""
    name = re.sub(r"^(python3?-|golang-|ruby-|node-|r-cran-|php-|lib)", "", package)
    found = re.match(r"[a-z]+", name)
    return found.group() if found else package


def nearest(known: list[str], answers: list[str], asked: list[str]) -> list[str]:
    """Return the baseline: the translation of the most similar known description."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    old, new = words.fit_transform(known), words.transform(asked)
    return [answers[i] for i in (new @ old.T).argmax(axis=1).A1]


def main() -> None:
    """Print BLEU and chrF of the network and of the nearest known description, and some translations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", default="it", help="it, fr, de, …")
    parser.add_argument("--lists", type=Path, default=LISTS, help="where apt keeps its lists")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=256, help="units (default: 256)")
    parser.add_argument("--save", type=Path, default=None, help="where to save the model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    english = descriptions("en", arguments.lists)
    other = descriptions(arguments.language, arguments.lists)
    pairs = {
        (english[md5][1], short): stem(name)
        for md5, (name, short) in other.items()
        if md5 in english and english[md5][1] != short
    }
    stems = np.random.default_rng(0).permutation(sorted(set(pairs.values())))
    held_out = set(stems[: len(stems) // 25])
    test = [pair for pair, its_stem in pairs.items() if its_stem in held_out][:2000]
    train = [pair for pair, its_stem in pairs.items() if its_stem not in held_out]
    (X, y), (asked, wanted) = (tuple(map(list, zip(*part, strict=True))) for part in (train, test))
    model = fastgru.GRUSeq2Seq(
        "word",
        max_vocabulary=8000,
        min_count=2,
        hidden_size=arguments.hidden,
        max_iter=arguments.epochs,
        random_state=0,
        verbose=True,
    )
    start, used = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    print(f"{len(X)} pairs learnt in {seconds:.0f} s ({used:.0f} s of CPU), {len(asked)} held out")
    for beams in (1, 5):
        answers = model.predict(asked, num_beams=beams)
        print(f"{beams} beams: BLEU {bleu(wanted, answers):.1f}, chrF {chrf(wanted, answers):.1f}")
    usual = nearest(X, y, asked)
    print(f"nearest known description: BLEU {bleu(wanted, usual):.1f}, chrF {chrf(wanted, usual):.1f}")
    for source, answer in zip(asked[:5], answers, strict=False):
        print(f"{source}\n  {answer}")
    if arguments.save is not None:
        model.save(arguments.save)


if __name__ == "__main__":
    main()
