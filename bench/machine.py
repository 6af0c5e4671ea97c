"""The machine: its description, and the limits of one core (measured by bench/cpp/machine.cpp)."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

from bench.native import compile_shared

VECTOR_BITS = {"avx512": 512, "avx2": 256}  # of fastgru's instruction sets; 128 for all others
INT8_INSTRUCTIONS = {"VNNI": "machine_vnni_gops", "AMX": "machine_amx_gops"}
MEMORY_BYTES = 256 << 20


class Machine:
    """The measuring functions. Constructing it raises `NoCompilerError` where they cannot be compiled."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(compile_shared("machine.cpp")))
        library.machine_fma_gflops.argtypes = [ctypes.c_int, ctypes.c_double]
        library.machine_fma_gflops.restype = ctypes.c_double
        for name in INT8_INSTRUCTIONS.values():
            getattr(library, name).argtypes = [ctypes.c_double]
            getattr(library, name).restype = ctypes.c_double
        library.machine_read_gbs.argtypes = [ctypes.c_size_t, ctypes.c_int, ctypes.c_double]
        library.machine_read_gbs.restype = ctypes.c_double
        self._library = library

    def vector_bits(self) -> int:
        return int(self._library.machine_vector_bits())

    def fma_gflops(self, bits: int, seconds: float) -> float:
        return float(self._library.machine_fma_gflops(bits, seconds))

    def int8_gops(self, seconds: float) -> dict[str, float]:
        """Return the peak of products of int8 for each set of instructions this core has."""
        found = {name: getattr(self._library, f)(seconds) for name, f in INT8_INSTRUCTIONS.items()}
        return {name: float(gops) for name, gops in found.items() if gops > 0}

    def read_gbs(self, size: int, seconds: float) -> float:
        """Read in one direction, or in serpentine order if faster, which finds lines still in the cache."""
        return max(float(self._library.machine_read_gbs(size, turn, seconds / 2)) for turn in (0, 1))

    def limits(self, seconds: float) -> dict[str, Any]:
        """Measure every peak and the bandwidth of every cache level, at half its size."""
        fma = {str(bits): self.fma_gflops(bits, seconds) for bits in (512, 256, 128)}
        levels = {level: size // 2 for level, size in cache_bytes().items()}
        levels["memory"] = max(MEMORY_BYTES, 8 * levels.get("L3", 0))
        read = {level: self.read_gbs(size, seconds) for level, size in levels.items()}
        return {"fma_gflops": {b: v for b, v in fma.items() if v > 0}, "read_gbs": read}


def cache_bytes() -> dict[str, int]:
    """Return the size of each data cache as one core sees it: {"L1": ..., "L2": ..., "L3": ...}."""
    found: dict[str, int] = {}
    core = max(os.sched_getaffinity(0))
    for index in sorted(Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
        if (index / "type").read_text().strip() in {"Data", "Unified"}:
            size = (index / "size").read_text().strip()
            factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(size[-1], 1)
            found["L" + (index / "level").read_text().strip()] = int(size.rstrip("KMG")) * factor
    return found


def describe() -> dict[str, Any]:
    """Return a description of the machine, for readers of the figures."""
    cores = os.sched_getaffinity(0)
    return {
        "cpu": _from_cpuinfo("model name") or platform.processor() or "unknown",
        "family, model, stepping": [_from_cpuinfo(key) for key in ("cpu family", "model", "stepping")],
        "vector flags": _vector_flags(),
        "cores used": len(cores),
        "cores": os.cpu_count(),
        "virtual machine": "hypervisor" in (_from_cpuinfo("flags") or "").split(),
        "cache bytes": cache_bytes(),
        "memory bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
    }


def _from_cpuinfo(key: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), None)


def _vector_flags() -> list[str]:
    flags = (_from_cpuinfo("flags") or _from_cpuinfo("Features") or "").split()
    return [f for f in flags if f.startswith(("avx", "amx", "fma", "f16c", "asimd", "sve"))]
