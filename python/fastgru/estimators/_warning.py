"""Warnings that point at the caller's line, however deep inside the package they arise."""

from __future__ import annotations

import sys
import warnings


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside fastgru and scikit-learn, whose wrappers stand between."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _package(frame.f_globals) in ("fastgru", "sklearn"):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
