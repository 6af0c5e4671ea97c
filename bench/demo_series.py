"""The demo on 48 made series: is the season found, and does the error stay as the series grows?

Run from a checkout, on one core: ``python -m bench.demo_series``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SERIES = {  # season: rows
    7: (60, 500, 5_000),
    12: (120, 732, 10_000),
    24: (1_000, 55_000, 115_000, 235_000),
    52: (520, 2_600),
    96: (3_000, 50_000),
    168: (5_000, 250_000),
}
NOISES = (0.1, 0.5, 1.0)  # standard deviation; the season's amplitude is 1


def make_series(season: int, rows: int, noise: float) -> np.ndarray:
    """Return a season of two harmonics and white noise: the best RMSE is the noise's."""
    phase = 2 * np.pi * np.arange(rows) / season
    white = np.random.default_rng(season).normal(size=rows)
    return np.sin(phase) + 0.4 * np.sin(2 * phase + 1.0) + noise * white


def run_demo(season: int, rows: int, noise: float) -> tuple[str, float, float]:
    """Return the season that the demo names, the GRU's RMSE and the seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.csv"
        np.savetxt(path, make_series(season, rows, noise), fmt="%.5f", header="value", comments="")
        done = subprocess.run(
            [sys.executable, "-m", "fastgru", "demo", "--data", path, "--threads", "1",
             "--output", Path(folder) / "picture.png"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"^Seasonal naive, (\d+) ", done.stdout, re.M)
    error = re.search(r"^GRU, \d+ units +([\d.e+-]+)", done.stdout, re.M)
    seconds = re.search(r"([\d.]+) s in all", done.stdout)
    assert error and seconds
    return found[1] if found else "none", float(error[1]), float(seconds[1])


def main() -> None:
    """Print one line for each series."""
    print("season  noise     rows  found     RMSE  RMSE/noise  seconds")
    for season, sizes in SERIES.items():
        for noise in NOISES:
            for rows in sizes:
                found, error, seconds = run_demo(season, rows, noise)
                measured = f"{error:8.4f} {error / noise:11.3f} {seconds:8.1f}"
                print(f"{season:6} {noise:6} {rows:8} {found:>6} {measured}", flush=True)


if __name__ == "__main__":
    main()
