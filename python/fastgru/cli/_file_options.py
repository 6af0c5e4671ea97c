"""The options of a command that reads a user's file."""

from __future__ import annotations

import argparse

from fastgru.cli._arguments import whole
from fastgru.cli._errors import InputError
from fastgru.cli._reading import Reading

_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " "}


def add_to(parser: argparse.ArgumentParser, title: str = "reading --data", *, target: bool = True) -> None:
    """Add the options, in a group of their own; `target`: with that of the column to forecast."""
    group = parser.add_argument_group(title)
    if target:
        add_target(group)
    add = group.add_argument
    add("--no-dates", action="store_true", help="keep the order of the rows and look for no dates")
    add(
        "--date-format",
        metavar="FORMAT",
        help="format of the dates, such as %%d/%%m/%%Y (default: found out)",
    )
    add("--sort", action="store_true", help="sort the rows by date")
    add(
        "--decimal",
        metavar="MARK",
        choices=(".", ","),
        help="the decimal mark, . or , (default: found out from the column)",
    )
    add(
        "--delimiter",
        metavar="CHARACTER",
        type=_delimiter,
        help="the character between cells, or tab or space (default: found out)",
    )
    add(
        "--encoding",
        help="encoding of the text, such as latin-1 (default: UTF-8, or UTF-16 if the bytes show it)",
    )
    add(
        "--no-header",
        action="store_true",
        help="the first line holds values; the columns are numbered from 1",
    )
    add(
        "--skip-lines",
        metavar="N",
        type=whole(0, 10**6),
        default=0,
        help="lines to leave out at the beginning of the file (default: %(default)s)",
    )


def add_target(group: argparse._ArgumentGroup) -> None:
    """Add the option of the column to forecast."""
    group.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column to forecast, by name or number; needed if several hold numbers",
    )


def reading(options: argparse.Namespace) -> Reading:
    """Return the options; raises InputError if there are some, but no file."""
    found = Reading(
        target=getattr(options, "target", None),
        encoding=options.encoding,
        delimiter=options.delimiter,
        decimal=options.decimal,
        header=not options.no_header,
        skip_lines=options.skip_lines,
        dates=not options.no_dates,
        date_format=options.date_format,
        sort=options.sort,
    )
    if options.data is None and found != Reading():
        names = {"header": "--no-header", "dates": "--no-dates"}
        given = next(name for name, value in vars(found).items() if value != getattr(Reading(), name))
        raise InputError(f"{names.get(given, '--' + given.replace('_', '-'))} goes with --data FILE.csv")
    if found.date_format is not None and not found.dates:
        raise InputError("--date-format does not go with --no-dates")
    if found.sort and not found.dates:
        raise InputError("--sort does not go with --no-dates")
    return found


def _delimiter(text: str) -> str:
    character = _DELIMITERS.get(text.casefold(), text)
    if len(character) != 1 or character in '"\r\n' or character.isalnum():
        raise argparse.ArgumentTypeError(f"one character, tab or space is wanted, not {text!r}")
    return character
