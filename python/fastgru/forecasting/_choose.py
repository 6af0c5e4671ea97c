"""What "auto" chooses: the season, and the form that is best on the held-out end of the series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastgru.forecasting._baselines import naive_error
from fastgru.forecasting._data import Data
from fastgru.forecasting._index import seconds_of_step
from fastgru.forecasting._season import find_season, usual_season
from fastgru.forecasting._steps import DIFFERENCING, Form
from fastgru.forecasting._train import Make, Trial, default_length, held_out, try_form

_Floats = NDArray[np.float64]

_ASKED = 16  # series of a panel whose season is looked for
_LEAST_UNIT = 1e-290  # by which ordinary numbers can be divided
_EPOCHS = 30  # where the series are too short to hold anything out


@dataclass(frozen=True)
class Choice:
    """The form that was chosen, and what was tried.

    Attributes
    ----------
    best : Trial
        The choice.
    trials : tuple of Trial
        All trials, in the order in which they were made; empty where there was nothing to hold out.
    naive : dict of str to float
        Mean absolute error on the held-out end of the naive forecasts, in the same unit as the trials'.
    """

    best: Trial
    trials: tuple[Trial, ...]
    naive: dict[str, float]


def season_of(data: Data) -> int | None:
    """Return the season that most of the longest series have, or None."""
    longest = sorted(data.series, key=len, reverse=True)[:_ASKED]
    found = []
    for each in longest:
        known = np.isfinite(each.y)
        if known.sum() < 12:
            continue
        places = np.arange(len(each))
        filled = np.interp(places, places[known], each.y[known])
        found.append(usual_season(find_season(filled), len(each), seconds_of_step(each.index)))
    seasons = [each for each in found if each is not None]
    if 2 * len(seasons) <= len(found):
        return None
    return max(sorted(set(seasons)), key=seasons.count)


def choose(
    data: Data,
    form: Form,
    *,
    season: int | None,
    differencing: str,
    length: int | str,
    share: float,
    make: Make,
    said: Callable[[Trial], None],
) -> Choice:
    """Choose differencing and window on the held-out end.

    Parameters
    ----------
    form : Form
        What is fixed.
    season : int or None
        Of the series.
    differencing, length : str, int
        "auto", or what the user wants.
    share : float
        Of the steps, held out.
    make : callable
        Makes a network.
    said : callable
        Told of each trial.
    """
    errors = [naive_error(each.y, season or 1) for each in data.series]
    bases = [error if error > _LEAST_UNIT else 1.0 for error in errors]
    shortest = min(len(each) for each in data.series)
    trials: list[Trial] = []

    def attempt(form: Form, steps: int) -> None:
        trial = try_form(data, form, steps, share, make, bases)
        if trial is not None:
            trials.append(trial)
            said(trial)

    forms = [replace(form, differencing=each) for each in _candidates(differencing, season, shortest)]
    for each in forms:
        attempt(each, _length(length, season, shortest - each.lag))
    if not trials:
        steps = _length(length, season, shortest - forms[-1].lag)
        return Choice(Trial(forms[-1], steps, np.nan, _EPOCHS, 1.0, np.nan), (), {})
    best = min(trials, key=_loss)
    if length == "auto":
        attempt(best.form, min(2 * best.length, max(1, (shortest - best.form.lag) // 2)))
        best = min(trials, key=_loss)
    return Choice(best, tuple(trials), naive_errors(data, best.form, season, share, bases))


def naive_errors(
    data: Data, form: Form, season: int | None, share: float, bases: Sequence[float]
) -> dict[str, float]:
    """Return the mean absolute errors of the naive forecasts on the held-out end, in units of `bases`."""
    lags = {"persistence": 0} if season is None else {"persistence": 0, "seasonal naive": season}
    found = {}
    for name, lag in lags.items():
        errors = []
        for each, base in zip(data.series, bases, strict=True):
            cut = len(each) - held_out(len(each), form, share)
            for ahead in range(1, form.horizon + 1):
                back = ahead if not lag else lag * -(-ahead // lag)
                when = np.arange(max(cut, back), len(each))
                errors.append(np.abs(each.y[when] - each.y[when - back]) / base)
        known = np.concatenate(errors)
        known = known[np.isfinite(known)]
        if len(known):  # none where a season is longer than what lies before the held-out end
            found[name] = float(known.mean())
    return found


def _candidates(differencing: str, season: int | None, shortest: int) -> list[str]:
    if differencing != "auto":
        return [differencing]
    possible = season is not None and shortest >= 3 * season
    return [each for each in DIFFERENCING if each != "seasonal" or possible]


def _length(length: int | str, season: int | None, steps: int) -> int:
    return default_length(season, steps) if isinstance(length, str) else max(1, min(int(length), steps))


def _loss(trial: Trial) -> float:
    return trial.loss if np.isfinite(trial.loss) else np.inf
