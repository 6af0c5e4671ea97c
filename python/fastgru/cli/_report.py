"""The demo's result: forecasts of the test part, their errors, the table and the picture."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastgru
from fastgru import _core
from fastgru.cli._dates import coarsest, show, step_seconds
from fastgru.cli._plot import Picture
from fastgru.cli._samples import Samples
from fastgru.cli._source import Source
from fastgru.cli._task import Task
from fastgru.cli._text import count, number
from fastgru.cli._train import Choice, Run, microseconds_per_step
from fastgru.forecasting._baselines import persistence, seasonal_naive
from fastgru.forecasting._metrics import mae, rmse

_PERSISTENCE = "Persistence"


@dataclass(frozen=True)
class Result:
    """Forecasts of the test part.

    Attributes
    ----------
    when : ndarray of shape (n,), int64
        Rows of the series that were forecast.
    forecasts : dict of str to ndarray of shape (n,), float64
        Forecasts by name, the GRU's first.
    rmse, mae : dict of str to float
        Errors under the same names, in the unit of the series.
    microseconds : float
        Time of one streaming step.
    """

    when: NDArray[np.int64]
    forecasts: dict[str, NDArray[np.float64]]
    rmse: dict[str, float]
    mae: dict[str, float]
    microseconds: float

    def excess(self, name: str) -> float | None:
        """Return by how many percent an RMSE exceeds that of persistence; None if that is zero."""
        base = self.rmse[_PERSISTENCE]
        return None if base == 0.0 else 100.0 * (self.rmse[name] / base - 1.0)


def evaluate(task: Task, final: Run, test: Samples) -> Result:
    """Forecast the test part with the trained model and with the naive rules."""
    values, horizon = task.source.values, task.options.horizon
    forecasts = {f"GRU, {task.options.hidden_size} units": final.model.predict(test.inputs) + test.offset}
    if task.season is not None:
        name = f"Seasonal naive, {task.steps(task.season)}"
        forecasts[name] = seasonal_naive(values, test.when, horizon, task.season)
    forecasts[_PERSISTENCE] = persistence(values, test.when, horizon)
    truth = values[test.when]
    return Result(
        when=test.when,
        forecasts=forecasts,
        rmse={name: rmse(values, truth) for name, values in forecasts.items()},
        mae={name: mae(values, truth) for name, values in forecasts.items()},
        microseconds=microseconds_per_step(final.model, test.inputs),
    )


def describe(task: Task) -> str:
    """Return a description of the task, printed before training."""
    source, options = task.source, task.options
    n_rows = len(source.values)
    span = "" if source.dates is None else f", {show(source.dates[0])} to {show(source.dates[-1])}"
    test = f"row {task.split + 1}" if source.dates is None else show(source.dates[task.split])
    return (
        f"{source.title}: {n_rows} rows{span}\n"
        f"Forecast {task.steps(options.horizon)} ahead from the last {options.length}; "
        f"training before {test} ({task.split} rows), test from there on ({n_rows - task.split})"
    )


def table(task: Task, result: Result) -> str:
    """Return the table of errors on the test part."""
    heading = f"Test, {task.steps(task.options.horizon)} ahead"
    width = max(len(heading), *map(len, result.rmse))
    lines = [f"{heading:<{width}} {'RMSE':>10} {'MAE':>10}  RMSE against persistence"]
    for name, error in result.rmse.items():
        excess = None if name == _PERSISTENCE else result.excess(name)
        against = "" if excess is None else f"  {excess:+.0f} %"
        lines.append(f"{name:<{width}} {number(error, 4):>10} {number(result.mae[name], 4):>10}{against}")
    if task.season is None:
        lines.append("No season was found; --season STEPS adds a seasonal naive forecast.")
    return "\n".join(("", *lines, ""))


def timing(choice: Choice, final: Run, result: Result) -> str:
    """Return the chosen settings and the speed."""
    epochs = count(choice.epochs, "epochs")
    if final.windows < final.of_windows:
        epochs += f" of {final.windows} windows, drawn at random from {final.of_windows}"
    return (
        f"Learned from {'changes' if choice.changes else 'values'} in {epochs}, "
        f"{statistics.median(final.seconds):.3f} s per epoch; "
        f"{result.microseconds:.1f} µs per streaming step; "
        f"{count(fastgru.get_num_threads(), 'threads')}, {_core.isa()}"
    )


def picture(task: Task, choice: Choice, final: Run, result: Result) -> Picture:
    """Return the contents of the picture."""
    source, options = task.source, task.options
    x, x_label = _time_axis(source)
    return Picture(
        title=f"{source.title}, {task.steps(options.horizon)} ahead",
        subtitle=_subtitle(task, result),
        label=source.label,
        unit=source.unit,
        x=x[result.when],
        x_label=x_label,
        truth=source.values[result.when],
        forecasts=result.forecasts,
        errors=result.rmse,
        losses=final.losses,
        validation=choice.run.validation,
        epochs=choice.epochs,
    )


def _time_axis(source: Source) -> tuple[NDArray[Any], str]:
    """Return where the values stand on the time axis, and its label.

    Matplotlib's dates are too coarse for steps of less than a few milliseconds.
    """
    if source.dates is None:
        return np.arange(1, len(source.values) + 1), "Row"
    seconds = step_seconds(source.dates)
    if seconds is None or seconds >= 0.01:
        return source.dates, ""
    elapsed = (source.dates - source.dates[0]) / np.timedelta64(1, "s")
    return elapsed, f"Seconds after {show(coarsest(source.dates[:1])[0])}"


def _subtitle(task: Task, result: Result) -> str:
    part = f"{task.steps(len(result.when))} not seen in training"
    excess = result.excess(next(iter(result.rmse)))
    if excess is None:
        return part
    return f"{part}: RMSE of the GRU {abs(excess):.0f} % {'above' if excess > 0 else 'below'} persistence"
