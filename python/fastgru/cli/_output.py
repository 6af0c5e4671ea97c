"""A file that is either there in full or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastgru.cli._errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError if a file cannot be written at `path`, and leave everything as it was."""
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
    """Give a temporary name to write to; the file appears at `path` when the block ends well.

    Parameters
    ----------
    path : Path
        Where the file is wanted. One that is there already is replaced.

    Yields
    ------
    Path
        A temporary file in the same directory; removed when the block ends with an exception.

    Raises
    ------
    InputError
        If the place cannot be written.
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


def _target(path: Path) -> Path:
    """Return what is to be replaced: a link stays, the file it points to changes."""
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
    """Give the file the mode it had, or the one a new file gets: a temporary file is for its owner alone."""
    if target.exists():
        temporary.chmod(target.stat().st_mode & 0o777)
        return
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
