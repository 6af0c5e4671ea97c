"""Frames: several time steps read as one, in every place that reads sequences."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.exceptions import ConvergenceWarning

import fastgru
from fastgru import GRUClassifier, GRURegressor, _core

LENGTHS = [(1, 1), (4, 2), (3, 3), (1, 3), (5, 2), (2, 5), (8, 4)]
SMALL = {"hidden_size": 6, "max_iter": 3, "random_state": 0, "batch_size": 8, "n_jobs": 1}


def framed(x, length, step, *, every_step=False):
    """Return the frames of one sequence (n_timesteps, n_features), written independently of the core."""
    short = length - len(x)
    if short > 0:
        x = np.concatenate([np.zeros((short, x.shape[1]), x.dtype), x])
    windows = np.moveaxis(sliding_window_view(x, length, axis=0), 2, 1)  # (starts, length, n_features)
    first = 0 if every_step else (len(x) - length) % step
    return np.ascontiguousarray(windows[first::step].reshape(-1, length * x.shape[1]))


def ends(steps, length, step):
    """Return the time steps at which frames end that are counted from the first step."""
    return [steps - 1] if steps <= length else list(range(length - 1, steps, step))


@pytest.fixture(name="data")
def _data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 13, 2)).cumsum(axis=1)
    return X, X[:, -1].sum(axis=1) + 0.1 * X[:, 5, 0]


def ragged(rng, n=24):
    return [rng.normal(size=(int(steps), 2)) for steps in rng.integers(1, 15, n)]


@pytest.mark.parametrize(("length", "step"), LENGTHS)
@pytest.mark.parametrize(("pooling", "bptt"), [("last", None), ("last", 2), ("mean", None), ("max", None)])
def test_frames_equal_stacked_input(data, length, step, pooling, bptt):
    X, y = data
    options = {**SMALL, "standardize": False, "pooling": pooling, "bptt": bptt}
    est = GRURegressor(frame_length=length, frame_step=step, **options)
    with pytest.warns(Warning, match="converged"):
        est.fit(X, y)
    stacked = np.stack([framed(x, length, step) for x in X])
    with pytest.warns(Warning, match="converged"):
        plain = GRURegressor(**options).fit(stacked, y)
    np.testing.assert_array_equal(est.predict(X), plain.predict(stacked))
    assert est.loss_curve_ == plain.loss_curve_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")  # stacked frames: few steps of many features
@pytest.mark.parametrize(("length", "step"), LENGTHS)
@pytest.mark.parametrize("form", ["list", "float32", "strided"])
def test_frames_of_every_container(length, step, form):
    rng = np.random.default_rng(2)
    X = ragged(rng) if form == "list" else list(rng.normal(size=(24, 11, 2)))
    y = np.array([x[-1].sum() for x in X])
    given = X
    if form == "float32":
        given = np.stack(X).astype(np.float32)
    if form == "strided":
        given = np.asfortranarray(np.stack(X))
    options = {**SMALL, "standardize": False, "pooling": "mean", "bidirectional": True, "shuffle": False}
    est = GRURegressor(frame_length=length, frame_step=step, **options).fit(given, y)
    stacked = [framed(x.astype(np.float32) if form == "float32" else x, length, step) for x in X]
    plain = GRURegressor(**options).fit(stacked if form == "list" else np.stack(stacked), y)
    np.testing.assert_array_equal(
        est.predict(given), plain.predict(stacked if form == "list" else np.stack(stacked))
    )


def core_network(length, step, features, weights=None):
    """Return a network of the core that answers every step, with given weights and no scaling."""
    fields = {"input_size": length * features, "hidden_size": 5, "sequence": True}
    network = _core.NetworkF64(**{**fields, "frame_length": length, "frame_step": step})
    if weights is not None:
        network.set_parameters(weights)
    return network


@pytest.mark.parametrize(("length", "step"), LENGTHS)
@pytest.mark.parametrize("bptt", [0, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_predictions_at_every_step_hold_until_the_next_frame(length, step, bptt, weighted):
    rng = np.random.default_rng(3)
    X = ragged(rng)
    y = [x.cumsum(axis=0)[:, :1] for x in X]
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    stacked = [framed(x, length, step, every_step=True) for x in X]
    at = [ends(len(x), length, step) for x in X]
    network = core_network(length, step, 2)
    network.set_parameters(rng.normal(size=network.parameters.shape))
    plain = core_network(1, 1, 2 * length, network.parameters)
    training = {"bptt": bptt, "batch_size": 7, "shuffle": False}
    trainer, other = _core.TrainerF64(network, **training), _core.TrainerF64(plain, **training)
    framed_y = [part[steps] for part, steps in zip(y, at, strict=True)]
    for _ in range(3):
        loss = trainer.run_epoch(X, y, sample_weight=weight)
        assert loss == other.run_epoch(stacked, framed_y, sample_weight=weight)
    np.testing.assert_array_equal(network.parameters, plain.parameters)
    assert trainer.evaluate(X, y, sample_weight=weight) == pytest.approx(
        other.evaluate(stacked, framed_y, sample_weight=weight), rel=1e-14
    )
    held, answers = network.predict(X), plain.predict(stacked)
    place = frame = 0
    for x, steps in zip(X, at, strict=True):
        for t in range(len(x)):  # held: the answer of the last frame that has ended, or the first frame's
            last = max(sum(k <= t for k in steps) - 1, 0)
            np.testing.assert_array_equal(held[place + t], answers[frame + last])
        place, frame = place + len(x), frame + len(steps)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("output", "pooling"), [("last", "last"), ("last", "mean"), ("sequence", "last")])
@pytest.mark.parametrize(("length", "step"), LENGTHS)
def test_a_stream_answers_at_the_end_of_each_frame(data, output, pooling, length, step):
    X, y = data
    if output == "sequence":
        y = X[..., 0]
    est = GRURegressor(frame_length=length, frame_step=step, output=output, pooling=pooling, **SMALL)
    est.fit(X, y)
    stream, last = est.stream(), None
    for t, x in enumerate(X[0]):
        answer = stream.step(x).astype(np.float64)
        done = t + 1 >= length and (t + 1 - length) % step == 0
        assert stream.answered == done
        if done:
            wanted = est.predict(X[:1, : t + 1])
            last = wanted[0, -1] if output == "sequence" else wanted[0]
        if last is None:
            assert np.isnan(answer).all()
        else:
            np.testing.assert_array_equal(answer[0], last)
        if t == 6:
            fork, thawed = stream.copy(), pickle.loads(pickle.dumps(stream))
    for x in X[0, 7:]:
        again = fork.step(x)
        np.testing.assert_array_equal(thawed.step(x), again)
    np.testing.assert_array_equal(again, answer.astype(again.dtype))
    stream.reset()
    assert length == 1 or np.isnan(stream.step(X[0, 0])).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_missing_values_gates_summary_and_files(tmp_path, data):
    X, y = data
    X = X.copy()
    X[::3, 4] = np.nan
    est = GRURegressor(frame_length=4, frame_step=2, missing="mask", **SMALL).fit(X, y)
    assert est._architecture["input_size"] == 2 * 2 * 4
    gates = est.gates(X[:3])
    assert gates.state.shape == (3, 5, 6)
    names = {line.split("  ")[0].strip() for line in str(est.summary()).splitlines()}
    assert "frames of time steps" in names
    est.save(tmp_path / "model.safetensors")
    again = fastgru.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), est.predict(X))
    assert again.get_params()["frame_length"] == 4
    stream, twin = est.stream(), again.stream()
    for x in X[1]:
        np.testing.assert_array_equal(stream.step(x), twin.step(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 3.0}])
def test_labels_at_every_step(class_weight):
    rng = np.random.default_rng(4)
    X = ragged(rng, 40)
    y = [(x.cumsum(axis=0)[:, 0] > 0).astype(int) for x in X]
    est = GRUClassifier(frame_length=2, frame_step=2, output="sequence", class_weight=class_weight, **SMALL)
    est.set_params(max_iter=30, early_stopping=class_weight is None).fit(X, y)
    assert [len(part) for part in est.predict(X)] == [len(x) for x in X]
    assert est.score(X, y) > 0.6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_frames_make_a_long_series_learnable():
    # The class is the order of two bumps, 300 steps apart at most: too far for single steps in few epochs.
    rng = np.random.default_rng(5)
    X, y = 0.1 * rng.normal(size=(80, 400)), rng.integers(0, 2, 80)
    for row, label in zip(X, y, strict=True):
        first, second = sorted(rng.integers(0, 380, 2))
        row[first : first + 20] += 1 if label else -1
        row[second : second + 20] -= 1 if label else -1
    est = GRUClassifier(frame_length=16, frame_step=8, max_iter=60, random_state=0).fit(X[:60], y[:60])
    assert est.score(X[60:], y[60:]) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_length": 0}, "frame_length"),
        ({"frame_step": 1.5}, "frame_step"),
        ({"frame_length": 2, "embedding_dim": 4}, "frame_length=2 and frame_step=1, wanted 1 for tokens"),
    ],
)
def test_bad_frames(options, message):
    X = np.ones((4, 6), dtype=int)
    with pytest.raises(ValueError, match=message):
        GRURegressor(**options).fit(X, np.arange(4.0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_training_goes_on_with_the_same_frames_only(data):
    X, y = data
    est = GRURegressor(frame_length=4, frame_step=2, warm_start=True, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="frame_step=3, but the network that training goes on with"):
        est.set_params(frame_step=3).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "steps", "options", "chosen"),
    [
        (GRUClassifier, 63, {}, (1, 1, "last")),
        (GRUClassifier, 64, {}, (8, 4, "max")),
        (GRUClassifier, 64, {"bptt": 8}, (8, 4, "last")),
        (GRUClassifier, 64, {"pooling": "mean"}, (8, 4, "mean")),
        (GRUClassifier, 64, {"frame_length": 10}, (10, 5, "max")),
        (GRUClassifier, 20, {"frame_step": 3}, (6, 3, "last")),
        (GRUClassifier, 64, {"frame_step": 1}, (1, 1, "max")),
        (GRUClassifier, 64, {"frame_length": 1}, (1, 1, "max")),
        (GRUClassifier, 64, {"output": "sequence"}, (1, 1, "last")),
        (GRUClassifier, 64, {"embedding_dim": 3}, (1, 1, "last")),
        (GRURegressor, 255, {}, (1, 1, "last")),
        (GRURegressor, 256, {}, (8, 4, "last")),
    ],
)
def test_auto_follows_the_length(tmp_path, kind, steps, options, chosen):
    rng = np.random.default_rng(6)
    X = rng.integers(1, 9, (8, steps)) if "embedding_dim" in options else rng.normal(size=(8, steps))
    y = np.arange(8) % 2
    if options.get("output") == "sequence":
        y = np.tile(y[:, None], (1, steps))
    est = kind(**{**SMALL, "max_iter": 1, "warm_start": True, **options}).fit(X, y)
    assert (est.frame_length_, est.frame_step_, est.pooling_) == chosen
    est.fit(X, y)  # goes on with the same network
    est.save(tmp_path / "model.safetensors")
    again = fastgru.load(tmp_path / "model.safetensors")
    assert (again.frame_length_, again.frame_step_, again.pooling_) == chosen
    np.testing.assert_array_equal(again.predict(X), est.predict(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lists_are_judged_by_their_median_length():
    rng = np.random.default_rng(7)
    X = [rng.normal(size=(steps, 1)) for steps in (3, 3, 90, 90, 90, 3, 500)]
    est = GRUClassifier(**SMALL).fit(X, [0, 1, 0, 1, 0, 1, 0])
    assert (est.frame_length_, est.frame_step_) == (8, 4)
    assert est.predict(X).shape == (7,)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_many_steps_are_warned_of():
    X, y = np.zeros((4, 4100)), [0, 1, 0, 1]
    with pytest.warns(UserWarning, match="4100 time steps, which the network reads in 1025 steps") as caught:
        GRUClassifier(**SMALL).fit(X, y)
    assert __file__ in {warning.filename for warning in caught}
    for quiet in ({"bptt": 50}, {"frame_step": 40}):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            GRUClassifier(**SMALL, **quiet).fit(X, y)
