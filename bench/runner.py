"""The benchmark's main loop: libraries, cases, turns, and the results to keep."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench import bounds, cppbench, machine
from bench.cases import Case, make_cases
from bench.measurement import Measurement, Result, progress
from bench.peers import OUR_PRECISIONS, OURS, library_of
from bench.remote import Worker, WorkerError
from bench.settings import Settings

SCHEMA = 1
ANSWER_SECONDS = 120.0  # time limit of a request
LIVES = 3  # a library whose process died or hung this often in a suite is left out of the rest of it
ONE_THREAD = "fastgru, 1 thread"


class Runner:
    """One run: `run` measures, `found` returns the results, also of an interrupted run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: dict[tuple[str, int], Worker] = {}
        self._kinds: dict[str, Sequence[str]] = {}
        self._deaths: dict[str, int] = {}
        self._bits = 128
        self.absent: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self._cores = sorted(os.sched_getaffinity(0))
        self.cases = self._select_cases()
        self._began = time.monotonic()
        self._machine = {**machine.describe(), "cores used": len(self._cores)}
        self._results: list[Result] = []
        self._steps: list[Result] = []

    def run(self) -> None:
        """Measure everything. Raises `WorkerError` if fastgru itself is not available."""
        os.sched_setaffinity(0, {self._cores[0]})
        try:
            with tempfile.TemporaryDirectory(prefix="fastgru-bench-") as work:
                self._measure_machine()
                self._start_libraries()
                self._run_cases(Path(work))
                if self._settings.cpp:
                    self._run_cpp()
        finally:
            for worker in self._workers.values():
                worker.end()
            os.sched_setaffinity(0, set(self._cores))

    def found(self) -> Result:
        """Return the results so far, ready for JSON."""
        return {
            "schema": SCHEMA,
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - self._began, 1),
            "machine": self._machine,
            "settings": dataclasses.asdict(self._settings),
            "versions": self.versions,
            "absent": self.absent,
            "cases": self._results,
            "cpp": self._steps,
        }

    def _select_cases(self) -> list[Case]:
        found = [c for suite in self._settings.suites for c in make_cases(suite, self._settings.threads)]
        needed = max((case.threads for case in found), default=1)
        if needed > len(self._cores):
            self.absent["threads"] = f"{needed} cores wanted, {len(self._cores)} may be used"
            found = [case for case in found if case.threads <= len(self._cores)]
        match = self._settings.match
        return found if match is None else [case for case in found if match in case.name]

    def _measure_machine(self) -> None:
        try:
            limits = self._worker("machine", 1).ask("limits", ANSWER_SECONDS, seconds=0.05)
        except WorkerError as error:
            self.absent["machine limits"] = str(error)
            return
        self._machine["limits"] = limits
        try:  # apart, because a supervisor that forbids AMX may end the process
            limits |= self._worker("machine", 1).ask("int8_limits", ANSWER_SECONDS, seconds=0.05)
        except WorkerError as error:
            self.absent["machine limits of int8"] = str(error)

    def _start_libraries(self) -> None:
        suites = {case.suite for case in self.cases}
        for name in (OURS, *OUR_PRECISIONS, *self._settings.peers):
            limited = library_of(name).suites
            if limited is not None and suites.isdisjoint(limited):
                continue
            progress(f"starting {name}")
            try:
                hello = self._worker(name, self._settings.threads).ask("hello", ANSWER_SECONDS)
            except WorkerError as error:
                if name == OURS:
                    raise
                self.absent[name] = str(error)
                progress(f"{name} is absent: {error}")
                continue
            self.versions.update(hello["versions"])
            self._kinds[name] = hello["kinds"]
        self._bits = machine.VECTOR_BITS.get(self.versions["isa"], 128)

    def _worker(self, name: str, threads: int) -> Worker:
        worker = self._workers.get((name, threads))
        if worker is None or not worker.alive:
            if worker is not None:
                worker.end()
            worker = self._workers[name, threads] = Worker(name, threads, self._cores[-threads:])
        return worker

    def _run_cases(self, work: Path) -> None:
        suite = None
        for number, case in enumerate(self.cases, 1):
            if case.suite != suite:
                suite = case.suite
                self._deaths.clear()
            elapsed = time.monotonic() - self._began
            threads = f"{case.threads} thread{'s' * (case.threads > 1)}"
            progress(f"[{number}/{len(self.cases)}] {elapsed:.0f} s: {case.name}, {threads}")
            measured = Measurement(self, case, work)
            self._results.append(measured.memory() if case.kind == "memory" else measured.times())

    def libraries(self, case: Case) -> list[tuple[str, str, int]]:
        """Return (label, name, threads) of each library that runs a case, fastgru first."""
        asked = [(OURS, OURS, case.threads)]
        if case.suite == "threads":
            asked.append((ONE_THREAD, OURS, 1))
        for name, kinds in self._kinds.items():
            suites = library_of(name).suites
            fits = case.kind in kinds and (suites is None or case.suite in suites)
            if name != OURS and fits and (case.only is None or name in case.only):
                asked.append((name, name, case.threads))
        return asked

    def ask(self, name: str, threads: int, do: str, **fields: Any) -> Result:
        """Send a request to a library; raises WorkerError. A library that keeps dying is not asked again."""
        if self._deaths.get(name, 0) >= LIVES:
            raise WorkerError(f"died or hung {LIVES} times in this suite")
        worker = self._worker(name, threads)
        try:
            return worker.ask(do, ANSWER_SECONDS, **fields)
        except WorkerError:
            if not worker.alive:
                self._deaths[name] = self._deaths.get(name, 0) + 1
            raise

    def end(self, name: str, threads: int) -> None:
        """End a library's process; the next request starts a new one."""
        worker = self._workers.pop((name, threads), None)
        if worker is not None:
            worker.end()

    def sample_machine(self, bound: bounds.Bound | None) -> Result | None:
        """Measure the machine's limits that a bound needs."""
        if bound is None or "machine limits" in self.absent:
            return None
        sizes = [size for size, _ in bound.reads]
        sample = self.ask("machine", 1, "sample", bits=self._bits, sizes=sizes, seconds=0.006)
        return {"gflops": sample["gflops"], "gbs": {int(n): v for n, v in sample["gbs"].items()}}

    @property
    def settings(self) -> Settings:
        return self._settings

    def _run_cpp(self) -> None:
        progress("the C++ step: building and running bench/cpp")
        try:
            self._steps += cppbench.run(self._cores)
        except cppbench.CannotError as error:
            self.absent["cpp"] = str(error)
            progress(f"    cpp: {error}")
