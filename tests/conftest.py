"""What every Python test shares: the hypothesis profile and a header that says what is being tested."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

import fastgru
from fastgru import _paths

# No deadline: no test here is about how long an example takes. Derandomised: a run can be repeated.
settings.register_profile("fastgru", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("fastgru")

# A shell starts what runs in the background with SIGINT ignored. Python and its children would inherit that,
# and the tests of Ctrl-C wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    from fastgru import _core

    return [
        f"fastgru {fastgru.__version__} from {Path(fastgru.__file__).parent}",
        f"isa: {_core.isa()} of {', '.join(_core.isa_names())}"
        f" (FASTGRU_ISA={os.environ.get('FASTGRU_ISA', 'unset')}); openmp: {_core.openmp};"
        f" threads: {_core.get_num_threads()} of {_core.available_cores()} cores",
    ]


@pytest.fixture(autouse=True)
def _no_ctrl_c_before() -> None:
    """Forget the Ctrl-C of the test before: two within two seconds mean more than one."""
    loop = sys.modules.get("fastgru.estimators._fit_loop")
    if loop is not None:
        loop._last_interrupt = -float("inf")  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the source tree these tests belong to."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the objects that builds of our sources share (tests/python/compile_once.py)."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="session")
def c_library() -> ctypes.CDLL:
    """The shared library that apps link."""
    name = {"win32": "fastgru.dll", "darwin": "libfastgru.dylib"}.get(sys.platform, "libfastgru.so")
    library = ctypes.CDLL(str(_paths.cmake_dir().parents[1] / name))
    library.fastgru_model_free.argtypes = [ctypes.c_void_p]
    return library


@pytest.fixture(scope="session")
def load_in_c(c_library: ctypes.CDLL) -> Callable[[Path], str]:
    """A function that loads a model file in the C library: the error's message, or "" if it loads."""

    def load(path: Path) -> str:
        handle, message = ctypes.c_void_p(), ctypes.create_string_buffer(512)
        if c_library.fastgru_model_load(os.fsencode(path), ctypes.byref(handle), message) != 0:
            return message.value.decode()
        c_library.fastgru_model_free(handle)
        return ""

    return load
