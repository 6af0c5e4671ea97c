"""The core's trainer: gradients, bits, continuing, interruption, errors."""

from __future__ import annotations

import pickle
import signal
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgru import _core

Array = NDArray[np.float64]
INPUTS, OUTPUTS, STEPS = 3, 2, 5
SUFFIXES = ["F32", "F64"]


def make_network(suffix: str = "F32", hidden_size: int = 7, num_layers: int = 1, **changes: Any) -> Any:
    options = {"dropout": 0.0, "bidirectional": False, "reset_after": True, "head_dropout": 0.0, **changes}
    kind = getattr(_core, "Network" + suffix)
    network = kind(
        input_size=INPUTS, hidden_size=hidden_size, num_layers=num_layers, output_size=OUTPUTS, **options
    )
    generator = np.random.default_rng(0)
    network.set_parameters(generator.uniform(-0.4, 0.4, network.parameters.size))
    network.set_scaling([0.5, -0.2, 0.1], [1.0, 0.7, 1.9], [0.3, -1.1], [1.4, 0.6])
    return network


def make_trainer(network: Any, **options: Any) -> Any:
    suffix = "F32" if isinstance(network, _core.NetworkF32) else "F64"
    return getattr(_core, "Trainer" + suffix)(network, **options)


def make_data(samples: int, steps: int = STEPS) -> tuple[Array, Array]:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(samples, steps, INPUTS))
    return x, np.stack([x[:, -1, 0] + 1, 2 * x.mean(axis=(1, 2))], axis=1)


def loss_at(network: Any, trainer: Any, flat: Array, *data: Any) -> float:
    network.set_parameters(flat)
    return float(trainer.evaluate(*data))


def test_a_step_of_gradient_descent_goes_down_the_gradient() -> None:
    network = make_network("F64", bidirectional=True, num_layers=2)
    x, y = make_data(6)
    weight, lengths = np.linspace(0.5, 2, 6), np.arange(6) % (STEPS + 1)
    data = (x, y, weight, lengths)
    start = network.parameters.copy()
    trainer = make_trainer(
        network, solver="sgd", learning_rate=1.0, momentum=0.0, clip_norm=0.0, batch_size=6, shuffle=True
    )
    loss = trainer.run_epoch(*data)
    gradient = start - network.parameters
    numeric = np.empty_like(start)
    for i in range(start.size):
        step = np.zeros_like(start)
        step[i] = 1e-5
        above, below = (loss_at(network, trainer, start + s, *data) for s in (step, -step))
        numeric[i] = (above - below) / 2e-5
    assert np.abs(numeric - gradient).max() < 1e-7 * np.abs(gradient).max()
    assert loss == pytest.approx(loss_at(network, trainer, start, *data), rel=1e-13)
    errors = ((network.predict(x, lengths) - y) / network.scaling[3]) ** 2
    assert loss == pytest.approx(np.average(errors.mean(axis=1), weights=weight), rel=1e-12)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_training_learns_and_repeats_itself_to_the_bit(suffix: str) -> None:
    x, y = make_data(100)
    results = []
    for threads, data in ((1, (x, y)), (2, (x.copy(order="F"), y.copy(order="F")))):
        network = make_network(suffix, num_layers=2, dropout=0.1, head_dropout=0.1, hidden_size=20)
        trainer = make_trainer(network, seed=7, num_threads=threads)
        losses = [trainer.run_epoch(*data) for _ in range(30)]
        assert trainer.epoch == 30
        assert trainer.step_count == 30 * 4
        results.append((losses, network.parameters))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][0][-1] < results[0][0][0] / 4


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_training_continues_exactly_from_a_state(suffix: str, solver: str) -> None:
    x, y = make_data(50)
    networks = [make_network(suffix, dropout=0.2, head_dropout=0.2, num_layers=2) for _ in range(2)]
    whole = make_trainer(networks[0], solver=solver)
    for _ in range(4):
        last = whole.run_epoch(x, y)
    parts = make_trainer(networks[1], solver=solver)
    for _ in range(2):
        parts.run_epoch(x, y)
    state = pickle.loads(pickle.dumps(parts.get_state()))
    flat = networks[1].parameters.copy()
    again = make_network(suffix, dropout=0.2, head_dropout=0.2, num_layers=2)
    again.set_scaling(*networks[1].scaling)
    again.set_parameters(flat)
    trainer = make_trainer(again, solver=solver)
    trainer.set_state(state)
    assert (trainer.epoch, trainer.step_count) == (2, 4)
    trainer.run_epoch(x, y)
    assert trainer.run_epoch(x, y) == last
    np.testing.assert_array_equal(again.parameters, networks[0].parameters)
    assert (again.parameters != flat).any()


def endless_data() -> tuple[Any, Any]:
    """One sample repeated ten million times without memory: an epoch that takes minutes."""
    x, y = make_data(1)
    return np.broadcast_to(x, (10_000_000, STEPS, INPUTS)), np.broadcast_to(y, (10_000_000, OUTPUTS))


def test_ctrl_c_stops_an_epoch_and_the_network_has_learnt_from_what_was_done() -> None:
    network = make_network()
    trainer = make_trainer(network, batch_size=2, shuffle=False)  # ordering so many takes a while
    start = network.parameters
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.run_epoch(*endless_data())
    timer.join()
    assert trainer.epoch == 0
    assert trainer.step_count == len(trainer.batch_losses) > 0
    assert (network.parameters != start).any()
    assert np.isfinite(trainer.run_epoch(*make_data(10)))


def test_an_epoch_does_not_copy_x() -> None:
    x, y = (a.astype(np.float32) for a in make_data(20000, steps=50))
    trainer = make_trainer(make_network(), batch_size=1000)
    tracemalloc.start()
    trainer.run_epoch(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.nbytes / 10


def test_the_gil_is_free_during_an_epoch_and_a_second_thread_is_refused() -> None:
    network = make_network(hidden_size=64)
    trainer = make_trainer(network)
    x, y = make_data(3000, steps=30)
    worker = threading.Thread(target=trainer.run_epoch, args=(x, y))
    refused, answers = 0, 0
    worker.start()
    while worker.is_alive():
        try:
            _ = trainer.step_count
        except RuntimeError as error:
            assert str(error) == "this trainer is in use by another thread"
            refused += 1
        answers += int(np.isfinite(network.predict(x[:1])).all())  # others may use the network meanwhile
    worker.join()
    assert refused > 0
    assert answers > 0
    assert trainer.step_count == 94


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_divergence_names_the_remedy_and_keeps_finite_parameters(suffix: str) -> None:
    network = make_network(suffix)
    rate = 1e38 if suffix == "F32" else 1e308
    trainer = make_trainer(network, solver="sgd", learning_rate=rate, clip_norm=0.0)
    with pytest.raises(ValueError, match=r"^training diverged: .*Lower learning_rate .* or clip_norm"):
        for _ in range(3):
            trainer.run_epoch(*make_data(100))
    assert np.isfinite(network.parameters).all()
    trainer.learning_rate = 1e-3
    network.set_parameters(make_network(suffix).parameters)
    assert np.isfinite(trainer.run_epoch(*make_data(100)))


BAD_TRAINERS: list[tuple[dict[str, Any], str]] = [
    ({"solver": "lbfgs"}, "solver must be 'adam' or 'sgd', got 'lbfgs'"),
    ({"learning_rate": 0.0}, "learning_rate must be a finite number above 0, got 0"),
    ({"learning_rate": float("nan")}, "learning_rate must be a finite number above 0, got nan"),
    ({"beta_1": 1.0}, r"beta_1 must be in \[0, 1\), got 1"),
    ({"beta_2": -0.5}, r"beta_2 must be in \[0, 1\), got -0.5"),
    ({"epsilon": 0.0}, "epsilon must be a finite number above 0"),
    ({"momentum": 1.5}, r"momentum must be in \[0, 1\], got 1.5"),
    ({"alpha": -1.0}, "alpha must be a finite number, at least 0, got -1"),
    ({"clip_norm": float("inf")}, "clip_norm must be a finite number, at least 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"num_threads": -2}, "num_threads must be at least 0"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_TRAINERS)
def test_bad_trainers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_trainer(make_network(), **changes)


X, Y = make_data(4)
WITH_COMPLEX = X.astype(complex)
BAD_DATA: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": X[0]}, ValueError, r"x must have shape \(N, T, 3\), got \(5, 3\)"),
    ({"x": X[..., :2]}, ValueError, r"x must have shape \(N, T, 3\), got \(4, 5, 2\)"),
    ({"x": X[None]}, ValueError, r"x must have shape \(N, T, input_size\), got \(1, 4, 5, 3\)"),
    ({"x": X[:, :0]}, ValueError, r"x has shape \(4, 0, 3\), wanted .* at least one step"),
    ({"x": WITH_COMPLEX}, TypeError, "x must hold real numbers, got dtype complex128"),
    ({"x": [["a"]]}, TypeError, "x must hold real numbers"),
    ({"x": [[1.0], [1.0, 2.0]]}, ValueError, "x cannot be made into an array"),
    ({"y": Y[:3]}, ValueError, r"y must have shape \(4, 2\), got \(3, 2\)"),
    ({"y": Y[:, 0]}, ValueError, r"y must have shape \(4, 2\), got \(4,\)"),
    ({"y": Y.astype("M8[s]")}, TypeError, "y must hold real numbers"),
    ({"x": X[:0], "y": Y[:0]}, ValueError, "x has no samples"),
    ({"sample_weight": np.ones(3)}, ValueError, r"sample_weight must have shape \(4,\).*got \(3,\)"),
    ({"sample_weight": [1, 1, -1, 1]}, ValueError, r"sample_weight\[2\] is -1.*at least 0"),
    ({"sample_weight": [1, 1, np.nan, 1]}, ValueError, r"sample_weight\[2\] is nan"),
    ({"sample_weight": np.zeros(4)}, ValueError, "sample_weight is 0 for every sample"),
    ({"lengths": [5, 5, 6, 5]}, ValueError, r"lengths\[2\] is 6, wanted 0 to 5"),
    ({"lengths": [5, 5, -1, 5]}, ValueError, r"lengths\[2\] is -1, wanted 0 to 5"),
    ({"lengths": [5, 5, 5]}, ValueError, r"lengths must have shape \(4,\)"),
    ({"lengths": [5.0, 5.0, 5.0, 5.0]}, TypeError, "lengths must be integers"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD_DATA)
@pytest.mark.parametrize("method", ["run_epoch", "evaluate"])
def test_bad_data_are_refused(
    method: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    network = make_network()
    before = network.parameters
    with pytest.raises(error, match=message):
        getattr(make_trainer(network), method)(**{"x": X, "y": Y, **changes})
    np.testing.assert_array_equal(network.parameters, before)


def test_bad_states_are_refused() -> None:
    trainer = make_trainer(make_network())
    trainer.run_epoch(X, Y)
    good = trainer.get_state()
    bad: list[tuple[Any, type[Exception], str]] = [
        (None, TypeError, "state must be a dict as get_state returns, got NoneType"),
        ({}, ValueError, "state has no item 'epoch'"),
        ({**good, "epoch": -1}, ValueError, "epoch must be at least 0, got -1"),
        ({**good, "step_count": 1.5}, TypeError, r"state\['step_count'\] must be an integer, got float"),
        ({**good, "first_moment": [1.0]}, ValueError, r"state\['first_moment'\] must have shape"),
        ({k: v for k, v in good.items() if k != "second_moment"}, ValueError, "no item 'second_moment'"),
    ]
    for state, error, message in bad:
        with pytest.raises(error, match=message):
            trainer.set_state(state)
    after = trainer.get_state()
    assert after.keys() == good.keys()
    for name in good:
        np.testing.assert_array_equal(after[name], good[name])
    with pytest.raises(ValueError, match="another solver's"):
        make_trainer(make_network(), solver="sgd").set_state(good)
    with pytest.raises(ValueError, match="learning_rate must be a finite number above 0"):
        trainer.learning_rate = -1.0
