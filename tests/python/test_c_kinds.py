"""The C library answers as Python does, to the bit, by a model of every kind: steps and whole sequences."""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any

import kinds
import numpy as np
import pytest
from numpy.typing import NDArray

from fastgru import _paths

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    name = {"win32": "fastgru.dll", "darwin": "libfastgru.dylib"}.get(sys.platform, "libfastgru.so")
    return ctypes.CDLL(str(_paths.cmake_dir().parents[1] / name))


def pointer(array: NDArray[Any]) -> c_void_p:
    return c_void_p(array.ctypes.data)


def streamed(
    library: ctypes.CDLL, handle: c_void_p, x: NDArray[Any], y: NDArray[Any], frame: tuple[int, int]
) -> None:
    step = library.fastgru_stream_step if x.dtype == np.float32 else library.fastgru_stream_step_f64
    stream = c_void_p()
    assert library.fastgru_stream_new(handle, c_int64(1), byref(stream), None) == 0
    for t, (x_t, y_t) in enumerate(zip(x, y, strict=True)):
        step(stream, pointer(x_t), pointer(y_t))
        behind = t + 1 - frame[0]  # time steps since the end of the first frame
        assert library.fastgru_stream_answered(stream) == (behind >= 0 and behind % frame[1] == 0)
    library.fastgru_stream_free(stream)


def whole(
    library: ctypes.CDLL, handle: c_void_p, x: NDArray[Any], y: NDArray[Any], rows: int, num_threads: int
) -> None:
    double = x.dtype == np.float64
    forward = library.fastgru_model_forward_f64 if double else library.fastgru_model_forward
    sizes = c_int64(rows), c_int64(len(x) // rows)
    threads = c_int32(num_threads)
    assert forward(handle, pointer(x), *sizes, None, pointer(y), threads, None) == 0


@pytest.mark.parametrize("name", kinds.MODELS)
def test_the_library_answers_as_the_model_does(library: ctypes.CDLL, name: str, tmp_path: Path) -> None:
    model = kinds.MODELS[name]()
    given = kinds.inputs_of(model)
    wanted = kinds.python_answers(model, given)
    model.save(tmp_path / "m.safetensors")
    handle = c_void_p()
    path = str(tmp_path / "m.safetensors").encode()
    assert library.fastgru_model_load(path, byref(handle), None) == 0
    x = given.astype(wanted.dtype)  # tokens are whole numbers of the same type
    found = np.empty_like(wanted)
    if getattr(model, "bidirectional", False):
        whole(library, handle, x, found, 20, 2)
    else:
        frames = getattr(model, "frame_length_", 1), getattr(model, "frame_step_", 1)
        streamed(library, handle, x, found, frames)
        every_step = getattr(model, "output", "sequence") == "sequence"
        answers = np.empty_like(wanted if every_step else wanted[-1:])
        whole(library, handle, x, answers, 1, 1)
        known = ~np.isnan(wanted).any(axis=1)  # a stream of frames knows nothing before the first
        np.testing.assert_array_equal(
            answers[known] if every_step else answers, wanted[known if every_step else [-1]]
        )
    np.testing.assert_array_equal(found, wanted)
    library.fastgru_model_free(handle)
