"""Scores on small public data sets: ``python -m bench.datasets``, from a checkout.

GRUClassifier is compared with 1-nearest-neighbour and ridge on flattened input, and with the same network in
PyTorch: equal initial weights, the usual training loop. The sets are bundled with sktime (JapaneseVowels,
ItalyPowerDemand, GunPoint, BasicMotions, ArrowHead) and scikit-learn (digits, each image as eight steps of
eight features). Everything runs on one thread. Without sktime only digits is run, without PyTorch its columns
are left out; the table says so.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastgru
from fastgru import GRUClassifier

try:
    from bench import datasets_torch
except ImportError:
    datasets_torch = None  # type: ignore[assignment]

Sequences = list[NDArray[np.float32]]
Split = tuple[Sequences, NDArray[Any], Sequences, NDArray[Any]]
POOLED: dict[str, Any] = {"bidirectional": True, "pooling": "mean"}
# The estimator's parameters that differ from the defaults, and its name in the table.
SETS: dict[str, dict[str, Any]] = {
    "JapaneseVowels": {},
    "ItalyPowerDemand": {},
    "digits": {},
    "GunPoint": POOLED,
    "BasicMotions": POOLED,
    "ArrowHead": POOLED,
}


def load(name: str) -> Split:
    """Return training and test sequences (T_i, F) with their labels."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        parts = train_test_split(X.reshape(-1, 8, 8), y, test_size=0.3, stratify=y, random_state=0)
        return list(parts[0].astype(np.float32)), parts[2], list(parts[1].astype(np.float32)), parts[3]
    from sktime import datasets

    loader = {
        "JapaneseVowels": datasets.load_japanese_vowels,  # its numpy3D form pads the ends
        "ItalyPowerDemand": datasets.load_italy_power_demand,
        "GunPoint": datasets.load_gunpoint,
        "BasicMotions": datasets.load_basic_motions,
        "ArrowHead": datasets.load_arrow_head,
    }[name]
    made: list[Any] = []
    for part in ("train", "test"):
        ragged = name == "JapaneseVowels"
        X, y = loader(split=part, return_X_y=True, return_type="df-list" if ragged else "numpy3D")
        made += [[np.asarray(x if ragged else x.T, np.float32) for x in X], np.asarray(y)]
    return made[0], made[1], made[2], made[3]


def flat(sequences: Sequences, steps: int) -> NDArray[np.float32]:
    """Return one flattened row per sequence, padded with zeros."""
    made = np.zeros((len(sequences), steps, sequences[0].shape[1]), np.float32)
    for row, sequence in zip(made, sequences, strict=True):
        row[: len(sequence)] = sequence[:steps]
    return made.reshape(len(sequences), -1)


def flattened_scores(data: Split) -> dict[str, float]:
    """Return test accuracies of the baselines: 1-nearest-neighbour and ridge."""
    X, y, X_test, y_test = data
    steps = max(len(x) for x in X)
    models = {"1-NN": KNeighborsClassifier(1), "ridge": RidgeClassifierCV(np.logspace(-3, 3, 10))}
    return {
        name: float(
            make_pipeline(StandardScaler(), model).fit(flat(X, steps), y).score(flat(X_test, steps), y_test)
        )
        for name, model in models.items()
    }


def fastgru_score(data: Split, options: dict[str, Any], seed: int) -> tuple[GRUClassifier, float, float]:
    """Return a fitted classifier, its test accuracy, and the seconds of its fit."""
    model = GRUClassifier(random_state=seed, n_jobs=1, **options)
    start = time.perf_counter()
    model.fit(data[0], data[1])
    seconds = time.perf_counter() - start
    return model, float(model.score(data[2], data[3])), seconds


def run_set(name: str, options: dict[str, Any], seeds: int, torch_seeds: int) -> dict[str, Any]:
    """Return all entries of the table for one data set."""
    data = load(name)
    found: dict[str, Any] = {"options": options, "train": len(data[0]), "test": len(data[2])}
    found["steps"] = [min(map(len, data[0])), max(map(len, data[0]))]
    found["features"] = data[0][0].shape[1]
    found |= flattened_scores(data)
    fitted = [fastgru_score(data, options, seed) for seed in range(seeds)]
    found["fastgru"] = [score for _, score, _ in fitted]
    found["seconds"] = [seconds for *_, seconds in fitted]
    if datasets_torch is not None and torch_seeds:
        found["loss_error"], found["rounding"] = datasets_torch.loss_differences(data, options)
        loops = [datasets_torch.fit_score(data, model) for model, *_ in fitted[:torch_seeds]]
        found["torch"] = [score for score, _ in loops]
        ratios = [seconds / fitted[i][2] for i, (_, seconds) in enumerate(loops)]
        found["torch_times"] = float(np.median(ratios))
    return found


def mean_text(scores: list[float]) -> str:
    """Return mean and standard error."""
    error = np.std(scores, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan
    return f"{np.mean(scores):.3f} ± {error:.3f}"


def table(results: dict[str, dict[str, Any]], absent: list[str]) -> str:
    """Return the results as text."""
    count = next(iter(results.values()))
    lines = [
        f"Test accuracy, mean ± standard error of {len(count['fastgru'])} seeds"
        + (f" (torch: {len(count['torch'])})" if "torch" in count else "")
        + f"; fastgru {fastgru.__version__}, one thread",
        *absent,
        "",
        f"{'set':<21}{'train':>6}{'test':>6}{'T':>9}{'F':>4}  {'fastgru':<14}{'fit, s':>7}  {'torch':<14}"
        f"{'its time':>8}{'losses':>9}{'rounding':>10}{'1-NN':>7}{'ridge':>7}",
    ]
    for name, r in results.items():
        steps = "-".join(str(step) for step in dict.fromkeys(r["steps"]))
        torch = f"{'':<14}{'':>8}{'':>9}{'':>10}"
        if "torch" in r:
            torch = f"{mean_text(r['torch']):<14}{r['torch_times']:>7.1f}×"
            torch += f"{r['loss_error']:>9.0e}{r['rounding']:>10.0e}"
        marked = name + ("*" if r["options"] else "")
        lines.append(
            f"{marked:<21}{r['train']:>6}{r['test']:>6}{steps:>9}{r['features']:>4}"
            f"  {mean_text(r['fastgru']):<14}{np.median(r['seconds']):>7.2f}  {torch}"
            f"{r['1-NN']:>7.3f}{r['ridge']:>7.3f}"
        )
    lines += [
        "",
        "fastgru: GRUClassifier's defaults, * with two directions and mean pooling. torch: the same network,",
        "first weights and number of epochs, other shuffles; its time: the whole loop's over fit's. losses:",
        "largest relative difference of the first 20 losses, the whole training set being one mini-batch;",
        "rounding: the same of torch's own float32 and float64.",
        "1-NN, ridge: on flattened, standardized input, zeros behind the ends.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all sets and write the table and its numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.datasets", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--torch-seeds", type=int, default=10, help="of those, also in PyTorch")
    parser.add_argument("--sets", default=",".join(SETS), help="data sets, comma-separated (default: all)")
    parser.add_argument("--output", type=Path, default=Path("fastgru-bench"))
    options = parser.parse_args()
    names = options.sets.split(",")
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"--sets: no {unknown[0]!r}; there are {', '.join(SETS)}")
    if options.seeds < 1 or not 0 <= options.torch_seeds <= options.seeds:
        parser.error("--seeds must be at least 1, --torch-seeds between 0 and --seeds")
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is a default here
    absent = [] if datasets_torch is not None else ["PyTorch is not installed: left out."]
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            results[name] = run_set(name, SETS[name], options.seeds, options.torch_seeds)
        except ImportError as error:
            absent.append(f"{name}: left out, {error}")
        else:
            print(f"{name}: {mean_text(results[name]['fastgru'])}", flush=True)
        text = write(results, absent, options.output)  # after every set, so that Ctrl-C loses nothing
    print("\n" + text)


def write(results: dict[str, dict[str, Any]], absent: list[str], output: Path) -> str:
    """Write the table and its numbers; return the table."""
    text = table(results, absent) if results else "\n".join(absent) + "\n"
    output.mkdir(parents=True, exist_ok=True)
    (output / "datasets.txt").write_text(text, encoding="utf-8")
    (output / "datasets.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
