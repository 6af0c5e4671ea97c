"""A fit that fails changes nothing: every public answer is as before, or NotFittedError."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastgru
from fastgru import GRUClassifier, GRURegressor, SequenceScaler, _core
from fastgru.estimators import _base, _progress

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 6))
LABELS = np.where(X[:, -1] > 0, "up", "down")
OTHERS = np.where(X[:, 0] > 0, "cat", "dog")
VALUES = X.sum(axis=1)
TAGS = np.where(X > 0, "up", "down")
FRAME = pd.DataFrame(X, columns=list("abcdef"))

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]


class Kind(NamedTuple):
    """An estimator with the data of its first fit, other targets, and targets that it cannot take."""

    make: Callable[..., Any]
    X: Any
    y: Any
    other_y: Any
    bad_y: Any


KINDS = {
    "regressor": Kind(GRURegressor, FRAME, VALUES, 2 * VALUES, np.full(40, np.nan)),
    "classifier": Kind(GRUClassifier, FRAME, LABELS, OTHERS, VALUES),
    "tagger": Kind(
        lambda **given: GRUClassifier(output="sequence", **given),
        X[:, :, None],
        TAGS,
        np.where(X > 0, "cat", "dog"),
        X,
    ),
}


def small(kind: Kind, **params: Any) -> Any:
    return kind.make(**{"hidden_size": 4, "max_iter": 3, "random_state": 0, **params})


def answers(estimator: Any, kind: Kind, folder: Path) -> dict[str, Any]:
    """Everything public that a fit may change."""
    path = folder / "m.safetensors"
    estimator.save(path)
    found: dict[str, Any] = {
        name: copy.deepcopy(value)
        for name, value in vars(estimator).items()
        if name.endswith("_") and name[0] != "_"
    }
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(estimator, method):
            found[method] = getattr(estimator, method)(kind.X)
    found["score"] = estimator.score(kind.X, kind.y)
    found["saved"] = path.read_bytes()
    found["loads"] = type(fastgru.load(path)).__name__
    found["stream"] = estimator.stream().step(np.zeros(1))
    found["params"] = estimator.get_params()
    found["next"] = np.asarray(pickle.loads(pickle.dumps(estimator)).partial_fit(kind.X, kind.y).loss_curve_)
    return found


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


class Stopping:
    """An array whose conversion is interrupted, as by Ctrl-C while data are checked."""

    shape = (40, 6)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt


def no_memory(*_: Any, **__: Any) -> Any:
    raise MemoryError("no memory")


def failing(event: dict[str, Any]) -> bool:
    raise LookupError(f"callback at epoch {event['epoch']}")


class FailingDisplay(_progress.Progress):
    """A display that fails after the first epoch."""

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        raise BrokenPipeError("display")


class Trainer:
    """A trainer whose `fails` runs out of memory; everything else is the core's."""

    def __init__(self, fails: str, core: Any) -> None:
        self._fails, self._core = fails, core

    def __getattr__(self, name: str) -> Any:
        return no_memory if name == self._fails else getattr(self._core, name)


def with_trainer(fails: str) -> Callable[[pytest.MonkeyPatch], None]:
    make = _base.make_trainer

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_base, "make_trainer", lambda *a, **k: Trainer(fails, make(*a, **k)))

    return patch


def patched(where: Any, name: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(where, name, value)


Bad = Callable[[Kind], dict[str, Any]]
DIVERGING = {"learning_rate_init": 3e38, "clip_norm": None, "solver": "sgd"}

# name: parameters, arguments that differ from a good call, the error, a fault planted in the machinery
FAULTS: dict[str, tuple[dict[str, Any], Bad, type[BaseException], Any]] = {
    "lengths differ": ({}, lambda k: {"y": k.other_y[:-1]}, ValueError, None),
    "X with NaN": ({}, lambda k: {"X": np.full(np.shape(k.X), np.nan)}, ValueError, None),
    "X of text": ({}, lambda k: {"X": [["a", "b"]] * 40}, ValueError, None),
    "X of rank 1": ({}, lambda k: {"X": np.zeros(40)}, ValueError, None),
    "X too large to standardize": ({"dtype": "float64"}, lambda k: {"X": X * 1e200}, ValueError, None),
    "X interrupted": ({}, lambda k: {"X": Stopping()}, KeyboardInterrupt, None),
    "y bad": ({}, lambda k: {"y": k.bad_y}, ValueError, None),
    "y None": ({}, lambda k: {"y": None}, (ValueError, TypeError), None),
    "weights negative": ({}, lambda k: {"sample_weight": -np.ones(40)}, ValueError, None),
    "weights zero": ({}, lambda k: {"sample_weight": np.zeros(40)}, ValueError, None),
    "weights NaN": ({}, lambda k: {"sample_weight": np.full(40, np.nan)}, ValueError, None),
    "weights short": ({}, lambda k: {"sample_weight": np.ones(39)}, ValueError, None),
    "callback no function": ({"callbacks": [1]}, lambda k: {}, ValueError, None),
    "network without memory": ({}, lambda k: {}, MemoryError, patched(_core, "NetworkF32", no_memory)),
    "training without memory": ({}, lambda k: {}, MemoryError, with_trainer("run_epoch")),
    "state without memory": ({}, lambda k: {}, MemoryError, with_trainer("get_state")),
    "display fails": (
        {},
        lambda k: {},
        BrokenPipeError,
        patched(_base, "make_progress", lambda *_: FailingDisplay()),
    ),
}
FIT_ONLY: dict[str, tuple[dict[str, Any], Bad, type[BaseException], Any]] = {
    "parameter bad": ({"hidden_size": -1}, lambda k: {}, ValueError, None),
    "network too large": ({"hidden_size": 2**40}, lambda k: {}, (ValueError, MemoryError), None),
    "diverges": ({**DIVERGING, "max_iter": 200}, lambda k: {}, ValueError, None),
    "callback raises": ({"callbacks": failing}, lambda k: {}, LookupError, None),
    "too few held out": (
        {"early_stopping": True, "validation_fraction": 0.01},
        lambda k: {},
        ValueError,
        None,
    ),
    "validation without memory": (
        {"early_stopping": True},
        lambda k: {},
        MemoryError,
        lambda m: [m.setattr(cls, "_validation_score", no_memory) for cls in (GRURegressor, GRUClassifier)],
    ),
}
PARTIAL_ONLY: dict[str, tuple[dict[str, Any], Bad, type[BaseException], Any]] = {
    "early stopping": ({"early_stopping": True}, lambda k: {}, ValueError, None),
    "moments without memory": ({}, lambda k: {}, MemoryError, with_trainer("set_state")),
}
METHODS = {"fit": {**FAULTS, **FIT_ONLY}, "partial_fit": {**FAULTS, **PARTIAL_ONLY}}
FIRST_EPOCH = {"moments without memory"}  # cannot fail in a first epoch
CASES = [(method, fault) for method, faults in METHODS.items() for fault in faults]


def fail(
    estimator: Any, kind: Kind, method: str, fault: str, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> None:
    """Call the method with a fault; set the parameters back."""
    params, bad, error, plant = METHODS[method][fault]
    before = estimator.get_params()
    estimator.set_params(**{**params, **more})
    # A refit may have other classes; a step further may not.
    arguments = {"X": np.asarray(kind.X), "y": kind.other_y if method == "fit" else kind.y, **bad(kind)}
    with monkeypatch.context() as patching, pytest.raises(error):
        if plant is not None:
            plant(patching)
        getattr(estimator, method)(**arguments)
    estimator.set_params(**before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method, fault", CASES)
def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(
    kind: str, method: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    it = KINDS[kind]
    estimator = small(it).fit(it.X, it.y)
    before = answers(estimator, it, tmp_path)
    fail(estimator, it, method, fault, monkeypatch)
    same(answers(estimator, it, tmp_path), before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_partial_fit_that_diverges_leaves_the_network_of_the_call_before(kind: str) -> None:
    it = KINDS[kind]
    estimator = small(it).partial_fit(it.X, it.y).set_params(**DIVERGING)
    for _ in range(50):
        before = answers_of_diverging(estimator)
        try:
            estimator.partial_fit(it.X, it.y)
        except ValueError as error:
            assert "training diverged" in str(error)
            same(answers_of_diverging(estimator), before)
            return
    pytest.fail("it did not diverge")


def answers_of_diverging(estimator: Any) -> dict[str, Any]:
    flat = estimator._network.parameters.copy()
    assert np.isfinite(flat).all()
    return {"flat": flat, "curve": list(estimator.loss_curve_), "epochs": estimator.n_iter_}


@pytest.mark.parametrize("fault", METHODS["fit"])
def test_a_failed_warm_start_leaves_the_estimator_as_it_was(
    fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kind = KINDS["classifier"]._replace(other_y=LABELS)
    estimator = small(kind, warm_start=True).fit(kind.X, kind.y)
    before = answers(estimator, kind, tmp_path)
    fail(estimator, kind, "fit", fault, monkeypatch)
    same(answers(estimator, kind, tmp_path), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method, fault", [case for case in CASES if case[1] not in FIRST_EPOCH])
def test_a_failed_first_fit_leaves_no_trace(
    kind: str, method: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = KINDS[kind]
    estimator = small(it)
    before = dict(vars(estimator))
    fail(estimator, it, method, fault, monkeypatch)
    assert vars(estimator) == before
    with pytest.raises(NotFittedError):
        estimator.predict(it.X)
    with pytest.raises(NotFittedError):
        estimator.save("never.safetensors")


def test_labels_of_a_later_call_that_are_new_change_nothing(tmp_path: Path) -> None:
    kind = KINDS["classifier"]
    estimator = small(kind).partial_fit(kind.X, kind.y, classes=["down", "up"])
    before = answers(estimator, kind, tmp_path)
    for wrong in ({"y": OTHERS}, {"y": kind.y, "classes": ["down", "up", "still"]}):
        with pytest.raises(ValueError):
            estimator.partial_fit(kind.X, **wrong)
        same(answers(estimator, kind, tmp_path), before)


def test_a_warning_raised_as_an_error_at_the_end_of_fit_changes_nothing(tmp_path: Path) -> None:
    kind = KINDS["regressor"]
    estimator = small(kind).fit(kind.X, kind.y)
    before = answers(estimator, kind, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            estimator.fit(X, kind.other_y)
    same(answers(estimator, kind, tmp_path), before)


def test_a_callback_sees_the_estimator_as_it_was_and_may_set_parameters() -> None:
    kind = KINDS["classifier"]
    estimator = small(kind).fit(kind.X, kind.y)
    before, seen = estimator.predict(kind.X), []

    def look(event: dict[str, Any]) -> None:
        seen.append(estimator.predict(kind.X))
        estimator.set_params(tol=0.25)
        estimator.note = event["epoch"]

    estimator.note = 0
    estimator.set_params(callbacks=look).fit(X, OTHERS)
    assert len(seen) == 3
    np.testing.assert_array_equal(seen, [before] * 3)
    assert estimator.tol == 0.25 and estimator.note == 3
    assert list(estimator.classes_) == ["cat", "dog"] and not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_goes_on_leaves_the_original(kind: str, copied: Any, tmp_path: Path) -> None:
    it = KINDS[kind]
    estimator = small(it, warm_start=True).fit(it.X, it.y)
    before = answers(estimator, it, tmp_path)
    copied(estimator).partial_fit(it.X, it.y)
    copied(estimator).fit(it.X, it.y)
    same(answers(estimator, it, tmp_path), before)
    estimator.loss_curve_.append(0.0)  # a list of the caller's: the record is not it
    assert len(copied(estimator).partial_fit(it.X, it.y).loss_curve_) == 4


@pytest.mark.parametrize(
    "bad",
    [
        {"X": np.full((5, 6), np.nan)},
        {"X": X * 1e200},
        {"X": X, "sample_weight": -np.ones(40)},
        {"X": X[:, :, None, None]},
        {"X": [X, X[:, :2]]},
    ],
    ids=["NaN", "too large", "negative weights", "rank 4", "features differ"],
)
def test_a_failed_fit_leaves_the_scaler_as_it_was(bad: dict[str, Any]) -> None:
    never = SequenceScaler()
    with pytest.raises(ValueError):
        never.fit(**bad)
    assert vars(never) == vars(SequenceScaler())
    with pytest.raises(NotFittedError):
        never.transform(X)
    scaler = SequenceScaler().fit(FRAME)
    before = {**vars(scaler)}
    with pytest.raises(ValueError):
        scaler.fit(**bad)
    assert vars(scaler) == before
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(FRAME)).shape, X.shape)
