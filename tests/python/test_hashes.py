"""Outputs, gradients and fitted weights of many architectures have the bits stored in hashes.json.

After a change of bits that is meant: ``python tests/python/hashes.py --write``, and say so in CHANGELOG.md.
"""

from __future__ import annotations

import importlib.util
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fastgru import _core
from fastgru.estimators import _architecture


def script() -> ModuleType:
    """The script beside this file, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("hashes", Path(__file__).with_name("hashes.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HASHES = script()
STORED: dict[str, dict[str, str]] = json.loads(HASHES.STORED.read_text(encoding="utf-8"))
C_LIBRARY = STORED.pop("made with")["C library"]
FOUND: dict[str, dict[str, str]] = {}  # of each instruction set, computed once


@pytest.fixture(params=sorted({*STORED, *_core.isa_names()}))
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The instruction set, made the active one. The script puts a function of its own in _architecture."""
    name = request.param
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        pytest.skip(f"the stored hashes are those of x86-64, this is {platform.machine()}")
    if name not in STORED:
        pytest.skip(f"hashes.json has none of {name}")
    if name not in _core.isa_names():
        pytest.skip(f"this machine does not run {name}")
    monkeypatch.setattr(_architecture, "initial_parameters", _architecture.initial_parameters)
    before = _core.isa()
    _core.set_isa(name)
    yield name
    _core.set_isa(before)


def changed(isa: str, *, of_us_alone: bool) -> list[str]:
    """The cases whose hash differs from the stored one: float32 layers, or all others."""
    if isa not in FOUND:
        FOUND[isa] = HASHES.hashes()
    assert set(FOUND[isa]) == set(STORED[isa])
    names = [n for n in FOUND[isa] if (n.startswith("layer") and "float64" not in n) == of_us_alone]
    assert len(names) > 20
    return [name for name in names if FOUND[isa][name] != STORED[isa][name]]


def test_float32_layers_have_the_bits_stored(isa: str) -> None:
    assert changed(isa, of_us_alone=True) == []


def test_fits_and_float64_have_the_bits_stored(isa: str) -> None:
    here = " ".join(platform.libc_ver())
    if here != C_LIBRARY:
        pytest.skip(
            f"the stored hashes are those of {C_LIBRARY}, whose exp, log and pow may differ from {here}'s"
        )
    assert changed(isa, of_us_alone=False) == []
