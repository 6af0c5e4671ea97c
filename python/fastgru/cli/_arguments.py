"""Types of arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from fastgru import _core


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return the type of a whole number from `least` to `most`."""

    def parsed(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most} is wanted, not {text!r}")
        return int(text)

    return parsed


def share(text: str) -> float:
    """Return a number above 0 and up to 1; the type of such an argument."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"a number above 0 and up to 1 is wanted, not {text!r}")
    return value


def names(text: str) -> tuple[str, ...]:
    """Return the names of columns, which commas part; the type of such an argument."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"names of columns with commas between are wanted, not {text!r}")
    return found


def levels(text: str) -> tuple[float, ...]:
    """Return quantiles, which commas part, in ascending order; the type of such an argument."""
    try:
        found = sorted(float(level) for level in text.split(","))
    except ValueError:
        found = []
    if not found or not all(0 < level < 1 for level in found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(
            f"numbers between 0 and 1 with commas between are wanted, such as 0.1,0.5,0.9, not {text!r}"
        )
    return tuple(found)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that trains: seed and threads."""
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**32 - 1),
        default=0,
        help="seed of the initial weights (default: %(default)s)",
    )
    threads = whole(1, _core.max_threads)
    parser.add_argument("--threads", metavar="N", type=threads, help="threads (default: all cores)")
