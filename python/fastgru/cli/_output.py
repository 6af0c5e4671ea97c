"""Atomic output: a file is written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastgru.cli._errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError if a file cannot be written at `path`; change nothing."""
    target = _target(path)
    if target.is_dir():
        raise InputError(f"{path}: cannot be written: it is a directory")
    if target.exists() and not target.is_file():
        raise InputError(f"{path}: cannot be written: it is not an ordinary file")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{path}: cannot be written: permission denied")
    _temporary_beside(path).unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; the file replaces `path` when the block ends without an exception.

    Parameters
    ----------
    path : Path
        Where the file goes. An existing file is replaced.

    Yields
    ------
    Path
        A temporary file in the same directory; removed when the block ends with an exception.

    Raises
    ------
    InputError
        If `path` cannot be written.
    """
    temporary = _temporary_beside(path)
    try:
        yield temporary
        target = _target(path)
        _give_usual_mode(temporary, target)
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_if_asked(path: Path | None, what: str, write: Callable[[Path], object]) -> None:
    """Let `write` make a file, and say so; nothing for None."""
    if path is None:
        return
    with whole_file(path) as temporary:
        write(temporary)
    print(f"{what}: {path}")


def _target(path: Path) -> Path:
    """Return the file to replace: a symbolic link stays, and the file that it points to changes."""
    return Path(os.path.realpath(path))


def _temporary_beside(path: Path) -> Path:
    target = _target(path)
    try:
        handle, name = tempfile.mkstemp(prefix=".fastgru-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    os.close(handle)
    return Path(name)


def _give_usual_mode(temporary: Path, target: Path) -> None:
    """Set the old file's mode, or that of a new file: temporary files are readable by their owner alone."""
    if target.exists():
        temporary.chmod(target.stat().st_mode & 0o777)
        return
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
