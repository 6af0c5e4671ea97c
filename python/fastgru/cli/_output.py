"""Files that commands write: checked beforehand, written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastgru import _whole_file
from fastgru.cli._errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError if a file cannot be written at `path`; change nothing."""
    target = _whole_file.replaced(path)
    if target.is_dir():
        raise InputError(f"{path}: cannot be written: it is a directory")
    if target.exists() and not target.is_file():
        raise InputError(f"{path}: cannot be written: it is not an ordinary file")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{path}: cannot be written: permission denied")
    with _refusing(path):
        _whole_file.temporary_beside(path).unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, as `_whole_file.whole_file` does; an OSError becomes an InputError."""
    with _refusing(path), _whole_file.whole_file(path) as temporary:
        yield temporary


def write_if_asked(path: Path | None, what: str, write: Callable[[Path], object]) -> None:
    """Let `write` make a file, and say so; nothing for None."""
    if path is None:
        return
    with whole_file(path) as temporary:
        write(temporary)
    print(f"{what}: {path}")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Raise InputError for an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
