"""The C functions through ctypes, like any language with a C interface calls them."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import _paths

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
OK, INVALID_ARGUMENT, MODEL_FORMAT = 0, 1, 4


class Error(ctypes.Structure):
    _fields_ = [("message", c_char * 512)]


class Info(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_char * 32),
        *((name, c_int64) for name in ("input_size", "output_size", "hidden_size")),
        *((name, c_int64) for name in ("num_layers", "num_directions", "num_parameters")),
        *((name, c_int32) for name in ("every_step", "can_stream", "is_float64", "reset_after", "has_bias")),
    ]


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    name = {"win32": "fastgru.dll", "darwin": "libfastgru.dylib"}.get(sys.platform, "libfastgru.so")
    found = ctypes.CDLL(str(_paths.cmake_dir().parents[1] / name))
    found.fastgru_status_name.restype = c_char_p
    found.fastgru_version.restype = c_char_p
    found.fastgru_model_load.argtypes = [c_char_p, POINTER(c_void_p), POINTER(Error)]
    found.fastgru_model_load_memory.argtypes = [c_char_p, c_size_t, POINTER(c_void_p), POINTER(Error)]
    found.fastgru_model_get_info.argtypes = [c_void_p, POINTER(Info)]
    found.fastgru_model_free.argtypes = [c_void_p]
    numbers = [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int32, POINTER(Error)]
    found.fastgru_model_forward.argtypes = found.fastgru_model_forward_f64.argtypes = numbers
    found.fastgru_stream_new.argtypes = [c_void_p, c_int64, POINTER(c_void_p), POINTER(Error)]
    found.fastgru_stream_copy.argtypes = [c_void_p, POINTER(c_void_p), POINTER(Error)]
    for function in ("free", "reset"):
        getattr(found, f"fastgru_stream_{function}").argtypes = [c_void_p]
    found.fastgru_stream_step.argtypes = found.fastgru_stream_step_f64.argtypes = [c_void_p] * 3
    found.fastgru_stream_state_size.argtypes = [c_void_p]
    found.fastgru_stream_state_size.restype = c_size_t
    for function in ("save", "restore"):
        getattr(found, f"fastgru_stream_{function}").argtypes = [c_void_p, c_void_p, c_size_t]
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 8, 2)), rng.normal(size=(30, 3))
    return fastgru.GRURegressor(hidden_size=10, max_iter=2, tol=1e3, random_state=0).fit(X, y)


@pytest.fixture
def handle(library: ctypes.CDLL, model: Any, tmp_path: Path) -> Any:
    """The loaded model."""
    path = tmp_path / "modèl.safetensors"
    model.save(path)
    loaded, error = c_void_p(), Error()
    assert library.fastgru_model_load(str(path).encode(), byref(loaded), byref(error)) == OK, error.message
    assert error.message == b""
    path.unlink()  # it is not needed any more
    yield loaded
    library.fastgru_model_free(loaded)


def address(array: NDArray[Any]) -> Any:
    return array.ctypes.data


def test_info(library: ctypes.CDLL, handle: c_void_p) -> None:
    info = Info(struct_size=ctypes.sizeof(Info))
    assert library.fastgru_model_get_info(handle, byref(info)) == OK
    assert (info.kind, info.input_size, info.output_size, info.hidden_size) == (b"GRURegressor", 2, 3, 10)
    assert (info.every_step, info.can_stream, info.is_float64) == (0, 1, 0)
    assert (info.reset_after, info.has_bias) == (1, 1)
    short = Info(struct_size=Info.kind.offset + Info.kind.size, input_size=-1)  # as in an older header
    assert library.fastgru_model_get_info(handle, byref(short)) == OK
    assert (short.kind, short.input_size) == (b"GRURegressor", -1)
    assert library.fastgru_version().decode() == fastgru.__version__


def test_forward_and_stream(library: ctypes.CDLL, handle: c_void_p, model: Any) -> None:
    x = np.random.default_rng(1).normal(size=(4, 6, 2))
    y, error = np.empty((4, 3)), Error()
    status = library.fastgru_model_forward_f64(handle, address(x), 4, 6, None, address(y), 1, byref(error))
    assert status == OK, error.message
    np.testing.assert_array_equal(y, model.predict(x))
    stream, fork, python = c_void_p(), c_void_p(), model.stream(4)
    assert library.fastgru_stream_new(handle, 4, byref(stream), byref(error)) == OK
    for t in range(5):
        now = np.ascontiguousarray(x[:, t])
        library.fastgru_stream_step_f64(stream, address(now), address(y))
        np.testing.assert_array_equal(y, python.step(now))
    state = ctypes.create_string_buffer(library.fastgru_stream_state_size(stream))
    assert library.fastgru_stream_save(stream, state, len(state)) == OK
    assert library.fastgru_stream_copy(stream, byref(fork), None) == OK
    library.fastgru_stream_reset(fork)
    assert library.fastgru_stream_restore(fork, state, len(state) - 1) == INVALID_ARGUMENT
    assert library.fastgru_stream_restore(fork, state, len(state)) == OK
    last, answer = np.ascontiguousarray(x[:, 5]), np.empty((4, 3))
    library.fastgru_stream_step_f64(fork, address(last), address(answer))
    np.testing.assert_array_equal(answer, model.predict(x))
    library.fastgru_stream_free(stream)
    library.fastgru_stream_free(fork)


def test_errors_have_messages(library: ctypes.CDLL, handle: c_void_p) -> None:
    error, other = Error(), c_void_p()
    assert library.fastgru_model_load_memory(b"GRU", 3, byref(other), byref(error)) == MODEL_FORMAT
    assert error.message == b"HeaderTooSmall: the file has 3 bytes, fewer than 8"
    assert other.value is None
    assert library.fastgru_stream_new(handle, 0, byref(other), byref(error)) == INVALID_ARGUMENT
    assert error.message == b"batch_size must be at least 1, got 0"
    assert library.fastgru_status_name(MODEL_FORMAT) == b"not a good model file"
    assert library.fastgru_status_name(99) == b"unknown status"
