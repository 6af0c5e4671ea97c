"""Measurement of a case: preparation by every library, check of the results, timing in turns."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bench import bounds, data, exact, machine
from bench.cases import TRAINED, Case
from bench.peers import OURS, library_of
from bench.remote import WorkerError
from bench.settings import Settings

Result = dict[str, Any]


class LeftOutError(WorkerError):
    """A library does not support this case, and is not asked again."""


def progress(text: str) -> None:
    """Report progress on standard error."""
    print(text, file=sys.stderr, flush=True)


class Run(Protocol):
    """The run that a measurement is part of: it holds the libraries' processes."""

    @property
    def settings(self) -> Settings:
        """Rounds, and how long a batch of calls takes."""

    def libraries(self, case: Case) -> list[tuple[str, str, int]]:
        """Return (label, name, threads) of each library that runs a case, fastgru first."""

    def ask(self, name: str, threads: int, do: str, **fields: Any) -> Result:
        """Send a request to a library; raises WorkerError."""

    def end(self, name: str, threads: int) -> None:
        """End a library's process; the next request starts a new one."""

    def sample_machine(self, bound: bounds.Bound | None) -> Result | None:
        """Measure the machine's limits that a bound needs."""


class Measurement:
    """One case, by every library that takes part."""

    def __init__(self, run: Run, case: Case, work: Path) -> None:
        self._run, self._case, self._work = run, case, work
        self._data = work / "data.npz"
        self._libraries = run.libraries(case)
        self._figures: dict[str, Result] = {}
        self._left_out: dict[str, str] = {}
        self._wanted: data.Arrays | None = None
        made = data.make_data(case)
        self._exact = exact.outputs(case, made) if case.suite == "precision" else None
        data.save(self._data, made)

    def times(self) -> Result:
        """Check every library's results, then time them in turns."""
        ready = {}
        for label, name, threads in self._libraries:
            if self._attempt(label, lambda n=name, t=threads, at=label: self._check(at, n, t)):
                calls = self._attempt(label, lambda n=name, t=threads: self._calibrate(n, t))
                if calls:
                    ready[label] = (name, threads, calls["calls"])
        bound = bounds.bound(self._case)
        samples, rounds = self._take_turns(ready, bound)
        for label, (name, threads, calls) in ready.items():
            if label not in self._left_out:
                self._figures[label] |= {"calls": calls, **_medians(rounds[label])}
                self._attempt(label, lambda n=name, t=threads: self._run.ask(n, t, "drop"))
        return self._result(bound, samples)

    def _take_turns(
        self, ready: dict[str, tuple[str, int, int]], bound: bounds.Bound | None
    ) -> tuple[list[Result], dict[str, list[Result]]]:
        """Run the rounds: the machine's limits, then each library; each round begins with another library."""
        samples: list[Result] = []
        rounds: dict[str, list[Result]] = {label: [] for label in ready}
        for turn in range(self._run.settings.rounds if ready else 0):
            sample = self._attempt("machine", lambda: self._run.sample_machine(bound))
            if sample:
                samples.append(sample)
            order = list(ready.items())
            for label, (name, threads, calls) in order[turn % len(order) :] + order[: turn % len(order)]:
                if label in self._left_out:
                    continue
                took = self._attempt(label, lambda n=name, t=threads, c=calls: self._time(n, t, c))
                if took:
                    rounds[label].append(took)
        return samples, rounds

    def memory(self) -> Result:
        """Measure the peak of each library in a process of its own."""
        for label, name, threads in self._libraries:
            self._run.end(name, threads)
            fresh = self._attempt(label, lambda n=name, t=threads: self._fresh_memory(n, t))
            if fresh and self._attempt(label, lambda n=name, t=threads, at=label: self._compare(at, n, t)):
                self._figures[label] |= fresh
            self._run.end(name, threads)
        return self._result(None, []) | {"predicted_bytes": bounds.tape_bytes(self._case)}

    def _fresh_memory(self, name: str, threads: int) -> Result:
        self._prepare(name, threads)
        return self._run.ask(name, threads, "memory")

    def _prepare(self, name: str, threads: int) -> None:
        start = None if name == OURS else str(self._work / f"{OURS}.npz")
        fields = {"case": self._case.to_json(), "data": str(self._data), "start": start}
        answer = self._run.ask(name, threads, "prepare", **fields)
        if "unsupported" in answer:
            raise LeftOutError(answer["unsupported"])

    def _check(self, label: str, name: str, threads: int) -> Result:
        self._prepare(name, threads)
        return self._compare(label, name, threads)

    def _compare(self, label: str, name: str, threads: int) -> Result:
        """Compare a library's results with fastgru's, which come first."""
        path = self._work / f"{label}.npz"
        self._run.ask(name, threads, "outputs", path=str(path))
        results = data.load(path)
        if self._wanted is None:
            if label != OURS:
                raise WorkerError("fastgru gave nothing to compare with")
            self._wanted = results
        error, complaint = data.difference(self._wanted, results, library_of(name).limit)
        if complaint is not None:
            raise WorkerError(f"not timed, results differ: {complaint}")
        self._figures[label] = {"error": error}
        if self._exact is not None:
            self._figures[label]["float64_error"] = exact.largest_error(self._exact, results["y"])
        return self._figures[label] | {"checked": True}

    def _calibrate(self, name: str, threads: int) -> Result:
        seconds = self._run.settings.batch_seconds
        return self._run.ask(name, threads, "calibrate", seconds=seconds)

    def _time(self, name: str, threads: int, calls: int) -> Result:
        return self._run.ask(name, threads, "time", calls=calls)

    def _attempt(self, label: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except WorkerError as error:
            self._left_out[label] = str(error)
            self._figures.pop(label, None)
            if not isinstance(error, LeftOutError):
                progress(f"    {label}: {error}")
            return None

    def _result(self, bound: bounds.Bound | None, samples: list[Result]) -> Result:
        flops = None if self._case.kind in TRAINED else bounds.flops(self._case)
        limit = _bound_result(self._case, bound, samples)
        if flops is not None and limit is not None:
            for figure in self._figures.values():
                figure["of_fma_peak"] = flops / figure["seconds"] / (limit["gflops"] * 1e9)
        return {
            "case": self._case.to_json(),
            "label": self._case.label,
            "flops": flops,
            "bound": limit,
            "figures": self._figures,
            "left_out": self._left_out,
        }


def _medians(rounds: list[Result]) -> Result:
    found: Result = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
    found["rounds"] = [r["seconds"] for r in rounds]
    return found


def _bound_result(case: Case, bound: bounds.Bound | None, samples: list[Result]) -> Result | None:
    """Return the bound, computed from the medians of the limits measured in the rounds."""
    if bound is None or not samples:
        return None
    gflops = statistics.median(sample["gflops"] for sample in samples) * case.threads
    gbs = {size: statistics.median(s["gbs"][size] for s in samples) * case.threads for size, _ in bound.reads}
    caches = machine.cache_bytes()
    levels = ", ".join(bounds.level_of(size, caches) for size, _ in bound.reads)
    return {
        "name": bound.name.format(levels),
        "seconds": bound.seconds(gflops, gbs),
        "gflops": gflops,
        "reads": [{"bytes": size, "times": times, "gbs": gbs[size]} for size, times in bound.reads],
    }
