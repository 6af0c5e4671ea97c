"""A layer with weights of one byte as C: fastgru's bits, a quarter of the size. "high" as float32."""

from __future__ import annotations

import ctypes
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compilers
import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import _core
from fastgru.convert import to_c

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="calls a compiler with the options of GCC and Clang"
)
X86 = platform.machine() in {"x86_64", "AMD64"}
# Inputs, units, layers: rows of either layout, and rows too long for one sum.
SIZES = [(1, 1, 1), (3, 7, 2), (8, 32, 1), (20, 40, 2), (600, 9, 1), (1500, 35, 2)]


def written(model: Any, folder: Path, name: str = "m") -> str:
    """The model's source as C, in the folder."""
    model.save(folder / "model.safetensors")
    files = to_c(folder / "model.safetensors", name)
    (folder / f"{name}.h").write_text(files.header)
    (folder / f"{name}.c").write_text(files.source)
    return files.source


def compiled(folder: Path, compiler: str, *flags: str) -> ctypes.CDLL:
    command = [*compilers.compiler_of(compilers.Combination(compiler, ""), "c"), *flags, "-shared", "-fPIC"]
    subprocess.run([*command, "m.c", "-o", "m.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "m.so"))


def stepped(library: ctypes.CDLL, x: NDArray[Any], hidden: int) -> NDArray[Any]:
    state, y = ctypes.create_string_buffer(1 << 12), np.empty((len(x), hidden), np.float32)
    library.m_reset(state)
    for x_t, y_t in zip(x, y, strict=True):
        library.m_step(state, ctypes.c_void_p(x_t.ctypes.data), ctypes.c_void_p(y_t.ctypes.data))
    return y


def hostile(width: int) -> NDArray[Any]:
    """Steps of many ranges; the last one has a value that is not finite."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, width)).astype(np.float32) * 3
    x[50:100] *= np.exp(rng.normal(size=(50, width)) * 8).astype(np.float32)
    for step, value in enumerate((0, -0.0, 1e-6, 1e-15, 3e38, -3e38, 2.0**127, 1)):
        x[110 + step] = value
    x[130:150] = rng.integers(-3, 4, size=(20, width)) + 0.5  # ties
    x[-1, -1] = [np.nan, np.inf, -np.inf][width % 3]
    return x


@pytest.fixture(params=["fused", "apart"])
def arithmetic(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The flags of a build with or without fused multiply-adds; fastgru runs the same meanwhile."""
    before = _core.isa()
    if request.param == "fused" and before == "baseline":
        pytest.skip("this processor has no fused multiply-adds, or FASTGRU_ISA forbids them")
    if request.param == "apart":
        if not X86:
            pytest.skip("compilers for this processor always use fused multiply-adds")
        _core.set_isa("baseline")
    yield ["-mfma"] if request.param == "fused" and X86 else []
    _core.set_isa(before)


@pytest.mark.parametrize(
    "compiler", ["gcc -std=c99 -O0", "gcc -O2", "gcc -O3", "clang -std=c99 -O0", "clang -O3"]
)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_states_have_the_bits_of_fastgru(
    arithmetic: list[str], compiler: str, sizes: tuple[int, int, int], tmp_path: Path
) -> None:
    gru = fastgru.GRU(*sizes, random_state=1, precision="int8")
    x = hostile(sizes[0])
    written(gru, tmp_path)
    library = compiled(tmp_path, *compiler.split(), *arithmetic)
    wanted = gru(x[:, None])[0][:, 0]
    assert np.isfinite(wanted[:-1]).all()
    assert np.isnan(wanted[-1]).all()
    np.testing.assert_array_equal(stepped(library, x, sizes[1]), wanted)
    assert library.m_self_test() == 1


def test_a_state_beyond_one_and_trained_weights(arithmetic: list[str], tmp_path: Path) -> None:
    """Weights ten times as large, and the state of a caller, which a layer may begin with."""
    gru = fastgru.GRU(4, 40, random_state=1)
    gru.load_state_dict({name: 10 * value for name, value in gru.state_dict().items()})
    gru = gru.quantize(hostile(4)[:, None][:20])
    written(gru, tmp_path)
    library = compiled(tmp_path, "gcc", "-O2", *arithmetic)
    x = hostile(4)[:20]
    h0 = np.linspace(-300, 200, 40).astype(np.float32)
    state, y = h0.copy(), np.empty((20, 40), np.float32)
    for x_t, y_t in zip(x, y, strict=True):
        library.m_step(*(ctypes.c_void_p(each.ctypes.data) for each in (state, x_t, y_t)))
    np.testing.assert_array_equal(y, gru(x[:, None], h0[None, None])[0][:, 0])


def test_the_object_has_a_quarter_of_the_bytes(tmp_path: Path) -> None:
    sizes = {}
    for precision in ("highest", "int8"):
        source = written(fastgru.GRU(64, 128, random_state=0, precision=precision), tmp_path)
        command = compilers.compiler_of(compilers.Combination("gcc", ""), "c")
        subprocess.run([*command, "-Os", "-c", "m.c"], cwd=tmp_path, check=True)
        sizes[precision] = len(source), (tmp_path / "m.o").stat().st_size
    print(sizes)
    (text, size), (text_int8, size_int8) = sizes.values()
    assert size_int8 < 0.29 * size
    assert text_int8 < 0.4 * text


WRONG = {
    "the scale of states": ("258.0157470703125f", "200.0f"),
    "rounding": ("12582912.0f", "12582950.0f"),
    "k": ("k = (float)(int32_t)(bits.u - 0x4B40007Fu);", "k = (float)(int32_t)(bits.u - 0x4B400080u);"),
    "the gates' order": ("fused(a[H + j], h[j]", "fused(a[j], h[j]"),
    "sums of bytes": ("short m[", "signed char m["),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("hidden", [12, 40])
def test_the_self_test_notices_what_is_wrong(name: str, hidden: int, tmp_path: Path) -> None:
    source = written(fastgru.GRU(5, hidden, random_state=0, precision="int8"), tmp_path)
    before, after = WRONG[name]
    assert before in source
    wrong = source.replace(before, after)
    (tmp_path / "m.c").write_text(wrong.replace("short *m", "signed char *m") if "sums" in name else wrong)
    assert compiled(tmp_path, "gcc", "-O2").m_self_test() == 0


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_other_precisions_are_float32(precision: str, tmp_path: Path) -> None:
    """128 units, for which "high" runs on digits where they are faster."""
    exact = fastgru.GRU(3, 128, random_state=1)
    sources = [
        written(model, tmp_path)
        for model in (exact, fastgru.GRU(3, 128, random_state=1, precision=precision))
    ]
    code = [re.sub(r"float test_\w+\[.*?\n\};", "", source, flags=re.DOTALL) for source in sources]
    assert code[0] == code[1]
    library = compiled(tmp_path, "gcc", "-O2")
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    assert np.abs(stepped(library, x, 128) - exact(x[:, None])[0][:, 0]).max() < 1e-6
    assert library.m_self_test() == 1
    tolerance = re.search(r"test_tolerance\[128\] = \{(.*?)\}", sources[1], re.DOTALL)
    assert tolerance is not None
    assert max(float(value.strip().rstrip("f")) for value in tolerance[1].split(",")) < 3e-4


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{"precision": "high"}, {"precision": "medium", "dtype": "float64"}])
def test_an_estimator_of_another_precision(options: dict[str, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 8, 2)).astype(np.float32), rng.normal(size=60)
    model = fastgru.GRURegressor(hidden_size=128, max_iter=3, random_state=0, **options).fit(X, y)
    source = written(model, tmp_path)
    assert "signed char" not in source
    library = compiled(tmp_path, "gcc", "-O2", "-lm")
    assert library.m_self_test() == 1
    state, y = ctypes.create_string_buffer(1 << 12), np.empty(1, model.dtype)
    for x in X.astype(model.dtype):
        library.m_reset(state)
        for x_t in x:
            library.m_step(state, *(ctypes.c_void_p(each.ctypes.data) for each in (x_t, y)))
        exact = model._self_test_answers(x.astype(np.float64), "float64")
        assert abs(y[0] - exact[0, 0]) < (1e-6 if model.dtype == "float32" else 1e-13)
