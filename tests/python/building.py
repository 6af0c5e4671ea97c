"""What tests share that build C and C++ programs: tools, commands, and CMake projects around our sources."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
CONSUMER = REPO / "tests" / "consumer"

# What an app may set for its own code. Most of it changed our bits or broke our build once.
FOREIGN_FLAGS = (
    "-Ofast -ffast-math -fassociative-math -fno-signed-zeros -fno-trapping-math -freciprocal-math"
    " -march=native -ffp-contract=fast -fno-exceptions -fvisibility=default"
)
FOREIGN_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=",
    f"-DCMAKE_C_FLAGS={FOREIGN_FLAGS}",
    f"-DCMAKE_CXX_FLAGS={FOREIGN_FLAGS}",
    "-DCMAKE_UNITY_BUILD=ON",
    "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON",
)


@dataclass(frozen=True)
class Compiler:
    """A C and a C++ compiler, by the words of their commands."""

    name: str
    c: tuple[str, ...]
    cxx: tuple[str, ...]
    own_cxx_library: bool = False  # then it cannot link archives that were made with the system's

    @property
    def kinds(self) -> list[str]:
        """The libraries that its programs can link."""
        return ["shared"] if self.own_cxx_library else ["static", "shared"]

    def cmake_options(self, folder: Path) -> list[str]:
        """CMake's options that choose it, with the commands as scripts in `folder`."""
        options = []
        for variable, words in (("C", self.c), ("CXX", self.cxx)):
            script = folder / f"{self.name}-{variable.lower()}"
            script.write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
            options.append(f"-DCMAKE_{variable}_COMPILER={script}")
        return options


def compilers() -> list[Compiler]:
    """GCC, and Clang: the system's, else the one in the package ziglang, which the extra `test` installs."""
    found = []
    if (c := shutil.which("gcc")) and (cxx := shutil.which("g++")):
        found.append(Compiler("gcc", (c,), (cxx,)))
    for suffix in ("", "-14"):
        if (c := shutil.which(f"clang{suffix}")) and (cxx := shutil.which(f"clang++{suffix}")):
            return [*found, Compiler("clang", (c,), (cxx,))]
    zig = (sys.executable, "-m", "ziglang")
    return [*found, Compiler("zig", (*zig, "cc"), (*zig, "c++"), own_cxx_library=True)]


def tool(*names: str) -> str:
    """The first of these programs on the path; without one the test is skipped."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"none of {', '.join(names)} is on the path")


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return done


def sources_options(objects: Path | None = None) -> list[str]:
    """CMake's options for a project with our sources inside. Builds with equal `objects` share them."""
    if sys.platform == "win32":
        pytest.skip("the consumer's options are those of GCC and Clang")
    cmeel = [sys.executable, "-m", "cmeel", "cmake"]  # where the package cmeel-eigen put Eigen
    eigen = subprocess.run(cmeel, capture_output=True, text=True, check=False).stdout.strip()
    options = [
        f"-DFASTGRU_SOURCE_DIR={REPO}",
        f"-DCMAKE_PREFIX_PATH={eigen}",
        f"-DPython_EXECUTABLE={sys.executable}",
    ]
    if objects is not None:
        launcher = f"{sys.executable};{Path(__file__).with_name('compile_once.py')};{objects}"
        options.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}")
    return options


def configure(project: Path, folder: Path, *options: str) -> Path:
    """Configure a project of tests/consumer, from a copy outside of our tree; return its build folder."""
    folder.mkdir(exist_ok=True)
    shutil.copytree(CONSUMER, folder / "app")
    source = folder / "app" / project.relative_to(CONSUMER)
    run(tool("cmake"), "-S", source, "-B", folder / "build", *options)
    return folder / "build"


def compile_commands(folder: Path, *options: str) -> dict[str, list[str]]:
    """The words of the command that compiles each source of the static library within an app's build."""
    binary = configure(CONSUMER, folder, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options)
    listed = json.loads((binary / "compile_commands.json").read_text(encoding="utf-8"))
    return {
        Path(entry["file"]).relative_to(REPO / "cpp").as_posix(): shlex.split(entry["command"])
        for entry in listed
        if "fastgru_static" in entry["command"]
    }


def build(project: Path, folder: Path, *options: str) -> Path:
    """Configure and build a project of tests/consumer."""
    binary = configure(project, folder, *options)
    run(tool("cmake"), "--build", binary, "-j", str(min(4, os.cpu_count() or 1)))
    return binary
