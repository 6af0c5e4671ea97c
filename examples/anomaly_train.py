"""Train the model of anomaly.cpp, or simulate readings to try it on.

python anomaly_train.py train pump.safetensors [readings.csv]     prints the threshold
python anomaly_train.py simulate 2000 --fault 1500 > readings.csv
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import fastgru

WINDOW = 50


def simulate(steps: int, fault: int | None, seed: int) -> np.ndarray:
    """Simulate a pump's temperature (°C) and vibration (mm/s); from `fault` on, a bearing wears out."""
    rng = np.random.default_rng(seed)
    t = np.arange(steps)
    load = np.sin(2 * np.pi * t / 40) + 0.3 * np.sin(2 * np.pi * t / 13)
    temperature = 60 + 4 * np.roll(load, 3) + 0.2 * rng.normal(size=steps)
    vibration = 2 + 0.5 * load + 0.05 * rng.normal(size=steps)
    if fault is not None:
        vibration[fault:] += 1.5 * np.abs(np.sin(1.7 * t[fault:]))
        temperature[fault:] += 3
    return np.column_stack([temperature, vibration])


def train(readings: np.ndarray, path: str) -> float:
    """Fit and save the model; return a threshold that fewer than one good reading in a thousand exceeds."""
    known, held_out = np.split(readings, [len(readings) * 3 // 4])
    X = np.stack([known[i : i + WINDOW] for i in range(len(known) - WINDOW)])
    model = fastgru.GRURegressor(hidden_size=24, max_iter=60, early_stopping=True, random_state=0)
    model.fit(X, known[WINDOW:]).save(path)
    # As in the app: one stream over readings that were not used in training.
    stream = model.stream()
    forecasts = np.array([np.array(stream.step(reading)) for reading in held_out])
    distances = np.linalg.norm(held_out[WINDOW:] - forecasts[WINDOW - 1 : -1], axis=1)
    return float(1.5 * np.quantile(distances, 0.999))


def main() -> None:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("model")
    training.add_argument("readings", nargs="?", help="CSV of numbers (default: simulated ones)")
    simulating = commands.add_parser("simulate")
    simulating.add_argument("steps", type=int)
    simulating.add_argument("--fault", type=int)
    simulating.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.command == "simulate":
        np.savetxt(sys.stdout, simulate(options.steps, options.fault, options.seed), "%.4f", delimiter=",")
        return
    readings = (
        np.loadtxt(options.readings, delimiter=",", ndmin=2) if options.readings else simulate(4000, None, 0)
    )
    print(f"{train(readings, options.model):.4f}")


if __name__ == "__main__":
    main()
