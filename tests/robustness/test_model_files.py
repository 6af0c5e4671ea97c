"""What a model file says besides its tensors: every key is checked, and a wrong one is named."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from safetensors import safe_open

import fastgru
from fastgru import ModelFormatError, _core, _model_file

METADATA = {
    "format": "fastgru",
    "format_version": "2",  # the last version without a checksum
    "written_by": "fastgru 0.1.0",
    "kind": "GRU",
    "config": "{}",
}


# "00000000" is where write_safetensors puts the checksum.
SEALED = {**METADATA, "format_version": "3", "checksum": "00000000"}


def without(key: str) -> dict[str, str]:
    return {k: v for k, v in METADATA.items() if k != key}


WRONG_METADATA: list[tuple[str, dict[str, str]]] = [
    ("not a fastgru model", {}),
    ("not a fastgru model", {"format": "pt"}),
    ("not a fastgru model", without("format")),
    ("not a fastgru model", {**METADATA, "format": "fastgru "}),
    ("format_version must be a whole number", without("format_version")),
    *(
        ("format_version must be a whole number", {**METADATA, "format_version": version})
        for version in ["", "0", "-1", "1.0", "01", " 1", "one", "²", "١", "1" * 5000]
    ),
    (r"written by 'fastgru 9.9' in format version 4; this is fastgru .* newer fastgru is needed",
     {"format": "fastgru", "format_version": "4", "written_by": "fastgru 9.9", "something": "new"}),
    ("does not say which", {**without("written_by"), "format_version": "999999999"}),
    ("'kind' is missing", without("kind")),
    ("'config' is missing", without("config")),
    ("metadata key 'color' is unknown in format version 2", {**METADATA, "color": "red"}),
    ("metadata key 'checksum' is unknown in format version 2", {**SEALED, "format_version": "2"}),
    ("metadata key 'user.a' is unknown in format version 2", {**METADATA, "user.a": "b"}),
    ("ChecksumMismatch: metadata key 'checksum' is missing", {**METADATA, "format_version": "3"}),
    ("ChecksumMismatch: the bytes of the file give", {**SEALED, "checksum": "0000000"}),
    ("ChecksumMismatch: the bytes of the file give", {**SEALED, "checksum": "12345678"}),
    ("metadata key 'color' is unknown in format version 3", {**SEALED, "color": "red"}),
    ("metadata key 'users' is unknown in format version 3", {**SEALED, "users": "3"}),
    (r"metadata key 'user\.' has no name", {**SEALED, "user.": "x"}),
    (r"metadata 'user\.a' holds a zero byte", {**SEALED, "user.a": "x\0y"}),
    (r"metadata 'user\.a\\x00' holds a zero byte", {**SEALED, "user.a\0": "x"}),
    ("metadata has 1008 keys, at most 1000", {**SEALED, **{f"user.{i}": "" for i in range(1002)}}),
    ("unknown kind 'Transformer'; this fastgru knows GRU, GRUClassifier, GRURegressor",
     {**METADATA, "kind": "Transformer"}),
    ("unknown kind '';", {**METADATA, "kind": ""}),
    ("unknown kind 'os.system'", {**METADATA, "kind": "os.system"}),
    ("unknown kind 'xxxx", {**METADATA, "kind": "x" * 100_000}),
    *(
        ("config is not valid JSON", {**METADATA, "config": config})
        for config in ["", "{", "{}}", "{'a':1}", '{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', "\ufeff{}",
                       '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '{"a":' + "1" * 5000 + "}"]
    ),
    ("nested deeper than 127 levels", {**METADATA, "config": "[" * 200_000}),
    ("must be a JSON object, got an array", {**METADATA, "config": "[]"}),
    ("must be a JSON object, got null", {**METADATA, "config": "null"}),
    ("must be a JSON object, got a string", {**METADATA, "config": '"GRU"'}),
]  # fmt: skip


@pytest.mark.parametrize(("match", "metadata"), WRONG_METADATA, ids=range(len(WRONG_METADATA)))
def test_wrong_metadata(
    match: str, metadata: dict[str, str], tmp_path: Path, load_in_c: Callable[[Path], str]
) -> None:
    path = tmp_path / "m.safetensors"
    _core.write_safetensors(path, {}, metadata)
    with pytest.raises(ModelFormatError, match=match) as error:
        fastgru.load(path)
    assert str(error.value).startswith(repr(str(path)))
    assert load_in_c(path)[:140] == str(error.value)[:140]  # long texts are cut at other places
    assert len(str(error.value)) < 500


def test_config_survives(tmp_path: Path) -> None:
    config = {"a": [1, 2.5, None, True, "é\ud800"], "b": {"c": -1e300, "": 0}, "z": 2**70}
    path = tmp_path / "m.safetensors"
    _model_file.save(path, "GRU", config, {"x": np.arange(3.0)})
    version, kind, again, tensors = _model_file.read(path)
    assert (version, kind, again) == (_core.model_format_version, "GRU", config)
    np.testing.assert_array_equal(tensors["x"], [0, 1, 2])
    first = path.read_bytes()
    _model_file.save(path, "GRU", dict(reversed(config.items())), {"x": np.arange(3.0)})
    assert path.read_bytes() == first
    with safe_open(path, framework="np") as package:
        assert json.loads(package.metadata()["config"]) == config
        assert package.metadata()["written_by"] == f"fastgru {fastgru.__version__}"


@pytest.mark.parametrize(
    "config", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": np.float32(1)}]
)
def test_config_that_is_no_json(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError), match="config must be what JSON can hold"):
        _model_file.save(tmp_path / "m", "GRU", config, {})
    with pytest.raises(ValueError, match="kind must be one of GRU, "):
        _model_file.save(tmp_path / "m", "Other", {}, {})
    too_deep: Any = {}
    for _ in range(130):
        too_deep = {"a": too_deep}
    with pytest.raises(ValueError, match="nested deeper than 127 levels"):  # load would refuse it
        _model_file.save(tmp_path / "m", "GRU", too_deep, {})
    assert list(tmp_path.iterdir()) == []


class Saved:
    """Stands for a class that is made from a model file."""

    def __init__(self, content: _model_file.Content) -> None:
        params = content.config["params"]
        if "raise" in params:
            raise {"KeyError": KeyError, "TypeError": TypeError, "OSError": OSError}[params["raise"]]("this")
        self.size = params["size"]
        self.content = content

    _from_model_file = classmethod(lambda cls, content: cls(content))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_load_dispatches_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    saved_regressor(path)
    _, kind, config, tensors = _model_file.read(path)
    monkeypatch.setattr(fastgru, "GRURegressor", Saved)

    def load_with(**params: Any) -> Any:
        _model_file.save(path, kind, {**config, "params": params}, tensors)
        return fastgru.load(path)

    loaded = load_with(size=3)
    assert type(loaded) is Saved
    assert loaded.size == 3
    assert loaded.content.kind == "GRURegressor"
    assert loaded.content.config == {**config, "params": {"size": 3}}
    assert type(loaded.content.core) is _core.NetworkF32
    assert set(loaded.content.tensors) == {"history.loss_curve", "history.validation_scores"}
    with pytest.raises(ModelFormatError, match="a GRURegressor needs 'size', which is missing"):
        load_with()
    with pytest.raises(ModelFormatError, match="not a valid GRURegressor: this"):
        load_with(**{"raise": "TypeError"})
    with pytest.raises(OSError, match="this"):
        load_with(**{"raise": "OSError"})


def test_every_kind_is_a_public_class() -> None:
    for kind in _core.model_kinds():
        assert kind in fastgru.__all__
        assert callable(getattr(fastgru, kind)._from_model_file)


def test_the_error_is_a_value_error_and_pickles() -> None:
    assert issubclass(fastgru.ModelFormatError, ValueError)
    assert fastgru.ModelFormatError.__module__ == "fastgru"
    again = pickle.loads(pickle.dumps(fastgru.ModelFormatError("HeaderTooSmall: x")))
    assert type(again) is fastgru.ModelFormatError
    assert str(again) == "HeaderTooSmall: x"


# --- real models, changed by a stranger ---------------------------------------------------------------------

HOSTILE = [
    None,
    True,
    False,
    -1,
    0,
    1,
    7,
    2**31,
    2**62,
    2**63,
    2**70,
    1.5,
    -1e300,
    "",
    "x",
    "float64",
    [],
    [1],
    {},
    {"a": 1},
]


def saved_gru(path: Path) -> None:
    fastgru.GRU(2, 3, num_layers=2, bidirectional=True, random_state=0).save(path)


def saved_regressor(path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 4, 2)), rng.normal(size=(12, 2))
    fastgru.GRURegressor(hidden_size=3, max_iter=2, random_state=0).fit(X, y).save(path)


def saved_detector(path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    fastgru.GRUAnomalyDetector(hidden_size=3, max_iter=2, random_state=0).fit(x).save(path)


def saved_forecaster(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(30, 2))
    y = pd.DataFrame(values, pd.date_range("2020", periods=30), ["a", "b"])
    options = {"horizon": 2, "season": None, "hidden_size": 3, "max_iter": 2, "random_state": 0}
    fastgru.GRUForecaster(**options).fit(y, np.arange(30.0)[:, None], static=[[1.0], [2.0]]).save(path)


def saved_transcriber(path: Path) -> None:
    X = [np.random.default_rng(i).normal(size=(9, 2)) for i in range(6)]
    options = {"hidden_size": 3, "num_layers": 1, "bidirectional": False, "max_iter": 2, "random_state": 0}
    fastgru.GRUTranscriber(**options).fit(X, ["ab", "b", "", "a", "ba", "a b"]).save(path)


def saved_seq2seq(path: Path) -> None:
    options = {
        "hidden_size": 4,
        "embedding_dim": 3,
        "bidirectional": False,
        "max_iter": 1,
        "random_state": 0,
        "n_jobs": 1,
    }
    fastgru.GRUSeq2Seq(**options).fit(["ab", "ba"], ["b", "a"]).save(path)


def changed_configs(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each leaf or branch replaced, removed, or joined by a key that does not belong."""
    yield {**config, "more": 1}
    for key, value in config.items():
        yield {k: v for k, v in config.items() if k != key}
        yield from ({**config, key: hostile} for hostile in HOSTILE)
        if isinstance(value, dict):
            yield from ({**config, key: changed} for changed in changed_configs(value))


def changed_tensors(tensors: dict[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """No tensors, one more, and each one missing, renamed, or of another shape, dtype or content."""
    yield {}
    yield {**tensors, "more": np.zeros(3, np.float32)}
    for key, value in tensors.items():
        others = {k: v for k, v in tensors.items() if k != key}
        yield others
        yield {**others, key + "_": value}
        shapes = [(), (0,), (1,), (1, *value.shape), (*value.shape, 1), (0, 2**40), value.shape[::-1]]
        yield from ({**tensors, key: np.zeros(shape, value.dtype)} for shape in shapes)
        for dtype in ["?", "i8", "f2", "f4", "f8", "c8"]:
            yield {**tensors, key: value.astype(dtype)}
        yield {**tensors, key: np.full(value.shape, np.nan, value.dtype)}


SAVED = [saved_gru, saved_regressor, saved_detector, saved_forecaster, saved_transcriber, saved_seq2seq]


@pytest.mark.parametrize("make", SAVED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_changed_model_loads_or_is_refused_by_name(
    make: Callable[[Path], None], tmp_path: Path, load_in_c: Callable[[Path], str]
) -> None:
    path = tmp_path / "m.safetensors"
    make(path)
    loaded = type(fastgru.load(path))
    _, kind, config, tensors = _model_file.read(path)
    cases = [(changed, tensors) for changed in changed_configs(config)]
    cases += [(config, changed) for changed in changed_tensors(tensors)]
    refused = python_alone = 0
    for changed_config, changed in cases:
        _model_file.save(path, kind, changed_config, changed)
        in_c = load_in_c(path)
        try:
            assert type(fastgru.load(path)) is loaded
            assert in_c == "" or in_c.endswith("a GRUSeq2Seq runs in Python alone")
        except ModelFormatError as error:
            refused += 1
            if in_c == "" or in_c.endswith(
                "runs in Python alone"
            ):  # only what C++ has no use for: how the estimator was made and trained
                python_alone += 1
                assert kind != "GRU", error
                assert changed_config["network"] == config["network"], error
                others = (name for name in tensors if not name.startswith(("history.", "series.")))
                assert all(changed[name] is tensors[name] for name in others), error
    print(f"{kind}: {refused} of {len(cases)} changed models refused, {python_alone} of them by Python alone")
    assert refused > len(cases) // 2
