"""The table of ``python -m bench.forecasts``."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgru
from bench.forecasts_load import SETTINGS

OWN = "GRUForecaster"
RIVALS = ("random walk", "seasonal naive", "drift", "AutoETS")
NOTES = """\
GRUForecaster: its defaults, given horizon and season ("auto": it finds it, and the seasonal naive
forecast has what is found before the first fold). MAE: in the unit of the series. MASE: in units of the
seasonal naive error before each fold. Means over the series of a fold, then over the folds, which do not
overlap; the last ends with the series. in 80 %: the share of values in the 80 % interval; calibrated:
the same after calibration on earlier folds, in the folds that have some; AutoETS: in its interval.
ahead: folds in which the MASE is below that of the naive method whose mean is smallest. AutoETS
(statsforecast) has no seasons above 24. fit: median seconds of a fold's fit on one thread, with others
at work on the machine."""


def mean_text(values: list[float]) -> str:
    """Return the mean, and its standard error where there are several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}"


def table(results: dict[str, list[dict[str, Any]]], absent: list[str], folds: int) -> str:
    """Return the results as text."""
    title = f"GRUForecaster on real series, {folds} folds; fastgru {fastgru.__version__}"
    lines = [f"{title}. Mean ± standard error of the seeds.", *absent, ""]
    for metric in ("MASE", "MAE"):
        lines += [*_errors(results, metric), ""]
    lines += [
        f"{'':<11}{'series':>7}{'steps':>7}{'horizon':>8}{'season':>7}{'seeds':>6}{'fit, s':>8}"
        f"{'ahead':>9}{'in 80 %':>9}{'calibrated':>11}{'AutoETS':>9}"
    ]
    lines += [_setting(name, runs, folds) for name, runs in results.items()]
    lines += ["", *(f"{name}: {SETTINGS[name].contents}." for name in results)]
    notes = dict.fromkeys(f"{name}: {note}." for name, runs in results.items() for note in runs[0]["notes"])
    return "\n".join([*lines, *notes, "", NOTES]) + "\n"


def _errors(results: dict[str, list[dict[str, Any]]], metric: str) -> list[str]:
    lines = [f"{metric:<11}  {OWN:<16}" + "".join(f"{name:>16}" for name in RIVALS)]
    for name, runs in results.items():
        own = mean_text([run["scores"][OWN][metric] for run in runs])
        scores = runs[0]["scores"]  # the rivals have no seed
        cells = [f"{scores[rival][metric]:.3f}" if rival in scores else "" for rival in RIVALS]
        lines.append((f"{name:<11}  {own:<16}" + "".join(f"{cell:>16}" for cell in cells)).rstrip())
    return lines


def _setting(name: str, runs: list[dict[str, Any]], folds: int) -> str:
    first = runs[0]
    ahead = np.mean([run["folds_ahead"] for run in runs])
    held = 100 * np.mean([run["scores"][OWN]["coverage"] for run in runs])
    after = 100 * np.mean([run["calibration"]["after"] for run in runs])
    ets = f"{100 * first['scores']['AutoETS']['coverage']:.0f} %" if "AutoETS" in first["scores"] else ""
    season = "–" if first["season"] is None else str(first["season"])
    series = first["shape"][1] if len(first["shape"]) > 1 else 1
    seconds = np.median([run["seconds"] for run in runs])
    return (
        f"{name:<11}{series:>7}{first['shape'][0]:>7}{SETTINGS[name].horizon:>8}{season:>7}{len(runs):>6}"
        f"{seconds:>8.1f}{f'{ahead:.1f} of {folds}':>9}{f'{held:.0f} %':>9}{f'{after:.0f} %':>11}{ets:>9}"
    ).rstrip()
