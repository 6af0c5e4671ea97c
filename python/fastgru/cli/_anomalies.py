"""`python -m fastgru anomalies`: what in a file was not to be expected."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import fastgru
from fastgru.cli import _anomaly_report, _file_options
from fastgru.cli._arguments import add_run_options, share, whole
from fastgru.cli._columns import Columns, load_columns
from fastgru.cli._errors import InputError
from fastgru.cli._output import check_writable, write_if_asked
from fastgru.cli._plot import require_matplotlib

_FEWEST = 40  # rows to fit on


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "anomalies",
        help="find the stretches of a CSV file's columns that what came before did not announce",
        description="Fit a GRU that forecasts the next row of a CSV file, and list the stretches of rows "
        "that differ from their forecasts far more than usual: when, how long, by how much, which column.",
    )
    add = parser.add_argument
    add("data", metavar="FILE.csv", type=Path, help="a CSV file with column names; it may be compressed")
    add(
        "--columns",
        metavar="A,B",
        help="the columns, by name or number (default: all that hold numbers)",
    )
    add("--time", metavar="COLUMN", help="the column of dates (default: found out)")
    _add_model_options(parser)
    add(
        "--most",
        metavar="N",
        type=whole(1, 10**6),
        default=10,
        help="stretches to list, the worst first (default: %(default)s)",
    )
    add("--output", metavar="CSV", type=Path, help="write every row's score, expected values and parts here")
    add("--plot", metavar="PNG", type=Path, help="draw a picture here")
    add("--save", metavar="MODEL.safetensors", type=Path, help="save the fitted detector here")
    _file_options.add_to(parser, "reading the file", target=False)
    parser.set_defaults(run=run)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--train-until",
        metavar="WHEN",
        help="fit on the rows up to this date (2024-05 means all of May), or up to this row number in a file "
        "without dates",
    )
    which.add_argument(
        "--train-share",
        metavar="SHARE",
        type=share,
        default=1.0,
        help="fit on this share of the rows, from the first on (default: 1, all rows)",
    )
    add = parser.add_argument
    add(
        "--contamination",
        metavar="SHARE",
        type=share,
        help="the share of anomalies in the rows that are fitted on, up to 0.5 (default: a threshold far "
        "above usual errors)",
    )
    add(
        "--hidden-size",
        metavar="UNITS",
        type=whole(1, 10**6),
        default=32,
        help="units of the GRU (default: %(default)s)",
    )
    add_run_options(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command; raises InputError if the input or an output cannot be used."""
    if options.contamination is not None and options.contamination > 0.5:
        raise InputError(f"--contamination must be at most 0.5, got {options.contamination:g}")
    if options.plot is not None:
        require_matplotlib(options.plot)
    for path in (options.output, options.plot, options.save):
        if path is not None:
            check_writable(path)
    wanted = None if options.columns is None else options.columns.split(",")
    columns = load_columns(options.data, _file_options.reading(options), wanted, options.time)
    rows = _training_rows(columns, options.train_until, options.train_share)
    for note in columns.notes:
        print(f"Note: {note}.", file=sys.stderr)
    if options.threads is not None:
        fastgru.set_num_threads(options.threads)
    importlib.import_module("fastgru.anomalies")  # takes a second: before any output
    print(_anomaly_report.describe(columns, rows), flush=True)
    begin = time.perf_counter()
    detector = _fit(columns, rows, options)
    result = _anomaly_report.evaluate(columns, detector)
    print(_anomaly_report.table(columns, result, options.most, time.perf_counter() - begin), flush=True)
    _write(columns, detector, result, options)


def _training_rows(columns: Columns, until: str | None, part: float) -> int:
    """Return the number of rows to fit on, after a check that they are enough."""
    n_rows = len(columns.values)
    rows = int(n_rows * part) if until is None else _rows_until(columns, until)
    if rows < _FEWEST:
        raise InputError(
            f"{columns.path}: {rows} of {n_rows} rows are too few to fit on: at least {_FEWEST} are needed"
        )
    train = columns.values[:rows]
    for name, values in zip(columns.names, train.T, strict=True):
        if np.isnan(values).all():
            raise InputError(f"{columns.path}: {name!r} has no value in the {rows} rows to fit on")
    if (np.nanmax(train, axis=0) == np.nanmin(train, axis=0)).all():
        raise InputError(f"{columns.path}: the {rows} rows to fit on never change: there is nothing to learn")
    return rows


def _rows_until(columns: Columns, until: str) -> int:
    n_rows = len(columns.values)
    if columns.dates is None:
        if not until.isdecimal() or not 1 <= int(until) <= n_rows:
            raise InputError(
                f"--train-until: the rows have no dates, so a row number from 1 to {n_rows} is wanted, "
                f"not {until!r}"
            )
        return int(until)
    try:
        moment = np.datetime64(until)
    except ValueError:
        moment = np.datetime64("NaT")
    if np.isnat(moment):
        raise InputError(
            f"--train-until: a date such as {columns.when(n_rows // 2)} is wanted, not {until!r}"
        )
    return int(np.count_nonzero(columns.dates.astype(moment.dtype) <= moment))


def _fit(columns: Columns, rows: int, options: argparse.Namespace) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    from fastgru.anomalies import GRUAnomalyDetector

    detector = GRUAnomalyDetector(
        hidden_size=options.hidden_size,
        contamination="auto" if options.contamination is None else options.contamination,
        missing="mask" if np.isnan(columns.values).any() else "error",
        random_state=options.seed,
    )
    bar = _progress_bar(detector.max_iter)
    detector.set_params(callbacks=lambda event: _show(bar, event))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            # Like scikit-learn's, the estimator turns Ctrl-C into a warning; here it must end the command.
            warnings.filterwarnings("error", message="Training interrupted", category=UserWarning)
            detector.fit(columns.values[:rows])
    except UserWarning:
        raise KeyboardInterrupt from None
    except ValueError as error:
        raise InputError(f"training stopped: {' '.join(str(error).split())}") from None
    finally:
        if bar is not None:
            bar.total = bar.n
            bar.close()
    return detector.set_params(callbacks=None)


def _progress_bar(total: int) -> Any:
    """Return a bar on stderr, or None without tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    shown = "{desc} {bar} {n_fmt:>3} epochs, {elapsed}{postfix}"
    # disable: no bar if the output is a file or a pipe
    return tqdm(
        total=total, desc="Training", bar_format=shown, file=sys.stderr, disable=None, dynamic_ncols=True
    )


def _show(bar: Any, event: dict[str, Any]) -> bool:
    if bar is not None:
        bar.set_postfix_str(f"loss {event['loss']:.3f}", refresh=False)
        bar.update(1)
    return False


def _write(
    columns: Columns, detector: Any, result: _anomaly_report.Result, options: argparse.Namespace
) -> None:
    names = {"columns": "\n".join(columns.names)}
    write_if_asked(options.output, "Every row", partial(_anomaly_report.write_csv, columns, result))
    write_if_asked(options.plot, "Picture", partial(_anomaly_report.draw, columns, detector))
    write_if_asked(options.save, "Model", partial(detector.save, metadata=names))
