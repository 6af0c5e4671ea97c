"""Types: the extension's stub agrees with the built module, and the package passes mypy in strict mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def run(arguments: list[str], cwd: Path, **environment: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_stub_agrees_with_the_built_extension(tmp_path: Path) -> None:
    run(
        ["mypy.stubtest", "fastgru._core", "--mypy-config-file", str(REPO / "pyproject.toml")],
        cwd=tmp_path,
        MYPYPATH=str(REPO / "python"),
    )


def test_package_passes_mypy_strict(tmp_path: Path) -> None:
    run(["mypy", "--cache-dir", str(tmp_path)], cwd=REPO)
