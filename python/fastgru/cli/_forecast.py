"""`python -m fastgru forecast`: what comes next in a file's series."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fastgru
from fastgru.cli import _file_options, _forecast_report
from fastgru.cli._arguments import add_run_options, levels, names, whole
from fastgru.cli._errors import InputError
from fastgru.cli._forecast_task import ForecastTask, check_folds, make_task
from fastgru.cli._output import check_writable, write_if_asked
from fastgru.cli._plot import require_matplotlib
from fastgru.cli._series import Wanted, load_series


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "forecast",
        help="forecast the next steps of a column of a CSV file, with intervals",
        description="Fit a GRU on a column of a CSV file, and print its next steps with quantiles. Season, "
        "differencing and window are chosen on the end of the series, where naive forecasts are measured, "
        "too.",
    )
    add = parser.add_argument
    add("data", metavar="FILE.csv", type=Path, help="a CSV file with column names; it may be compressed")
    _add_column_options(parser)
    _add_model_options(parser)
    add(
        "--backtest",
        metavar="FOLDS",
        type=whole(1, 1000),
        help="measure such forecasts on so many stretches of the past, each by a model that has learnt from "
        "what lies before it alone, beside naive forecasts",
    )
    add("--output", metavar="CSV", type=Path, help="write the forecasts here")
    add("--plot", metavar="PNG", type=Path, help="draw the end of the history and the forecasts here")
    add("--save", metavar="MODEL.safetensors", type=Path, help="save the fitted forecaster here")
    _file_options.add_to(parser, "reading the file", target=False)
    parser.set_defaults(run=run)


def _add_column_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("columns, by name or number")
    _file_options.add_target(group)
    add = group.add_argument
    add("--time", metavar="COLUMN", help="the column of dates (default: found out)")
    add(
        "--series",
        metavar="COLUMN",
        help="the column that names the series, in a file with several: one model learns from all",
    )
    add(
        "--known-ahead",
        metavar="A,B",
        type=names,
        default=(),
        help="columns that are known in advance (holidays, prices): the file goes on with them after the "
        "last value of the target",
    )
    add(
        "--past-columns",
        metavar="C,D",
        type=names,
        default=(),
        help="columns that are measured, and end with the target",
    )


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--horizon",
        metavar="STEPS",
        type=whole(1, 10**5),
        help="steps to forecast (default: 12, but at most a quarter of the rows)",
    )
    add(
        "--season",
        metavar="STEPS",
        type=_season,
        default="auto",
        help="length of the season, or none (default: found in the series)",
    )
    add(
        "--quantiles",
        metavar="Q,Q",
        type=levels,
        default=(0.1, 0.5, 0.9),
        help="the quantiles to print (default: 0.1,0.5,0.9)",
    )
    add(
        "--strategy",
        choices=("direct", "recursive"),
        default="direct",
        help="all steps at once, or step by step, along paths that are drawn (default: %(default)s)",
    )
    add(
        "--missing",
        choices=("error", "mask"),
        default="error",
        help="what empty cells and gaps in the dates are: an error, or missing values, which the network is "
        "told of (default: %(default)s)",
    )
    add_run_options(parser)
    add("--max-iter", type=whole(1, 10**6), default=100, help=argparse.SUPPRESS)  # for quick tests


def run(options: argparse.Namespace) -> None:
    """Run the command; raises InputError if the input or an output cannot be used."""
    _require_pandas()
    if options.plot is not None:
        require_matplotlib(options.plot)
    for path in (options.output, options.plot, options.save):
        if path is not None:
            check_writable(path)
    columns = Wanted(options.time, options.series, options.known_ahead, options.past_columns)
    file = load_series(options.data, _file_options.reading(options), columns)
    task = make_task(file, options.horizon, options.season, options.strategy, options.missing)
    if options.backtest is not None:
        check_folds(task, options.backtest)
    for note in file.notes:
        print(f"Note: {note}.", file=sys.stderr)
    if options.threads is not None:
        fastgru.set_num_threads(options.threads)
    importlib.import_module("fastgru.forecasting.forecaster")  # takes a second: before any output
    print(_forecast_report.describe(task), flush=True)
    begin = time.perf_counter()
    forecaster = _fit(task, options)
    result = _forecast_report.evaluate(task, forecaster, options.quantiles)
    print(_forecast_report.choices(task, forecaster, options.season, time.perf_counter() - begin))
    print(_forecast_report.table(task, result), flush=True)
    if options.backtest is not None:
        print(f"{_backtest(task, forecaster, options.backtest)}\n", flush=True)
    _write(task, forecaster, result, options)


def _require_pandas() -> None:
    try:
        importlib.import_module("pandas")
    except ImportError:
        raise InputError(
            'the command forecast needs pandas, which is not installed: pip install "fastgru[demo]"'
        ) from None


def _season(text: str) -> int | str | None:
    """Return a season; the type of such an argument."""
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return whole(2, 10**6)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or none") from None


def _fit(task: ForecastTask, options: argparse.Namespace) -> Any:
    from fastgru.forecasting.forecaster import GRUForecaster

    forecaster = GRUForecaster(
        task.horizon,
        season=options.season,
        past_columns=list(task.file.past) or None,
        strategy=options.strategy,
        missing=options.missing,
        max_iter=options.max_iter,
        random_state=options.seed,
        verbose=sys.stderr.isatty(),
    )
    with _told(task):
        forecaster.fit(task.y, task.X)
    return forecaster.set_params(verbose=False)


@contextlib.contextmanager
def _told(task: ForecastTask) -> Iterator[None]:
    """Send what is printed to stderr: it is progress, not the result; tell errors in one line."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except ValueError as error:
        raise InputError(f"{task.file.path}: {' '.join(str(error).split())}") from None


def _backtest(task: ForecastTask, forecaster: Any, folds: int) -> Any:
    from fastgru.forecasting.backtest import backtest

    told, season = sys.stderr.isatty(), forecaster.season
    with _told(task):
        return backtest(
            forecaster, task.y, task.X, folds=folds, season=season, baselines="naive", verbose=told
        )


def _write(
    task: ForecastTask, forecaster: Any, result: _forecast_report.Result, options: argparse.Namespace
) -> None:
    write_if_asked(options.output, "Forecasts", partial(_forecast_report.write_csv, task, result))
    write_if_asked(options.plot, "Picture", partial(_forecast_report.draw, task, forecaster))
    write_if_asked(options.save, "Model", partial(forecaster.save, metadata={"target": task.file.target}))
