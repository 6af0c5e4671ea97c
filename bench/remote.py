"""The runner's side of a library's process: start, request with a time limit, suspend, end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180.0


class WorkerError(Exception):
    """The process died, hung or answered with an error; the message says which."""


class AbsentError(WorkerError):
    """The library is not available here."""


class Worker:
    """One library in its own process, on fixed cores.

    It is stopped (SIGSTOP) while others are measured, so that none of its threads disturbs them.
    """

    def __init__(self, name: str, threads: int, cores: list[int]) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        command = [sys.executable, "-m", "bench.worker", name, str(threads), ",".join(map(str, cores))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(threads),
            start_new_session=True,
        )
        self._unread = b""
        try:
            self._receive(START_SECONDS)
        except WorkerError as error:
            self.end()
            raise AbsentError(str(error)) from None
        self.sleep()

    def ask(self, do: str, timeout: float, **fields: Any) -> dict[str, Any]:
        """Resume the process, send a request, return the answer and stop the process again.

        Raises
        ------
        WorkerError
            The answer was an error, or there was none in time: then the process has been ended.
        """
        self._signal(signal.SIGCONT)
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerError(self._how_it_died()) from None
        try:
            return self._receive(timeout)
        finally:
            self.sleep()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def sleep(self) -> None:
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """End the process and what it started."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # data that could not be sent
                    continue
        self._errors.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _receive(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        end = time.monotonic() + timeout
        handle = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([handle], [], [], max(end - time.monotonic(), 0.0))
            if not ready:
                self._signal(signal.SIGKILL)
                self._process.wait()
                raise WorkerError(f"no answer within {timeout:.0f} s")
            received = os.read(handle, 1 << 16)
            if not received:
                raise WorkerError(self._how_it_died())
            self._unread += received
        line, self._unread = self._unread.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise WorkerError(answer["error"])
        return answer

    def _how_it_died(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"its process ended with {how}" + (f": {said[-1][:200]}" if said else "")


def _environment(threads: int) -> dict[str, str]:
    """Return the environment that fixes every library's threads before it is imported."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS")
    fixed = dict.fromkeys(names, count)
    several = "true" if threads > 1 else "false"
    fixed["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={several} intra_op_parallelism_threads={count}"
    fixed["JAX_PLATFORMS"] = "cpu"
    fixed["KERAS_BACKEND"] = "jax"
    fixed["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **fixed}
