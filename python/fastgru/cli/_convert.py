"""`python -m fastgru convert`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastgru import _core, _model_file
from fastgru._conversion import ConversionReport
from fastgru.cli._errors import InputError
from fastgru.cli._output import check_writable, whole_file
from fastgru.convert._library import library
from fastgru.convert.from_keras import from_keras
from fastgru.convert.from_onnx import from_onnx
from fastgru.convert.pytorch import from_torch, to_torch
from fastgru.convert.to_keras import to_keras
from fastgru.convert.to_onnx import to_onnx


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        help="turn a model of PyTorch, ONNX or Keras into one of fastgru, or the reverse",
        description="Convert a model exactly, or refuse it. The files' endings name the formats: "
        f"from {', '.join(_READERS)} to {', '.join(_WRITERS)}.",
    )
    parser.add_argument("source", metavar="IN", type=Path, help="the model to read")
    parser.add_argument("target", metavar="OUT", type=Path, help="the file to write")
    parser.add_argument("--prefix", default="", help="what the layer's names in a state_dict begin with")
    parser.add_argument(
        "--batch-first", action="store_true", help="the layer of a state_dict takes (batch, time, features)"
    )
    parser.add_argument("--h0", action="store_true", help="to .onnx: the initial states are an input")
    parser.add_argument("--lengths", action="store_true", help="to .onnx: the rows' lengths are an input")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read, write, and say what the self-checks measured."""
    source, target = options.source, options.target
    read = _of_ending(source, _READERS)
    write = _of_ending(target, _WRITERS)
    check_writable(target)
    try:
        model = read(options)
        reports = [getattr(model, "conversion_report", None)]
        with whole_file(target) as temporary:
            reports.append(write(model, temporary, options))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}") from None
    except (ImportError, TypeError, ValueError) as error:
        raise InputError(f"{source}: {error}") from None
    for report in reports:
        if report is not None:
            print(report)
    print(target)


def _of_ending(path: Path, known: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    found = known.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: its ending must be one of {', '.join(known)}")
    return found


def _read_state_dict(options: argparse.Namespace) -> Any:
    torch = library("torch", f"reading {options.source.suffix}")
    try:
        state = torch.load(options.source, map_location="cpu", weights_only=True)  # runs no code of the file
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # pickle's and PyTorch's own, which have no common base
        raise ValueError(
            f"it is no state_dict that can be read safely: {str(error).splitlines()[0]}"
        ) from None
    return from_torch(state, options.prefix, batch_first=options.batch_first)


def _read_safetensors(options: argparse.Namespace) -> Any:
    """Read a model file of ours, or the tensors of another program as a state_dict."""
    metadata, tensors = _core.read_safetensors(options.source)
    if metadata.get("format") == "fastgru":
        return _model_file.load(options.source)
    return from_torch(tensors, options.prefix, batch_first=options.batch_first)


def _read_onnx(options: argparse.Namespace) -> Any:
    return from_onnx(options.source)


def _read_keras(options: argparse.Namespace) -> Any:
    return from_keras(options.source)


def _write_state_dict(model: Any, path: Path, options: argparse.Namespace) -> ConversionReport | None:
    module = to_torch(model)
    library("torch", "writing .pt").save(module.state_dict(), path)
    report: ConversionReport | None = module.conversion_report
    return report


def _write_safetensors(model: Any, path: Path, options: argparse.Namespace) -> None:
    if not hasattr(model, "save"):
        raise ValueError(f"{model!r} is more than a layer, and there is no model file of it: write .onnx")
    model.save(path)


def _write_onnx(model: Any, path: Path, options: argparse.Namespace) -> ConversionReport | None:
    return to_onnx(model, path, h0=options.h0, lengths=options.lengths)


def _write_keras(model: Any, path: Path, options: argparse.Namespace) -> ConversionReport | None:
    built = to_keras(model)
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / "model.keras"  # Keras wants this ending
        built.save(named)
        path.write_bytes(named.read_bytes())
    report: ConversionReport | None = built.conversion_report
    return report


_READERS: dict[str, Callable[..., Any]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_state_dict,
    ".pth": _read_state_dict,
    ".onnx": _read_onnx,
    ".keras": _read_keras,
}
_WRITERS: dict[str, Callable[..., Any]] = {
    ".safetensors": _write_safetensors,
    ".pt": _write_state_dict,
    ".onnx": _write_onnx,
    ".keras": _write_keras,
}
