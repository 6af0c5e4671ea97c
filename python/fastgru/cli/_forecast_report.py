"""The result of the command forecast: what was chosen and how good it is, tables, CSV file, picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._dates import coarsest, show
from fastgru.cli._errors import InputError
from fastgru.cli._forecast_task import ForecastTask
from fastgru.cli._series import Series
from fastgru.cli._text import count, number
from fastgru.forecasting._baselines import naive_error

_MEDIAN = 0.5
_HARDLY = 5  # percent: less may be chance
_MOST_DRAWN = 6  # series
_MOST_SERIES = 20  # that are printed
_LEARNT = {
    "none": "the values themselves",
    "first": "changes from the last value",
    "seasonal": "changes from one season before",
}
_CYCLES = {
    "minute": "minute of the hour",
    "hour": "hour of the day",
    "weekday": "day of the week",
    "yearday": "day of the year",
}


@dataclass(frozen=True)
class Forecast:
    """The forecast of one series.

    Attributes
    ----------
    series : Series
        The series.
    when : list of str
        The time of each step, or its row.
    values : ndarray of shape (horizon, n_levels), float64
        Its quantiles.
    """

    series: Series
    when: list[str]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """The forecasts.

    Attributes
    ----------
    levels : tuple of float
        The quantiles, the median first.
    forecasts : list of Forecast
        One for each series.
    """

    levels: tuple[float, ...]
    forecasts: list[Forecast]


def evaluate(task: ForecastTask, forecaster: Any, levels: Sequence[float]) -> Result:
    """Forecast all series."""
    wanted = (_MEDIAN, *(level for level in levels if level != _MEDIAN))
    try:
        frames = forecaster.predict_quantiles(sorted(wanted), X=task.later)
    except ValueError as error:
        raise InputError(f"{task.file.path}: {' '.join(str(error).split())}") from None
    order = np.argsort(np.argsort(wanted))
    found = []
    for series, frame in zip(task.file.series, frames if task.file.by else [frames], strict=True):
        found.append(Forecast(series, _times(series, frame.index), frame.to_numpy()[:, order]))
    return Result(wanted, found)


def _times(series: Series, index: Any) -> list[str]:
    n = len(series.values)
    if series.dates is None:
        return [str(row) for row in index]
    # In the unit of all dates, so that the hours of some do not stand beside the days of others.
    dates = coarsest(np.concatenate((series.dates[:n], index.to_numpy().astype(series.dates.dtype))))
    return [show(moment) for moment in dates[n:]]


def describe(task: ForecastTask) -> str:
    """Return a description of the task, printed before training."""
    file, first = task.file, task.file.series[0]
    if file.by:
        rows = sum(len(each.values) for each in file.series)
        what = f"{file.path.name}: {count(len(file.series), 'series')} by {file.by}, {rows} rows"
    else:
        n = len(first.values)
        span = "" if first.dates is None else f", {first.when(0)} to {first.when(n - 1)}"
        what = f"{file.path.name}: {n} rows{span}"
    inputs = [f"{', '.join(file.known)} (known in advance)"] if file.known else []
    inputs += [f"{', '.join(file.past)} (measured)"] if file.past else []
    besides = f"; besides, it reads {' and '.join(inputs)}" if inputs else ""
    return f"{what}\nForecast of {file.label}, {count(task.horizon, file.time_unit)} ahead{besides}"


def choices(task: ForecastTask, forecaster: Any, asked: Any, seconds: float) -> str:
    """Return what was chosen, and whether the forecasts beat naive ones where both were measured."""
    unit, season = task.file.time_unit, forecaster.season_
    if season is None:
        first = "No season was found (--season STEPS names one)" if asked == "auto" else "No season"
    else:
        first = f"Season: {count(season, unit)}" + (", found in the data" if asked == "auto" else "")
    cycles = ", the ".join(_CYCLES[each] for each in forecaster.calendar_)
    read = f" and the {cycles}" if cycles else ""
    window, epochs = count(forecaster.window_, unit), count(forecaster.n_iter_, "epochs")
    second = (
        f"Learnt from {_LEARNT[forecaster.differencing_]}{read}, in windows of {window} ({epochs}, "
        f"{seconds:.1f} s)"
    )
    return f"{first}\n{second}\n{_verdict(task, forecaster)}"


def _verdict(task: ForecastTask, forecaster: Any) -> str:
    if forecaster.beats_naive_ is None:
        return (
            "The data are too few to hold an end out: nothing tells whether these forecasts are better than "
            "the last value, and how wide their intervals should be"
        )
    base, what = 1.0, "mean error, in units of the naive forecast's error in each series:"
    if not task.file.by:
        base = naive_error(forecaster._data.series[0].y, forecaster.season_ or 1) or 1.0
        what = "mean absolute error"
    own = base * forecaster.validation_[0]["mae"]
    naive = {name: base * error for name, error in forecaster.naive_mae_.items()}
    others = ", ".join(f"{_NAIVE[name]} {number(error, 3)}" for name, error in naive.items())
    best = min(naive, key=lambda name: naive[name])
    ahead = f"1 to {task.horizon}" if task.horizon > 1 and forecaster.strategy == "direct" else "1"
    figures = f"{what} {number(own, 3)}, {others}"
    held = f"On the end of the data, held out for these choices, {ahead} ahead: {figures}"
    return f"{held}\n{_compared(own, naive[best], _NAIVE[best])}"


_NAIVE = {"persistence": "last value", "seasonal naive": "last season"}


def _compared(own: float, best: float, name: str) -> str:
    if own >= best:
        return f"Not better than a naive forecast: rather repeat the {name} than use this one"
    share = 100 * (1 - own / best)
    if share < _HARDLY:
        little = "less than 1" if share < 1 else f"{share:.0f}"
        return f"Hardly better than the best naive forecast, the {name}: by {little} %"
    return f"Better than the best naive forecast, the {name}, by {share:.0f} %"


def table(task: ForecastTask, result: Result) -> str:
    """Return a table of the forecasts for each series, the first 20."""
    parts = []
    for each in result.forecasts[:_MOST_SERIES]:
        parts.append("\n".join(_lines(result.levels, each, task.file.title(each.series))))
    hidden = len(result.forecasts) - _MOST_SERIES
    if hidden > 0:
        parts.append(f"{count(hidden, 'series')} more: --output CSV writes the forecasts of all")
    return "\n" + "\n\n".join(parts) + "\n"


def _lines(levels: Sequence[float], forecast: Forecast, name: str) -> list[str]:
    heads = ["row" if forecast.series.dates is None else "time", *map(_percent, levels)]
    digits = _digits(forecast)
    rows = [
        [when, *(_shown(value, digits) for value in values)]
        for when, values in zip(forecast.when, forecast.values.tolist(), strict=True)
    ]
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    text = [
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
        for cells in (heads, *rows)
    ]
    return [name, *text] if name else text


def _percent(level: float) -> str:
    return "median" if level == _MEDIAN else f"{100 * level:g} %"


def _digits(forecast: Forecast) -> int | None:
    """Return the decimals that show the width of intervals, or the changes, with three digits; None: %g."""
    values = forecast.values
    spread = float(np.median(np.ptp(values, axis=1))) or float(np.ptp(values)) or float(np.abs(values).max())
    if not spread or not 1e-6 < spread < 1e9:
        return None
    return max(0, 2 - math.floor(math.log10(spread)))


def _shown(value: float, digits: int | None) -> str:
    return f"{value:.6g}" if digits is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.0


def write_csv(task: ForecastTask, result: Result, path: Path) -> None:
    """Write a row for each series and step: when, the median, the quantiles."""
    dated = task.file.series[0].dates is not None
    heads = [task.file.by] if task.file.by else []
    heads += ["time" if dated else "row", "median", *(f"q{level:g}" for level in result.levels[1:])]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        for each in result.forecasts:
            for when, values in zip(each.when, each.values.tolist(), strict=True):
                writer.writerow([*([each.series.name] if task.file.by else []), when, *values])


def draw(task: ForecastTask, forecaster: Any, path: Path) -> None:
    """Draw the end of the history and the forecasts, of the first six series."""
    from matplotlib import style

    # Matplotlib's defaults, whatever style the user has set; a $ in a column name starts no formula.
    with style.context(["default", {"text.parse_math": False}], after_reset=True):
        _figure(task, forecaster).savefig(path)


def _figure(task: ForecastTask, forecaster: Any) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fastgru.plot import forecast

    file, shown = task.file, task.file.series[:_MOST_DRAWN]
    figure = Figure(figsize=(9.0, 2.2 + 2.2 * len(shown)), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False).ravel()
    for each, ax in zip(shown, axes, strict=True):
        name, title = (each.name, file.title(each)) if file.by else (None, file.path.name)
        forecast(forecaster, X=task.later, series=name, title=title, ylabel=file.label, ax=ax)
        if ax is not axes[0]:
            ax.get_legend().remove()
        ax.set_xlabel("Row" if each.dates is None and ax is axes[-1] else "")
    if len(file.series) > len(shown):
        figure.suptitle(f"The first {len(shown)} of {len(file.series)} series in {file.path.name}")
    return figure
