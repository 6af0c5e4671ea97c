"""Pickles, copies, model files and streams of a fitted GRURegressor."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_html_repr

import fastgru
from fastgru import GRURegressor, ModelFormatError, _model_file

RNG = np.random.default_rng(5)
X3 = RNG.standard_normal((40, 6, 3))
Y2 = RNG.standard_normal((40, 2)) * [1, 1000]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = [
    {},
    {"dtype": "float64", "num_layers": 2, "reset_after": False, "dropout": 0.2},
    {"bidirectional": True, "early_stopping": True, "n_iter_no_change": np.inf},
    {"solver": "sgd", "standardize": False, "clip_norm": None},
]


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 5, "max_iter": 4, "random_state": 0, **params})


def through_joblib(estimator: GRURegressor) -> GRURegressor:
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def through_pickle(estimator: GRURegressor) -> GRURegressor:
    return pickle.loads(pickle.dumps(estimator))


def fitted_attributes(estimator: GRURegressor) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if name.endswith("_") and name[0] != "_"}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("copied", [through_pickle, through_joblib, copy.deepcopy])
def test_copies_answer_and_go_on_alike(copied: Any, kind: dict[str, Any]) -> None:
    estimator = small(warm_start=True, **kind).fit(X3, Y2)
    other = copied(estimator)
    assert fitted_attributes(other) == fitted_attributes(estimator)
    np.testing.assert_array_equal(other.predict(X3), estimator.predict(X3))
    np.testing.assert_array_equal(other.fit(X3, Y2).predict(X3), estimator.fit(X3, Y2).predict(X3))


def test_clone_and_pickle_before_fit() -> None:
    estimator = small().fit(X3, Y2)
    assert not fitted_attributes(clone(estimator)) and clone(estimator).get_params() == estimator.get_params()
    assert through_pickle(small()).get_params() == small().get_params()
    assert "hidden_size=5" in repr(estimator) and "GRURegressor" in estimator_html_repr(estimator)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_model_file_gives_back_what_was_saved(kind: dict[str, Any], tmp_path: Path) -> None:
    estimator = small(**kind).fit(X3, Y2)
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert type(loaded) is GRURegressor and loaded.get_params() == estimator.get_params()
    assert fitted_attributes(loaded) == fitted_attributes(estimator)
    np.testing.assert_array_equal(loaded.predict(X3), estimator.predict(X3))
    loaded.save(str(tmp_path / "again.safetensors"))
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()
    assert np.isfinite(loaded.partial_fit(X3, Y2).predict(X3)).all() if not loaded.early_stopping else True


def test_a_model_file_keeps_names_and_drops_a_random_state_instance(tmp_path: Path) -> None:
    frame = pd.DataFrame(X3[:, :, 0], columns=list("abcdef"))
    estimator = small(random_state=np.random.RandomState(0), max_iter=np.int64(3), tol=np.float32(0.5))
    estimator.fit(frame, Y2[:, 0]).set_params(hidden_size=99)
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert list(loaded.feature_names_in_) == list("abcdef") and loaded.random_state is None
    assert loaded.hidden_size == 99 and loaded.max_iter == 3 and loaded.tol == 0.5
    np.testing.assert_array_equal(loaded.predict(frame), estimator.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[list("bacdef")])


def test_a_file_of_format_version_1_tells_how_it_was_fitted() -> None:
    """Written by the last fastgru of that version; test_saved_models.py checks its predictions."""
    saved = Path(__file__).parents[1] / "saved_models" / "v1" / "regressor_both_float64.safetensors"
    loaded = fastgru.load(saved)
    assert isinstance(loaded, GRURegressor) and loaded.n_iter_ == 20 and loaded.hidden_size == 4
    assert len(loaded.loss_curve_) == len(loaded.validation_scores_) == 20


def damaged(config: dict[str, Any], tensors: dict[str, Any], how: str) -> None:
    network, fitted = config["network"], config["fitted"]
    changes: dict[str, Any] = {
        "a parameter unknown": lambda: config["params"].update(evil=1),
        "a parameter missing its range": lambda: config["params"].update(max_iter=-1),
        "no network": lambda: config.pop("network"),
        "network of text": lambda: config.update(network="x"),
        "hidden_size text": lambda: network.update(hidden_size="5"),
        "hidden_size huge": lambda: network.update(hidden_size=2**39),
        "hidden_size beyond": lambda: network.update(hidden_size=10**30),
        "num_layers 2": lambda: network.update(num_layers=2),
        "num_layers huge": lambda: network.update(num_layers=2**39),
        "bidirectional number": lambda: network.update(bidirectional=1),
        "dropout 2": lambda: network.update(dropout=2.0),
        "dtype other": lambda: network.update(dtype="float64"),
        "dtype unknown": lambda: network.update(dtype="float16"),
        "network field more": lambda: network.update(more=1),
        "n_dims 5": lambda: fitted.update(n_dims=5),
        "n_features_in other": lambda: fitted.update(n_features_in=4),
        "seed negative": lambda: fitted.update(seed=-1),
        "names not texts": lambda: fitted.update(feature_names_in=[1, 2, 3]),
        "best_loss text": lambda: fitted.update(best_loss="low"),
        "no fitted": lambda: config.pop("fitted"),
        "a weight missing": lambda: tensors.pop("head.bias"),
        "a weight more": lambda: tensors.update({"gru.more": np.zeros(3, np.float32)}),
        "a tensor more": lambda: tensors.update({"more": np.zeros(3, np.float32)}),
        "config more": lambda: config.update(more={}),
        "params a list": lambda: config.update(params=[]),
        "a weight turned": lambda: tensors.update({"head.weight": tensors["head.weight"].T.copy()}),
        "a weight NaN": lambda: tensors["head.bias"].fill(np.nan),
        "scale zero": lambda: tensors["scaling.x_scale"].fill(0.0),
        "scale NaN": lambda: tensors["scaling.y_scale"].fill(np.nan),
        "scale short": lambda: tensors.update({"scaling.x_mean": np.zeros(1)}),
        "loss curve missing": lambda: tensors.pop("history.loss_curve"),
        "loss curve 2-D": lambda: tensors.update({"history.loss_curve": np.zeros((2, 2))}),
    }
    if how == "count":
        raise LookupError(list(changes))
    changes[how]()


def damages() -> list[str]:
    try:
        damaged({"network": {}, "fitted": {}}, {}, "count")
    except LookupError as error:
        return list(error.args[0])
    raise AssertionError


@pytest.mark.parametrize("how", damages())
def test_a_damaged_model_file_is_refused(how: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small().fit(X3, Y2).save(path)
    _, kind, config, tensors = _model_file.read(path)
    tensors = {name: np.array(value) for name, value in tensors.items()}
    damaged(config, tensors, how)
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError):
        fastgru.load(path)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
def test_a_stream_answers_as_the_estimator_does(dtype: str, tolerance: float) -> None:
    estimator = small(dtype=dtype, num_layers=2).fit(X3, Y2)
    scale = np.abs(Y2).max(axis=0)
    stream = estimator.stream()
    for _ in range(2):
        for t in range(6):
            wanted = estimator.predict(X3[:1, : t + 1])[0]
            np.testing.assert_allclose(stream.step(X3[0, t]) / scale, wanted / scale, atol=tolerance)
        stream.reset()
    side_by_side = estimator.stream(batch_size=40)
    for t in range(6):
        answer = side_by_side.step(X3[:, t])
    np.testing.assert_allclose(answer / scale, estimator.predict(X3) / scale, atol=tolerance)


def test_a_network_may_have_no_biases(tmp_path: Path) -> None:
    """Estimators make none, but the format knows them."""
    path, again = tmp_path / "m.safetensors", tmp_path / "again.safetensors"
    with_biases = small().fit(X3, Y2)
    with_biases.save(path)
    _, kind, config, tensors = _model_file.read(path)
    config["network"].update(bias=False, head_dropout=0.25)
    gone = ("gru.bias", "selftest.")
    _model_file.save(path, kind, config, {n: v for n, v in tensors.items() if not n.startswith(gone)})
    loaded = fastgru.load(path)
    flat = with_biases._network.parameters.copy()
    flat[-12 - 30 : -12] = 0.0  # both biases of 5 units; after them the head: 2 x 5 + 2
    with_biases._network.set_parameters(flat)
    np.testing.assert_array_equal(loaded.predict(X3), with_biases.predict(X3))
    for found, wanted in zip(loaded.gates(X3), with_biases.gates(X3), strict=True):
        np.testing.assert_array_equal(found, wanted)
    loaded.save(again)
    network = _model_file.read(again).config["network"]
    assert network["bias"] is False
    assert network["head_dropout"] == 0.25
    np.testing.assert_array_equal(fastgru.load(again).predict(X3), loaded.predict(X3))
