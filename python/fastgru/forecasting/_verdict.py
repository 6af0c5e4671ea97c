"""A backtest in words: the table of its errors, and whether the model is worth it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._baselines import NAIVE
from fastgru.forecasting._scoring import METRICS, Scores

_Floats = NDArray[np.float64]

_MAE, _MASE = METRICS.index("MAE"), METRICS.index("MASE")

_LEAST_GAIN = 0.02  # of the error, below which chance may have decided


def table(scores: Scores, coverage: float) -> list[str]:
    """Return the lines of the table of errors, a method a line."""
    names = [f"in {100 * coverage:g} %" if name == "coverage" else name for name in METRICS]
    first = max(map(len, scores.methods))
    lines = [f"{'':<{first}}" + "".join(f"{name:>10}" for name in names)]
    for method, row in zip(scores.methods, scores.means(), strict=True):
        cells = [
            percent(value) if name == "coverage" else number(value)
            for name, value in zip(METRICS, row, strict=True)
        ]
        lines.append(f"{method:<{first}}" + "".join(f"{cell:>10}" for cell in cells))
    return lines


def verdict(scores: Scores) -> str:
    """Return whether the first method is worth it beside the others.

    Methods are compared by MASE, or by MAE where MASE is not defined (a series that repeats itself).
    """
    own, *rivals = scores.methods
    if not rivals:
        return f"{own} was compared with nothing: baselines='naive' adds the forecasts that it has to beat."
    metric = _MASE if np.isfinite(scores.means()[:, _MASE]).all() else _MAE
    means = dict(zip(scores.methods, scores.means()[:, metric].tolist(), strict=True))
    if not np.isfinite(means[own]):
        return f"{own} gave forecasts that are no numbers: do not use it."
    naive = [name for name in rivals if name in NAIVE] or rivals
    best = min(naive, key=lambda name: _ranked(means[name]))
    ahead = _folds_ahead(scores, metric, best)
    folds = f"{ahead} of {len(scores.folds)} folds"
    figures = f"{METRICS[metric]} {number(means[own])} against {number(means[best])}, lower in {folds}"
    every = f"every {'naive' if best in NAIVE else 'other'} method"
    if not means[own] < means[best]:
        text = f"{own} is not better than the {best} ({figures}): use that"
    else:
        share = gain(means[own], means[best])
        than = f"the {best} by {share}"
        if len(naive) > 1:
            than = f"{every}, than the best of them, the {best}, by {share}"
        doubt = "not in most folds" if 2 * ahead <= len(scores.folds) else "by little"
        if doubt == "by little" and means[own] <= (1.0 - _LEAST_GAIN) * means[best]:
            text = f"{own} is worth it: better than {than} ({figures})"
        else:
            text = f"{own} may not be worth it: better than {than} on average, but {doubt} ({figures})"
    return text + _other(means, own, best, [name for name in rivals if name not in naive]) + "."


def gain(own: float, other: float) -> str:
    """Return by how much an error is smaller than another."""
    share = 100.0 * (1.0 - own / other)
    return f"{share:.0f} %" if share >= 1.0 else f"{share:.1f} %"


def number(value: float) -> str:
    """Return a number with four digits; a dash for one that is not defined."""
    if not np.isfinite(value):
        return "–" if np.isnan(value) else "∞"
    if value == 0.0:
        return "0"
    if abs(value) >= 1000.0:
        return f"{value:.0f}" if abs(value) < 1e9 else f"{value:.3e}"
    return f"{value:#.4g}" if abs(value) >= 1e-4 else f"{value:.3e}"


def percent(value: float) -> str:
    """Return a share in percent; a dash for one that is not defined."""
    return "–" if np.isnan(value) else f"{100.0 * value:.0f} %"


def _folds_ahead(scores: Scores, metric: int, other: str) -> int:
    errors = scores.by_fold()[:, :, metric]
    return int((errors[:, 0] < errors[:, scores.methods.index(other)]).sum())


def _other(means: dict[str, float], own: str, best: str, others: Sequence[str]) -> str:
    """Return what to say of the best method that is not naive, if it is the best of all."""
    known = [name for name in others if np.isfinite(means[name])]
    if not known:
        return ""
    first = min(known, key=lambda name: means[name])
    if not means[first] < min(means[own], means[best]):
        return ""
    if means[own] < means[best]:
        return f"; {first} is better still, by {gain(means[first], means[own])}"
    return f", or {first}, which is the best of all ({number(means[first])})"


def _ranked(value: float) -> float:
    return value if np.isfinite(value) else np.inf
