"""Compilation of the small C++ parts when the benchmark starts."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "cpp"


class NoCompilerError(Exception):
    """A C++ part could not be compiled; the message says why."""


def compile_shared(source: str, *options: str) -> Path:
    """Compile bench/cpp/`source` into a shared library, once per source and options, and return its path.

    Raises
    ------
    NoCompilerError
        There is no compiler, or it refuses.
    """
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise NoCompilerError("no C++ compiler (c++, g++ or clang++) was found")
    path = SOURCES / source
    command = [*compiler.split(), "-std=c++17", "-O3", "-fPIC", "-shared", "-w"]
    key = hashlib.sha256(repr((command, options, path.read_bytes())).encode()).hexdigest()[:16]
    target = cache_directory() / f"{path.stem}-{key}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        made = Path(work) / target.name
        run = subprocess.run(
            [*command, str(path), *options, "-o", str(made)], capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            first = next(
                (line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip()[:200]
            )
            raise NoCompilerError(f"{source} does not compile: {first}")
        made.replace(target)
    return target


def cache_directory() -> Path:
    """Return where compiled parts are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(home) / "fastgru-bench"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        directory = Path(tempfile.gettempdir()) / f"fastgru-bench-{os.getuid()}"
        directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def python_prefix() -> Path:
    """Return where PyPI packages put their include and lib directories."""
    return Path(sys.prefix)
