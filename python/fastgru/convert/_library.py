"""Other libraries, imported when a conversion needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["library"]


def library(name: str, what: str, extra: str | None = None) -> Any:
    """Return the module `name`.

    Parameters
    ----------
    name : str
        The package to import.
    what : str
        What needs it, for the message.
    extra : str, optional
        The extra that installs it, if that has another name.

    Raises
    ------
    ImportError
        It is not installed; the message names the extra that installs it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f'{what} needs {name}, which cannot be imported ({error}): pip install "fastgru[{extra or name}]"'
        ) from error
