"""How good a forecaster would have been: rolling origin, beside the forecasts that it has to beat."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from fastgru.forecasting._baselines import naive_error
from fastgru.forecasting._choose import season_of
from fastgru.forecasting._data import Data
from fastgru.forecasting._fold import Answers, Task, run_fold
from fastgru.forecasting._known import Known
from fastgru.forecasting._origins import History, Origin, cuts_of, read_history
from fastgru.forecasting._result import Backtest
from fastgru.forecasting._rivals import chosen_rivals
from fastgru.forecasting._scoring import Part, levels_of

__all__ = ["Backtest", "backtest"]

_COVERAGES = (0.5, 0.8, 0.9)  # of the intervals that are always asked for
_LEAST = 8  # known steps without which nothing is learnt


def backtest(
    forecaster: Any,
    y: Any,
    X: Any = None,
    *,
    static: Any = None,
    horizon: int | None = None,
    folds: int = 8,
    step: int | None = None,
    season: int | str | None = "auto",
    coverage: float = 0.8,
    baselines: str | Iterable[str] = "auto",
    conformal: bool = False,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> Backtest:
    """Measure a forecaster on the past: fit it before each of several origins, and compare with what came.

    A fold's copy of the forecaster is given nothing from its origin on, except the covariates of the horizon
    in `X`. The last fold ends with the series. The same forecasts are made without a model: the last value
    (random walk), the last season (seasonal naive) and the line through first and last value (drift), with
    the intervals of these processes; and by AutoETS and AutoARIMA where statsforecast is installed.

    Parameters
    ----------
    forecaster : GRUForecaster or object
        Not fitted, or fitted: a copy is fitted in each fold. Any object with ``fit(y)`` and
        ``predict(horizon=)``, and for intervals ``predict_quantiles(levels, horizon=)``, which answer in the
        container of y as `GRUForecaster` does; `X` and `static` are handed over if given.
    y : array-like, Series, DataFrame or list
        One series or several, in any container that ``GRUForecaster.fit`` takes.
    X : array-like, DataFrame or list, default=None
        Covariates, as in ``GRUForecaster.fit``. Their rows in a fold's horizon are handed to `predict`: those
        that are not known in advance must be named in the forecaster's `past_columns`.
    static : array-like or DataFrame, default=None
        Numbers that belong to the series, as in ``GRUForecaster.fit``.
    horizon : int, default=None
        Steps to forecast in a fold, which the copies of the forecaster get as their `horizon`, too; None: the
        forecaster's own.
    folds : int, default=8
        How many.
    step : int, default=None
        Steps from one origin to the next; None: the horizon, so that folds do not overlap.
    season : int, None or "auto", default="auto"
        Steps of the season, for the seasonal naive forecast and the unit of MASE; None or 1: no season.
        "auto": the forecaster's `season` if that is a number, or it is found in what lies before the first
        fold.
    coverage : float, default=0.8
        Share of values that the interval in the tables shall hold.
    baselines : {"auto", "naive"} or sequence of str, default="auto"
        The methods beside the forecaster: all; the naive ones alone; or names of "random walk", "seasonal
        naive", "drift", "AutoETS", "AutoARIMA". "auto" leaves AutoARIMA out where it would take long.
    conformal : bool, default=False
        Whether to calibrate the forecaster's intervals on its errors in earlier folds, of those that lie
        completely before. The result has the coverage before and after.
    n_jobs : int, default=None
        Processes for the folds, as joblib counts them. Results do not depend on it.
    verbose : bool, default=False
        Whether to print a line after each fold.

    Returns
    -------
    Backtest
        Errors, forecasts and a verdict; ``print`` shows them.

    Raises
    ------
    TypeError
        A number is not an integer where it has to be; or as the forecaster's `fit`.
    ValueError
        The series is too short for so many folds (the message says how many would fit), or an argument is
        out of range; or as the forecaster's methods, whose messages then begin with the fold.

    Notes
    -----
    Series of a panel that end or begin at different times are cut at the same dates; without dates, they end
    at the same time. In a fold, series without enough values before it or without one in it are left out, as
    are those whose covariates end within it.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgru
    >>> class Last:
    ...     def fit(self, y):
    ...         self.last_ = y[-1]
    ...     def predict(self, horizon):
    ...         return np.full(horizon, self.last_)
    >>> y = np.sin(np.arange(60) * 2 * np.pi / 6)
    >>> result = fastgru.backtest(Last(), y, horizon=6, folds=4, baselines="naive")
    >>> result.season
    6
    >>> print(str(result).splitlines()[-1])
    Last is not better than the seasonal naive (MAE 0.8660 against ..., lower in 0 of 4 folds): use that.
    """
    horizon, folds, step = _counts(forecaster, horizon, folds, step)
    _check_intervals(coverage, conformal, horizon, folds, step)
    history = read_history(y, X, static, getattr(forecaster, "past_columns", None) or ())
    given = _given_season(forecaster, season)
    cuts = cuts_of(history.length, horizon, folds, step, max(_LEAST, horizon, 2 * (given or 1)))
    origins = [history.origin(k + 1, cut, horizon, _LEAST) for k, cut in enumerate(cuts)]
    for origin, _ in origins:
        if not origin.places:
            raise ValueError(
                f"fold {origin.number} of {folds}: no series of y has {_LEAST} values before it and one in it"
                + ("" if X is None else ", and rows of X for all of it")
            )
    found = _found_season(history, cuts[0]) if given is None and season == "auto" else given
    rivals, notes = chosen_rivals(baselines, found, max(map(len, history.values)), len(history.values))
    levels = levels_of(_COVERAGES, float(coverage))
    task = Task(
        forecaster, type(forecaster).__name__, rivals, horizon, found, levels.levels, folds, bool(verbose)
    )
    answers = Parallel(n_jobs=n_jobs)(delayed(run_fold)(task, origin) for origin, _ in origins)
    failures = {rival: f"{rival}: {why}" for each in answers for rival, why in each.failures.items()}
    parts = _parts(history, task, origins, answers)
    return Backtest(
        name=task.name,
        methods=(task.name, *(rival for rival in rivals if rival not in failures)),
        horizon=horizon,
        step=step,
        season=found,
        coverage=float(coverage),
        conformal=bool(conformal),
        notes=(*notes, *failures.values(), *_left_out(history, [origin for origin, _ in origins])),
        seconds=tuple(answer.seconds for answer in answers),
        series=_names(history),
        history=tuple(zip(history.indexes, history.values, strict=True)),
        _parts=tuple(parts),
        _levels=levels,
    )


def _counts(forecaster: Any, horizon: Any, folds: Any, step: Any) -> tuple[int, int, int]:
    """Return horizon, folds and step, checked."""
    if horizon is None:
        horizon = getattr(forecaster, "horizon", None)
        if horizon is None:
            raise ValueError(f"horizon must be given: {type(forecaster).__name__} has none")
    counts = {"horizon": horizon, "folds": folds, "step": horizon if step is None else step}
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    return int(counts["horizon"]), int(counts["folds"]), int(counts["step"])


def _check_intervals(coverage: Any, conformal: Any, horizon: int, folds: int, step: int) -> None:
    if isinstance(coverage, bool) or not isinstance(coverage, numbers.Real):
        raise TypeError(f"coverage must be a number between 0 and 1, got {coverage!r}")
    if not 0.0 < float(coverage) < 1.0:
        raise ValueError(f"coverage must be a number between 0 and 1, without both, got {coverage!r}")
    before = -(-horizon // step)  # folds from one to the first that begins after its end
    if conformal and folds <= before:
        raise ValueError(
            f"conformal=True calibrates a fold on those that end before it begins, and of {folds} folds of "
            f"{horizon} steps, {step} apart, there are none: folds must be at least {before + 1}"
        )


def _given_season(forecaster: Any, season: Any) -> int | None:
    """Return the season that the user or the forecaster states, or None."""
    if season is None:
        return None
    if isinstance(season, str):
        if season != "auto":
            raise ValueError(f"season must be 'auto', None or a number of steps, got {season!r}")
        season = getattr(forecaster, "season", None)
        if isinstance(season, bool) or not isinstance(season, numbers.Integral):
            return None
    if isinstance(season, bool) or not isinstance(season, numbers.Integral):
        raise TypeError(f"season must be 'auto', None or an integer, got {season!r}")
    steps = int(season)
    if steps < 1:
        raise ValueError(f"season must be at least 1, got {steps}")
    return steps if steps > 1 else None


def _found_season(history: History, cut: int) -> int | None:
    """Return the season of what lies before the first fold: nothing later decides it."""
    series = []
    for place, (index, values) in enumerate(zip(history.indexes, history.values, strict=True)):
        known = history.known_rows(place, cut)
        none = np.empty((known, 0))
        times = None if index is None else index[:known]
        series.append(Known(values[:known], none, none, np.empty(0), times, place))
    return season_of(Data(tuple(series), (), ()))


def _parts(
    history: History,
    task: Task,
    origins: Sequence[tuple[Origin, tuple[int, ...]]],
    answers: Sequence[Answers],
) -> list[Part]:
    """Return the forecasts beside what came."""
    names, parts = _names(history), []
    for fold, ((origin, firsts), answer) in enumerate(zip(origins, answers, strict=True)):
        for k, (place, first) in enumerate(zip(origin.places, firsts, strict=True)):
            truth = history.values[place][first : first + task.horizon]
            index = history.indexes[place]
            times = (
                np.arange(first, first + len(truth)) if index is None else index[first : first + len(truth)]
            )
            forecasts = {method: each[k].until(len(truth)) for method, each in answer.forecasts.items()}
            unit = naive_error(origin.known[k], task.season or 1)
            parts.append(Part(fold, place, names[place], first, times, truth, unit, forecasts))
    return parts


def _names(history: History) -> tuple[Any, ...]:
    ids = history.target.ids
    return tuple(place if each is None else each for place, each in enumerate(ids))


def _left_out(history: History, origins: Sequence[Origin]) -> list[str]:
    """Return a note if series do not take part in all folds."""
    every = len(history.values)
    fewer = [origin.number for origin in origins if len(origin.places) < every]
    if not fewer:
        return []
    least = min(len(origin.places) for origin in origins)
    return [
        f"{len(fewer)} of {len(origins)} folds are without some of the {every} series (down to {least}), "
        f"which have fewer than {_LEAST} values before, none in them, or X for a part of them alone"
    ]
