"""The object file of an instruction set must not define anything that the linker could merge with other code.

An inline function that several files define is kept once, and the linker may keep the copy compiled for
AVX-512: the library would then crash on CPUs without it. So such a file may define no weak symbol at all.
"""

from __future__ import annotations

import platform
import sys

import pytest
from building import FOREIGN_OPTIONS, compile_commands, run, sources_options, tool

X86_64 = platform.machine().lower() in {"x86_64", "amd64"}
ISAS = ["isa_baseline", "digits_baseline"]
if X86_64:
    ISAS += ["isa_avx2", "isa_avx512", "digits_avx2", "digits_avx512_vnni"]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """How the files are compiled in the build of an app with flags of its own, -march=native among them."""
    if sys.platform != "linux":
        pytest.skip("reads ELF object files, which this system does not make")
    return compile_commands(tmp_path_factory.mktemp("commands"), *sources_options(), *FOREIGN_OPTIONS)


@pytest.fixture(scope="module", params=ISAS)
def symbols(
    request: pytest.FixtureRequest, commands: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[list[str]]]:
    """(isa, rows of [type letter, demangled name]) of one instruction set's object file."""
    isa = str(request.param)
    target = tmp_path_factory.mktemp("isa") / f"{isa}.o"
    command = commands[f"kernels/{isa}.cpp"]
    command[command.index("-o") + 1] = str(target)
    run(*command)
    listing = run(tool("nm"), "-C", target).stdout
    # "0000000000000000 T name" for what is defined here, "                 U name" for what is not.
    return isa, [line[17:].split(" ", 1) for line in listing.splitlines()]


def test_object_defines_the_kernels(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    assert any(kind in "TDRB" and isa.split("_", 1)[1] in name for kind, name in rows), rows


def test_defines_no_weak_symbol(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    weak = [name for kind, name in rows if kind in "WVu"]
    assert not weak, f"{isa}.cpp defines symbols that the linker may merge with others: {weak}"


def test_calls_nothing_but_the_c_library(symbols: tuple[str, list[list[str]]]) -> None:
    isa, rows = symbols
    needed = {name for kind, name in rows if kind == "U"}
    allowed = {"memcpy", "memset", "memmove", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
    assert needed <= allowed, f"{isa}.cpp calls {sorted(needed - allowed)}"
