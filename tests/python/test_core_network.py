"""The core's network and its stream, against NumPy and against each other."""

from __future__ import annotations

import signal
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgru import _core

Array = NDArray[np.float64]
INPUTS, HIDDEN, OUTPUTS, STEPS = 3, 7, 2, 5
SUFFIXES = ["F32", "F64"]
DTYPES = {"F32": np.float32, "F64": np.float64}
# Tolerances: float32 against float64, and two orders of the same float64 sums.
TOLERANCES = {"F32": 2e-6, "F64": 1e-13}


def make_network(suffix: str = "F32", seed: int = 0, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "input_size": INPUTS,
        "hidden_size": HIDDEN,
        "num_layers": 1,
        "bias": True,
        "dropout": 0.0,
        "bidirectional": False,
        "reset_after": True,
        "output_size": OUTPUTS,
        "head_dropout": 0.0,
        **changes,
    }
    network = getattr(_core, "Network" + suffix)(**options)
    generator = np.random.default_rng(seed)
    network.set_parameters(generator.uniform(-0.4, 0.4, network.parameters.size))
    inputs, outputs = options["input_size"], options["output_size"]
    network.set_scaling(
        generator.normal(size=inputs),
        generator.uniform(0.5, 2, inputs),
        generator.normal(size=outputs),
        generator.uniform(0.5, 2, outputs),
    )
    return network


def make_data(samples: int, steps: int = STEPS) -> Array:
    return np.random.default_rng(1).normal(size=(samples, steps, INPUTS))


def named(network: Any) -> dict[str, Array]:
    values, offset = {}, 0
    for name, shape in network.parameter_layout:
        size = int(np.prod(shape))
        values[name] = network.parameters[offset : offset + size].reshape(shape).astype(np.float64)
        offset += size
    assert offset == network.parameters.size
    return values


def numpy_direction(p: dict[str, Array], suffix: str, x: Array, length: int, reset_after: bool) -> Array:
    """The states (length, H) of one sample, x (T, I); a reverse direction starts at the sample's end."""
    hidden = p["gru.weight_hh" + suffix].shape[1]
    zeros = np.zeros(3 * hidden)
    w, u = p["gru.weight_ih" + suffix], p["gru.weight_hh" + suffix]
    b, c = p.get("gru.bias_ih" + suffix, zeros), p.get("gru.bias_hh" + suffix, zeros)
    (w_r, w_z, w_n), (u_r, u_z, u_n) = np.split(w, 3), np.split(u, 3)
    (b_r, b_z, b_n), (c_r, c_z, c_n) = np.split(b, 3), np.split(c, 3)
    h, states = np.zeros(hidden), np.zeros((length, hidden))
    for t in reversed(range(length)) if suffix.endswith("reverse") else range(length):
        r = 1 / (1 + np.exp(-(w_r @ x[t] + b_r + u_r @ h + c_r)))
        z = 1 / (1 + np.exp(-(w_z @ x[t] + b_z + u_z @ h + c_z)))
        q = r * (u_n @ h + c_n) if reset_after else u_n @ (r * h) + c_n
        n = np.tanh(w_n @ x[t] + b_n + q)
        h = states[t] = (1 - z) * n + z * h
    return states


def numpy_predict(
    network: Any, x: Array, lengths: NDArray[np.int64], layers: int, reset_after: bool
) -> Array:
    p = named(network)
    x_mean, x_scale, y_mean, y_scale = network.scaling
    directions = ["", "_reverse"] if "gru.weight_ih_l0_reverse" in p else [""]
    answers = []
    for sequence, length in zip(x, lengths, strict=True):
        values = (sequence - x_mean) / x_scale
        for layer in range(layers):
            states = [
                numpy_direction(p, f"_l{layer}{d}", values, int(length), reset_after) for d in directions
            ]
            values = np.concatenate(states, axis=1)
        ends = [s[0 if i else -1] if length else np.zeros(HIDDEN) for i, s in enumerate(states)]
        answers.append(p["head.weight"] @ np.concatenate(ends) + p["head.bias"])
    return np.array(answers) * y_scale + y_mean


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reset_after", [False, True])
def test_predict_is_what_the_equations_say(
    suffix: str, layers: int, bidirectional: bool, bias: bool, reset_after: bool
) -> None:
    network = make_network(
        suffix, num_layers=layers, bidirectional=bidirectional, bias=bias, reset_after=reset_after
    )
    x = make_data(9)
    lengths = np.arange(9) % (STEPS + 1)
    wanted = numpy_predict(network, x, lengths, layers, reset_after)
    got = network.predict(x, lengths)
    assert got.dtype == DTYPES[suffix]
    assert got.shape == (9, OUTPUTS)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCES[suffix])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_row_is_predicted_the_same_alone_and_at_any_thread_count(suffix: str) -> None:
    network = make_network(suffix, num_layers=2, hidden_size=33)
    x = make_data(70)
    lengths = np.arange(70) % (STEPS + 1)
    wanted = network.predict(x, lengths, num_threads=1)
    for threads in (2, 3):
        np.testing.assert_array_equal(network.predict(x, lengths, num_threads=threads), wanted)
    for i in (0, 1, 7, 69):
        alone = network.predict(x[i : i + 1], lengths[i : i + 1])
        np.testing.assert_array_equal(alone, wanted[i : i + 1])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_array_like_is_read(suffix: str, tmp_path: Path) -> None:
    network = make_network(suffix)
    x = np.round(make_data(8) * 4).astype(np.float32)  # small integers: every dtype holds them
    wanted = network.predict(x)
    file = tmp_path / "x.bin"
    x.tofile(file)
    read_only = x.copy()
    read_only.flags.writeable = False
    wide = np.full((2, STEPS, 16, INPUTS + 2), np.nan)
    strided = wide[1, :, ::2, 1:-1].transpose(1, 0, 2)
    strided[...] = x
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    cases = [
        *(x.astype(dtype) for dtype in ("int8", "int64", "float16", "float64", "longdouble", ">f4", object)),
        *(x.tolist(), read_only, strided, unaligned, np.asfortranarray(x), x[::-1][::-1]),
        np.memmap(file, np.float32, "r", shape=x.shape),
    ]
    for case in cases:
        np.testing.assert_array_equal(network.predict(case), wanted)


def test_what_float64_knows_is_not_lost_before_standardisation() -> None:
    network = make_network("F32")
    x = np.round(make_data(6) * 8)
    network.set_scaling([0, 0, 0], [10, 10, 10], [0, 0], [1, 1])
    wanted = network.predict(x)
    network.set_scaling([1.7e9] * 3, [10, 10, 10], [0, 0], [1, 1])
    np.testing.assert_array_equal(network.predict(x + 1.7e9), wanted)
    np.testing.assert_array_equal(network.predict((x + 1.7e9).astype(np.int64)), wanted)
    stream = network.stream(6)
    for t in range(STEPS):
        answer = stream.step(x[:, t] + 1.7e9)
    np.testing.assert_array_equal(answer, wanted)


def test_predict_does_not_copy_x(tmp_path: Path) -> None:
    network = make_network("F32")
    x = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=(20000, 50, INPUTS))
    tracemalloc.start()
    network.predict(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.nbytes / 10


def test_parameters_are_read_only_versions() -> None:
    network = make_network()
    view, before = network.parameters, network.parameters.copy()
    assert not view.flags.writeable
    network.set_parameters(np.zeros(view.size))
    np.testing.assert_array_equal(view, before)
    assert not network.parameters.any()
    layout = network.parameter_layout
    del network
    np.testing.assert_array_equal(view, before)
    assert layout[0] == ("gru.weight_ih_l0", (3 * HIDDEN, INPUTS))
    assert layout[-2:] == [("head.weight", (OUTPUTS, HIDDEN)), ("head.bias", (OUTPUTS,))]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("rows", [1, 4])
def test_a_stream_answers_as_predict_does(suffix: str, rows: int) -> None:
    network = make_network(suffix, num_layers=2)
    x = make_data(rows)
    stream = network.stream(rows)
    states = []
    for t in range(STEPS):
        out = np.empty((rows, OUTPUTS), DTYPES[suffix])
        assert stream.step(x[:, t], out=out) is out
        np.testing.assert_array_equal(out, network.predict(x[:, : t + 1]))
        states.append(stream.state)
    fork = stream.copy()
    stream.reset()
    assert not stream.state.any()
    np.testing.assert_array_equal(fork.state, states[-1])
    stream.state = states[1]
    np.testing.assert_array_equal(stream.step(x[:, 2]), network.predict(x[:, :3]))
    if rows == 1:
        stream.reset()
        single = stream.step(list(x[0, 0]))
        np.testing.assert_array_equal(single, network.predict(x[:, :1])[0])


def test_a_stream_keeps_its_version_and_may_write_over_its_input() -> None:
    network = make_network("F64", input_size=2)
    x = make_data(3)[:, 0, :2].copy()
    wanted = network.predict(x[:, None, :])
    stream = network.stream(3)
    network.set_parameters(np.zeros(network.parameters.size))
    assert stream.step(x, out=x) is x
    np.testing.assert_array_equal(x, wanted)


def test_ctrl_c_stops_predict() -> None:
    network = make_network()
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    x = make_data(1, steps=500)
    with pytest.raises(KeyboardInterrupt):
        network.predict(np.broadcast_to(x, (10_000_000, 500, INPUTS)))
    timer.join()
    assert np.isfinite(network.predict(x)).all()


BAD_NETWORKS: list[tuple[dict[str, Any], str]] = [
    ({"input_size": 0}, "input_size must be at least 1, got 0"),
    ({"hidden_size": -1}, "hidden_size must be at least 1, got -1"),
    ({"num_layers": 0}, "num_layers must be at least 1"),
    ({"output_size": 0}, "output_size must be at least 1, got 0"),
    ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
    ({"head_dropout": -0.1}, r"head_dropout must be in \[0, 1\)"),
    ({"output_size": 2**62}, "output_size=4611686018427387904 .*more parameters than can be counted"),
    ({"hidden_size": 2**40}, "hidden_size=1099511627776.*more parameters than can be counted"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_NETWORKS)
def test_bad_networks_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_network(**changes)


X = make_data(4)
BAD_DATA: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": X[0]}, ValueError, r"x must have shape \(N, T, 3\), got \(5, 3\)"),
    ({"x": X[..., :2]}, ValueError, r"x must have shape \(N, T, 3\), got \(4, 5, 2\)"),
    ({"x": X[None]}, ValueError, r"x must have shape \(N, T, input_size\), got \(1, 4, 5, 3\)"),
    ({"x": X[:, :0]}, ValueError, r"x has shape \(4, 0, 3\), wanted .* at least one step"),
    ({"x": X.astype(complex)}, TypeError, "x must hold real numbers, got dtype complex128"),
    ({"x": [["a"]]}, TypeError, "x must hold real numbers"),
    ({"x": [[1.0], [1.0, 2.0]]}, ValueError, "x cannot be made into an array"),
    ({"lengths": [5, 5, 6, 5]}, ValueError, r"lengths\[2\] is 6, wanted 0 to 5"),
    ({"lengths": [5, 5, 5]}, ValueError, r"lengths must have shape \(4,\)"),
    ({"num_threads": -1}, ValueError, "num_threads must be at least 0, got -1"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD_DATA)
def test_bad_data_are_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_network().predict(**{"x": X, **changes})


def test_no_samples_give_no_answers() -> None:
    assert make_network().predict(X[:0]).shape == (0, OUTPUTS)


def test_bad_parameters_and_scalings_are_refused() -> None:
    network = make_network()
    size = network.parameters.size
    with pytest.raises(ValueError, match=rf"flat must have shape \({size},\), got \({size - 1},\)"):
        network.set_parameters(np.zeros(size - 1))
    with pytest.raises(ValueError, match=r"x_mean must have shape \(3,\), got \(2,\)"):
        network.set_scaling([0, 0], [1, 1, 1], [0, 0], [1, 1])
    with pytest.raises(ValueError, match=r"y_scale\[1\] is 0.*wanted a finite number above 0"):
        network.set_scaling([0, 0, 0], [1, 1, 1], [0, 0], [1, 0])


def test_bad_streams_are_refused() -> None:
    with pytest.raises(ValueError, match="a bidirectional GRU cannot stream"):
        make_network(bidirectional=True).stream()
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        make_network().stream(0)
    stream = make_network().stream(2)
    with pytest.raises(ValueError, match=r"x must have shape \(2, 3\), got \(3,\)"):
        stream.step(X[0, 0])
    with pytest.raises(ValueError, match=r"out must have shape \(2, 2\), got \(2, 3\)"):
        stream.step(X[:2, 0], out=np.empty((2, 3), np.float32))
    with pytest.raises(TypeError, match="out must be an ndarray of dtype float32, got dtype float64"):
        stream.step(X[:2, 0], out=np.empty((2, 2)))
    with pytest.raises(ValueError, match=r"state must have shape \(1, 2, 7\), got \(2, 7\)"):
        stream.state = np.zeros((2, 7))
