"""`python -m fastgru bench`: finds the benchmark in the source checkout and runs it.

The benchmark compiles C++ and drives seven other libraries. It is in bench/ of a checkout, not in the
installed package.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from fastgru.cli._arguments import whole
from fastgru.cli._errors import InputError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="speed and memory, against the machine and other libraries",
        description="Measure fastgru against what the machine can do and against other libraries, each in a "
        "process of its own. Runs in a source checkout; bench/README.md there describes it.",
    )
    add = parser.add_argument
    add(
        "--cases",
        metavar="LIST",
        default="all",
        help="core, training, streaming, precision, deepbench, fit, heads, stacked, threads, memory, cpp, "
        "comma-separated (default: all)",
    )
    add(
        "--peers",
        metavar="LIST",
        default="all",
        help="torch, torch.compile, onnxruntime, openvino, jax, jax-vmap, keras, onednn, "
        "onednn-newer, onednn-fpmath-bf16, onednn-bf16, comma-separated; none: fastgru and the machine alone "
        "(default: all that are installed)",
    )
    add("--match", metavar="TEXT", help='only cases whose name contains this, for example "(100,1,64,128)"')
    add("--threads", metavar="N", type=whole(1, 1000), default=1, help="threads of each library (default: 1)")
    add(
        "--rounds",
        metavar="N",
        type=whole(1, 1000),
        help="number of rounds, whose median counts (default: 7)",
    )
    add("--quick", action="store_true", help="3 short rounds, for a first look")
    add(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("fastgru-bench"),
        help="directory for bench.json, bench.txt and the pictures (default: %(default)s)",
    )
    add("--redraw", metavar="JSON", type=Path, help="only redraw table and pictures of an earlier bench.json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the benchmark; raises InputError without a checkout and for options that cannot be used."""
    root = find_checkout()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    main = importlib.import_module("bench.main")
    try:
        main.main(options)
    except main.UsageError as error:
        raise InputError(str(error)) from None


def find_checkout() -> Path:
    """Return the checkout: the current directory, one above it, or that of an editable installation."""
    here, package = Path.cwd(), Path(__file__).resolve().parents[2]
    for place in (here, *here.parents, package.parent):
        if (place / "bench" / "runner.py").is_file() and (place / "python" / "fastgru").is_dir():
            return place
    raise InputError(
        "the benchmark is not part of the installed package: run this command in a checkout of fastgru's "
        f"sources (no bench/ in {here} or above it)"
    )
