"""Fitting a detector: checks of scikit-learn, failures, Ctrl-C, saving."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastgru
from fastgru import GRUAnomalyDetector, ModelFormatError, _model_file

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(3)
X = np.column_stack([np.sin(np.arange(300) / 5), np.arange(300) % 9]) + 0.05 * RNG.normal(size=(300, 2))

RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from fastgru import GRUAnomalyDetector
results = check_estimator(GRUAnomalyDetector(samples=sys.argv[1]), on_skip=None, on_fail=None)
print(json.dumps([(r["check_name"], r["status"], repr(r["exception"])) for r in results]))
"""
# The rows of a series are its time steps.
EXPECTED_TO_FAIL = {
    "check_methods_sample_order_invariance": "steps in another order are another series",
    "check_methods_subset_invariance": "a step's score depends on the steps before it",
    "check_fit1d": "an X of one axis is a series of one variable",
}


@pytest.mark.parametrize("samples, expected", [("sequences", {}), ("steps", EXPECTED_TO_FAIL)])
def test_checks_of_scikit_learn(
    samples: str, expected: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="scikit-learn skips its checks of column names without pandas")
    environment = {
        **os.environ,
        "SCIPY_ARRAY_API": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, samples], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    counts = Counter(status for _, status, _ in results)
    with capsys.disabled():
        print(f"\nGRUAnomalyDetector, samples={samples!r}: {len(results)} checks, {dict(counts)}")
    assert {name for name, status, _ in results if status != "passed"} == set(expected), results
    assert len(results) > 40


def small(**params: Any) -> GRUAnomalyDetector:
    return GRUAnomalyDetector(**{"hidden_size": 6, "max_iter": 5, "random_state": 0, **params})


def answers(detector: GRUAnomalyDetector, folder: Path) -> dict[str, Any]:
    """Everything public that a fit may change."""
    path = folder / "m.safetensors"
    detector.save(path)
    public = {k: copy.deepcopy(v) for k, v in vars(detector).items() if k.endswith("_") and k[0] != "_"}
    return {
        **public,
        "scores": detector.score_samples(X),
        "parts": detector.contributions(X),
        "step": detector.stream().step(X[0]),
        "saved": path.read_bytes(),
        "params": detector.get_params(),
    }


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def failing(event: dict[str, Any]) -> bool:
    raise LookupError(f"callback at epoch {event['epoch']}")


def no_memory(*_: Any, **__: Any) -> Any:
    raise MemoryError("no memory")


FAULTS: dict[str, tuple[dict[str, Any], Any, type[BaseException]]] = {
    "NaN": ({}, np.full((50, 2), np.nan), ValueError),
    "rank 4": ({}, np.zeros((2, 2, 2, 2)), ValueError),
    "one step": ({}, X[:1], ValueError),
    "parameter": ({"smoothing": -1}, X, ValueError),
    "callback raises": ({"callbacks": failing}, X, LookupError),
    "diverges": ({"learning_rate_init": 1e38, "max_iter": 200}, X[:, ::-1] * 1e30, ValueError),
    "too large": ({"hidden_size": 2**40}, X, (ValueError, MemoryError)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_fit_changes_nothing(fault: str, tmp_path: Path) -> None:
    params, bad, error = FAULTS[fault]
    never = small(**params)
    before = dict(vars(never))
    with pytest.raises(error):
        never.fit(bad)
    assert vars(never) == before
    with pytest.raises(NotFittedError):
        never.score_samples(X)
    detector = small().fit(X).set_params(**params)
    wanted = answers(detector, tmp_path)
    with pytest.raises(error):
        detector.fit(bad)
    same(answers(detector, tmp_path), wanted)


def test_a_fit_that_fails_in_calibration_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = small().fit(X)
    wanted = answers(detector, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("fastgru.anomalies._fitting.measured", no_memory)
        with pytest.raises(MemoryError):
            detector.fit(X[:, ::-1])
    same(answers(detector, tmp_path), wanted)


def test_ctrl_c_keeps_the_best_weights() -> None:
    def press(event: dict[str, Any]) -> None:
        if event["epoch"] == 3:
            raise KeyboardInterrupt

    detector = small(callbacks=press, max_iter=50)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        detector.fit(X)
    assert detector.n_iter_ == 3 and np.isfinite(detector.score_samples(X)).all()
    other = small(callbacks=press, max_iter=50)
    with pytest.raises(KeyboardInterrupt):  # within two seconds: it ends the caller's loop, too
        other.fit(X)
    assert other.n_iter_ == 3 and np.isfinite(other.score_samples(X)).all()


@pytest.mark.parametrize(
    "params",
    [{}, {"samples": "sequences"}, {"missing": "mask", "dtype": "float64"}, {"precision": "int8"}],
    ids=["plain", "sequences", "missing", "int8"],
)
def test_saved_and_pickled_detectors_go_on_as_they_were(params: dict[str, Any], tmp_path: Path) -> None:
    x = X.reshape(20, 15, 2) if "samples" in params else X
    detector = small(**params).fit(x)
    detector.metadata_["pump"] = "7"
    path = tmp_path / "pump.safetensors"
    detector.save(path)
    for again in (fastgru.load(path), pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector)):
        assert type(again) is GRUAnomalyDetector
        assert again.get_params() == detector.get_params()
        np.testing.assert_array_equal(again.score_samples(x), detector.score_samples(x))
        np.testing.assert_array_equal(again.spread_, detector.spread_)
        assert (again.offset_, again.n_iter_) == (detector.offset_, detector.n_iter_)
        assert again.loss_curve_ == detector.loss_curve_
        assert again.validation_scores_ == detector.validation_scores_
        assert again.metadata_ == {"pump": "7"}
        one, other = detector.stream(adapt=0.1), again.stream(adapt=0.1)
        for x_t in X[:40]:
            assert one.step(x_t) == other.step(x_t) and one.offset == other.offset
    again.save(tmp_path / "twice.safetensors")
    assert (tmp_path / "twice.safetensors").read_bytes() == path.read_bytes()


WRONG_STATE: list[tuple[str, Any, str]] = [
    ("low", [0.0], "low must be 2 numbers"),
    ("low", [1e9, 1e9], "low must not lie above high"),
    ("high", "x", "high must be 2 numbers"),
    ("drifts", [0, 1], "drifts must be 2 truth values"),
    ("drifts", [True], "drifts must be 2 truth values"),
    ("center", [None, 0.0], "center must be 2 numbers"),
    ("spread", [], "spread must be a list of lists"),
    ("spread", [[1.0, 0.0]], "spread must be finite and above 0"),
    ("spread", [[1.0]], "spread must be 2 numbers"),
    ("threshold", -1.0, "threshold must not be negative"),
    ("threshold", True, "threshold must be 1 numbers"),
    ("usual", None, "usual must be 1 numbers"),
    ("unit", 0, "unit must be finite and above 0"),
    ("share", 2, "share must lie between 0 and 1"),
    ("n_dims", 2, "n_features_in does not fit"),
]


@pytest.mark.parametrize("name, value, message", WRONG_STATE)
def test_a_wrong_state_in_a_file_is_named(name: str, value: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small().fit(X).save(path)
    _, kind, config, tensors = _model_file.read(path)
    config["fitted"][name] = value
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError, match=f"not a valid GRUAnomalyDetector: {message}"):
        fastgru.load(path)
    del config["fitted"][name]
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError, match=f"a GRUAnomalyDetector needs '{name}', which is missing"):
        fastgru.load(path)


def test_a_regressors_network_is_no_detector(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    fastgru.GRURegressor(hidden_size=3, max_iter=2, random_state=0).fit(X[:40], X[:40, 0]).save(path)
    _, _, config, tensors = _model_file.read(path)
    _model_file.save(path, "GRUAnomalyDetector", config, tensors)
    with pytest.raises(ModelFormatError, match="a network that forecasts every step needs sequence"):
        fastgru.load(path)


def test_the_network_alone_gives_the_changes_that_are_expected(tmp_path: Path) -> None:
    """What docs/model-file.md says to programs that read a detector's file without Python."""
    x_all = X + np.arange(300)[:, np.newaxis] * [0, 0.2]
    detector = small().fit(x_all)
    path = tmp_path / "m.safetensors"
    detector.save(path)
    _, _, text, network, _, _ = fastgru._core.load_model(path)
    fitted = json.loads(text)["fitted"]
    stream = network.stream(1)
    assert fitted["drifts"] == [False, True]
    expected, past, last = np.array(fitted["center"]), None, x_all[0]
    for t, x in enumerate(x_all[:60]):
        z = (x - expected) / np.array(fitted["spread"][min(t, len(fitted["spread"]) - 1)])
        error = np.sqrt(np.mean(z * z))
        past = error if past is None else 0.4 * past + 0.6 * error
        assert -past == pytest.approx(detector.score_samples(x_all[: t + 1])[-1], rel=1e-12)
        read = np.clip(np.where(fitted["drifts"], x - last, x), fitted["low"], fitted["high"])
        last = np.where(fitted["drifts"], x, read)
        expected = last + stream.step(read)
    assert detector.offset_ == -fitted["threshold"]


def test_verbose_shows_the_training(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small().fit(X)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    small(verbose=True).fit(X)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[0].startswith("Iteration 1, loss = ") and "validation score" in lines[0]


def test_callbacks_see_every_epoch_and_may_stop() -> None:
    seen: list[dict[str, Any]] = []

    def look(event: dict[str, Any]) -> bool:
        seen.append(event)
        return event["epoch"] == 4

    detector = small(callbacks=[look], max_iter=50).fit(X)
    assert [event["epoch"] for event in seen] == [1, 2, 3, 4] and detector.n_iter_ == 4
    assert [event["validation_score"] for event in seen] == detector.validation_scores_


class Own(GRUAnomalyDetector):
    """A subclass with a method of its own."""

    def alarms(self, x: Any) -> int:
        """The number of anomalies."""
        return int((self.predict(x) < 0).sum())


def test_a_subclass_is_saved_as_a_detector_and_pickled_as_itself(tmp_path: Path) -> None:
    own = Own(
        hidden_size=6, max_iter=5, random_state=np.random.RandomState(0), callbacks=lambda _: False
    ).fit(X)
    own.save(tmp_path / "own.safetensors")
    loaded = fastgru.load(tmp_path / "own.safetensors")
    assert type(loaded) is GRUAnomalyDetector and loaded.random_state is None and loaded.callbacks is None
    np.testing.assert_array_equal(loaded.score_samples(X), own.score_samples(X))
    again = pickle.loads(pickle.dumps(own.set_params(callbacks=None)))
    assert type(again) is Own and again.alarms(X) == own.alarms(X)


def test_too_little_to_hold_out_is_used_for_both() -> None:
    tiny = small().fit(X[:5])
    assert tiny.score_samples(X[:5]).shape == (5,)
    short = small().fit([X[:12], X[20:30]])
    assert np.isfinite(short.offset_) and len(short.score_samples([X])[0]) == 300


def test_scores_do_not_depend_on_the_unit_of_x() -> None:
    wanted = small().fit(X)
    for unit in (2.0**60, 2.0**-60):
        np.testing.assert_array_equal(small().fit(unit * X).score_samples(unit * X), wanted.score_samples(X))
    scaled = small().fit(1e-3 * X + 500)
    np.testing.assert_allclose(scaled.score_samples(1e-3 * X + 500), wanted.score_samples(X), rtol=0.05)


def test_wrong_names_of_columns_are_named_alone() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    with pytest.warns(ConvergenceWarning):
        model = GRUAnomalyDetector(max_iter=1, random_state=0).fit(table)
    for columns in (["a", "z"], ["b", "a"]):
        with pytest.raises(ValueError, match="feature names should match") as caught:
            model.predict(table.set_axis(columns, axis=1))
        assert "samples=" not in str(caught.value)
