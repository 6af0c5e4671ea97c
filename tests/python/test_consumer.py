"""External apps: a CMake project outside the source tree finds the library, and prints Python's bits.

The package comes with pip, from `cmake --install`, or as sources within the app's own build. The environment
variable FASTGRU_PREFIX may name a prefix that `cmake --install` wrote to; else one is built here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_models import MODELS, Case, output_of, save_model
from building import CONSUMER, FOREIGN_OPTIONS, REPO, Compiler, build, compilers, run, sources_options, tool

import fastgru
from fastgru import _paths

KINDS = ["cpp_static", "cpp_shared", "c_static", "c_shared"]
COMPILERS = compilers()
FOUND_KINDS = [
    pytest.param(compiler, kind, id=f"{compiler.name}-{kind}")
    for compiler in COMPILERS
    for kind in KINDS
    if kind.partition("_")[2] in compiler.kinds
]
# Only the library's code is tested here: one compiler will do.
PLUGINS = [pytest.param(COMPILERS[0], kind, id=kind) for kind in COMPILERS[0].kinds]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def within(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer with our sources inside its own build (add_subdirectory), whose flags are not ours."""
    options = [*FOREIGN_OPTIONS, *sources_options(objects), "-DFASTGRU_INSTALL=ON"]
    return build(CONSUMER, tmp_path_factory.mktemp("within"), *options)


@pytest.fixture(scope="module")
def prefix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cmake --install` put the package."""
    if given := os.environ.get("FASTGRU_PREFIX"):
        return Path(given)
    target = tmp_path_factory.mktemp("prefix")
    run(tool("cmake"), "--install", request.getfixturevalue("within"), "--prefix", target)
    return target


@pytest.fixture(scope="module", params=["pip", "cmake --install"])
def package(request: pytest.FixtureRequest) -> str:
    """The option that leads CMake to the package."""
    if request.param == "pip":
        assert _paths.cmake_dir().is_dir(), "the installed package carries no CMake package"
        printed = run(sys.executable, "-m", "fastgru", "--cmakedir").stdout.strip()
        return f"-Dfastgru_DIR={printed}"
    return f"-DCMAKE_PREFIX_PATH={request.getfixturevalue('prefix')}"


@pytest.fixture
def compiler(request: pytest.FixtureRequest) -> Compiler:
    return request.param


@pytest.fixture(scope="module")
def built() -> dict[tuple[str, str], Path]:
    """The consumer's build folders, by package and compiler."""
    return {}


@pytest.fixture
def found(
    built: dict[tuple[str, str], Path],
    compiler: Compiler,
    package: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The consumer's build folder, with a package found and one of the compilers."""
    if (package, compiler.name) not in built:
        folder = tmp_path_factory.mktemp("found")
        kinds = f"-DCONSUMER_KINDS={';'.join(compiler.kinds)}"
        options = [package, "-DCMAKE_BUILD_TYPE=Release", kinds, *compiler.cmake_options(folder)]
        built[package, compiler.name] = build(CONSUMER, folder, *options)
    return built[package, compiler.name]


@pytest.fixture(scope="module", params=MODELS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return save_model(request.param, tmp_path_factory.mktemp("model") / "m.safetensors")


@pytest.mark.parametrize(("compiler", "kind"), FOUND_KINDS, indirect=["compiler"])
def test_a_found_package_prints_the_bits_of_python(found: Path, kind: str, saved: Case) -> None:
    path, x, wanted = saved
    assert output_of(found / f"consumer_{kind}", path, x) == wanted


@pytest.mark.parametrize("kind", [*KINDS, "default"])
def test_the_sources_within_an_app_print_the_bits_of_python(within: Path, kind: str, saved: Case) -> None:
    path, x, wanted = saved
    name = f"consumer_{kind}" if kind != "default" else "consumer_default"
    assert output_of(within / name, path, x) == wanted


@pytest.mark.parametrize("compiler", COMPILERS, indirect=True, ids=lambda c: c.name)
def test_an_app_says_what_is_wrong_with_a_file(compiler: Compiler, found: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"no model")
    for kind in [f"{language}_{kind}" for language in ("c", "cpp") for kind in compiler.kinds]:
        done = subprocess.run([found / f"consumer_{kind}", path, "1", "1"], capture_output=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(
            b"consumer: '" + os.fsencode(path) + b"': NotSafetensors: this is a text file; "
        )


@pytest.mark.parametrize("static", [False, True])
def test_pkg_config(package: str, static: bool, tmp_path: Path, saved: Case) -> None:
    """A compiler's command line from pkg-config, for C."""
    pkg_config, compiler = tool("pkg-config", "pkgconf"), tool("cc", "gcc", "clang")
    name, value = package.split("=", 1)
    folder = run(sys.executable, "-m", "fastgru", "--pkgconfigdir").stdout.strip()
    if name == "-DCMAKE_PREFIX_PATH":
        folder = str(next(Path(value).glob("lib*/**/pkgconfig")))
    environment = {**os.environ, "PKG_CONFIG_PATH": folder}
    flags = run(
        pkg_config, "--cflags", "--libs", *(["--static"] if static else []), "fastgru", env=environment
    )
    words = flags.stdout.split()
    library = next(word[2:] for word in words if word.startswith("-L"))
    if static:  # pkg-config cannot choose: names the archive
        words[words.index("-lfastgru")] = f"{library}/libfastgru.a"
    program = tmp_path / "consumer"
    run(compiler, CONSUMER / "consumer.c", "-o", program, *words, f"-Wl,-rpath,{library}")
    path, x, wanted = saved
    assert output_of(program, path, x) == wanted


def test_the_shared_library_shows_the_c_functions_alone(package: str) -> None:
    nm = tool("nm")
    if sys.platform != "linux":
        pytest.skip("reads ELF libraries")
    value = Path(package.split("=", 1)[1])
    root = value.parents[1] if package.startswith("-Dfastgru_DIR") else value
    library = next(root.rglob("libfastgru.so"))
    listing = run(nm, "-D", "--defined-only", library).stdout.splitlines()
    names = {line.split()[-1].split("@")[0] for line in listing if " A " not in line}
    header = (REPO / "cpp/include/fastgru/fastgru.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"\b(fastgru_\w+)\(", header))
    assert names == declared


# --- plugins: libraries that an app loads and unloads -------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """A model whose calls pay for eight threads, in a folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.safetensors")
        fastgru.GRU(8, 96, random_state=0).save(path)
        Path(folder).chmod(0o755)
        path.chmod(0o644)
        yield path


def host(found: Path, kind: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if sys.platform != "linux":
        pytest.skip("plugins that may be unloaded are provided for on Linux")
    command = [found / "host", found / f"plugin_{kind}.so", *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("compiler", "kind"), PLUGINS, indirect=["compiler"])
def test_a_plugin_is_unloaded_while_its_threads_live(
    compiler: Compiler, found: Path, kind: str, large: Path
) -> None:
    done = host(found, kind, large, "200", "2")
    assert (done.returncode, done.stdout) == (0, "ran 200 times\n"), done.stderr


@pytest.mark.parametrize(("compiler", "kind"), PLUGINS, indirect=["compiler"])
@pytest.mark.parametrize("limit", ["memory 3", "memory 20", "threads 1", "threads 3"])
def test_fewer_threads_where_the_system_refuses_them(
    compiler: Compiler, found: Path, kind: str, large: Path, limit: str
) -> None:
    """OpenMP's runtime would end the process."""
    done = host(found, kind, large, "1", "8", *limit.split())
    if done.returncode == 77:
        pytest.skip(f"this user may not set a limit: {limit}")
    assert (done.returncode, done.stdout) == (0, "ran 1 times\n"), done.stderr
