"""Where the C++ library lies that came with the package."""

from __future__ import annotations

from pathlib import Path

from fastgru import _core

__all__ = ["cmake_dir", "include_dir", "pkgconfig_dir"]


def _root() -> Path:
    # Beside the extension, not beside this file: in an editable installation the two lie apart.
    return Path(_core.__file__).resolve().parent


def include_dir() -> Path:
    """Return the folder to include ``fastgru/fastgru.hpp`` and ``fastgru/fastgru.h`` from."""
    return _root() / "include"


def cmake_dir() -> Path:
    """Return the folder of ``fastgru-config.cmake``."""
    return _root() / "lib" / "cmake" / "fastgru"


def pkgconfig_dir() -> Path:
    """Return the folder of ``fastgru.pc``."""
    return _root() / "lib" / "pkgconfig"
