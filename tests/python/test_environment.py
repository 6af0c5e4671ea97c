"""Settings of the process: the number of threads, and what the environment asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgru
from fastgru import _core

SHOW = "import fastgru; from fastgru import _core; print(fastgru.get_num_threads(), _core.isa())"


@pytest.fixture
def threads() -> Iterator[None]:
    yield
    fastgru.set_num_threads(0)


def in_a_process(*options: str, code: str = SHOW, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process with this environment; without it, print the threads and instruction set."""
    kept = {
        name: value for name, value in os.environ.items() if name not in {"FASTGRU_ISA", "OMP_NUM_THREADS"}
    }
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("n", [1, 3, np.int8(5), np.uint64(7), 4096], ids=repr)
def test_a_number_of_threads_is_kept(threads: None, n: Any) -> None:
    fastgru.set_num_threads(n)
    assert fastgru.get_num_threads() == n


BAD_THREADS = [
    (-1, ValueError, r"n must be from 0 \(.*\) to 4096, got -1"),
    (4097, ValueError, "got 4097"),
    (2**31, ValueError, "got 2147483648"),
    (2**64, ValueError, "n must be from 0"),
    (-(2**70), ValueError, "n must be from 0"),
    (True, TypeError, "n must be an int, got bool"),
    (np.True_, TypeError, "n must be an int, got bool"),
    (1.5, TypeError, "n must be an int, got float"),
    (np.float64(2), TypeError, "n must be an int, got float64"),
    ("2", TypeError, "n must be an int, got str"),
    (None, TypeError, "n must be an int, got NoneType"),
]


@pytest.mark.parametrize(("n", "error", "message"), BAD_THREADS, ids=repr)
def test_a_bad_number_of_threads_changes_nothing(
    threads: None, n: Any, error: type[Exception], message: str
) -> None:
    fastgru.set_num_threads(3)
    with pytest.raises(error, match=message):
        fastgru.set_num_threads(n)
    assert fastgru.get_num_threads() == 3


@pytest.mark.parametrize("n_jobs", [2**20, 2**31, 2**40])
def test_an_estimator_takes_any_number_of_jobs(n_jobs: int) -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 5, 2)), np.arange(20.0)
    one, many = (
        fastgru.GRURegressor(max_iter=2, hidden_size=4, random_state=0, n_jobs=n) for n in (1, n_jobs)
    )
    with pytest.warns(Warning, match="Maximum iterations"):
        np.testing.assert_array_equal(one.fit(X, y).predict(X), many.fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("text", "threads"),
    [("3", 3), (" 3 ", 3), ("2,4", 2), ("99999999999999999999", 4096)]
    + [(text, 0) for text in ("", "many", "3 threads", "1.5", "0", "-2", "0x2")],
)
def test_omp_num_threads(text: str, threads: int) -> None:
    """0: not a number of threads, so it is as if it were not set."""
    done = in_a_process(OMP_NUM_THREADS=text)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) == (threads or _core.available_cores())


AFFINITY = """
import os
import fastgru
whole = os.sched_getaffinity(0)
for cores in whole, {min(whole)}, whole:
    os.sched_setaffinity(0, cores)
    plan = fastgru.explain(fastgru.GRU(64, 256), T=100, B=64)
    print(fastgru.get_num_threads(), plan.split("threads ")[1].split(":")[0])
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity of processes")
def test_the_affinity_of_the_process_is_followed() -> None:
    done = in_a_process(code=AFFINITY)
    assert done.returncode == 0, done.stderr
    before, one, after = (line.split() for line in done.stdout.splitlines())
    assert one == ["1", "1"]
    assert before == after == [str(_core.available_cores())] * 2


@pytest.mark.parametrize("name", ["sse2", "AVX2", "avx512f", "avx-512", "native", "avx2 "])
def test_an_unknown_instruction_set_is_said_with_those_there_are(name: str) -> None:
    done = in_a_process(FASTGRU_ISA=name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == _core.isa_names()[-1]
    there = ", ".join(_core.isa_names())
    assert (
        f"RuntimeWarning: FASTGRU_ISA={name} is not available here, there are: {there}; using" in done.stderr
    )
    assert in_a_process("-Werror", FASTGRU_ISA=name).returncode == 1


def test_a_known_instruction_set_is_followed_in_silence() -> None:
    for name in _core.isa_names():
        done = in_a_process("-Werror", FASTGRU_ISA=name)
        assert (done.stdout.split()[1], done.stderr) == (name, "")


@pytest.mark.parametrize("rows", [0, -3])
def test_a_number_of_rows_has_the_callers_name(tmp_path: Path, rows: int) -> None:
    regressor = fastgru.GRURegressor(max_iter=1, hidden_size=4)
    with pytest.warns(Warning, match="Maximum iterations"):
        regressor.fit(np.zeros((20, 5, 2)), np.arange(20.0))
    for stream in (fastgru.GRU(2, 4).stream, regressor._network.stream):
        with pytest.raises(ValueError, match=f"batch_size must be at least 1\\b.*, got {rows}"):
            stream(rows)
