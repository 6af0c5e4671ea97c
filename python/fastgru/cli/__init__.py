"""The commands of ``python -m fastgru``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastgru import __version__, _paths
from fastgru.cli import _anomalies, _bench, _convert, _demo, _export, _forecast, _generate, _info
from fastgru.cli._errors import InputError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``python -m fastgru``; by default the arguments of the process.

    Returns
    -------
    int
        The exit code: 0 on success, 2 if the input cannot be used (one line on stderr says why), 130 after
        Ctrl-C, 141 if the reader of the output closed it early.

    Examples
    --------
    >>> from fastgru.cli import main
    >>> main(["info"])  # doctest: +ELLIPSIS
    Versions:
    ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without µ and ñ shows a question mark
    parser = _make_parser()
    try:
        options = parser.parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except InputError as error:
        print(f"fastgru: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fastgru: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (a pager, head) has closed the pipe: stdout goes elsewhere, so that Python's flush at
        # exit raises no second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


class _PrintFolder(argparse.Action):
    """Print a folder of the C++ library and exit, as --version does; no command is needed."""

    def __init__(self, *arguments: Any, folder: Callable[[], Path], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._folder = folder

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        """Print the folder, which must exist."""
        folder = self._folder()
        if not folder.is_dir():
            parser.error(f"this installation carries no C++ library: there is no folder {folder}")
        print(folder)
        parser.exit()


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastgru", description="A fast, exact GRU for the CPU.")
    parser.add_argument("--version", action="version", version=f"fastgru {__version__}")
    for option, folder, what in (
        ("--includedir", _paths.include_dir, "the folder of fastgru/fastgru.hpp and fastgru/fastgru.h"),
        ("--cmakedir", _paths.cmake_dir, "the folder for CMake's find_package: -Dfastgru_DIR=…"),
        ("--pkgconfigdir", _paths.pkgconfig_dir, "the folder for pkg-config: PKG_CONFIG_PATH=…"),
    ):
        parser.add_argument(
            option, action=_PrintFolder, nargs=0, folder=folder, help=f"print {what}, and exit"
        )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _demo.add_parser(commands)
    _forecast.add_parser(commands)
    _anomalies.add_parser(commands)
    _generate.add_parser(commands)
    _info.add_parser(commands)
    _bench.add_parser(commands)
    _export.add_parser(commands)
    _convert.add_parser(commands)
    return parser
