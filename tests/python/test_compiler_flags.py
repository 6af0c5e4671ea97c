"""What leaves home as source, exported C and `gru_layer.hpp`, under flags and on machines of others."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import compilers
import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import _core
from fastgru.convert import to_c

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="calls compilers with the options of GCC and Clang"),
]
STEPS = 60
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wdouble-promotion", "-Werror"]


class Case(NamedTuple):
    """A model, its input, and what Python answers."""

    model: Any
    x: NDArray[Any]
    wanted: NDArray[Any]
    unit: NDArray[Any]  # of the answers
    most: float  # allowed difference in that unit


# A state between two whole numbers of one byte becomes the other one by a last bit.
MOST, MOST_OF_BYTES = 1e-6, 3e-3


def case_of(model: Any, x: NDArray[Any]) -> Case:
    most = MOST_OF_BYTES if model.precision == "int8" else MOST
    unit = np.ones(1)
    if isinstance(model, fastgru.GRURegressor):
        unit = np.repeat(model._network.scaling[3], max(1, len(model._architecture["quantiles"])))
    if model.bidirectional:
        answers = np.asarray(model._network.predict(x[None]), np.float64).reshape(1, -1)
        return Case(model, x, answers, unit, most)
    stream = model.stream()
    given = x.astype(np.int64) if x.dtype == np.int32 else x
    answers = np.array([np.ravel(stream.step(x_t)) for x_t in given], np.float64)
    return Case(model, x, answers, unit, most)


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
    frames = {"frame_length": 3, "frame_step": 2}
    yield "framed", case_of(regressor(missing="mask", **frames, **common).fit(gaps, y), x_gaps)
    yield "masked", case_of(regressor(missing="mask", pooling="mean", **common).fit(gaps, y), x_gaps)
    levels = {"loss": "quantile", "quantile": [0.1, 0.5, 0.6, 0.9]}
    yield "levels", case_of(regressor(pooling="max", **levels, **common).fit(X, y), x)
    words = classifier(embedding_dim=5, **common).fit(tokens, np.resize(["a", "b", "c"], 40))
    yield "words", case_of(words, x_tokens)
    yield "labels", case_of(classifier(**common).fit(X, rng.integers(0, 2, (40, 3))), x)
    yield "bytes", case_of(fastgru.GRU(2, 48, 2, random_state=0, precision="int8"), x - 100000)
    yield "bytes_scaled", case_of(regressor(**common).fit(X, y).quantize(X), x)
    yield "both", case_of(classifier(bidirectional=True, **common).fit(X, np.resize([0, 1, 2], 40)), x)


def bits(name: str, x: NDArray[Any]) -> str:
    """An array of the bits of x: NaN has no literal, and -ffast-math nothing to say about integers."""
    words = ", ".join(f"{word}u" for word in np.ascontiguousarray(x).view(np.uint32).ravel().tolist())
    return f"static const uint32_t {name}[] = {{{words}}};\n"


ANSWER_STREAM = """\
  {
    static union { uint32_t bits[@steps@ * @NAME@_INPUTS]; @type@ x[@steps@ * @NAME@_INPUTS]; } given;
    static @name@_state state;
    for (i = 0; i < @steps@ * @NAME@_INPUTS; ++i) given.bits[i] = @name@_x[i];
    @name@_reset(&state);
    for (i = 0; i < @steps@; ++i, y += @NAME@_OUTPUTS) @name@_step(&state, given.x + i * @NAME@_INPUTS, y);
    *y++ = (float)@name@_self_test();
  }
"""
ANSWER_SEQUENCE = """\
  {
    static union { uint32_t bits[@steps@ * @NAME@_INPUTS]; @type@ x[@steps@ * @NAME@_INPUTS]; } given;
    static float work[@steps@ * @NAME@_WORK];
    for (i = 0; i < @steps@ * @NAME@_INPUTS; ++i) given.bits[i] = @name@_x[i];
    @name@_predict(given.x, @steps@, work, y);
    y += @NAME@_OUTPUTS;
    *y++ = (float)@name@_self_test();
  }
"""


ANSWERS = """\
#ifdef __cplusplus
extern "C" {
#endif
extern float out[];
int answers(void);
#ifdef __cplusplus
}
#endif
"""


class Sources(NamedTuple):
    """A folder of source files and what their programs should print."""

    folder: Path
    cases: dict[str, Case]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """All cases as C, and main.c, which prints their answers."""
    folder, made = tmp_path_factory.mktemp("exported"), dict(cases())
    top, body = ["#include <stdint.h>\n"], []
    for name, case in made.items():
        case.model.save(folder / "m.safetensors")
        files = to_c(folder / "m.safetensors", name)
        (folder / f"{name}.c").write_text(files.source)
        (folder / f"{name}.h").write_text(files.header)
        text = ANSWER_SEQUENCE if case.model.bidirectional else ANSWER_STREAM
        kind = "int32_t" if case.x.dtype == np.int32 else "float"
        for key, value in (("name", name), ("NAME", name.upper()), ("type", kind), ("steps", str(STEPS))):
            text = text.replace(f"@{key}@", value)
        top += [f'#include "{name}.h"\n', bits(f"{name}_x", case.x)]
        body.append(text)
    count = sum(case.wanted.size + 1 for case in made.values())
    function = f"float out[{count}];\nint answers(void) {{\n  float *y = out;\n  int i;\n"
    (folder / "main.c").write_text("".join([*top, ANSWERS, function, *body, "  return (int)(y - out);\n}\n"]))
    return Sources(folder, made)


LAYER_MAIN = """\
#include <stdint.h>
#include <string.h>
#include "fastgru/gru_layer.hpp"
@arrays@
template <int I, int H, bool ResetAfter>
float* run(const float* weights, const uint32_t* bits, float* y) {
  const float* const u = weights + 3 * H * I;
  const fastgru::GruLayer<I, H, ResetAfter> layer(weights, u, u + 3 * H * H, u + 3 * H * H + 3 * H);
  typename fastgru::GruLayer<I, H, ResetAfter>::State h = {};
  for (int t = 0; t < @steps@; ++t, y += H) {
    float x[static_cast<std::size_t>(I)];
    memcpy(x, bits + t * I, sizeof(x));
    layer.step(x, h);
    memcpy(y, h.data(), sizeof(h));
  }
  *y = fastgru::gru_layer_self_test() ? 1.0f : 0.0f;
  return y + 1;
}
float out[@count@];
int answers() {
  float* const y = run<8, 16, true>(after_w, after_x, out);
  return static_cast<int>(run<3, 9, false>(before_w, before_x, y) - out);
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
    count = sum(case.wanted.size + 1 for case in made.values())
    text = LAYER_MAIN.replace("@arrays@", ANSWERS + arrays).replace("@steps@", str(STEPS))
    text = text.replace("@count@", str(count))
    (folder / "main.cpp").write_text(text)
    return Sources(folder, made)


def check(found: NDArray[np.float32], sources: Sources) -> None:
    """Each case's answers, then the result of its self-test."""
    for name, case in sources.cases.items():
        answers, found = found[: case.wanted.size].reshape(case.wanted.shape), found[case.wanted.size :]
        closest = 2 * np.finfo(np.float32).eps * np.abs(case.wanted)  # two roundings of the answer itself
        np.testing.assert_array_equal(np.isnan(answers), np.isnan(case.wanted))  # before the first frame
        difference = (np.abs(answers - case.wanted) - closest) / case.unit
        worst, usual = np.nanmax(difference), np.nanmedian(difference)
        print(f"{name}: worst difference {worst:.1e}, median {usual:.1e}")
        assert usual < MOST, name
        assert worst < case.most, name
        assert found[0] == 1, f"the self-test of {name}"
        found = found[1:]
    assert found.size == 0


def each_combination(function: Callable[..., None]) -> Callable[..., None]:
    ids = [f"{c.compiler} {c.flags}" for c in compilers.COMBINATIONS]
    return pytest.mark.parametrize("combination", compilers.COMBINATIONS, ids=ids)(function)


@each_combination
def test_exported_c(combination: Any, exported: Sources, tmp_path: Path) -> None:
    sources = [str(path) for path in sorted(exported.folder.glob("*.c"))]
    program = compilers.compiled(combination, sources, tmp_path, *WARNINGS)
    found = compilers.run(program, combination.runner)
    check(found, exported)
    fused = "native" in combination.flags or "aarch64" in combination.flags
    if fused and "fast" not in combination.flags and _core.isa() != "baseline":
        names = list(exported.cases)
        before = sum(exported.cases[name].wanted.size + 1 for name in names[: names.index("bytes")])
        wanted = exported.cases["bytes"].wanted.ravel()
        np.testing.assert_array_equal(found[before : before + wanted.size], wanted)


@each_combination
def test_header(combination: Any, layers: Sources, repo: Path, tmp_path: Path) -> None:
    command = [*compilers.compiler_of(combination, "c++"), "-std=c++17", *WARNINGS, "-pedantic"]
    command += [*combination.flags.split(), "-fno-exceptions", "-I", str(repo / "cpp/include"), "-c"]
    subprocess.run([*command, str(layers.folder / "main.cpp")], cwd=tmp_path, check=True)
    program = compilers.compiled(combination, ["main.o"], tmp_path)
    check(compilers.run(program, combination.runner), layers)


# What -Ofast and x87 broke: k from a subtraction that the compiler may cancel, or not round before.
CANCELLED = {"c": ("k = (float)(int32_t)(bits.u - 0x4B40007Fu);", "k = bits.f - 12583039.0f;")}
CANCELLED["c++"] = (
    "k = static_cast<float>(static_cast<std::int32_t>(bits - 0x4B40007FU));",
    CANCELLED["c"][1],
)


def test_the_self_tests_notice_a_build_that_is_wrong(exported: Sources, repo: Path, tmp_path: Path) -> None:
    command = [*compilers.compiler_of(compilers.Combination("gcc", ""), "c"), "-Ofast", "-lm"]
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
    command = [*compilers.compiler_of(compilers.Combination("gcc", ""), "c++"), "-std=c++17", "-Ofast"]
    subprocess.run([*command, "main.cpp", "-o", "program"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program"], check=True)


@pytest.mark.parametrize("cpu", ["cortex_m0", "cortex_m4"])
def test_a_float32_model_has_no_double_arithmetic_on_a_microcontroller(
    cpu: str, exported: Sources, tmp_path: Path
) -> None:
    """On these processors each operation of doubles is a call of the compiler's library."""
    command = [
        *compilers.compiler_of(compilers.Combination("zig", ""), "c"),
        "-std=c99",
        *WARNINGS,
        "-O2",
        "-c",
    ]
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
    gcc = compilers.Combination("gcc", "-O2")
    command = [*compilers.compiler_of(gcc, "c++"), "-x", "c++", "-std=c++17", *WARNINGS, "-O2", "-c"]
    sources = sorted(exported.folder.glob("*.c"))
    subprocess.run([*command, *map(str, sources)], cwd=tmp_path, check=True)
    check(
        compilers.run(compilers.compiled(gcc, [f"{source.stem}.o" for source in sources], tmp_path), ""),
        exported,
    )
