"""The command ``python -m fastgru bench``: run, then write table, JSON and pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench import report
from bench.cases import SUITES
from bench.measurement import Result, progress
from bench.peers import PEERS
from bench.remote import WorkerError
from bench.runner import SCHEMA, Runner
from bench.settings import Settings

QUICK = {"rounds": 3, "batch_seconds": 0.02}
JSON_NAME, TABLE_NAME = "bench.json", "bench.txt"


class UsageError(Exception):
    """An option cannot be used; the message says which and why."""


def main(options: argparse.Namespace) -> None:
    """Run the benchmark the options ask for.

    Raises
    ------
    UsageError
        A name is unknown, or the output directory cannot be written.
    """
    output: Path = options.output
    results = None if options.redraw is None else _read(options.redraw)
    runner = None if results is not None else _runner(options)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror}") from None
    if runner is not None:
        try:
            runner.run()
        except WorkerError as error:
            raise UsageError(f"fastgru itself does not run: {error}") from None
        finally:  # after Ctrl-C, too: the results so far
            results = runner.found()
            if results["cases"] or results["cpp"]:
                _write(results, output)
    elif results is not None:
        _write(results, output)


def _read(path: Path) -> Result:
    try:
        results: Result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--redraw {path}: {error}") from None
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise UsageError(f"--redraw {path}: not a result of this benchmark")
    return results


def _runner(options: argparse.Namespace) -> Runner:
    settings = _settings(options)
    runner = Runner(settings)
    if not runner.cases and not settings.cpp:
        raise UsageError(f"--match {settings.match!r}: no case has that in its name")
    return runner


def _settings(options: argparse.Namespace) -> Settings:
    chosen = Settings(
        suites=_names("--cases", options.cases, SUITES),
        peers=_names("--peers", options.peers, PEERS),
        threads=options.threads,
        match=options.match,
    )
    fields = {**chosen.__dict__, **(QUICK if options.quick else {})}
    if options.rounds is not None:
        fields["rounds"] = options.rounds
    return Settings(**fields)


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in a comma-separated list; "all" and "none" are kept as they are."""
    if text == "all":
        return known
    names = [] if text == "none" else text.split(",")
    for name in names:
        if name not in known:
            raise UsageError(f"{option}: no {name!r}; there are {', '.join(known)}, all, none")
    return tuple(name for name in known if name in names)


def _write(results: Result, output: Path) -> None:
    text = report.write(results)
    print(text)
    (output / JSON_NAME).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (output / TABLE_NAME).write_text(text, encoding="utf-8")
    written = [JSON_NAME, TABLE_NAME]
    try:
        from bench import plots
    except ImportError as error:
        progress(f"no pictures: {error}")
    else:
        written += plots.draw(results, output)
    progress(f"{output}: {', '.join(written)}")
