"""Compilers, their flags, and what runs their programs, for tests of code that leaves home as source."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class Combination(NamedTuple):
    """A compiler ("zig": Clang from PyPI), its flags, and what runs the program."""

    compiler: str
    flags: str
    runner: str = ""


COMBINATIONS = [
    Combination("gcc", "-O0"),
    Combination("gcc", "-O2"),
    Combination("gcc", "-O3 -march=native"),
    Combination("gcc", "-Ofast -march=native"),
    Combination("gcc", "-O2 -ffast-math"),
    Combination("gcc", "-O3 -funsafe-math-optimizations"),
    Combination("gcc", "-O3 -mfpmath=387"),
    Combination("gcc", "-Ofast -mfpmath=387"),
    Combination("clang", "-O0"),
    Combination("clang", "-O3 -march=native"),
    Combination("clang", "-Ofast -march=native"),
    Combination("clang", "-O2 -ffast-math"),
    Combination("zig", "-O3 -ffast-math -march=native"),
    Combination("zig", "-O2 -target x86-linux-musl -mcpu=i586"),  # x87 alone
    Combination("zig", "-O3 -ffast-math -target x86-linux-musl -mcpu=i586"),
    Combination("zig", "-O2 -target aarch64-linux-musl", "qemu-aarch64"),
    Combination("zig", "-O3 -ffast-math -target aarch64-linux-musl", "qemu-aarch64"),
    Combination("zig", "-O2 -target wasm32-wasi", "wasmtime"),
    Combination("zig", "-O3 -ffast-math -target wasm32-wasi", "wasmtime"),
]
# A program for another machine has no C library, which zig would first build for minutes.
BARE = ["-nostdlib", "-fno-builtin"]
WASM = ["-Wl,--no-entry", "-Wl,--export=answers", "-Wl,--export=out"]

MAIN = """\
#include <stdio.h>
extern float out[];
int answers(void);
int main(void) {
  const size_t count = (size_t)answers();
  return fwrite(out, sizeof(float), count, stdout) == count ? 0 : 1;
}
"""
BARE_MAIN = """\
#include <stddef.h>
extern float out[];
int answers(void);

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  size_t i;
  for (i = 0; i < size; ++i) ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}

void *memset(void *to, int value, size_t size) {
  size_t i;
  for (i = 0; i < size; ++i) ((unsigned char *)to)[i] = (unsigned char)value;
  return to;
}

#if defined(__aarch64__)
enum { WRITE = 64, EXIT = 93 };
static void system_call(long number, long first, const void *second, long third) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = first;
  register const void *x1 __asm__("x1") = second;
  register long x2 __asm__("x2") = third;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
}
#elif defined(__i386__)
enum { WRITE = 4, EXIT = 1 };
static void system_call(long number, long first, const void *second, long third) {
  __asm__ volatile("int $0x80" : "+a"(number) : "b"(first), "c"(second), "d"(third) : "memory");
}
#endif

#if !defined(__wasm__)
void _start(void);
void _start(void) {
  system_call(WRITE, 1, out, (long)sizeof(float) * answers());
  system_call(EXIT, 0, 0, 0);
}
#endif
"""


def compiler_of(combination: Combination, language: str) -> list[str]:
    """The command of a compiler, or a skip."""
    x86 = platform.machine() in {"x86_64", "AMD64"}
    if ("387" in combination.flags or "x86-" in combination.flags) and not x86:
        pytest.skip("x87 is a part of x86 processors")
    names = {"gcc": "gcc", "clang": "clang"} if language == "c" else {"gcc": "g++", "clang": "clang++"}
    if name := names.get(combination.compiler):
        if found := shutil.which(name) or shutil.which(f"{name}-14"):
            return [found]
        if combination.compiler == "gcc":
            pytest.skip(f"{name} is not on the path")
    if importlib.util.find_spec("ziglang") is None:  # whose compiler is Clang
        pytest.skip("needs the package ziglang")
    return [sys.executable, "-m", "ziglang", "cc" if language == "c" else "c++"]


def compiled(combination: Combination, sources: list[str], folder: Path, *more: str) -> Path:
    """The program of these sources or objects, one of which has the function answers(), and of a main()."""
    flags = [*more, *combination.flags.split()]
    if "-target" not in flags:
        (folder / "run.c").write_text(MAIN)
        flags += ["-lm"]
    else:
        (folder / "run.c").write_text(BARE_MAIN)
        flags += BARE + (WASM if combination.runner == "wasmtime" else ["-static"])
    command = [*compiler_of(combination, "c"), "-std=c99", "run.c", *sources, *flags, "-o", "program"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "program"


def run(program: Path, runner: str) -> NDArray[np.float32]:
    """What the program's answers() gives."""
    if runner == "wasmtime":
        return run_wasm(program)
    command = [str(program)]
    if runner and runner != f"qemu-{platform.machine()}":
        emulator = shutil.which(runner) or shutil.which(f"{runner}-static")
        if emulator is None:
            pytest.skip(f"{runner} is not on the path, and no package of PyPI has it")
        command.insert(0, emulator)
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.frombuffer(done.stdout, np.float32)


def run_wasm(program: Path) -> NDArray[np.float32]:
    wasmtime = pytest.importorskip("wasmtime", reason="needs the package wasmtime")
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(engine, str(program)), []).exports(store)
    count, at = exports["answers"](store), exports["out"].value(store)
    return np.frombuffer(exports["memory"].read(store, at, at + 4 * count), np.float32)
