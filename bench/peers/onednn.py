"""oneDNN's lbr_gru, called from C++ (bench/cpp/onednn_gru.cpp)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import data as bench_data
from bench.cases import Case
from bench.data import Arrays
from bench.native import compile_shared, python_prefix
from bench.peers.base import Peer, Prepared, UnsupportedError

HEADER = "oneapi/dnnl/dnnl.hpp"
NEWER = "DNNLROOT_NEWER"  # a second build beside the first
ARITHMETIC = ("float32", "fpmath-bf16", "bf16")  # as bench/cpp/onednn_gru.cpp counts them


class Library(Peer):
    """`newer`: the build of $DNNLROOT_NEWER. A reduced arithmetic takes that one too where it is given."""

    def __init__(self, threads: int, newer: bool = False, arithmetic: str = "float32") -> None:
        super().__init__(threads)
        self._arithmetic = arithmetic
        if arithmetic != "float32":
            self.kinds = ("infer",)
            newer = NEWER in os.environ
        self._key = "onednn-newer" if newer else "onednn"
        include, lib = _find(newer)
        _name_the_opencl_driver(lib)
        # An rpath of the older kind, which libraries that oneDNN needs are searched by as well.
        rpath = f"-Wl,--disable-new-dtags,-rpath,{lib}"
        options = [f"-I{include}", f"-L{lib}", rpath, "-ldnnl"]
        self._library = library = ctypes.CDLL(str(compile_shared("onednn_gru.cpp", *options)))
        library.gru_new.restype = ctypes.c_void_p
        library.gru_error.restype = library.gru_version.restype = ctypes.c_char_p

    def versions(self) -> dict[str, str]:
        return {self._key: self._library.gru_version().decode()}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        if case.ragged:
            raise UnsupportedError("no lengths")
        if case.L > 1 and (case.D > 1 or case.I != case.H):
            raise UnsupportedError("stacked layers of unequal size")
        arithmetic = ARITHMETIC.index(self._arithmetic)
        handle = _Handle(self._library, case, bench_data.weights_of(case, data), arithmetic)
        x = data["x"]
        if case.kind == "stream":
            return _prepare_stream(handle, x)
        y = np.empty((case.T, case.B, case.D * case.H), dtype=np.float32)
        training = case.kind != "infer"
        arrays = (x, y, data["dy"]) if training else (x, y)
        repeat = handle.bind("gru_train_times" if training else "gru_forward_times", *arrays)

        def outputs() -> Arrays:
            repeat(1)
            handle.read(y)
            return {"y": y.copy(), **(handle.gradients(x) if training else {})}

        return Prepared(partial(repeat, 1), outputs, repeat=repeat)


def _find(newer: bool) -> tuple[Path, Path]:
    """Return include and library directories: $DNNLROOT's, PyPI's, or the system's; $DNNLROOT_NEWER's."""
    variable = NEWER if newer else "DNNLROOT"
    roots = [Path(os.environ[variable])] if variable in os.environ else []
    if newer and not roots:
        raise ImportError(f"a second build of oneDNN is taken from ${NEWER}, which is not set")
    others = [] if newer else [python_prefix(), Path("/usr/local"), Path("/usr")]
    for root in [*roots, *others]:
        libraries = [p.parent for p in sorted(root.glob("lib*/**/libdnnl.so"))]
        if (root / "include" / HEADER).is_file() and libraries:
            return root / "include", libraries[0]
    place = f"in ${variable}, {roots[0]}" if newer else "(PyPI: onednn-devel-cpu-gomp)"
    raise ImportError(f"oneDNN's headers and library were not found {place}")


def _name_the_opencl_driver(lib: Path) -> None:
    """Name the driver beside a build whose CPU engine is SYCL's, unless the user has named one."""
    driver = lib / "libintelocl.so"
    if driver.is_file():
        os.environ.setdefault("OCL_ICD_FILENAMES", str(driver))


def _address(array: np.ndarray) -> ctypes.c_void_p:
    assert array.dtype == np.float32 and array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


class _Handle:
    """The C++ object of one case, and its weights in oneDNN's gate order: update, reset, candidate."""

    def __init__(self, library: Any, case: Case, weights: Arrays, arithmetic: int) -> None:
        self._library, self._case, self._kept = library, case, list[np.ndarray]()
        self.hidden_size = case.H
        sizes = (ctypes.c_longlong * 6)(case.T, case.B, case.I, case.H, case.L, case.D)
        arrays = [
            self._stack(weights, lambda w, end: _to_onednn(w[f"weight_ih_{end}"])),
            self._stack(weights, lambda w, end: _to_onednn(w[f"weight_hh_{end}"])),
            self._stack(weights, _bias_to_onednn),
        ]
        train = int(case.kind in {"train", "memory"})
        self._handle = ctypes.c_void_p(library.gru_new(sizes, train, arithmetic, *map(_address, arrays)))
        if not self._handle:
            raise UnsupportedError(library.gru_error().decode())

    def __del__(self) -> None:
        self._library.gru_free(self._handle)

    def _ends(self) -> list[list[str]]:
        suffixes = ("", "_reverse")[: self._case.D]
        return [[f"l{layer}{suffix}" for suffix in suffixes] for layer in range(self._case.L)]

    def _stack(self, weights: Arrays, convert: Any) -> np.ndarray:
        stacked = np.array([[convert(weights, end) for end in ends] for ends in self._ends()])
        return np.ascontiguousarray(stacked, dtype=np.float32)

    def bind(self, name: str, *arrays: np.ndarray) -> Callable[[int], None]:
        """Return a function that makes a number of calls of a C++ function on these arrays."""
        function, addresses = getattr(self._library, name), [_address(array) for array in arrays]
        self._kept += arrays

        def repeat(times: int) -> None:
            self.check(function(self._handle, *addresses, ctypes.c_longlong(times)))

        return repeat

    def read(self, y: np.ndarray) -> None:
        """Convert the last call's outputs, where the library has them in another type."""
        self.check(self._library.gru_read(self._handle, _address(y)))

    def steps(self, x: np.ndarray, y: np.ndarray, times: int, seconds: np.ndarray | None = None) -> None:
        """Advance by a number of steps, over the inputs again and again."""
        to = None if seconds is None else ctypes.c_void_p(seconds.ctypes.data)
        count, inputs = ctypes.c_longlong(times), ctypes.c_longlong(len(x))
        self.check(self._library.gru_steps(self._handle, _address(x), inputs, _address(y), count, to))

    def check(self, status: int) -> None:
        if status != 0:
            raise RuntimeError(self._library.gru_error().decode())

    def reset(self) -> None:
        self._library.gru_reset(self._handle)

    def gradients(self, x: np.ndarray) -> Arrays:
        """Return the gradients of the last call under PyTorch's names."""
        case = self._case
        shapes = [(case.I, 3, case.H), (case.H, 3, case.H), (4, case.H)]
        dx = np.empty_like(x)
        dwx, dwh, db = (np.empty((case.L, case.D, *shape), dtype=np.float32) for shape in shapes)
        self.check(self._library.gru_gradients(self._handle, *map(_address, (dx, dwx, dwh, db))))
        named: Arrays = {"x": dx}
        for layer, ends in enumerate(self._ends()):
            for direction, end in enumerate(ends):
                at = (layer, direction)
                named[f"weight_ih_{end}"] = _from_onednn(dwx[at])
                named[f"weight_hh_{end}"] = _from_onednn(dwh[at])
                z, r, n, q = db[at]
                named[f"bias_ih_{end}"] = np.concatenate([r, z, n])
                named[f"bias_hh_{end}"] = np.concatenate([r, z, q])
        return named


def _to_onednn(weight: np.ndarray) -> np.ndarray:
    """(3H, K) with gates r|z|n → (K, 3, H) with z, r, n."""
    gates = weight.reshape(3, -1, weight.shape[1])[[1, 0, 2]]
    return gates.transpose(2, 0, 1)


def _from_onednn(gradient: np.ndarray) -> np.ndarray:
    gates = gradient.transpose(1, 2, 0)[[1, 0, 2]]
    return gates.reshape(-1, gradient.shape[0])


def _bias_to_onednn(weights: Arrays, end: str) -> np.ndarray:
    """Two biases per gate become one, except the candidate's: (4, H)."""
    r, z, n = np.split(weights[f"bias_ih_{end}"], 3)
    r_h, z_h, n_h = np.split(weights[f"bias_hh_{end}"], 3)
    return np.stack([z + z_h, r + r_h, n, n_h])


def _prepare_stream(handle: _Handle, x: np.ndarray) -> Prepared:
    y = np.empty((1, handle.hidden_size), dtype=np.float32)

    def outputs() -> Arrays:
        handle.reset()
        answers = []
        for x_t in x:
            handle.steps(x_t[None], y, 1)
            answers.append(y.copy())
        return {"y": np.stack(answers)}

    def step_seconds(times: int) -> np.ndarray:
        seconds = np.empty(times)
        handle.steps(x, y, times, seconds)
        return seconds

    repeat = partial(handle.steps, x, y)
    return Prepared(partial(repeat, 1), outputs, repeat=repeat, step_seconds=step_seconds)
