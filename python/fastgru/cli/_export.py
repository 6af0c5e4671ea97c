"""`python -m fastgru export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastgru._core import ModelFormatError
from fastgru.cli._errors import InputError
from fastgru.cli._output import whole_file
from fastgru.convert import to_c


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export",
        help="write a model file as C source",
        description="Write a model file as one self-contained C99 file and its header: NAME.c and NAME.h.",
    )
    parser.add_argument("model", metavar="MODEL.safetensors", type=Path, help="a file written by save()")
    parser.add_argument("--to", choices=["c"], required=True, help="the format to write")
    parser.add_argument("--name", help="the prefix of the C names (default: the model file's name)")
    parser.add_argument(
        "--output", metavar="FOLDER", type=Path, default=Path(), help="directory of the files (default: here)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the files."""
    name = options.model.stem.replace("-", "_") if options.name is None else options.name
    try:
        files = to_c(options.model, name)
    except OSError as error:
        raise InputError(f"{options.model}: {error.strerror or error}") from None
    except ModelFormatError as error:
        raise InputError(str(error)) from None
    except ValueError as error:
        raise InputError(f"{options.model}: {error}") from None
    if not options.output.is_dir():
        raise InputError(f"{options.output}: there is no such folder")
    for suffix, text in ((".h", files.header), (".c", files.source)):
        path = options.output / f"{files.name}{suffix}"
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="ascii")
        print(path)
