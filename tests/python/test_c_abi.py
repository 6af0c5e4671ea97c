"""The C functions through ctypes, like any language with a C interface calls them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import _core, _paths

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
        *((name, c_int32) for name in ("every_step", "can_stream", "is_float64")),
        *((name, c_int32) for name in ("reset_after", "has_bias", "format_version", "missing_mask")),
        *((name, c_int64) for name in ("vocabulary_size", "num_quantiles", "num_classes", "num_metadata")),
        *((name, c_int64) for name in ("frame_length", "frame_step")),
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
    for text in ("field", "metadata"):
        getattr(found, f"fastgru_model_{text}").argtypes = [c_void_p, c_char_p]
    for text in ("class_name", "metadata_key"):
        getattr(found, f"fastgru_model_{text}").argtypes = [c_void_p, c_int64]
    for text in (
        "model_field",
        "model_metadata",
        "model_class_name",
        "model_metadata_key",
        "isa",
        "isa_warning",
    ):
        getattr(found, f"fastgru_{text}").restype = c_char_p
    found.fastgru_model_parameter_size.argtypes = [c_void_p, c_char_p]
    found.fastgru_model_parameter_size.restype = c_int64
    found.fastgru_model_get_parameter.argtypes = [c_void_p, c_char_p, c_void_p, c_int64, POINTER(Error)]
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


def test_a_program_of_the_first_header_runs(library: ctypes.CDLL, handle: c_void_p) -> None:
    """Its structure ended after is_float64; the bytes behind it stay what they were."""
    whole = ctypes.sizeof(Info)
    room = (ctypes.c_ubyte * whole).from_buffer_copy(b"\xa5" * whole)
    info = Info.from_buffer(room)
    info.struct_size = size = 104 if ctypes.sizeof(c_size_t) == 8 else Info.reset_after.offset
    assert library.fastgru_model_get_info(handle, byref(info)) == OK
    assert (info.kind, info.input_size, info.num_parameters) == (b"GRURegressor", 2, 453)
    assert (info.can_stream, info.is_float64) == (1, 0)
    assert bytes(room)[size:] == b"\xa5" * (whole - size)


# What a saved model tells an app, beside what Python knows of it.
TOLD: dict[str, tuple[Any, dict[str, Any], dict[str, str]]] = {
    "layer": (
        lambda: fastgru.GRU(2, 3, bias=False, reset_after=False, bidirectional=True),
        {"reset_after": 0, "has_bias": 0, "num_directions": 2, "num_classes": 0, "missing_mask": 0},
        {"bidirectional": "true", "dropout": "0.0", "precision": "highest"},
    ),
    "quantiles": (
        lambda: fastgru.GRURegressor(hidden_size=3, max_iter=1, loss="quantile", quantile=[0.1, 0.5]).fit(
            np.ones((4, 3, 2)), np.arange(4.0)
        ),
        {"reset_after": 1, "has_bias": 1, "num_directions": 1, "num_quantiles": 2, "output_size": 2},
        {"quantiles": "[0.1,0.5]", "loss": "quantile", "pooling": "last"},
    ),
    "tokens": (
        lambda: fastgru.GRUClassifier(hidden_size=3, embedding_dim=2, vocabulary_size=9, max_iter=1).fit(
            np.full((6, 3), 4), ["a", "b", "ç"] * 2
        ),
        {"vocabulary_size": 9, "num_classes": 3, "output_size": 3, "input_size": 1},
        {"vocabulary_size": "9", "loss": "cross_entropy"},
    ),
    "mask": (
        lambda: fastgru.GRUClassifier(hidden_size=3, missing="mask", pooling="max", max_iter=1).fit(
            np.where(np.arange(24).reshape(4, 3, 2) % 5 == 0, np.nan, 1.0), [7, 9] * 2
        ),
        {"missing_mask": 1, "num_classes": 2, "output_size": 1, "input_size": 2},
        {"missing_mask": "true", "pooling": "max"},
    ),
    "frames": (
        lambda: fastgru.GRUClassifier(hidden_size=3, frame_length=4, frame_step=2, max_iter=1).fit(
            np.ones((4, 9, 2)), [7, 9] * 2
        ),
        {"frame_length": 4, "frame_step": 2, "input_size": 2},
        {"frame_length": "4", "frame_step": "2"},
    ),
    "several labels": (
        lambda: fastgru.GRUClassifier(hidden_size=3, max_iter=1).fit(
            np.ones((4, 3, 2)), np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]])
        ),
        {"num_classes": 3, "output_size": 3},
        {"loss": "binary_cross_entropy"},
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_a_model_tells(name: str, library: ctypes.CDLL, tmp_path: Path) -> None:
    make, numbers, fields = TOLD[name]
    model, loaded = make(), c_void_p()
    model.save(tmp_path / "m", metadata={"rate": "16000"})
    assert library.fastgru_model_load(str(tmp_path / "m").encode(), byref(loaded), None) == OK
    info = Info(struct_size=ctypes.sizeof(Info))
    assert library.fastgru_model_get_info(loaded, byref(info)) == OK
    assert {field: getattr(info, field) for field in numbers} == numbers
    assert info.format_version == _core.model_format_version
    assert info.num_metadata == 1 and library.fastgru_model_metadata(loaded, b"rate") == b"16000"
    said = {field: library.fastgru_model_field(loaded, field.encode()).decode() for field in fields}
    assert said == fields
    assert library.fastgru_model_field(loaded, b"color") is None
    classes = [str(label) for label in getattr(model, "classes_", [])]
    assert info.num_classes == len(classes)
    names = [library.fastgru_model_class_name(loaded, i) for i in range(len(classes) + 1)]
    assert names == [*(label.encode() for label in classes), None]
    if name == "layer":
        assert library.fastgru_model_parameter_size(loaded, b"scaling.x_mean") == -1
    else:
        for part, wanted in zip(
            ("x_mean", "x_scale", "y_mean", "y_scale"), model._network.scaling, strict=True
        ):
            values = np.empty(library.fastgru_model_parameter_size(loaded, f"scaling.{part}".encode()))
            status = library.fastgru_model_get_parameter(
                loaded, f"scaling.{part}".encode(), address(values), len(values), None
            )
            assert status == OK
            np.testing.assert_array_equal(values, wanted)
    library.fastgru_model_free(loaded)


def test_the_instruction_set(library: ctypes.CDLL) -> None:
    assert library.fastgru_isa().decode() in _core.compiled_isa_names()
    code = (
        "import ctypes, sys; warning = ctypes.CDLL(sys.argv[1]).fastgru_isa_warning\n"
        "warning.restype = ctypes.c_char_p\nprint(warning().decode())"
    )
    for wanted, said in (("avx1024", "FASTGRU_ISA=avx1024 is not available here, there are: "), ("", "")):
        done = subprocess.run(
            [sys.executable, "-c", code, library._name],
            capture_output=True, text=True, check=True, env={**os.environ, "FASTGRU_ISA": wanted},
        )  # fmt: skip
        assert done.stdout.startswith(said)
        assert bool(done.stdout.strip()) == bool(wanted)


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
    assert error.message == b"rows must be at least 1, got 0"
    assert library.fastgru_status_name(MODEL_FORMAT) == b"not a good model file"
    assert library.fastgru_status_name(99) == b"unknown status"
