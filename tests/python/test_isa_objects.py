"""The object file of an instruction set must not define anything that the linker could merge with other code.

An inline function that several files define is kept once, and the linker may keep the copy compiled for
AVX-512: the library would then crash on CPUs without it. So such a file may define no weak symbol at all.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
COMMON_FLAGS = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-ffp-contract=off",
]
X86_64 = platform.machine().lower() in {"x86_64", "amd64"}
ISAS = ["baseline", "avx2", "avx512"] if X86_64 else ["baseline"]


def cmake_flags(isa: str) -> list[str]:
    """The compiler options of this instruction set's file, read from the build files."""
    text = (REPO / "cmake" / "FastgruCompiler.cmake").read_text(encoding="utf-8")
    always = re.findall(r"list\(APPEND options ([^)]*)\)", text)
    assert always
    own = re.search(rf"set\(FASTGRU_ISA_OPTIONS_{isa.upper()}\s+(-[^)]*)\)", text)
    assert own is not None or isa == "baseline", f"no options for {isa} in FastgruCompiler.cmake"
    return [*(own.group(1).split() if own else []), *always]


def tools() -> tuple[str, str]:
    names = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    compiler = next((found for name in names if name and (found := shutil.which(name))), None)
    nm = shutil.which("nm")
    if sys.platform != "linux":
        pytest.skip("reads ELF object files, which this system does not make")
    if compiler is None or nm is None:
        pytest.skip(f"needs a C++ compiler and nm on the path (compiler: {compiler}, nm: {nm})")
    return compiler, nm


@pytest.fixture(scope="module", params=ISAS)
def symbols(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[list[str]]]:
    """(isa, rows of [type letter, demangled name]) of one instruction set's object file."""
    isa = str(request.param)
    compiler, nm = tools()
    target = tmp_path_factory.mktemp("isa") / f"isa_{isa}.o"
    source = REPO / "cpp" / "kernels" / f"isa_{isa}.cpp"
    command = [
        compiler,
        *COMMON_FLAGS,
        *cmake_flags(isa),
        f"-I{REPO / 'cpp'}",
        "-c",
        str(source),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True)
    listing = subprocess.run([nm, "-C", str(target)], check=True, capture_output=True, text=True).stdout
    # "0000000000000000 T name" for what is defined here, "                 U name" for what is not.
    return isa, [line[17:].split(" ", 1) for line in listing.splitlines()]


def test_object_defines_the_kernels(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    assert any(kind in "TDRB" and isa in name for kind, name in rows), rows


def test_defines_no_weak_symbol(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    weak = [name for kind, name in rows if kind in "WVu"]
    assert not weak, f"isa_{isa}.cpp defines symbols that the linker may merge with others: {weak}"


def test_calls_nothing_but_the_c_library(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    needed = {name for kind, name in rows if kind == "U"}
    allowed = {"memcpy", "memset", "memmove", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
    assert needed <= allowed, f"isa_{isa}.cpp calls {sorted(needed - allowed)}"
