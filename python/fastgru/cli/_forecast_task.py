"""A forecasting task: a file's series in the containers that a forecaster takes, checked before it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._dates import coarsest, in_changing_night, show
from fastgru.cli._errors import InputError
from fastgru.cli._series import Series, SeriesFile
from fastgru.cli._text import count

_USUAL_HORIZON = 12
_BESIDES = 4  # values besides the horizon that a forecaster needs to learn from
_FEWEST = 8  # values before the first fold of a backtest
_HOUR = np.timedelta64(1, "h")
_OFTEN = 0.2  # the share of odd steps that are no longer gaps
_WIDE = 1.5  # as the forecaster sees gaps: months and quarters differ by less


@dataclass(frozen=True)
class ForecastTask:
    """What to forecast.

    Attributes
    ----------
    file : SeriesFile
        The series.
    horizon : int
        Steps ahead.
    y : object
        For ``fit``: a Series, or a list of Series of several.
    X, later : object
        The covariates for ``fit`` and for ``predict``, as frames; None where there are none.
    """

    file: SeriesFile
    horizon: int
    y: Any
    X: Any
    later: Any


def make_task(
    file: SeriesFile, horizon: int | None, season: int | str | None, strategy: str, missing: str
) -> ForecastTask:
    """Check the series of a file, and put them into pandas' containers.

    Parameters
    ----------
    horizon : int or None
        Steps ahead; None: 12, but at most a quarter of the shortest series, and at most the rows that are
        known in advance.
    season, strategy, missing
        Of the forecaster.

    Raises
    ------
    InputError
        The series are too short (for the season, too), never change, have gaps or empty cells where none may
        be, or the columns that are known in advance end too early. The message says where.
    """
    if file.past and strategy == "recursive":
        raise InputError(
            "--past-columns does not go with --strategy recursive: such columns end with the data"
        )
    import pandas as pd

    chosen = _usual_horizon(file) if horizon is None else horizon
    longest = max(len(each.values) for each in file.series)
    if isinstance(season, int) and season > longest // 2:
        raise InputError(f"{file.path}: --season {season} needs two seasons, and there are {longest} rows")
    for each in file.series:
        _check_length(file, each, chosen, strategy)
        _check_cells(file, each, missing, chosen)
        _check_dates(file, each, missing)
    if all((each.values[np.isfinite(each.values)] == each.values[0]).all() for each in file.series):
        value = file.series[0].values[0]
        raise InputError(f'{file.path}: "{file.target}" is always {value:g}: there is nothing to forecast')
    columns = [*file.past, *file.known]
    y, X, later = [], [], []
    for each in file.series:
        n, index = len(each.values), _index(each)
        y.append(pd.Series(each.values, index[:n], name=each.name or file.target))
        X.append(pd.DataFrame(each.inputs, index[:n], columns))
        later.append(pd.DataFrame(each.later, index[n:], list(file.known)))
    return ForecastTask(
        file,
        chosen,
        y if file.by else y[0],
        None if not columns else X if file.by else X[0],
        None if not file.known else later if file.by else later[0],
    )


def _usual_horizon(file: SeriesFile) -> int:
    shortest = min(len(each.values) for each in file.series)
    rows = [len(each.later) for each in file.series if file.known]
    return max(1, min(_USUAL_HORIZON, shortest // 4, *rows, _USUAL_HORIZON))


def _needed(file: SeriesFile, ahead: int) -> int:
    """Return the values that a forecaster needs to learn to look `ahead`."""
    return ahead * (2 if file.known else 1) + _BESIDES


def check_folds(task: ForecastTask, folds: int) -> None:
    """Refuse more folds of a backtest than the longest series has steps for; raises InputError."""
    steps = max(len(each.values) for each in task.file.series)
    possible = (steps - max(_FEWEST, _needed(task.file, task.horizon))) // task.horizon
    if folds > possible:
        hint = f": {count(possible, 'folds')} would fit" if possible > 0 else ""
        raise InputError(
            f"{task.file.path}: {count(steps, 'rows')} are too few for --backtest {folds} with "
            f"{count(task.horizon, task.file.time_unit)} in a fold{hint}"
        )


def _check_length(file: SeriesFile, series: Series, horizon: int, strategy: str) -> None:
    known, ahead = int(np.isfinite(series.values).sum()), horizon if strategy == "direct" else 1
    needed = _needed(file, ahead)
    if known >= needed:
        return
    possible = (known - _BESIDES) // (2 if file.known else 1)
    hint = f" (--horizon {possible} is possible)" if possible > 0 and strategy == "direct" else ""
    if file.by:
        hint += ": leave the series out" if possible <= 0 else ", or leave the series out"
    raise InputError(
        f'{file.where(series)}: {count(known, "values")} of "{file.target}" are too few to forecast '
        f"{count(ahead, file.time_unit)} ahead: at least {needed} are needed{hint}"
    )


def _check_cells(file: SeriesFile, series: Series, missing: str, horizon: int) -> None:
    """Refuse empty cells: of the target, unless they are masked, and of covariates."""
    empty = np.flatnonzero(np.isnan(series.values))
    if len(empty) and missing == "error":
        raise InputError(
            f'{file.path}, line {series.lines[empty[0]]}, column "{file.target}": there is no value'
            f"{_of_many(len(empty), 'cells')}: fill it in, or --missing mask reads such cells as missing"
        )
    n = len(series.values)
    if len(series.later) < horizon and file.known:
        raise InputError(
            f"{file.where(series)}: --known-ahead needs {count(horizon, 'rows')} after the last value of "
            f'"{file.target}" (line {series.lines[n - 1]}), and there {_are(len(series.later))}: put '
            "them in, with the columns known in advance filled and the target empty, or shorten --horizon"
        )
    names = [*file.past, *file.known]
    for table, first, columns in (
        (series.inputs, 0, names),
        (series.later[:horizon], n, list(file.known)),
    ):
        bad = np.argwhere(np.isnan(table))
        if len(bad):
            row, column = bad[0].tolist()
            raise InputError(
                f'{file.path}, line {series.lines[first + row]}, column "{columns[column]}": there is no '
                f"value{_of_many(len(bad), 'cells')}, and covariates need one in every row: fill it in"
            )


def _check_dates(file: SeriesFile, series: Series, missing: str) -> None:
    """Refuse gaps, unless they are masked."""
    from fastgru._gaps import usual_steps

    index = _index(series)
    if series.dates is None or len(index) < 3:
        return
    steps = usual_steps(index)
    wide, odd = steps > _WIDE, (steps > _WIDE) | (steps < 1 / _WIDE)
    if not odd.any():
        return
    uneven = odd.mean() > _OFTEN or not wide.any()
    row = int(np.flatnonzero(odd if uneven else wide)[0])
    before, after = coarsest(index.to_numpy())[row : row + 2]
    line, between = series.lines[row + 1], f"{show(before)} to {show(after)}"
    if uneven:
        raise InputError(
            f"{file.path}, line {line}: the rows do not come in even steps ({between} is {steps[row]:.3g} "
            "times the usual one): make them even (sums or means of days, say), or --no-dates takes them as "
            "even"
        )
    spring = ", where clocks go forward" if _clocks_go_forward(index.to_numpy(), row) else ""
    what = (
        f"{file.path}, line {line}: a gap in the dates, {between}{spring}{_of_many(int(wide.sum()), 'gaps')}"
    )
    if file.known or file.past:
        raise InputError(f"{what}: covariates need a row for every step")
    if missing == "error":
        raise InputError(
            f"{what}: put the rows in, or --missing mask reads them as missing, or --no-dates takes the rows "
            "as even steps"
        )


def _clocks_go_forward(dates: NDArray[np.datetime64], row: int) -> bool:
    """Return whether an hour is missing after a row as in the night when clocks go forward."""
    steps = np.diff(dates)
    usual = np.median(steps.astype(np.int64)).astype(np.int64).astype(steps.dtype)
    return bool(
        usual <= _HOUR and steps[row] == usual + _HOUR and in_changing_night(dates[row + 1 : row + 2])[0]
    )


def _of_many(amount: int, plural: str) -> str:
    return f" (the first of {amount} such {plural})" if amount > 1 else ""


def _are(amount: int) -> str:
    return "are none" if not amount else "is 1" if amount == 1 else f"are {amount}"


def _index(series: Series) -> Any:
    """Return the dates of the rows, or their numbers."""
    import pandas as pd

    if series.dates is not None:
        return pd.DatetimeIndex(series.dates)
    return pd.RangeIndex(series.first, series.first + len(series.values) + len(series.later))
