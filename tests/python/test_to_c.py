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
STRICT = [
    *("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wdouble-promotion"),
    *("-Wshadow", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Wfloat-equal", "-Wcast-qual", "-Werror"),
]
RNG = np.random.default_rng(3)
WORDS = np.array(["calm", "*/ rise", "größer"])
UP_OR_DOWN = np.array(["up", "down"])


def layer(inputs: int, hidden: int, num_layers: int = 1, **options: Any) -> Callable[[], Any]:
    return lambda: fastgru.GRU(inputs, hidden, num_layers, random_state=1, **options)


def regressor(features: int, outputs: int, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X, y = 5 + rng.normal(size=(40, 6, features)), 1000 + 10 * rng.normal(size=(40, outputs))
        if options.get("missing") == "mask":
            X[rng.random(X.shape) < 0.2] = np.nan
        if options.get("output") == "sequence":
            y = np.stack([y] * 6, axis=1) + rng.normal(size=(40, 6, outputs))
        target = y[..., 0] if outputs == 1 else y
        return fastgru.GRURegressor(max_iter=3, random_state=0, **options).fit(X, target)

    return make


def classifier(labels: Callable[[np.random.Generator], Any], **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(3)
        X = 5 + rng.normal(size=(40, 6, 2))
        if "embedding_dim" in options:
            X = rng.integers(1, 9, size=(40, 6))
        if options.get("missing") == "mask":
            X[rng.random(X.shape) < 0.2] = np.nan
        return fastgru.GRUClassifier(hidden_size=7, max_iter=3, random_state=0, **options).fit(X, labels(rng))

    return make


def two(rng: np.random.Generator) -> Any:
    return np.resize(UP_OR_DOWN, 40)


def three(rng: np.random.Generator) -> Any:
    return np.resize(WORDS, 40)


def several(rng: np.random.Generator) -> Any:
    return rng.integers(0, 2, size=(40, 4))


def three_each(rng: np.random.Generator) -> Any:
    return WORDS[rng.integers(0, 3, size=(40, 6))]


QUANTILES = {"loss": "quantile", "quantile": [0.05, 0.3, 0.5, 0.6, 0.99]}
MODELS = {
    "one": layer(1, 1),
    "eight": layer(8, 8),
    "sixteen": layer(8, 16),
    "thirty_two": layer(8, 32),
    "before": layer(3, 9, reset_after=False),
    "deep": layer(4, 10, 3, bias=False),
    "float64": layer(2, 7, 2, dtype="float64"),
    "both": layer(3, 6, 2, bidirectional=True),
    "both_once": layer(20, 2, bidirectional=True, reset_after=False),  # wider than its states
    "regressor": regressor(3, 1, hidden_size=12),
    "regressor_many": regressor(2, 3, hidden_size=8, num_layers=2, reset_after=False),
    "regressor_float64": regressor(1, 2, hidden_size=5, dtype="float64"),
    "regressor_mean": regressor(2, 1, hidden_size=6, pooling="mean"),
    "regressor_max": regressor(2, 2, hidden_size=6, pooling="max"),
    "regressor_mask": regressor(3, 1, hidden_size=6, missing="mask"),
    "regressor_mask_float64": regressor(3, 1, hidden_size=6, missing="mask", dtype="float64", pooling="max"),
    "regressor_plain": regressor(3, 1, hidden_size=6, standardize=False),
    "quantiles": regressor(2, 2, hidden_size=6, **QUANTILES),
    "quantile": regressor(2, 2, hidden_size=6, loss="quantile", quantile=0.1),
    "quantiles_float64": regressor(2, 1, hidden_size=6, dtype="float64", **QUANTILES),
    "huber": regressor(2, 1, hidden_size=6, loss="huber", dropout=0.1, input_dropout=0.2),
    "each_step": regressor(2, 1, hidden_size=6, output="sequence"),
    "both_last": regressor(2, 1, hidden_size=6, bidirectional=True),
    "both_mean": regressor(2, 1, hidden_size=3, bidirectional=True, pooling="mean", num_layers=2),
    "both_max": classifier(three, bidirectional=True, pooling="max", num_layers=3),
    "both_each": regressor(2, 2, hidden_size=3, bidirectional=True, output="sequence"),
    "both_float64": classifier(two, bidirectional=True, dtype="float64", missing="mask"),
    "two_classes": classifier(two),
    "three_classes": classifier(three),
    "three_classes_float64": classifier(three, dtype="float64", pooling="mean"),
    "several_labels": classifier(several, missing="mask"),
    "tagger": classifier(three_each, output="sequence"),
    "tokens": classifier(three, embedding_dim=4),
    "tokens_both": classifier(three_each, embedding_dim=4, bidirectional=True, output="sequence"),
}


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    if sys.platform == "win32":
        pytest.skip("calls a compiler with the options of GCC and Clang")
    found = shutil.which(request.param) or shutil.which(f"{request.param}-14")
    if found is None:
        pytest.skip(f"{request.param} is not on the path")
    return found


def compiled(compiler: str, folder: Path, model: Any, name: str, *flags: str) -> ctypes.CDLL:
    """The model as a shared library, by way of the command line."""
    path = folder / f"{name}.safetensors"
    model.save(path)
    assert main(["export", str(path), "--to", "c", "--output", str(folder)]) == 0
    library = folder / f"{name}.so"
    source = folder / f"{name}.c"
    done = subprocess.run(
        [compiler, *STRICT, *(flags or ("-O2",)), "-shared", "-fPIC", source, "-o", library, "-lm"],
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


def inputs_of(model: Any) -> NDArray[Any]:
    """500 steps for a model, of the type that its C code reads."""
    rng = np.random.default_rng(5)
    if isinstance(model, fastgru.GRU):
        return rng.normal(size=(500, model.input_size)).astype(model.dtype)
    if getattr(model, "embedding_dim", None):
        return rng.integers(1, 12, size=(500, 1)).astype(np.int32)  # some of them unknown
    x = 5 + rng.normal(size=(500, model.n_features_in_))
    if model.missing == "mask":
        x[rng.random(x.shape) < 0.2] = np.nan
    return x.astype(model.dtype)


def python_answers(model: Any, x: NDArray[Any]) -> NDArray[Any]:
    """A stream's answers to x; of two directions, those to 20 sequences, the parts of x."""
    given = x.astype(np.int64) if x.dtype == np.int32 else x
    if model.bidirectional:
        parts = np.stack(np.split(given, 20))
        if isinstance(model, fastgru.GRU):
            return model(parts.transpose(1, 0, 2))[0].transpose(1, 0, 2).reshape(500, -1)
        answers = model._network.predict(parts)
        return np.asarray(answers).reshape(-1, answers.shape[-1])
    stream = model.stream()
    return np.array([np.array(stream.step(x_t)).ravel() for x_t in given])


def answers_in_c(library: ctypes.CDLL, name: str, x: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    assert getattr(library, f"{name}_self_test")() == 1
    return (steps if hasattr(library, f"{name}_step") else predicted)(library, name, x, like)


@pytest.mark.parametrize("name", MODELS)
def test_c_answers_as_the_model_does(compiler: str, name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    x = inputs_of(model)
    wanted = python_answers(model, x)
    found = answers_in_c(compiled(compiler, tmp_path, model, name), name, x, wanted)
    unit = np.ones(1)
    if isinstance(model, fastgru.GRURegressor):
        unit = np.repeat(model._network.scaling[3], max(1, len(model._architecture["quantiles"])))
    wanted = wanted.astype(np.float64)
    closest = 2 * np.finfo(found.dtype).eps * np.abs(wanted)  # two roundings of the prediction itself
    worst = np.max((np.abs(found - wanted) - closest) / unit)
    print(f"{name}: worst difference {worst:.1e}")
    assert np.ptp(wanted) > 0
    assert worst < (1e-6 if found.dtype == np.float32 else 1e-13)
    if "quantiles" in name:
        assert (np.diff(found.reshape(-1, 5), axis=1) >= 0).all()


def test_a_large_mean_costs_no_difference(compiler: str, tmp_path: Path) -> None:
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


def test_what_is_no_token_counts_as_unknown(compiler: str, tmp_path: Path) -> None:
    """Python refuses such numbers; a step in C cannot."""
    model = MODELS["tokens"]()
    library = compiled(compiler, tmp_path, model, "words")
    wrong = np.array([[0], [-1], [2**31 - 1], [-(2**31)], [5]], np.int32)
    wanted = python_answers(model, np.array([[1], [1], [1], [1], [5]], np.int32))
    assert np.abs(steps(library, "words", wrong, wanted) - wanted).max() < 1e-6


def test_subnormal_numbers_do_not_stay(compiler: str, tmp_path: Path) -> None:
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


def test_a_copied_state_begins_without_a_jump(compiler: str, tmp_path: Path) -> None:
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


def test_two_models_in_one_program(compiler: str, tmp_path: Path) -> None:
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
    subprocess.run([compiler, *STRICT, *sources, "-o", tmp_path / "main"], check=True)
    subprocess.run([tmp_path / "main"], check=True)
