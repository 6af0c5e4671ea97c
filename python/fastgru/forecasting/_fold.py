"""One fold of a backtest: a forecaster fitted on what is known at the origin, and its rivals."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone

from fastgru.forecasting._answers import points_of, quantiles_of
from fastgru.forecasting._origins import Origin
from fastgru.forecasting._rivals import STATISTICAL, Forecast, rival_forecast


@dataclass(frozen=True)
class Task:
    """What is the same in every fold.

    Attributes
    ----------
    forecaster : object
        As the user gave it: each fold fits a copy.
    name : str
        What it is called.
    rivals : tuple of str
        The methods beside it.
    horizon : int
        Steps to forecast.
    season : int or None
        Of the seasonal rivals.
    levels : tuple of float
        The quantiles to forecast, ascending.
    folds : int
        How many there are.
    verbose : bool
        Whether to print a line after a fold.
    """

    forecaster: Any
    name: str
    rivals: tuple[str, ...]
    horizon: int
    season: int | None
    levels: tuple[float, ...]
    folds: int
    verbose: bool


@dataclass(frozen=True)
class Answers:
    """The forecasts of one fold.

    Attributes
    ----------
    forecasts : dict of str to list of Forecast
        By method, one per series that takes part.
    failures : dict of str to str
        Rivals that failed, and how.
    seconds : float
        Time of the forecaster's fit.
    """

    forecasts: dict[str, list[Forecast]]
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def run_fold(task: Task, origin: Origin) -> Answers:
    """Fit and forecast. The truth is not here, so that nothing can read it.

    Raises
    ------
    TypeError, ValueError
        From the forecaster; the message names the fold. Other exceptions of it pass through.
    """
    where = f"fold {origin.number} of {task.folds}, {max(map(len, origin.known))} steps to learn from"
    try:
        own, seconds = _own(task, origin)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{where}: {error}") from error
    forecasts, failures = {task.name: own}, {}
    for rival in task.rivals:
        try:
            forecasts[rival] = [
                rival_forecast(rival, known, task.horizon, task.season, task.levels) for known in origin.known
            ]
        except Exception as error:
            if rival not in STATISTICAL:
                raise
            failures[rival] = f"failed in fold {origin.number} ({error})"
    if task.verbose:
        print(f"backtest, {where}: fitted in {seconds:.1f} s", flush=True)
    return Answers(forecasts, failures, seconds)


def _own(task: Task, origin: Origin) -> tuple[list[Forecast], float]:
    """Return the forecasts of a copy of the forecaster, and the seconds of its fit."""
    model = _copy(task.forecaster, task.horizon)
    begin = time.perf_counter()
    given = {} if origin.X is None else {"X": origin.X}
    model.fit(origin.y, **given, **({} if origin.static is None else {"static": origin.static}))
    seconds = time.perf_counter() - begin
    ahead = {} if origin.X_ahead is None else {"X": origin.X_ahead}
    answer = model.predict(horizon=task.horizon, **ahead)
    points = points_of(answer, origin, task.horizon, task.name)
    if not hasattr(model, "predict_quantiles"):
        return [Forecast(point, None) for point in points], seconds
    answer = model.predict_quantiles(list(task.levels), horizon=task.horizon, **ahead)
    quantiles = quantiles_of(answer, origin, task.horizon, task.levels, task.name)
    return [Forecast(*pair) for pair in zip(points, quantiles, strict=True)], seconds


def _copy(forecaster: Any, horizon: int) -> Any:
    """Return a copy that is not fitted, for this horizon."""
    if not hasattr(forecaster, "get_params"):
        return copy.deepcopy(forecaster)
    model = clone(forecaster)
    return model.set_params(horizon=horizon) if "horizon" in model.get_params() else model
