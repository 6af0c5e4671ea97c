"""Scores on small public data sets: ``python -m bench.datasets``, from a checkout.

The defaults of GRUClassifier and GRURegressor are compared with nearest neighbours (flattened, and by dynamic
time warping), ridge (on flattened input, and on MiniRocket's features), an LSTM, and with the same network in
PyTorch: equal initial weights, the usual training loop. The sets are bundled with aeon, sktime and
scikit-learn. Everything runs on one thread. Sets and methods whose packages are not installed are left out;
the table says so.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from bench.datasets_fit import fitted
from bench.datasets_load import SETS, LeftOutError, Split, load
from bench.datasets_rivals import rival_scores
from bench.datasets_table import mean_text, table

try:
    from bench import datasets_torch
except ImportError:
    datasets_torch = None  # type: ignore[assignment]


def run_set(name: str, seeds: int, torch_seeds: int) -> dict[str, Any]:
    """Return all entries of the tables for one data set."""
    data, source = load(name), SETS[name]
    torch_seeds = min(torch_seeds, source.most_torch_seeds or torch_seeds)
    found: dict[str, Any] = {"regression": source.regression, "train": len(data.X), "test": len(data.X_test)}
    found["steps"] = [min(map(len, data.X)), max(map(len, data.X))]
    found["features"] = data.X[0].shape[1]
    models = [fitted(data, source.regression, seed) for seed in range(seeds)]
    first = models[0][0]
    found["reads"] = [first.frame_length_, first.frame_step_, first.pooling_]
    found["seconds"] = [seconds for _, seconds in models]
    found["scores"] = {"fastgru": [float(model.score(data.X_test, data.y_test)) for model, _ in models]}
    if datasets_torch is not None and torch_seeds:
        found |= torch_entries(data, models[:torch_seeds], found["scores"])
    rivals, found["blanks"] = rival_scores(data, source.regression, seeds)
    found["scores"] |= rivals
    return found


def torch_entries(
    data: Split, models: list[tuple[Any, float]], scores: dict[str, list[float]]
) -> dict[str, Any]:
    """Put the scores of PyTorch's GRU and LSTM to the others; return how the GRU compares with fastgru's."""
    error, rounding = datasets_torch.loss_differences(data, models[0][0])

    def fits(make_network: Any) -> list[tuple[float, float]]:
        return [
            datasets_torch.fit_score(data, make_network(model), model, model.n_iter_) for model, _ in models
        ]

    loops = fits(lambda model: datasets_torch.first_weights(model, data))
    scores["torch"] = [score for score, _ in loops]
    scores["LSTM"] = [score for score, _ in fits(datasets_torch.lstm)]
    ratios = [loop[1] / ours[1] for loop, ours in zip(loops, models, strict=True)]
    return {"loss_error": error, "rounding": rounding, "torch_times": float(np.median(ratios))}


def main() -> None:
    """Run all sets and write the tables and their numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.datasets", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--torch-seeds", type=int, default=2, help="of those, also in PyTorch")
    parser.add_argument("--sets", default=",".join(SETS), help="data sets, comma-separated (default: all)")
    parser.add_argument("--output", type=Path, default=Path("fastgru-bench"))
    options = parser.parse_args()
    names = options.sets.split(",")
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"--sets: no {unknown[0]!r}; there are {', '.join(SETS)}")
    if options.seeds < 1 or not 0 <= options.torch_seeds <= options.seeds:
        parser.error("--seeds must be at least 1, --torch-seeds between 0 and --seeds")
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is a default here
    absent = [] if datasets_torch is not None else ["PyTorch is not installed: its columns are left out."]
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        start = time.perf_counter()
        try:
            results[name] = run_set(name, options.seeds, options.torch_seeds)
        except LeftOutError as error:
            absent.append(f"{name}: left out, {error}.")
        else:
            seconds = time.perf_counter() - start
            print(f"{name}: {mean_text(results[name]['scores']['fastgru'])}  {seconds:.0f} s", flush=True)
        text = write(results, absent, options.output)  # after every set, so that Ctrl-C loses nothing
    print("\n" + text)


def write(results: dict[str, dict[str, Any]], absent: list[str], output: Path) -> str:
    """Write the tables and their numbers; return the tables."""
    text = table(results, absent) if results else "\n".join(absent) + "\n"
    output.mkdir(parents=True, exist_ok=True)
    (output / "datasets.txt").write_text(text, encoding="utf-8")
    (output / "datasets.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
