"""The streaming step from C++: builds bench/cpp with CMake and runs it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.native import cache_directory
from bench.remote import ROOT

BUILD_SECONDS = 900
RUN_SECONDS = 300


class CannotError(Exception):
    """The C++ benchmark cannot be built or run here; the message says why."""


def run(cores: list[int]) -> list[dict[str, Any]]:
    """Return one entry per shape: "I", "H", and nanoseconds a step: "mean", "p50", "p99", "p99.9", "max".

    "flushed" is the mean if the caller flushes denormals. The entry with zero units has percentiles alone:
    those of an empty step.

    Parameters
    ----------
    cores : list of int
        The cores to use: all to build, the last one to run.
    """
    program = _build(cores)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [str(program), "--benchmark_format=json", "--benchmark_min_time=0.2"]
    made = _call(command, RUN_SECONDS, environment, cores[-1:])
    shapes: dict[tuple[int, int], dict[str, Any]] = {}
    for entry in json.loads(made)["benchmarks"]:
        kind, *sizes = entry["name"].split("/")
        shape = (0, 0) if kind == "nothing_percentiles" else (int(sizes[0]), int(sizes[1]))
        figures = shapes.setdefault(shape, {"I": shape[0], "H": shape[1]})
        if kind.startswith("step_mean"):
            figures["mean" if kind == "step_mean" else "flushed"] = entry["real_time"]
        else:
            figures |= {name: entry[name] for name in ("p50", "p99", "p99.9", "max")}
    return list(shapes.values())


def _build(cores: list[int]) -> Path:
    # The environment's own cmake and ninja first: their scripts need not be on PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cmake = shutil.which("cmake", path=path)
    if cmake is None:
        raise CannotError("cmake was not found")
    of_checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    directory = cache_directory() / f"cpp-build-{of_checkout}"
    options = ["-DFASTGRU_BUILD_BENCH=ON", "-DFASTGRU_BUILD_PYTHON=OFF", "-DCMAKE_BUILD_TYPE=Release"]
    python = f"-DPython_EXECUTABLE={sys.executable}"
    environment = {**os.environ, "PATH": path}
    _call([cmake, "-S", str(ROOT), "-B", str(directory), *options, python], BUILD_SECONDS, environment, cores)
    jobs = str(len(cores))
    build = [cmake, "--build", str(directory), "--target", "fastgru_bench", "--parallel", jobs]
    _call(build, BUILD_SECONDS, environment, cores)
    return directory / "bench" / "cpp" / "fastgru_bench"


def _call(command: list[str], seconds: int, environment: dict[str, str], cores: list[int]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    except subprocess.TimeoutExpired:
        raise CannotError(f"{Path(command[0]).name}: not done after {seconds} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        complaint = next((line for line in said if "error" in line.lower()), said[-1] if said else "")
        raise CannotError(f"{Path(command[0]).name} failed: {complaint.strip()[:200]}")
    return done.stdout
