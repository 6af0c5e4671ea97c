"""Training: windows of the series, the choices made on a held-out end, the network of all data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from fastgru.estimators import GRURegressor
from fastgru.forecasting._data import Data
from fastgru.forecasting._known import Steps, Unit, unit_of
from fastgru.forecasting._metrics import pinball
from fastgru.forecasting._quantiles import LEVELS, MEDIAN, widening
from fastgru.forecasting._steps import Form

_Floats = NDArray[np.float64]

_MOST_WINDOWS = 1024  # of an epoch: more are thinned out
_WARM_UP = 3  # windows that are read before the held-out end
_FEWEST = 8  # steps to learn from
_MOST_HELD = 2000  # steps of a series that are held out
_MOST_ASKED = 5000  # held-out steps of all series on which epochs are scored: of more, every k-th series

Make = Callable[[], GRURegressor]


@dataclass(frozen=True)
class Trial:
    """One choice, tried on the held-out end.

    Attributes
    ----------
    form : Form
        The choice.
    length : int
        Steps of a training window.
    loss : float
        Mean pinball loss of the held-out end, each series in units of its naive error.
    epochs : int
        Passes over the training part after which it was smallest.
    widths : float
        The factor by which the intervals must be widened to hold what they say.
    error : float
        Mean absolute error of the median on the held-out end, in units of the naive error.
    """

    form: Form
    length: int
    loss: float
    epochs: int
    widths: float
    error: float


def held_out(n: int, form: Form, share: float) -> int:
    """Return how many steps at the end of a series are held out; 0 if it is too short."""
    wanted = max(form.horizon, min(round(share * n), max(_MOST_HELD, 10 * form.horizon)))
    lag = form.season if n >= 3 * form.season else form.lag  # the same end, however differences are taken
    most = n - lag - form.horizon - _FEWEST
    return min(wanted, most) if most >= min(wanted, form.horizon) and most > 0 else 0


def default_length(season: int | None, steps: int) -> int:
    """Return the steps of a training window: two seasons, but 24 to 96, and at most what there is."""
    return max(1, min(steps, 24 if season is None else min(96, max(24, 2 * season))))


def try_form(
    data: Data, form: Form, length: int, share: float, make: Make, naive: Sequence[float]
) -> Trial | None:
    """Train without the end of the series, and measure on it; None where the series are too short.

    Units, too, are taken without the end.
    """
    held = [held_out(len(each), form, share) for each in data.series]
    if not any(held):
        return None
    cuts = [len(each) - end for each, end in zip(data.series, held, strict=True)]
    units = [unit_of(each.until(cut), form) for each, cut in zip(data.series, cuts, strict=True)]
    steps = data.steps(form, units)
    X, Y = windows([before(each, cut) for each, cut in zip(steps, cuts, strict=True)], length, form)
    if not X:
        return None
    asked = slice(None, None, max(1, sum(held) // _MOST_ASKED))
    parts = [after(each, cut, length) for each, cut in zip(steps[asked], cuts[asked], strict=True)]
    unseen = [part for pair in parts for part in pair]
    bases = [base for pair, base in zip(parts, naive[asked], strict=True) for _ in pair]
    if not unseen:
        return None
    est = make()
    est.set_params(early_stopping=True)
    fit_quietly(est, X, Y, ([each.inputs for each in unseen], [each.targets for each in unseen]))
    answers = answers_of(est, [each.inputs for each in unseen], form.horizon)
    forecasts, truths = [], []
    for part, answer, base in zip(unseen, answers, bases, strict=True):
        rows = slice(0, len(part.inputs))
        truth = part.offset + part.unit[:, None] * part.targets
        forecasts.append((part.values(answer, rows) / base).reshape(-1, len(LEVELS)))
        truths.append((truth / base).ravel())
    quantiles, truth = np.concatenate(forecasts), np.concatenate(truths)
    assert est.validation_scores_ is not None
    return Trial(
        form,
        length,
        pinball(quantiles, truth, LEVELS),
        1 + int(np.argmax(est.validation_scores_)),
        widening(quantiles, truth, max(held[asked]) / form.horizon),
        float(np.nanmean(np.abs(quantiles[:, MEDIAN] - truth))),
    )


def before(steps: Steps, cut: int) -> Steps:
    """Return the steps before `cut`, with targets before `cut` alone."""
    stop = max(0, cut - steps.start)
    wanted = steps.targets[:stop].copy()
    for ahead in range(1, wanted.shape[1] + 1):
        wanted[max(0, stop - ahead) :, ahead - 1] = np.nan
    return Steps(steps.inputs[:stop], wanted, steps.offset[:stop], steps.unit[:stop], steps.start)


def after(steps: Steps, cut: int, length: int) -> list[Steps]:
    """Return the last steps in two parts, with targets from `cut` on; some windows before are read alone.

    Two, because early stopping wants two samples at least; none where fewer than two steps have targets.
    """
    stop, end = max(0, cut - steps.start), len(steps.inputs)
    wanted = steps.targets.copy()
    for ahead in range(1, wanted.shape[1] + 1):
        wanted[: max(0, stop - ahead), ahead - 1] = np.nan
    rows = np.flatnonzero(np.isfinite(wanted).any(axis=1))
    if len(rows) < 2:
        return []
    middle = (stop + end) // 2
    if not rows[0] < middle <= rows[-1]:  # a short end, or missing values: one part would have no target
        middle = int(rows[len(rows) // 2])
    parts = []
    for begin, finish in ((max(0, stop - wanted.shape[1]), middle), (middle, end)):
        first = max(0, begin - _WARM_UP * length)
        unseen = wanted[first:finish].copy()
        unseen[: begin - first] = np.nan
        part = slice(first, finish)
        parts.append(
            Steps(steps.inputs[part], unseen, steps.offset[part], steps.unit[part], steps.start + first)
        )
    return parts


def windows(series: Sequence[Steps], length: int, form: Form) -> tuple[list[_Floats], list[_Floats]]:
    """Cut series into windows to train on, with their targets.

    A window begins with the zero state, as a series does, but without its past: the first steps of all
    windows but the first have no targets.
    """
    burn = min(length // 2, max(8, min(form.season, length // 2)))
    total = sum(len(each.inputs) for each in series)
    stride = max(1, (length - burn) // 4, -(-total // _MOST_WINDOWS))
    X: list[_Floats] = []
    Y: list[_Floats] = []
    for each in series:
        for stop in range(len(each.inputs), 0, -stride):
            first = max(0, stop - length)
            wanted = each.targets[first:stop]
            if first > 0:
                wanted = wanted.copy()
                wanted[:burn] = np.nan
            if np.isfinite(wanted).any():
                X.append(each.inputs[first:stop])
                Y.append(wanted)
            if first == 0:
                break
    return X, Y


def fit_quietly(est: GRURegressor, X: list[_Floats], Y: list[_Floats], unseen: Any = None) -> None:
    """Fit, without the warnings that speak of epochs: their number is chosen here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, Y, validation_data=unseen)


def answers_of(est: GRURegressor, inputs: list[_Floats], horizon: int) -> list[_Floats]:
    """Return the network's answers at every step: each (n, horizon, n_levels)."""
    found = est.predict(inputs)
    return [np.asarray(each, dtype=np.float64).reshape(-1, horizon, len(LEVELS)) for each in found]


def final(data: Data, trial: Trial, make: Make) -> GRURegressor:
    """Train the chosen form on all of the series."""
    units = [unit_of(each, trial.form) for each in data.series]
    X, Y = windows(data.steps(trial.form, units), trial.length, trial.form)
    est = make()
    est.set_params(max_iter=trial.epochs, n_iter_no_change=np.inf)
    fit_quietly(est, X, Y)
    return est


def train_more(
    est: GRURegressor, data: Data, units: Sequence[Unit], form: Form, length: int, epochs: int
) -> None:
    """Train a network some epochs more, on longer series in the units that it knows."""
    steps = data.steps(form, units)
    X, Y = windows([steps[k] for k in data.order()], length, form)
    est.set_params(warm_start=True, max_iter=epochs, n_iter_no_change=np.inf)
    fit_quietly(est, X, Y)
