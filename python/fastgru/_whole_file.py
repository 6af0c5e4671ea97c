"""Atomic output: a file is written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replaced", "temporary_beside", "whole_file"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; the file replaces `path` when the block ends without an exception.

    Parameters
    ----------
    path : Path
        Where the file goes. An existing file is replaced and keeps its mode. A symbolic link stays, and the
        file that it points to changes.

    Yields
    ------
    Path
        A temporary file in the same directory; removed when the block ends with an exception.

    Raises
    ------
    OSError
        `path` cannot be written; the file that was there is whole.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        target = replaced(path)
        _give_usual_mode(temporary, target)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def replaced(path: Path) -> Path:
    """Return the file to replace: a symbolic link stays, and the file that it points to changes."""
    return Path(os.path.realpath(path))


def temporary_beside(path: Path) -> Path:
    """Make an empty file in the directory of `path`, with its ending; an OSError names `path`."""
    target = replaced(path)
    try:
        handle, name = tempfile.mkstemp(prefix=".fastgru-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
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
