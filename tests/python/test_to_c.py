"""A model as C99: it compiles without a warning in strict C99, and its predictions are those of the model."""

from __future__ import annotations

import ctypes
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
from fastgru.cli import main
from fastgru.convert import to_c

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def layer(inputs: int, hidden: int, num_layers: int = 1, **options: Any) -> Callable[[], Any]:
    return lambda: fastgru.GRU(inputs, hidden, num_layers, random_state=1, **options)


def regressor(features: int, outputs: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X, y = 5 + rng.normal(size=(40, 6, features)), 1000 + 10 * rng.normal(size=(40, outputs))
        return fastgru.GRURegressor(max_iter=3, random_state=0, **options).fit(
            X, y[:, 0] if outputs == 1 else y
        )

    return make


MODELS = {
    "one": layer(1, 1),
    "eight": layer(8, 8),
    "sixteen": layer(8, 16),
    "thirty_two": layer(8, 32),
    "before": layer(3, 9, reset_after=False),
    "deep": layer(4, 10, 3, bias=False),
    "float64": layer(2, 7, 2, dtype="float64"),
    "regressor": regressor(3, 1, hidden_size=12),
    "regressor_many": regressor(2, 3, hidden_size=8, num_layers=2, reset_after=False),
    "regressor_float64": regressor(1, 2, hidden_size=5, dtype="float64"),
}


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    if sys.platform == "win32":
        pytest.skip("calls a compiler with the options of GCC and Clang")
    found = shutil.which(request.param) or shutil.which(f"{request.param}-14")
    if found is None:
        pytest.skip(f"{request.param} is not on the path")
    return found


def compiled(compiler: str, folder: Path, model: Any, name: str) -> ctypes.CDLL:
    """The model as a shared library, by way of the command line."""
    path = folder / f"{name}.safetensors"
    model.save(path)
    assert main(["export", str(path), "--to", "c", "--output", str(folder)]) == 0
    library = folder / f"{name}.so"
    source = folder / f"{name}.c"
    done = subprocess.run(
        [compiler, *STRICT, "-O2", "-shared", "-fPIC", source, "-o", library, "-lm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def steps(library: ctypes.CDLL, name: str, x: NDArray[Any], outputs: int) -> NDArray[Any]:
    reset, step = getattr(library, f"{name}_reset"), getattr(library, f"{name}_step")
    state = ctypes.create_string_buffer(1 << 16)  # more than any of these models needs
    y = np.empty((len(x), outputs), x.dtype)
    for _ in range(2):  # a second sequence begins anew
        reset(state)
        for t in range(len(x)):
            step(state, ctypes.c_void_p(x[t].ctypes.data), ctypes.c_void_p(y[t].ctypes.data))
    return y


@pytest.mark.parametrize("name", MODELS)
def test_c_answers_as_the_model_does(compiler: str, name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    is_layer = isinstance(model, fastgru.GRU)
    inputs = model.input_size if is_layer else model.n_features_in_
    dtype = np.dtype(model.dtype)
    x = (0 if is_layer else 5) + np.random.default_rng(5).normal(size=(500, inputs))
    x = np.ascontiguousarray(x.astype(dtype))
    stream = model.stream()
    wanted = np.array([np.array(stream.step(x_t)).ravel() for x_t in x], np.float64)
    found = steps(compiled(compiler, tmp_path, model, name), name, x, wanted.shape[1]).astype(np.float64)
    unit = 1 if is_layer else model._network.scaling[3]
    closest = 2 * np.finfo(dtype).eps * np.abs(wanted)  # two roundings of the prediction itself
    worst = np.max((np.abs(found - wanted) - closest) / unit)
    print(f"{name}: worst difference {worst:.1e}")
    assert worst < (1e-6 if dtype == np.float32 else 1e-13)


def test_two_models_in_one_program(compiler: str, tmp_path: Path) -> None:
    for name in ("one", "eight"):
        MODELS[name]().save(tmp_path / f"{name}.safetensors")
        files = to_c(tmp_path / f"{name}.safetensors", name)
        (tmp_path / f"{name}.c").write_text(files.source)
        (tmp_path / f"{name}.h").write_text(files.header)
    (tmp_path / "main.c").write_text(
        '#include "one.h"\n#include "eight.h"\n'
        "int main(void) { one_state a; eight_state b; float x[8] = {0}, y[8];\n"
        "  one_reset(&a); eight_reset(&b); one_step(&a, x, y); eight_step(&b, x, y); return y[0] == 2; }\n"
    )
    sources = [tmp_path / f"{name}.c" for name in ("main", "one", "eight")]
    subprocess.run([compiler, *STRICT, *sources, "-o", tmp_path / "main"], check=True)
    subprocess.run([tmp_path / "main"], check=True)


def test_what_cannot_be_c_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    fastgru.GRU(2, 3, bidirectional=True).save(path)
    with pytest.raises(ValueError, match="two directions"):
        to_c(path)
    fastgru.GRU(2, 3).save(path)
    for name in ("", "1a", "a-b", "float", "_x", "é", "x" * 64):
        with pytest.raises(ValueError, match="name must be a C identifier"):
            to_c(path, name)
    assert main(["export", str(tmp_path / "none.safetensors"), "--to", "c"]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["export", str(path), "--to", "c", "--output", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    path.write_bytes(b"no model")
    assert main(["export", str(path), "--to", "c"]) == 2
    assert "HeaderTooLarge" in capsys.readouterr().err
    gru = fastgru.GRU(2, 3)
    gru.load_state_dict({name: np.full(value.shape, np.nan) for name, value in gru.state_dict().items()})
    gru.save(path)
    with pytest.raises(ValueError, match="not finite"):
        to_c(path)


REFUSED: list[tuple[str, type, dict[str, Any]]] = [
    ("pooling='mean'", fastgru.GRURegressor, {"pooling": "mean"}),
    ("missing_mask=True", fastgru.GRURegressor, {"missing": "mask"}),
    (r"quantiles=\[0\.5\]|loss='quantile'", fastgru.GRURegressor, {"loss": "quantile", "quantile": 0.5}),
    ("loss='binary_cross_entropy'", fastgru.GRUClassifier, {}),
]


@pytest.mark.parametrize(("message", "kind", "options"), REFUSED)
def test_a_network_beyond_c_is_refused_by_field(
    message: str, kind: type, options: dict[str, Any], tmp_path: Path
) -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 4, 2)), np.arange(20) % 2
    kind(hidden_size=3, max_iter=1, **options).fit(X, y).save(tmp_path / "m")
    with pytest.raises(ValueError, match=f"a network with ({message}) cannot be written as C yet"):
        to_c(tmp_path / "m")


def test_what_training_alone_reads_is_no_matter(tmp_path: Path) -> None:
    options = {"loss": "huber", "huber_delta": 0.5, "dropout": 0.1, "input_dropout": 0.2}
    X, y = np.random.default_rng(0).normal(size=(20, 4, 2)), np.arange(20.0)
    fastgru.GRURegressor(hidden_size=3, max_iter=1, **options).fit(X, y).save(tmp_path / "m")
    assert "model_step" in to_c(tmp_path / "m").source
