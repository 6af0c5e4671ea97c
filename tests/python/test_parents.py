"""fastgru inside builds of other projects (tests/consumer): the same library, with any flags of theirs.

No object file may depend on anything that the project around it sets. So the projects here have equal flags,
and share their objects.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from app_models import output_of, save_model
from building import (
    CONSUMER,
    FOREIGN_OPTIONS,
    REPO,
    build,
    compile_commands,
    compilers,
    configure,
    run,
    sources_options,
    tool,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TwoBuilds = tuple[dict[str, list[str]], dict[str, list[str]]]

# Kernels of each instruction set, Eigen's float64 engine, losses, numbers as text, code compiled for size.
COMPARED = [
    "kernels/isa_avx2.cpp",
    "kernels/isa_baseline.cpp",
    "reference/engine_double.cpp",
    "kernels/softmax.cpp",
    "nn/losses/quantile.cpp",
    "nn/optim/optimizer.cpp",
    "io/json.cpp",
]


def check_answers(program: Path, folder: Path) -> None:
    """The program prints Python's bits: kernels, float64 engine, network with scaling."""
    for name in ("layer", "layer, float64", "regressor, two directions", "classifier, three classes"):
        path, x, wanted = save_model(name, folder / "m.safetensors")
        assert output_of(program, path, x) == wanted, name


# --- every object is the same, whatever the project's flags -------------------------------------------------


@pytest.fixture(scope="module", params=compilers(), ids=lambda c: c.name)
def two_builds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TwoBuilds:
    """The commands of a plain release build, and of a build with foreign options."""
    folder = tmp_path_factory.mktemp("builds")
    options = [*sources_options(), *request.param.cmake_options(folder)]
    return (
        compile_commands(folder / "plain", *options, "-DCMAKE_BUILD_TYPE=Release"),
        compile_commands(folder / "foreign", *options, *FOREIGN_OPTIONS),
    )


@pytest.mark.parametrize("source", COMPARED)
def test_foreign_flags_change_no_object(two_builds: TwoBuilds, source: str, tmp_path: Path) -> None:
    if source not in two_builds[0]:
        pytest.skip(f"{source} is not compiled for this processor")
    objects = []
    for words in (built[source] for built in two_builds):
        words[words.index("-o") + 1] = "out.o"
        run(*words, cwd=tmp_path)
        objects.append((tmp_path / "out.o").read_bytes())
    assert "-ffast-math" in two_builds[1][source]
    assert objects[0] == objects[1]


def test_a_licence_that_slips_through_is_refused(tmp_path: Path) -> None:
    compiler = tool("c++", "g++", "clang++")
    command = [compiler, "-std=c++17", "-fsyntax-only", "-x", "c++", str(REPO / "cpp/runtime/exact.h")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    for flags in ("-ffast-math", "-Ofast", "-ffinite-math-only"):
        done = subprocess.run([*command, flags], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "add -fno-fast-math" in done.stderr, flags


# --- projects around our sources ----------------------------------------------------------------------------


@pytest.fixture
def foreign(objects: Path) -> list[str]:
    return [*FOREIGN_OPTIONS, *sources_options(objects)]


@pytest.fixture(scope="module")
def c_only(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lint = "-DCMAKE_CXX_CLANG_TIDY=/bin/false"  # of no code but the project's
    options = [*FOREIGN_OPTIONS, lint, *sources_options(objects)]
    return build(CONSUMER / "c_only", tmp_path_factory.mktemp("c_only"), *options)


@pytest.mark.parametrize("kind", ["static", "shared"])
def test_a_project_in_c_alone_links(c_only: Path, kind: str, tmp_path: Path) -> None:
    check_answers(c_only / f"consumer_c_{kind}", tmp_path)


def test_fetch_content_in_another_folder(foreign: list[str], tmp_path: Path) -> None:
    binary = build(CONSUMER / "fetch", tmp_path, *foreign)
    for program in ("consumer_default", "consumer_static"):
        check_answers(binary / program, tmp_path)
    # The project's own settings are as they were: no build type, and its assertions check.
    assert "CMAKE_BUILD_TYPE:STRING=\n" in (binary / "CMakeCache.txt").read_text(encoding="utf-8")
    run(binary / "asserts")


def test_an_app_with_its_own_eigen(foreign: list[str], tmp_path: Path) -> None:
    """The linker keeps one copy of an inline function, here the one with the app's flags."""
    check_answers(build(CONSUMER / "own_eigen", tmp_path, *foreign) / "consumer_default", tmp_path)


def test_absolute_folders_for_the_installation(foreign: list[str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    folders = [
        f"-DCMAKE_INSTALL_PREFIX={root}",
        f"-DCMAKE_INSTALL_LIBDIR={root / 'my libraries'}",
        f"-DCMAKE_INSTALL_INCLUDEDIR={root / 'headers'}",
        "-DFASTGRU_INSTALL=ON",
    ]
    binary = build(CONSUMER, tmp_path, *foreign, *folders)
    run(tool("cmake"), "--install", binary)
    description = (root / "my libraries" / "pkgconfig" / "fastgru.pc").read_text(encoding="utf-8")
    assert f"prefix={root}\nlibdir={root / 'my libraries'}\nincludedir={root / 'headers'}\n" in description
    (tmp_path / "user").mkdir()
    user = build(CONSUMER, tmp_path / "user", f"-Dfastgru_DIR={root / 'my libraries/cmake/fastgru'}")
    check_answers(user / "consumer_c_shared", tmp_path)
    check_answers(user / "consumer_cpp_static", tmp_path)


@pytest.mark.parametrize("build_type", ["Debug", "Release", "RelWithDebInfo", "MinSizeRel", ""])
def test_the_build_type_is_the_projects(build_type: str, tmp_path: Path) -> None:
    options = [*sources_options(), f"-DCMAKE_BUILD_TYPE={build_type}"]
    found = compile_commands(tmp_path, *options)["engine_f32/forward.cpp"]
    wanted = {"Debug": [], "Release": ["-O3"], "RelWithDebInfo": ["-O2"], "MinSizeRel": ["-Os"], "": ["-O3"]}
    assert [word for word in found if word.startswith("-O")] == wanted[build_type]
    assert any("NDEBUG" in word for word in found) == (build_type != "Debug")


def test_a_generator_with_several_build_types(tmp_path: Path) -> None:
    tool("ninja")
    binary = configure(CONSUMER, tmp_path, "-GNinja Multi-Config", *sources_options())
    listed = run(tool("cmake"), "--build", binary, "--config", "Debug", "--", "-n").stdout
    assert "isa_baseline" in listed
    assert "CMAKE_BUILD_TYPE" not in (binary / "CMakeCache.txt").read_text(encoding="utf-8")


# --- Windows: compiled, not run -----------------------------------------------------------------------------

CALLS_THE_SYSTEM = [
    "capi/fastgru.cpp",
    "engine_f32/plan/stream.cpp",
    "io/safetensors.cpp",
    "kernels/dispatch.cpp",
    "runtime/aligned.cpp",
    "runtime/lateness.cpp",
    "runtime/team_size.cpp",
    "runtime/threads.cpp",
]


@pytest.mark.parametrize("source", CALLS_THE_SYSTEM)
def test_mingw_compiles_what_calls_the_system(source: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "ziglang", "c++", "-target", "x86_64-windows-gnu"]
    if mingw := shutil.which("x86_64-w64-mingw32-g++-posix"):
        words = [mingw]
    version = '-DFASTGRU_VERSION="0"'
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", version, f"-I{REPO / 'cpp'}"]
    run(
        *words, *flags, f"-I{REPO / 'cpp' / 'include'}", "-c", "-o", tmp_path / "out.o", REPO / "cpp" / source
    )
