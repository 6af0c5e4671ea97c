"""Types: the extension's stub agrees with the built module, and the package passes mypy in strict mode."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgru import _core

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


# Not expressible in a stub: pybind11's metaclass, and classes without a constructor.
BEYOND_STUBS = r"""
fastgru\._core\.(Gru|Stream|Tape|Network|NetworkStream|Trainer|Generator)F(32|64)
fastgru\._core\.CtcLexicon
fastgru\._core\.StreamPool(\.__init__)?
fastgru\._core\.Seq2Seq(Trainer)?
fastgru\._core\.(Stream|Tape|NetworkStream|Generator)F(32|64)\.__init__
"""


def test_stub_agrees_with_the_built_extension(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(BEYOND_STUBS, encoding="utf-8")
    config = str(REPO / "pyproject.toml")
    run(
        ["mypy.stubtest", "fastgru._core", "--mypy-config-file", config, "--allowlist", str(allowed)],
        cwd=tmp_path,
        MYPYPATH=str(REPO / "python"),
    )


def parameters(node: ast.FunctionDef) -> list[tuple[str, bool]]:
    """(name, whether it has a default) of each parameter but self; keyword-only ones after a "*"."""
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    optional = len(positional) - len(a.defaults)
    found = [(arg.arg, i >= optional) for i, arg in enumerate(positional) if arg.arg != "self"]
    if a.kwonlyargs:
        found.append(("*", False))
    return found + [
        (arg.arg, default is not None) for arg, default in zip(a.kwonlyargs, a.kw_defaults, strict=True)
    ]


def stub_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """("name" or "Class.name", definition) of all callables, with base classes of the stub resolved."""
    tree = ast.parse((REPO / "python" / "fastgru" / "_core.pyi").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    yield from ((node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef))
    for name, node in classes.items():
        bases = [
            b.value.id for b in node.bases if isinstance(b, ast.Subscript) and isinstance(b.value, ast.Name)
        ]
        for part in [node, *(classes[b] for b in bases if b in classes)]:
            for item in part.body:
                if isinstance(item, ast.FunctionDef) and not item.decorator_list and not name.startswith("_"):
                    yield f"{name}.{item.name}", item


# stubtest cannot see the parameters of compiled functions; the first line of their docstring has them.
@pytest.mark.parametrize(("name", "stub"), list(stub_functions()), ids=lambda value: str(value)[:40])
def test_stub_has_the_parameters_of_the_extension(name: str, stub: ast.FunctionDef) -> None:
    compiled = functools.reduce(getattr, name.split("."), _core)
    line = (compiled.__doc__ or "").splitlines()[0]
    declared = ast.parse(f"def {line}: ...").body[0]
    assert isinstance(declared, ast.FunctionDef), line
    assert parameters(stub) == parameters(declared)


def test_package_passes_mypy_strict(tmp_path: Path) -> None:
    run(["mypy", "--cache-dir", str(tmp_path)], cwd=REPO)
