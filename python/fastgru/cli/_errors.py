"""The error that the commands report in one line instead of a traceback."""

from __future__ import annotations


class InputError(Exception):
    """The user's files or options cannot be used; the message says which and why, in one line."""
