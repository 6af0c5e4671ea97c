"""The C functions of a language model through ctypes: what they draw is what Python draws."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_c_abi import INVALID_ARGUMENT, OK, Error, Info, library

import fastgru
from fastgru import GRULanguageModel

__all__ = ["library"]  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TEXTS = ["the cat sat on the mat.", "größer: a dog lay on the rug."]


class Sampling(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        *((name, c_double) for name in ("temperature", "top_p")),
        ("top_k", c_int64),
        ("seed", c_uint64),
    ]


@pytest.fixture(scope="module")
def generators(library: ctypes.CDLL) -> ctypes.CDLL:
    prefix = "fastgru_generator_"
    handle, error = POINTER(c_void_p), POINTER(Error)
    library.fastgru_sampling_init.argtypes = [POINTER(Sampling)]
    for name, arguments in {
        "new": [c_void_p, c_int64, handle, error],
        "copy": [c_void_p, handle, error],
        "free": [c_void_p],
        "reset": [c_void_p],
        "rows": [c_void_p],
        "feed": [c_void_p, c_void_p],
        "draw": [c_void_p, POINTER(Sampling), c_void_p],
        "probabilities": [c_void_p, POINTER(Sampling), c_void_p],
        "state_size": [c_void_p],
        "save": [c_void_p, c_void_p, c_size_t],
        "restore": [c_void_p, c_void_p, c_size_t],
    }.items():
        getattr(library, prefix + name).argtypes = arguments
    library.fastgru_generator_state_size.restype = c_size_t
    library.fastgru_generator_rows.restype = c_int64
    library.fastgru_model_class_name.restype = c_char_p
    return library


@pytest.fixture(scope="module", params=["float32", "float64"])
def path(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "m.safetensors"
    GRULanguageModel(12, 2, bptt=8, max_iter=4, random_state=0, dtype=request.param).fit(TEXTS).save(made)
    return made


def loaded(library: ctypes.CDLL, path: Path) -> c_void_p:
    model = c_void_p()
    assert library.fastgru_model_load(str(path).encode(), byref(model), None) == OK
    return model


def array(values: Any) -> Any:
    return np.ascontiguousarray(values, dtype=np.int64)


def test_c_draws_what_python_draws(generators: ctypes.CDLL, path: Path) -> None:
    c, model, python = generators, loaded(generators, path), fastgru.load(path)
    info = Info(struct_size=ctypes.sizeof(Info))
    assert c.fastgru_model_get_info(model, byref(info)) == OK
    assert info.kind == b"GRULanguageModel" and info.num_classes == info.output_size == python.n_symbols_
    names = [c.fastgru_model_class_name(model, i).decode() for i in range(info.num_classes)]
    assert names == python.symbols_.tolist()
    sampling = Sampling()
    c.fastgru_sampling_init(byref(sampling))
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (1.0, 1.0, 0, 0)
    sampling.temperature, sampling.top_k, sampling.seed = 0.8, 7, 5
    rows = 3
    generator = c_void_p()
    assert c.fastgru_generator_new(model, rows, byref(generator), None) == OK
    assert c.fastgru_generator_rows(generator) == rows
    for token in [2, *python._vocabulary.encode("the ").tolist()]:
        c.fastgru_generator_feed(generator, array([token] * rows).ctypes.data)
    probabilities = np.zeros((rows, info.output_size))
    assert c.fastgru_generator_probabilities(generator, byref(sampling), probabilities.ctypes.data) == OK
    drawn = []
    for _ in range(25):
        tokens = array([0] * rows)
        assert c.fastgru_generator_draw(generator, byref(sampling), tokens.ctypes.data) == OK
        c.fastgru_generator_feed(generator, tokens.ctypes.data)
        drawn.append(tokens)
    ours = python._network.generator(1)
    ours.feed(array([[2, *python._vocabulary.encode("the ").tolist()]]))
    ours = ours.spread(0, rows)
    np.testing.assert_array_equal(ours.probabilities(temperature=0.8, top_k=7), probabilities)
    np.testing.assert_array_equal(ours.generate(25, temperature=0.8, top_k=7, seed=5), np.stack(drawn, 1))
    c.fastgru_model_free(model)  # the generator keeps what it needs
    c.fastgru_generator_free(generator)


def test_states_are_kept_and_others_refused(generators: ctypes.CDLL, path: Path) -> None:
    c, model = generators, loaded(generators, path)
    one, other, twin = c_void_p(), c_void_p(), c_void_p()
    assert c.fastgru_generator_new(model, 1, byref(one), None) == OK
    assert c.fastgru_generator_new(model, 2, byref(other), None) == OK
    c.fastgru_generator_feed(one, array([5]).ctypes.data)
    size = c.fastgru_generator_state_size(one)
    state = ctypes.create_string_buffer(size)
    assert c.fastgru_generator_save(one, state, size) == OK
    assert c.fastgru_generator_copy(one, byref(twin), None) == OK
    sampling = Sampling()
    c.fastgru_sampling_init(byref(sampling))

    def written(generator: c_void_p) -> list[int]:
        found = []
        for _ in range(10):
            tokens = array([0])
            assert c.fastgru_generator_draw(generator, byref(sampling), tokens.ctypes.data) == OK
            c.fastgru_generator_feed(generator, tokens.ctypes.data)
            found.append(int(tokens[0]))
        return found

    first = written(one)
    assert written(twin) == first
    assert c.fastgru_generator_restore(one, state, size) == OK
    assert written(one) == first
    assert c.fastgru_generator_restore(other, state, size) == INVALID_ARGUMENT
    assert c.fastgru_generator_restore(one, state, size - 1) == INVALID_ARGUMENT
    state[0] = b"x"
    assert c.fastgru_generator_restore(one, state, size) == INVALID_ARGUMENT
    c.fastgru_generator_reset(one)
    for generator in (one, other, twin):
        c.fastgru_generator_free(generator)
    c.fastgru_model_free(model)


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", -1.0), ("temperature", float("nan")), ("top_k", -1), ("top_p", 0.0), ("struct_size", 8)],
)
def test_bad_options_change_nothing(generators: ctypes.CDLL, path: Path, field: str, value: Any) -> None:
    c, model, generator = generators, loaded(generators, path), c_void_p()
    assert c.fastgru_generator_new(model, 1, byref(generator), None) == OK
    sampling = Sampling()
    c.fastgru_sampling_init(byref(sampling))
    setattr(sampling, field, value)
    tokens = array([77])
    assert c.fastgru_generator_draw(generator, byref(sampling), tokens.ctypes.data) == INVALID_ARGUMENT
    assert c.fastgru_generator_draw(generator, None, tokens.ctypes.data) == INVALID_ARGUMENT
    assert tokens[0] == 77
    c.fastgru_generator_free(generator)
    c.fastgru_model_free(model)


def test_other_models_are_refused(generators: ctypes.CDLL, tmp_path: Path) -> None:
    c, generator, error = generators, c_void_p(), Error()
    fastgru.GRU(2, 3).save(tmp_path / "gru.safetensors")
    model = loaded(c, tmp_path / "gru.safetensors")
    assert c.fastgru_generator_new(model, 1, byref(generator), byref(error)) == INVALID_ARGUMENT
    assert error.message == b"a GRU is no language model" and not generator
    assert c.fastgru_generator_new(None, 1, byref(generator), byref(error)) == INVALID_ARGUMENT
    assert error.message == b"model is NULL"
    c.fastgru_generator_free(None)
    c.fastgru_model_free(model)
