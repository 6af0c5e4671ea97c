"""`python -m fastgru demo`: train on a real series, forecast the test part, compare, draw."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from typing import Any

import fastgru
from fastgru import _core
from fastgru.cli import _file_options, _report
from fastgru.cli._arguments import whole
from fastgru.cli._errors import InputError
from fastgru.cli._output import check_writable, whole_file
from fastgru.cli._plot import draw, require_matplotlib
from fastgru.cli._samples import make_samples
from fastgru.cli._source import BUNDLED, load_source
from fastgru.cli._task import make_task
from fastgru.cli._train import Bar, choose, fit


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="train a GRU on a real series and compare its forecast with naive ones",
        description="Train a GRU on the first four fifths of a real series, forecast the last fifth, compare "
        "with naive forecasts, and draw a picture.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--data",
        metavar="FILE.csv",
        type=Path,
        help="a CSV file of your own, with column names; it may be compressed",
    )
    which.add_argument(
        "--series",
        choices=sorted(BUNDLED),
        default="elnino",
        help="a bundled series (default: %(default)s)",
    )
    add = parser.add_argument
    _file_options.add_to(parser)
    add(
        "--horizon",
        metavar="STEPS",
        type=whole(1, 10**6),
        help="steps ahead to forecast (default: a quarter of the season, at most 12; 1 without a season)",
    )
    add(
        "--length",
        metavar="STEPS",
        type=whole(1, 10**6),
        help="steps in the GRU's input window (default: two seasons, but 24 to 96)",
    )
    add(
        "--season",
        metavar="STEPS",
        type=whole(1, 10**6),
        help="length of the season (default: detected in the training part)",
    )
    add(
        "--hidden-size",
        metavar="UNITS",
        type=whole(1, 10**6),
        default=32,
        help="units of the GRU (default: %(default)s)",
    )
    add(
        "--epochs",
        metavar="N",
        type=whole(1, 10**6),
        help="passes over the training part (default: chosen by validation)",
    )
    add(
        "--seed",
        metavar="N",
        type=whole(0, 2**32 - 1),
        default=0,
        help="seed of the initial weights and the sample order (default: %(default)s)",
    )
    add(
        "--threads",
        metavar="N",
        type=whole(1, _core.max_threads),
        help="threads for training (default: all cores)",
    )
    add(
        "--output",
        metavar="PNG",
        type=Path,
        default=Path("fastgru-demo.png"),
        help="file of the picture (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the demo; raises InputError if the input or the output cannot be used."""
    begin = time.perf_counter()
    require_matplotlib(options.output)
    check_writable(options.output)
    bar = _progress_bar()
    source = load_source(options.data, options.series, _file_options.reading(options))
    task = make_task(
        source,
        length=options.length,
        horizon=options.horizon,
        season=options.season,
        hidden_size=options.hidden_size,
        epochs=options.epochs,
        seed=options.seed,
    )
    for note in source.notes:
        print(f"Note: {note}.", file=sys.stderr)
    if options.threads is not None:
        fastgru.set_num_threads(options.threads)
    importlib.import_module("fastgru.estimators")  # takes a second: before any output
    print(_report.describe(task), flush=True)
    choice = choose(source.values, task.split, task.options, bar)
    samples = make_samples(source.values, task.options.length, task.options.horizon, choice.changes)
    final = fit(samples.part(0, task.split), task.options, choice.epochs, bar)
    result = _report.evaluate(task, final, samples.part(task.split, len(source.values)))
    print(_report.table(task, result))
    print(_report.timing(choice, final, result), flush=True)
    with whole_file(options.output) as picture:
        draw(_report.picture(task, choice, final, result), picture)
    print(f"Picture: {options.output}; {time.perf_counter() - begin:.1f} s in all")


def _progress_bar() -> Bar:
    try:
        from tqdm import tqdm
    except ImportError:
        raise InputError(
            'the progress bar needs tqdm, which is not installed: pip install "fastgru[demo]"'
        ) from None

    def bar(total: int, title: str) -> Any:
        return tqdm(
            total=total,
            desc=f"{title:<20}",
            bar_format="{desc} {bar} {n_fmt:>3} epochs, {elapsed}{postfix}",
            file=sys.stderr,
            disable=None,  # no progress bar if the output is a file or a pipe
            dynamic_ncols=True,
        )

    return bar
