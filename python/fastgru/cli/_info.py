"""`python -m fastgru info`."""

from __future__ import annotations

import argparse

from fastgru.config import show_config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="versions, instruction sets, threads",
        description="Print the versions, instruction sets and threads that fastgru uses.",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the configuration."""
    show_config()
