"""The user's own metadata in a model file: written by save, read in Python and C, kept through copies."""

from __future__ import annotations

import copy
import ctypes
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from safetensors import safe_open
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fastgru
from fastgru import GRU, GRUClassifier, GRURegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OWN = {"sample_rate": "16000", "unit": "°C", "note": 'two\nlines, "quotes"', "empty": "", "a key": "x"}
X = np.random.default_rng(0).normal(size=(12, 4, 2))
MAKE = {
    "GRU": lambda: GRU(2, 3, random_state=0),
    "GRURegressor": lambda: GRURegressor(hidden_size=3, max_iter=1).fit(X, X[:, 0, 0]),
    "GRUClassifier": lambda: GRUClassifier(hidden_size=3, max_iter=1).fit(X, X[:, 0, 0] > 0),
}
KINDS = pytest.mark.parametrize("kind", MAKE)


def own(model: Any) -> dict[str, str]:
    found: dict[str, str] = model.metadata if isinstance(model, GRU) else model.metadata_
    return found


@KINDS
def test_they_survive_save_and_load(kind: str, tmp_path: Path) -> None:
    model, path = MAKE[kind](), tmp_path / "m.safetensors"
    assert own(model) == {}
    model.save(path, metadata=OWN)
    assert own(model) == {}  # save changes nothing
    loaded = fastgru.load(path)
    assert own(loaded) == OWN
    loaded.save(tmp_path / "again.safetensors")  # by default those that the model has
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    own(loaded)["sample_rate"] = "8000"
    loaded.save(path)
    assert own(fastgru.load(path)) == {**OWN, "sample_rate": "8000"}
    loaded.save(path, metadata={})
    assert own(fastgru.load(path)) == {}
    with safe_open(path, framework="np") as package:
        assert not any(key.startswith("user.") for key in package.metadata())


@KINDS
def test_copies_and_pickles_keep_them_and_clones_do_not(kind: str, tmp_path: Path) -> None:
    MAKE[kind]().save(tmp_path / "m", metadata=OWN)
    loaded = fastgru.load(tmp_path / "m")
    joblib.dump(loaded, tmp_path / "j")
    copies = (pickle.loads(pickle.dumps(loaded)), copy.copy(loaded), copy.deepcopy(loaded))
    for again in (*copies, joblib.load(tmp_path / "j")):
        assert own(again) == OWN
        own(again)["unit"] = "K"
        assert own(loaded) == OWN
    if kind != "GRU":
        with pytest.raises(NotFittedError):
            own(clone(loaded))


def test_a_pickle_of_a_layer_from_before() -> None:
    gru = GRU(2, 3, random_state=0)
    state = {name: value for name, value in gru.__getstate__().items() if name != "metadata"}
    again = GRU.__new__(GRU)
    again.__setstate__(state)
    assert again.metadata == {}


WRONG: list[tuple[Any, type[Exception], str]] = [
    (3, TypeError, "metadata must be a mapping of str to str, got int"),
    ([("a", "b")], TypeError, "metadata must be a mapping of str to str, got list"),
    ({"sample_rate": 16000}, TypeError, "metadata 'sample_rate' must be a str, got an object of type int"),
    ({1: "x"}, TypeError, "a metadata key must be a str, got an object of type int"),
    ({"": "x"}, ValueError, r"metadata key 'user\.' has no name"),
    ({"a": "x\0"}, ValueError, r"metadata 'user\.a' holds a zero byte"),
    ({"a\0": "x"}, ValueError, r"metadata 'user\.a\\x00' holds a zero byte"),
    ({"a": "\ud800"}, ValueError, "metadata 'a' holds half a surrogate pair"),
    ({"\udc00": "a"}, ValueError, "a metadata key holds half a surrogate pair"),
    ({str(i): "x" for i in range(1002)}, ValueError, "metadata has 1008 keys, at most 1000"),
]


@pytest.mark.parametrize(("metadata", "error", "match"), WRONG, ids=range(len(WRONG)))
@KINDS
def test_what_a_file_cannot_hold(
    kind: str, metadata: Any, error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        MAKE[kind]().save(tmp_path / "m.safetensors", metadata=metadata)
    assert list(tmp_path.iterdir()) == []


def test_keys_that_are_ours_cannot_be_taken(tmp_path: Path) -> None:
    hostile = {"format": "pt", "config": "{}", "checksum": "00000000", "kind": "x", "user.a": "b"}
    GRU(2, 3).save(tmp_path / "m", metadata=hostile)
    assert fastgru.load(tmp_path / "m").metadata == hostile


@KINDS
def test_c_reads_them(kind: str, tmp_path: Path, c_library: ctypes.CDLL) -> None:
    MAKE[kind]().save(tmp_path / "m", metadata=OWN)
    handle = ctypes.c_void_p()
    assert c_library.fastgru_model_load(str(tmp_path / "m").encode(), ctypes.byref(handle), None) == 0
    value, key = c_library.fastgru_model_metadata, c_library.fastgru_model_metadata_key
    value.restype = key.restype = ctypes.c_char_p
    value.argtypes, key.argtypes = [ctypes.c_void_p, ctypes.c_char_p], [ctypes.c_void_p, ctypes.c_int64]
    found = [key(handle, i) for i in range(len(OWN) + 1)]
    assert found == [*sorted(name.encode() for name in OWN), None]
    assert {name.decode(): value(handle, name).decode() for name in found[:-1]} == OWN
    assert value(handle, b"rate") is None
    c_library.fastgru_model_free(handle)
