"""What leaves home as source, exported C and `gru_layer.hpp`, under flags and on machines of others."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru.convert import to_c

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="calls compilers with the options of GCC and Clang"),
]
STEPS = 60
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wdouble-promotion", "-Werror"]


class Combination(NamedTuple):
    """A compiler ("zig": Clang from PyPI), its flags, and what runs the program."""

    compiler: str
    flags: str
    runner: str = ""


COMBINATIONS = [
    Combination("gcc", "-O0"),
    Combination("gcc", "-O2"),
    Combination("gcc", "-O3 -march=native"),
    Combination("gcc", "-Ofast -march=native"),
    Combination("gcc", "-O2 -ffast-math"),
    Combination("gcc", "-O3 -funsafe-math-optimizations"),
    Combination("gcc", "-O3 -mfpmath=387"),
    Combination("gcc", "-Ofast -mfpmath=387"),
    Combination("clang", "-O0"),
    Combination("clang", "-O3 -march=native"),
    Combination("clang", "-Ofast -march=native"),
    Combination("clang", "-O2 -ffast-math"),
    Combination("zig", "-O3 -ffast-math -march=native"),
    Combination("zig", "-O2 -target x86-linux-musl -mcpu=i586"),  # x87 alone
    Combination("zig", "-O3 -ffast-math -target x86-linux-musl -mcpu=i586"),
    Combination("zig", "-O2 -target aarch64-linux-musl", "qemu-aarch64"),
    Combination("zig", "-O3 -ffast-math -target aarch64-linux-musl", "qemu-aarch64"),
    Combination("zig", "-O2 -target wasm32-wasi", "wasmtime"),
    Combination("zig", "-O3 -ffast-math -target wasm32-wasi", "wasmtime"),
]


def compiler_of(combination: Combination, language: str) -> list[str]:
    """The command of a compiler, or a skip."""
    x86 = platform.machine() in {"x86_64", "AMD64"}
    if ("387" in combination.flags or "x86-" in combination.flags) and not x86:
        pytest.skip("x87 is a part of x86 processors")
    if combination.compiler == "zig":
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("needs the package ziglang")
        return [sys.executable, "-m", "ziglang", "cc" if language == "c" else "c++"]
    name = (
        combination.compiler if language == "c" else {"gcc": "g++", "clang": "clang++"}[combination.compiler]
    )
    found = shutil.which(name) or shutil.which(f"{name}-14")
    if found is None:
        pytest.skip(f"{name} is not on the path")
    return [found]


def run(program: Path, runner: str) -> str:
    """What the program prints."""
    if runner == "wasmtime":
        return run_wasm(program)
    command = [str(program)]
    if runner and runner != f"qemu-{platform.machine()}":
        emulator = shutil.which(runner) or shutil.which(f"{runner}-static")
        if emulator is None:
            pytest.skip(f"{runner} is not on the path, and no package of PyPI has it")
        command.insert(0, emulator)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_wasm(program: Path) -> str:
    wasmtime = pytest.importorskip("wasmtime", reason="needs the package wasmtime")
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    wasi = wasmtime.WasiConfig()
    wasi.stdout_file = str(program.with_suffix(".txt"))
    store.set_wasi(wasi)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, str(program)))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as trap:
        assert trap.code == 0
    del store, instance
    return program.with_suffix(".txt").read_text()


class Case(NamedTuple):
    """A model, its input, and what Python answers."""

    model: Any
    x: NDArray[Any]
    wanted: NDArray[Any]
    unit: NDArray[Any]  # of the answers


def case_of(model: Any, x: NDArray[Any]) -> Case:
    unit = np.ones(1)
    if isinstance(model, fastgru.GRURegressor):
        unit = np.repeat(model._network.scaling[3], max(1, len(model._architecture["quantiles"])))
    if model.bidirectional:
        return Case(model, x, np.asarray(model._network.predict(x[None]), np.float64).reshape(1, -1), unit)
    stream = model.stream()
    given = x.astype(np.int64) if x.dtype == np.int32 else x
    answers = np.array([np.ravel(stream.step(x_t)) for x_t in given], np.float64)
    return Case(model, x, answers, unit)


def cases() -> Iterator[tuple[str, Case]]:
    """Every kind of input, of pooling and of answer, in float32; means a million times the spread."""
    rng = np.random.default_rng(0)
    X = 1e5 + rng.normal(size=(40, 6, 2)).astype(np.float32) * np.float32(3)
    y = 300 + 4 * rng.normal(size=(40, 2))
    x = 1e5 + rng.normal(size=(STEPS, 2)).astype(np.float32) * np.float32(3)
    gaps, x_gaps = X.copy(), x.copy()
    gaps[rng.random(X.shape) < 0.2] = np.nan
    x_gaps[rng.random(x.shape) < 0.2] = np.nan
    tokens, x_tokens = rng.integers(1, 9, size=(40, 6)), rng.integers(1, 9, size=(STEPS, 1), dtype=np.int32)
    common = {"hidden_size": 13, "max_iter": 3, "random_state": 0}
    regressor, classifier = fastgru.GRURegressor, fastgru.GRUClassifier
    yield "layer", case_of(fastgru.GRU(2, 16, 2, random_state=0), x - 100000)
    yield "before", case_of(fastgru.GRU(2, 9, reset_after=False, random_state=1), x - 100000)
    yield "numbers", case_of(regressor(**common).fit(X, y), x)
    yield "masked", case_of(regressor(missing="mask", pooling="mean", **common).fit(gaps, y), x_gaps)
    levels = {"loss": "quantile", "quantile": [0.1, 0.5, 0.6, 0.9]}
    yield "levels", case_of(regressor(pooling="max", **levels, **common).fit(X, y), x)
    words = classifier(embedding_dim=5, **common).fit(tokens, np.resize(["a", "b", "c"], 40))
    yield "words", case_of(words, x_tokens)
    yield "labels", case_of(classifier(**common).fit(X, rng.integers(0, 2, (40, 3))), x)
    yield "both", case_of(classifier(bidirectional=True, **common).fit(X, np.resize([0, 1, 2], 40)), x)


def bits(name: str, x: NDArray[Any]) -> str:
    """An array of the bits of x: NaN has no literal, and -ffast-math nothing to say about integers."""
    words = ", ".join(f"{word}u" for word in np.ascontiguousarray(x).view(np.uint32).ravel().tolist())
    return f"static const uint32_t {name}[] = {{{words}}};\n"


PRINT_STREAM = """\
static void run_@name@(void) {
  static @type@ x[@steps@ * @NAME@_INPUTS];
  static float y[@NAME@_OUTPUTS];
  static @name@_state state;
  int t, j;
  memcpy(x, @name@_x, sizeof(x));
  @name@_reset(&state);
  for (t = 0; t < @steps@; ++t) {
    @name@_step(&state, x + t * @NAME@_INPUTS, y);
    for (j = 0; j < @NAME@_OUTPUTS; ++j) printf("@name@ %.9g\\n", (double)y[j]);
  }
  printf("@name@_self_test %d\\n", @name@_self_test());
}
"""
PRINT_SEQUENCE = """\
static void run_@name@(void) {
  static float x[@steps@ * @NAME@_INPUTS], work[@steps@ * @NAME@_WORK], y[@NAME@_OUTPUTS];
  int j;
  memcpy(x, @name@_x, sizeof(x));
  @name@_predict(x, @steps@, work, y);
  for (j = 0; j < @NAME@_OUTPUTS; ++j) printf("@name@ %.9g\\n", (double)y[j]);
  printf("@name@_self_test %d\\n", @name@_self_test());
}
"""


class Sources(NamedTuple):
    """A folder of source files and what their programs should print."""

    folder: Path
    cases: dict[str, Case]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """All cases as C, and main.c, which prints their answers."""
    folder, made = tmp_path_factory.mktemp("exported"), dict(cases())
    top, body = ["#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n"], []
    for name, case in made.items():
        case.model.save(folder / "m.safetensors")
        files = to_c(folder / "m.safetensors", name)
        (folder / f"{name}.c").write_text(files.source)
        (folder / f"{name}.h").write_text(files.header)
        text = PRINT_SEQUENCE if case.model.bidirectional else PRINT_STREAM
        kind = "int32_t" if case.x.dtype == np.int32 else "float"
        for key, value in (("name", name), ("NAME", name.upper()), ("type", kind), ("steps", str(STEPS))):
            text = text.replace(f"@{key}@", value)
        top += [f'#include "{name}.h"\n', bits(f"{name}_x", case.x)]
        body.append(text)
    calls = " ".join(f"run_{name}();" for name in made)
    (folder / "main.c").write_text("".join([*top, *body, f"int main(void) {{ {calls} return 0; }}\n"]))
    return Sources(folder, made)


LAYER_MAIN = """\
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "fastgru/gru_layer.hpp"
@arrays@
template <int I, int H, bool ResetAfter>
void run(const char* name, const float* weights, const uint32_t* bits) {
  const float* const u = weights + 3 * H * I;
  const fastgru::GruLayer<I, H, ResetAfter> layer(weights, u, u + 3 * H * H, u + 3 * H * H + 3 * H);
  typename fastgru::GruLayer<I, H, ResetAfter>::State h = {};
  for (int t = 0; t < @steps@; ++t) {
    float x[static_cast<std::size_t>(I)];
    memcpy(x, bits + t * I, sizeof(x));
    layer.step(x, h);
    for (const float value : h) printf("%s %.9g\\n", name, static_cast<double>(value));
  }
}
int main() {
  run<8, 16, true>("after", after_w, after_x);
  run<3, 9, false>("before", before_w, before_x);
  printf("self_test %d\\n", fastgru::gru_layer_self_test() ? 1 : 0);
  return 0;
}
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """main.cpp, which prints the answers of two layers of `gru_layer.hpp`."""
    folder, rng, arrays, made = tmp_path_factory.mktemp("layers"), np.random.default_rng(1), "", {}
    for name, gru in (
        ("after", fastgru.GRU(8, 16, random_state=0)),
        ("before", fastgru.GRU(3, 9, reset_after=False, random_state=0)),
    ):
        made[name] = case_of(gru, 3 * rng.normal(size=(STEPS, gru.input_size)).astype(np.float32))
        flat = np.concatenate([value.ravel() for value in gru.state_dict().values()])
        arrays += f"static const float {name}_w[] = {{{', '.join(f'{v:.9e}f' for v in flat)}}};\n"
        arrays += bits(f"{name}_x", made[name].x)
    text = LAYER_MAIN.replace("@arrays@", arrays).replace("@steps@", str(STEPS))
    (folder / "main.cpp").write_text(text)
    return Sources(folder, made)


def compile_and_run(command: list[str], program: Path, runner: str = "") -> list[tuple[str, float]]:
    """The lines that a program prints: a name and a number."""
    done = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in run(program, runner).splitlines()]
    return [(name, float(value)) for name, value in lines]


def check(printed: list[tuple[str, float]], sources: Sources) -> None:
    tests = [(name, value) for name, value in printed if name.endswith("self_test")]
    assert tests
    for name, case in sources.cases.items():
        found = np.array([value for owner, value in printed if owner == name]).reshape(case.wanted.shape)
        closest = 2 * np.finfo(np.float32).eps * np.abs(case.wanted)  # two roundings of the answer itself
        worst = np.max((np.abs(found - case.wanted) - closest) / case.unit)
        print(f"{name}: worst difference {worst:.1e}")
        assert worst < 1e-6, name
    assert all(value == 1 for _, value in tests), tests


def each_combination(function: Callable[..., None]) -> Callable[..., None]:
    ids = [f"{c.compiler} {c.flags}" for c in COMBINATIONS]
    return pytest.mark.parametrize("combination", COMBINATIONS, ids=ids)(function)


@each_combination
def test_exported_c(combination: Combination, exported: Sources, tmp_path: Path) -> None:
    command = compiler_of(combination, "c")
    sources = [str(path) for path in sorted(exported.folder.glob("*.c"))]
    command += ["-std=c99", *WARNINGS, *combination.flags.split(), *sources, "-lm"]
    check(compile_and_run(command, tmp_path / "program", combination.runner), exported)


@each_combination
def test_header(combination: Combination, layers: Sources, repo: Path, tmp_path: Path) -> None:
    flags, made = combination.flags.split(), str(tmp_path / "main.o")
    command = [*compiler_of(combination, "c++"), "-std=c++17", *WARNINGS, "-pedantic", *flags]
    command += ["-I", str(repo / "cpp/include"), "-c", str(layers.folder / "main.cpp"), "-o", made]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Linked as C: nothing in it needs the C++ library, which zig would first build for each target.
    command = [*compiler_of(combination, "c"), *flags, made, "-lm"]
    check(compile_and_run(command, tmp_path / "program", combination.runner), layers)


# What -Ofast and x87 broke: k from a subtraction that the compiler may cancel, or not round before.
CANCELLED = {"c": ("k = (float)(int32_t)(bits.u - 0x4B40007Fu);", "k = bits.f - 12583039.0f;")}
CANCELLED["c++"] = (
    "k = static_cast<float>(static_cast<std::int32_t>(bits - 0x4B40007FU));",
    CANCELLED["c"][1],
)


def test_the_self_tests_notice_a_build_that_is_wrong(exported: Sources, repo: Path, tmp_path: Path) -> None:
    command = [*compiler_of(Combination("gcc", ""), "c"), "-Ofast", "-lm"]
    text = (exported.folder / "numbers.c").read_text()
    assert CANCELLED["c"][0] in text
    (tmp_path / "numbers.c").write_text(text.replace(*CANCELLED["c"]))
    (tmp_path / "numbers.h").write_text((exported.folder / "numbers.h").read_text())
    main = '#include "numbers.h"\nint main(void) { return numbers_self_test(); }\n'
    (tmp_path / "main.c").write_text(main)
    subprocess.run([*command, "main.c", "numbers.c", "-o", "program"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program"], check=True)

    text = (repo / "cpp/include/fastgru/gru_layer.hpp").read_text()
    assert "(bits - 0x4B40007FU))" in text
    wrong = CANCELLED["c++"][1].replace("bits.f", "rounded")
    (tmp_path / "gru_layer.hpp").write_text(text.replace(CANCELLED["c++"][0], wrong))
    (tmp_path / "main.cpp").write_text(
        '#include "gru_layer.hpp"\nint main() { return fastgru::gru_layer_self_test() ? 1 : 0; }\n'
    )
    command = [*compiler_of(Combination("gcc", ""), "c++"), "-std=c++17", "-Ofast"]
    subprocess.run([*command, "main.cpp", "-o", "program"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program"], check=True)


@pytest.mark.parametrize("cpu", ["cortex_m0", "cortex_m4"])
def test_a_float32_model_has_no_double_arithmetic_on_a_microcontroller(
    cpu: str, exported: Sources, tmp_path: Path
) -> None:
    """On these processors each operation of doubles is a call of the compiler's library."""
    command = [*compiler_of(Combination("zig", ""), "c"), "-std=c99", *WARNINGS, "-O2", "-c"]
    command += ["-target", "thumb-freestanding-eabi", f"-mcpu={cpu}"]
    fastgru.GRU(2, 3, dtype="float64", random_state=0).save(tmp_path / "m.safetensors")
    files = to_c(tmp_path / "m.safetensors", "doubles")
    (tmp_path / "doubles.c").write_text(files.source.replace("#include <math.h>", MATH_OF_DOUBLES))
    (tmp_path / "doubles.h").write_text(files.header)

    def calls(source: Path) -> list[str]:
        subprocess.run([*command, str(source), "-o", "model.o"], cwd=tmp_path, check=True)
        return re.findall(r"__aeabi_[df2]*[a-z0-9]+", (tmp_path / "model.o").read_bytes().decode("latin-1"))

    double_calls = {
        "__aeabi_dmul",
        "__aeabi_dadd",
        "__aeabi_f2d",
        "__aeabi_d2f",
        "__aeabi_ddiv",
        "__aeabi_i2d",
    }
    assert double_calls & set(calls(tmp_path / "doubles.c"))  # so the test would see them
    for name in exported.cases:
        assert not double_calls & set(calls(exported.folder / f"{name}.c")), name


MATH_OF_DOUBLES = "double exp(double);\ndouble tanh(double);"  # as the target has no C library


def test_exported_c_is_also_cpp(exported: Sources, tmp_path: Path) -> None:
    command = [*compiler_of(Combination("gcc", ""), "c++"), "-x", "c++", "-std=c++17", *WARNINGS, "-O2"]
    sources = [str(path) for path in sorted(exported.folder.glob("*.c"))]
    check(compile_and_run([*command, *sources], tmp_path / "program"), exported)
