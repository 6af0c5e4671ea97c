"""Find splice junctions in DNA: both halves of a window are read towards its middle.

    apt-get download r-cran-mlbench && dpkg -x r-cran-mlbench_*.deb mlbench && pip install rdata
    python examples/splice.py mlbench/usr/lib/R/site-library/mlbench/data/DNA.rda

3186 windows of 60 bases: the middle is where an exon ends (ei), where one begins (ie), or neither (n). A
file of UCI's form, "EI, name, bases" a line, is read, too. Each window is held out once, equal ones together.
A random forest on the same bases stands beside.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning

import fastgru

BASES = "ACG"  # T is where none of the three indicators is set, as in mlbench
FOLDS = 5


def windows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the indicators of the bases, (windows, length, 3), and the class of each window."""
    if path.suffix == ".rda":
        import rdata

        frame = rdata.read_rda(path, default_encoding="ascii")["DNA"]
        labels = frame.pop("Class").to_numpy(str)
        return frame.to_numpy(str).astype(np.float32).reshape(len(frame), -1, len(BASES)), labels
    rows = [[part.strip() for part in line.split(",")] for line in path.read_text("utf-8").splitlines()]
    X = np.array([[[base == one for one in BASES] for base in bases.upper()] for _, _, bases in rows])
    return X.astype(np.float32), np.array([label.lower() for label, _, _ in rows])


def towards_the_middle(X: np.ndarray) -> np.ndarray:
    """Return the two halves side by side, both ending at the middle of the window."""
    half = X.shape[1] // 2
    return np.concatenate([X[:, :half], X[:, : -half - 1 : -1]], axis=2)


def folds(X: np.ndarray) -> np.ndarray:
    """Return the fold in which each window is held out, the same for equal windows."""
    _, group = np.unique(X.reshape(len(X), -1), axis=0, return_inverse=True)
    group = group.ravel()
    return np.random.default_rng(0).permutation(group.max() + 1)[group] % FOLDS


def main() -> None:
    """Print the cross-validated accuracy of the network, of a forest, and of the most frequent class."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="DNA.rda of mlbench, or splice.data of UCI")
    parser.add_argument("--epochs", type=int, default=50, help="of training (default: 50)")
    parser.add_argument(
        "--networks", type=int, default=5, help="whose probabilities are averaged (default: 5)"
    )
    parser.add_argument("--trees", type=int, default=500, help="of the forest (default: 500)")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    X, y = windows(options.file)
    halves, flat, fold = towards_the_middle(X), X.reshape(len(X), -1), folds(X)
    ours, forest, usual = np.empty_like(y), np.empty_like(y), np.empty_like(y)
    single, start, used = [], time.perf_counter(), time.process_time()
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        shares = []
        for seed in range(options.networks):
            model = fastgru.GRUClassifier(
                hidden_size=32,
                dropout=0.5,
                input_dropout=0.3,
                learning_rate="cosine",
                max_iter=options.epochs,
                random_state=seed,
            ).fit(halves[train], y[train])
            shares.append(model.predict_proba(halves[test]))
            single.append(np.mean(model.classes_[shares[-1].argmax(axis=1)] == y[test]))
        ours[test] = model.classes_[np.mean(shares, axis=0).argmax(axis=1)]
    print(f"{time.perf_counter() - start:.0f} s ({time.process_time() - used:.0f} s of CPU)")
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        trees = RandomForestClassifier(options.trees, random_state=0).fit(flat[train], y[train])
        forest[test] = trees.predict(flat[test])
        names, counts = np.unique(y[train], return_counts=True)
        usual[test] = names[counts.argmax()]
    print(f"{len(y)} windows, in turns held out: accuracy {np.mean(ours == y):.4f}")
    print(f"one network alone, on average: accuracy {np.mean(single):.4f}")
    print(f"random forest of {options.trees} trees: accuracy {np.mean(forest == y):.4f}")
    print(f"the most frequent class: accuracy {np.mean(usual == y):.4f}")


if __name__ == "__main__":
    main()
