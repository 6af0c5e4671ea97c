"""A model as C99: it compiles without a warning in strict C99, and its predictions are those of the model."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

import compilers
import kinds
import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru.cli import main
from fastgru.convert import to_c

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STRICT = [
    *("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wdouble-promotion"),
    *("-Wshadow", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Wfloat-equal", "-Wcast-qual", "-Werror"),
]


MODELS = kinds.MODELS


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> list[str]:
    if sys.platform == "win32":
        pytest.skip("calls a compiler with the options of GCC and Clang")
    return compilers.compiler_of(compilers.Combination(request.param, ""), "c")


def compiled(compiler: list[str], folder: Path, model: Any, name: str, *flags: str) -> ctypes.CDLL:
    """The model as a shared library, by way of the command line."""
    path = folder / f"{name}.safetensors"
    model.save(path)
    assert main(["export", str(path), "--to", "c", "--output", str(folder)]) == 0
    library = folder / f"{name}.so"
    source = folder / f"{name}.c"
    done = subprocess.run(
        [*compiler, *STRICT, *(flags or ("-O2",)), "-shared", "-fPIC", source, "-o", library, "-lm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def steps(library: ctypes.CDLL, name: str, x: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """What C answers to each step of x, in the shape of `like`."""
    reset, step = getattr(library, f"{name}_reset"), getattr(library, f"{name}_step")
    state = ctypes.create_string_buffer(1 << 16)  # more than any of these models needs
    y = np.empty_like(like)
    for _ in range(2):  # a second sequence begins anew
        reset(state)
        for t in range(len(x)):
            step(state, ctypes.c_void_p(x[t].ctypes.data), ctypes.c_void_p(y[t].ctypes.data))
    return y


def predicted(library: ctypes.CDLL, name: str, x: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """What C answers to 20 sequences, the parts of x, in the shape of `like`."""
    parts, y = np.split(x, 20), np.empty_like(like)
    work = np.empty((len(parts[0]), 64), like.dtype)
    for part, answer in zip(parts, np.split(y, 20), strict=True):
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (part, work, answer)]
        getattr(library, f"{name}_predict")(pointers[0], ctypes.c_int(len(part)), *pointers[1:])
    return y


def answers_in_c(library: ctypes.CDLL, name: str, x: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    assert getattr(library, f"{name}_self_test")() == 1
    return (steps if hasattr(library, f"{name}_step") else predicted)(library, name, x, like)


@pytest.mark.parametrize("name", MODELS)
def test_c_answers_as_the_model_does(compiler: list[str], name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    x = kinds.inputs_of(model)
    wanted = kinds.python_answers(model, x)
    found = answers_in_c(compiled(compiler, tmp_path, model, name), name, x, wanted)
    unit = np.ones(1)
    if isinstance(model, fastgru.GRURegressor):
        unit = np.repeat(model._network.scaling[3], max(1, len(model._architecture["quantiles"])))
    wanted = wanted.astype(np.float64)
    closest = 2 * np.finfo(found.dtype).eps * np.abs(wanted)  # two roundings of the prediction itself
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))  # before the first frame
    difference = (np.abs(found - wanted) - closest) / unit
    worst, usual = np.nanmax(difference), np.nanmedian(difference)
    print(f"{name}: worst difference {worst:.1e}, median {usual:.1e}")
    assert np.ptp(wanted[~np.isnan(wanted)]) > 0
    assert usual < (1e-6 if found.dtype == np.float32 else 1e-13)
    # Of weights of one byte, where a last bit moves a state to the next whole number.
    assert worst < (3e-3 if model.precision == "int8" else 1e-6 if found.dtype == np.float32 else 1e-13)
    if "quantiles" in name:
        assert (np.diff(found.reshape(-1, 5), axis=1) >= 0).all()


def test_a_large_mean_costs_no_difference(compiler: list[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = 1e6 + rng.normal(size=(60, 8, 2)).astype(np.float32) * 4
    model = fastgru.GRURegressor(hidden_size=6, max_iter=3, random_state=0).fit(X, X[:, -1, 0] - 1e6)
    stream = model.stream()
    wanted = np.array([stream.step(x_t) for x_t in X.reshape(-1, 2)])
    for flags in (("-O2",), ("-Ofast", "-march=native")):
        library = compiled(compiler, tmp_path, model, "offset", *flags)
        found = answers_in_c(library, "offset", X.reshape(-1, 2), wanted)
        assert np.abs(found - wanted).max() < 1e-6 * model._network.scaling[3][0]
        (tmp_path / "offset.so").unlink()


def test_what_is_no_token_counts_as_unknown(compiler: list[str], tmp_path: Path) -> None:
    """Python refuses such numbers; a step in C cannot."""
    model = MODELS["tokens"]()
    library = compiled(compiler, tmp_path, model, "words")
    wrong = np.array([[0], [-1], [2**31 - 1], [-(2**31)], [5]], np.int32)
    wanted = kinds.python_answers(model, np.array([[1], [1], [1], [1], [5]], np.int32))
    assert np.abs(steps(library, "words", wrong, wanted) - wanted).max() < 1e-6


def test_subnormal_numbers_do_not_stay(compiler: list[str], tmp_path: Path) -> None:
    gru = fastgru.GRU(2, 4, bias=False, random_state=0)
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=value.shape) for name, value in gru.state_dict().items()}
    weights["weight_ih_l0"][:] = 1e-41
    gru.load_state_dict(weights)
    library = compiled(compiler, tmp_path, gru, "decays")
    assert "e-41" not in (tmp_path / "decays.c").read_text()
    state = np.full(4, 0.3, np.float32)
    for _ in range(3000):
        x = np.full(2, 1e-40, np.float32)
        y = np.empty(4, np.float32)
        library.decays_step(*(ctypes.c_void_p(array.ctypes.data) for array in (state, x, y)))
        assert ((y == 0) | (np.abs(y) >= 2.0**-60)).all()
    assert (state == 0).all()


def test_a_copied_state_begins_without_a_jump(compiler: list[str], tmp_path: Path) -> None:
    gru = fastgru.GRU(1, 3, random_state=0)
    library = compiled(compiler, tmp_path, gru, "effect")
    silence = np.zeros((1000, 1), np.float32)
    settled = np.zeros((1, 3), np.float32)
    y = np.empty((1, 3), np.float32)
    for x in silence:
        library.effect_step(*(ctypes.c_void_p(array.ctypes.data) for array in (settled, x, y)))
    state = settled.copy()
    library.effect_step(*(ctypes.c_void_p(array.ctypes.data) for array in (state, silence[0], y)))
    assert np.abs(y - settled).max() < 1e-6 < np.abs(gru(silence[:1])[0] - settled).max()


def test_two_models_in_one_program(compiler: list[str], tmp_path: Path) -> None:
    for name in ("one", "eight"):
        MODELS[name]().save(tmp_path / f"{name}.safetensors")
        files = to_c(tmp_path / f"{name}.safetensors", name)
        (tmp_path / f"{name}.c").write_text(files.source)
        (tmp_path / f"{name}.h").write_text(files.header)
    (tmp_path / "main.c").write_text(
        '#include "one.h"\n#include "eight.h"\n'
        "int main(void) { one_state a; eight_state b; float x[8] = {0}, y[8];\n"
        "  one_reset(&a); eight_reset(&b); one_step(&a, x, y); eight_step(&b, x, y); return y[0] > 1; }\n"
    )
    sources = [tmp_path / f"{name}.c" for name in ("main", "one", "eight")]
    subprocess.run([*compiler, *STRICT, *sources, "-o", tmp_path / "main"], check=True)
    subprocess.run([tmp_path / "main"], check=True)
