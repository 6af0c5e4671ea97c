"""GRU or LSTM: ``python -m bench.lstm``, from a checkout.

The same network is trained with fastgru's GRU, PyTorch's GRU and ``torch.nn.LSTM``, on the same budget, and
scores, times and sizes are compared. The series are fastgru's, the other sets those of bench.datasets. Each
round is one seed of every set, and the results are written after every set: Ctrl-C loses nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fastgru
from bench import machine
from bench.datasets_load import LeftOutError
from bench.datasets_rivals import ridge, score
from bench.lstm_data import LEFT_OUT, NAMES, SERIES, is_regression, load_set, trivial_score
from bench.lstm_networks import NETWORKS
from bench.lstm_table import Results, table
from bench.remote import Worker

UPDATES = 600  # of the weights, about: a set's epochs are as many as come nearest to them
MOST_EPOCHS = 200  # the estimators' default
BATCH = 32
FIT_SECONDS = 900.0  # time limit of a fit


def epochs_for(samples: int, updates: int) -> int:
    """Return the number of epochs of a set with that many training samples."""
    return max(1, min(MOST_EPOCHS, round(updates / math.ceil(samples / BATCH))))


def new_entry(name: str, updates: int) -> dict[str, Any]:
    """Return the entry of a set before any network is trained on it. Raises `LeftOutError`."""
    data, regression = load_set(name), is_regression(name)
    return {
        "regression": regression,
        "train": len(data.X),
        "test": len(data.X_test),
        "steps": [min(map(len, data.X)), max(map(len, data.X))],
        "epochs": epochs_for(len(data.X), updates),
        "trivial": trivial_score(name, data),
        "ridge": score(data.y_test, ridge(data, regression, 0), regression),
        "sizes": {},
        "parameters": {},
        "fits": {network: {"score": [], "seconds": [], "step": []} for network in NETWORKS},
    }


def train_all(name: str, entry: dict[str, Any], seed: int, workers: dict[str, Worker]) -> None:
    """Train every network once, each seed beginning with another, and then put the figures to the entry."""
    order = list(NETWORKS)
    order = order[seed % len(order) :] + order[: seed % len(order)]
    answers = {}
    for network in order:
        request = {"set": name, "network": network, "seed": seed, "epochs": entry["epochs"]}
        answers[network] = workers[NETWORKS[network].library].ask("fit", FIT_SECONDS, **request)
    for network, answer in answers.items():
        entry["sizes"][network], entry["parameters"][network] = answer["sizes"], answer["parameters"]
        for field, values in entry["fits"][network].items():
            values.append(answer[field])


def warm_up(workers: dict[str, Worker]) -> None:
    """Train every network for a moment: a library's first fit takes longer than others."""
    for network, variant in NETWORKS.items():
        request = {"set": next(iter(SERIES)), "network": network, "seed": 0, "epochs": 2}
        workers[variant.library].ask("fit", FIT_SECONDS, **request)


def main() -> None:
    """Train everything and write the table and its numbers."""
    options = _options()
    cores = sorted(os.sched_getaffinity(0))
    workers: dict[str, Worker] = {}
    results: Results = {}
    head = [_about(), *(f"{name}: left out, PyTorch takes minutes for one fit." for name in LEFT_OUT)]
    try:
        for library in dict.fromkeys(variant.library for variant in NETWORKS.values()):
            workers[library] = Worker(f"fits-{library}", 1, cores)
        warm_up(workers)
        for seed in range(options.seeds):
            for name in list(results) if seed else options.sets.split(","):
                try:
                    entry = results.get(name) or new_entry(name, options.updates)
                except LeftOutError as error:
                    head.append(f"{name}: left out, {error}.")
                    continue
                train_all(name, entry, seed, workers)
                results[name] = entry
                last = "  ".join(f"{n} {entry['fits'][n]['score'][-1]:.3f}" for n in NETWORKS)
                print(f"seed {seed}  {name}: {last}", flush=True)
                text = write(results, head, options.output)
    except KeyboardInterrupt:
        print("interrupted: what was measured is kept", file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.end()
    print("\n" + (text if results else "\n".join(head)))


def write(results: Results, head: list[str], output: Path) -> str:
    """Write the table and its numbers; return the table."""
    text = table(results, head)
    output.mkdir(parents=True, exist_ok=True)
    (output / "lstm.txt").write_text(text, encoding="utf-8")
    (output / "lstm.json").write_text(json.dumps({"head": head, "sets": results}) + "\n", encoding="utf-8")
    return text


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lstm", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the weights, about (%(default)s)")
    parser.add_argument("--sets", default=",".join(NAMES), help="data sets, comma-separated (default: all)")
    parser.add_argument("--output", type=Path, default=Path("fastgru-bench"))
    options = parser.parse_args()
    if unknown := [name for name in options.sets.split(",") if name not in (*NAMES, *LEFT_OUT)]:
        parser.error(f"--sets: no {unknown[0]!r}; there are {', '.join((*NAMES, *LEFT_OUT))}")
    for name in ("seeds", "updates"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: {getattr(options, name)} came, at least 1 is wanted")
    if find_spec("torch") is None:
        parser.error("PyTorch is not installed, and the LSTM is PyTorch's: pip install torch")
    return options


def _about() -> str:
    from importlib.metadata import version

    return f"{machine.describe()['cpu']}; fastgru {fastgru.__version__}, torch {version('torch')}."


if __name__ == "__main__":
    main()
