"""`python -m fastgru generate`."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path
from typing import Any

from fastgru import _model_file
from fastgru._core import ModelFormatError
from fastgru.cli._arguments import share, whole
from fastgru.cli._errors import InputError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "generate",
        help="write text with a language model",
        description="Continue a text with a saved GRULanguageModel; the text is printed as it is drawn.",
    )
    parser.add_argument("model", metavar="MODEL.safetensors", type=Path, help="a file written by save()")
    parser.add_argument("--prompt", metavar="TEXT", default="", help="what to continue (default: nothing)")
    parser.add_argument(
        "--length",
        metavar="N",
        type=whole(1, 10**9),
        default=500,
        help="the most symbols to write (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=_temperature,
        default=0.8,
        help="below 1: likely symbols become likelier; 0: always the likeliest (default: %(default)s)",
    )
    parser.add_argument("--top-k", metavar="K", type=whole(1, 10**9), help="draw among the K likeliest only")
    parser.add_argument(
        "--top-p", metavar="P", type=share, default=1.0, help="draw among the likeliest with this share only"
    )
    parser.add_argument(
        "--stop", metavar="TEXT", action="append", help="end before this text; may be repeated"
    )
    parser.add_argument(
        "--count", metavar="N", type=whole(1, 10**6), default=1, help="texts to write (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**32 - 1),
        help="decides what is drawn (default: another each time)",
    )
    parser.set_defaults(run=run)


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number of at least 0 is wanted, not {text!r}")
    return value


def run(options: argparse.Namespace) -> None:
    """Print the texts."""
    model = _language_model(options.model)
    if "" in (options.stop or []):
        raise InputError("--stop needs a text that is not empty")
    settings = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "stop": options.stop,
        "random_state": options.seed,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if options.count == 1:
                pieces = model.iter_generate(options.prompt, options.length, **settings)
                _warn(caught)
                print(options.prompt, end="", flush=True)
                for piece in pieces:
                    print(piece, end="", flush=True)
                print()
                return
            texts = model.generate(
                options.prompt, options.length, num_return_sequences=options.count, **settings
            )
        except (TypeError, ValueError) as error:
            raise InputError(str(error)) from None
        _warn(caught)
    for number, text in enumerate(texts, 1):
        print(f"--- {number} ---\n{options.prompt}{text}")


def _language_model(path: Path) -> Any:
    try:
        model = _model_file.load(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ModelFormatError as error:
        raise InputError(str(error)) from None
    kind = type(model).__name__
    if kind != "GRULanguageModel":
        raise InputError(f"{path}: a {kind} writes no texts: a GRULanguageModel is wanted")
    if model._vocabulary.level not in ("char", "word", "tokenizer"):
        raise InputError(f"{path}: the model was fitted on token sequences, and this command writes texts")
    return model


def _warn(caught: list[warnings.WarningMessage]) -> None:
    for warning in caught:
        print(f"fastgru: {warning.message}", file=sys.stderr)
