"""External apps: a CMake project outside the source tree finds the library, and prints Python's bits.

The package comes with pip, from `cmake --install`, or as sources within the app's own build. The environment
variable FASTGRU_PREFIX may name a prefix that `cmake --install` wrote to; else one is built here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastgru
from fastgru import _paths

REPO = Path(__file__).resolve().parents[2]
CONSUMER = REPO / "tests" / "consumer"
KINDS = ["cpp_static", "cpp_shared", "c_static", "c_shared"]
Program = tuple[str, Path]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def tool(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"none of {', '.join(names)} is on the path")


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return done


def build(folder: Path, *options: str, targets: list[str] | None = None) -> Path:
    """Configure and build the consumer, from a copy outside of our tree."""
    source = folder / "app"
    shutil.copytree(CONSUMER, source)
    cmake = tool("cmake")
    run(cmake, "-S", source, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=Release", *options)
    chosen = [word for target in targets or [] for word in ("--target", target)]
    run(cmake, "--build", folder / "build", "-j", "2", *chosen)
    return folder / "build"


@pytest.fixture(scope="module")
def within(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer with our sources inside its own build (add_subdirectory)."""
    if sys.platform == "win32":
        pytest.skip("the consumer's options are those of GCC and Clang")
    eigen = subprocess.run(
        [sys.executable, "-m", "cmeel", "cmake"], capture_output=True, text=True, check=False
    )
    prefix = eigen.stdout.strip()
    if not prefix and not any(Path(p, "eigen3").is_dir() for p in ("/usr/include", "/usr/local/include")):
        pytest.skip("building fastgru needs the Eigen headers: libeigen3-dev, or pip install cmeel-eigen")
    return build(
        tmp_path_factory.mktemp("within"),
        f"-DFASTGRU_SOURCE_DIR={REPO}",
        "-DFASTGRU_INSTALL=ON",
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DPython_EXECUTABLE={sys.executable}",
    )


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


@pytest.fixture(scope="module", params=["gcc g++", "clang clang++"])
def found(request: pytest.FixtureRequest, package: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer's build folder, with a package found and one of two compilers."""
    c, cxx = (tool(name, f"{name}-14") for name in request.param.split())
    return build(
        tmp_path_factory.mktemp("found"), package, f"-DCMAKE_C_COMPILER={c}", f"-DCMAKE_CXX_COMPILER={cxx}"
    )


# --- the models and their predictions in Python -------------------------------------------------------------


def layer(**options: Any) -> Callable[[], Any]:
    return lambda: fastgru.GRU(3, 20, batch_first=True, random_state=1, **options)


def regressor(*, features: int, outputs: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X, y = 5 + rng.normal(size=(40, 6, features)), 100 * rng.normal(size=(40, outputs))
        y = y[:, 0] if outputs == 1 else y
        return fastgru.GRURegressor(hidden_size=12, max_iter=2, random_state=0, **options).fit(X, y)

    return make


def classifier(count: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(4)
        X, y = 5 + rng.normal(size=(40, 6, 2)), rng.integers(count, size=40)
        return fastgru.GRUClassifier(hidden_size=12, max_iter=2, random_state=0, **options).fit(X, y)

    return make


def every_step() -> Any:
    rng = np.random.default_rng(5)
    X, y = 5 + rng.normal(size=(30, 6, 2)), rng.normal(size=(30, 6))
    return fastgru.GRURegressor(hidden_size=12, max_iter=2, output="sequence", random_state=0).fit(X, y)


def tokens() -> Any:
    rng = np.random.default_rng(6)
    X, y = rng.integers(2, 12, size=(30, 6)), rng.normal(size=30)
    return fastgru.GRURegressor(hidden_size=9, max_iter=2, embedding_dim=4, random_state=0).fit(X, y)


MODELS = {
    "classifier, three classes": classifier(3),
    "classifier, two classes": classifier(2, pooling="mean"),
    "regressor, quantiles": regressor(features=2, outputs=2, loss="quantile", quantile=[0.1, 0.5, 0.9]),
    "regressor, missing values": regressor(features=2, outputs=1, missing="mask", pooling="max"),
    "regressor, every step": every_step,
    "regressor, tokens": tokens,
    "layer": layer(),
    "layer, float64": layer(dtype="float64", num_layers=2),
    "layer, two directions": layer(bidirectional=True, reset_after=False),
    "regressor": regressor(features=3, outputs=1),
    "regressor, float64": regressor(features=1, outputs=2, dtype="float64"),
    "regressor, two directions": regressor(features=2, outputs=2, bidirectional=True, num_layers=2),
}


def bits(values: Any) -> str:
    return " ".join(f"{int(b):016x}" for b in np.asarray(values, np.float64).ravel().view(np.uint64))


def reads_tokens(model: Any) -> bool:
    return not isinstance(model, fastgru.GRU) and model._architecture["vocabulary_size"] > 0


def asked(model: Any, x: NDArray[np.float64]) -> NDArray[Any]:
    """Samples in the form that the model's network reads."""
    return x.astype(np.int64) if reads_tokens(model) else x


def expected(model: Any, x: NDArray[np.float64]) -> str:
    """The expected output of the consumer."""
    lines = [f"kind {type(model).__name__}"]
    is_layer = isinstance(model, fastgru.GRU)
    answers = model(x.astype(model.dtype))[0] if is_layer else model._network.predict(asked(model, x))
    lines.append(f"forward {bits(answers)}")
    if not model.bidirectional:
        stream = model.stream()
        steps = x[0].astype(model.dtype) if is_layer else asked(model, x)[0]
        lines += [f"step {bits(stream.step(x_t))}" for x_t in steps]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=MODELS)
def saved(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, NDArray[Any], str]:
    """A model file, samples, and the bits of Python's predictions for them."""
    model = MODELS[request.param]()
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    model.save(path)
    features = model.input_size if isinstance(model, fastgru.GRU) else model.n_features_in_
    x = 5 + np.random.default_rng(7).normal(size=(3, 9, 1 if reads_tokens(model) else features))
    if reads_tokens(model):
        x = np.floor(x)
    elif getattr(model, "missing", "error") == "mask":
        x[0, 4, 1] = np.nan
    return path, x, expected(model, x)


def output_of(program: Path, path: Path, x: NDArray[np.float64]) -> str:
    done = subprocess.run(
        [program, path, str(x.shape[0]), str(x.shape[1])], input=x.tobytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_found_package_prints_the_bits_of_python(
    found: Path, kind: str, saved: tuple[Path, NDArray[np.float64], str]
) -> None:
    path, x, wanted = saved
    assert output_of(found / f"consumer_{kind}", path, x) == wanted


@pytest.mark.parametrize("kind", [*KINDS, "default"])
def test_the_sources_within_an_app_print_the_bits_of_python(
    within: Path, kind: str, saved: tuple[Path, NDArray[np.float64], str]
) -> None:
    path, x, wanted = saved
    name = f"consumer_{kind}" if kind != "default" else "consumer_default"
    assert output_of(within / name, path, x) == wanted


def test_an_app_says_what_is_wrong_with_a_file(found: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"no model")
    for kind in KINDS:
        done = subprocess.run([found / f"consumer_{kind}", path, "1", "1"], capture_output=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(b"consumer: '" + os.fsencode(path) + b"': HeaderTooLarge: ")


@pytest.mark.parametrize("static", [False, True])
def test_pkg_config(
    package: str, static: bool, tmp_path: Path, saved: tuple[Path, NDArray[Any], str]
) -> None:
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
