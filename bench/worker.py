"""The process of one library: it reads requests and writes answers, one JSON object a line.

Started by bench/remote.py as ``python -m bench.worker NAME THREADS CORES``, where NAME is a library of
bench/peers, "machine", or "fits-" and a library of bench/lstm_fits.py. Standard output is reserved for
answers; other output goes to standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Request = dict[str, Any]
Answer = dict[str, Any]


class LibraryServer:
    """Answers for one library."""

    def __init__(self, name: str, threads: int) -> None:
        from bench.peers import make_peer

        self._peer = make_peer(name, threads)
        self._prepared: Any = None

    def hello(self, request: Request) -> Answer:
        return {"versions": self._peer.versions(), "kinds": self._peer.kinds}

    def prepare(self, request: Request) -> Answer:
        from bench import data
        from bench.cases import Case
        from bench.peers.base import UnsupportedError

        case = Case.from_json(request["case"])
        if case.kind not in self._peer.kinds:
            return {"unsupported": f"does no {case.kind}"}
        start = data.load(request["start"]) if request.get("start") else None
        try:
            self._prepared = self._peer.prepare(case, data.load(request["data"]), start)
        except UnsupportedError as error:
            return {"unsupported": str(error)}
        return {}

    def outputs(self, request: Request) -> Answer:
        from bench import data

        data.save(Path(request["path"]), self._prepared.outputs())
        return {}

    def calibrate(self, request: Request) -> Answer:
        from bench.timing import calibrate

        return {"calls": calibrate(self._prepared, request["seconds"])}

    def time(self, request: Request) -> Answer:
        from bench.timing import time_batch

        return time_batch(self._prepared, request["calls"])

    def memory(self, request: Request) -> Answer:
        """Return the peak memory of three calls above the process' memory before them, in bytes."""
        _give_back_free_memory()
        before = _status_bytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        for _ in range(3):
            self._prepared.call()
        return {"bytes": _status_bytes("VmHWM") - before}

    def drop(self, request: Request) -> Answer:
        self._prepared = None
        return {}


class MachineServer:
    """Answers for the machine's own limits."""

    def __init__(self) -> None:
        from bench.machine import Machine

        self._machine = Machine()

    def hello(self, request: Request) -> Answer:
        return {"vector_bits": self._machine.vector_bits()}

    def limits(self, request: Request) -> Answer:
        return self._machine.limits(request["seconds"])

    def int8_limits(self, request: Request) -> Answer:
        return {"int8_gops": self._machine.int8_gops(request["seconds"])}

    def sample(self, request: Request) -> Answer:
        """Measure one peak and some bandwidths."""
        seconds = request["seconds"]
        gbs = {str(size): self._machine.read_gbs(size, seconds) for size in request["sizes"]}
        return {"gflops": self._machine.fma_gflops(request["bits"], seconds), "gbs": gbs}


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def _give_back_free_memory() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _end_with_parent() -> None:
    """Ask Linux to kill this process with its parent: while stopped, it cannot see the end of its input."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _answer(server: Any, request: Request) -> Answer:
    handler: Callable[[Request], Answer] = getattr(server, request["do"])
    try:
        return {"ok": True, **handler(request)}
    except Exception as error:  # noqa: BLE001 (any error of a library is this case's result)
        first = (str(error).strip().splitlines() or [""])[0]
        return {"ok": False, "error": f"{type(error).__name__}: {first}"[:300]}


def _take_standard_output() -> TextIO:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _server(name: str, threads: int) -> Any:
    if name == "machine":
        return MachineServer()
    if name.startswith("fits-"):
        from bench.lstm_fits import FitServer

        return FitServer(name.removeprefix("fits-"), threads)
    return LibraryServer(name, threads)


def main(name: str, threads: int, cores: str) -> None:
    """Serve until standard input ends."""
    _end_with_parent()
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    answers = _take_standard_output()

    def send(answer: Answer) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        server = _server(name, threads)
    except Exception as error:  # noqa: BLE001 (an unavailable library is a result as well)
        first = (str(error).strip().splitlines() or [""])[0]
        send({"ok": False, "error": f"{type(error).__name__}: {first}"[:300]})
        return
    send({"ok": True})
    for line in sys.stdin:
        send(_answer(server, json.loads(line)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
