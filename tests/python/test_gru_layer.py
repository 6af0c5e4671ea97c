"""fastgru.GRU: its surface, weights, lengths, training pass, storage and copies."""

from __future__ import annotations

import copy
import doctest
import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgru
from fastgru.gru import Gradients, explain

DTYPES = ["float32", "float64"]


def make(*sizes: int, **options: Any) -> fastgru.GRU:
    return fastgru.GRU(*(sizes or (3, 5)), random_state=0, **options)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("module", ["gru", "base"])
def test_examples_in_the_docstrings_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"fastgru.gru.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_shapes_and_dtypes(dtype: str, batch_first: bool, bidirectional: bool) -> None:
    layer = make(num_layers=2, batch_first=batch_first, bidirectional=bidirectional, dtype=dtype)
    D = 1 + bidirectional
    y, h_n = layer(numbers(*((4, 7) if batch_first else (7, 4)), 3))
    assert y.shape == ((4, 7) if batch_first else (7, 4)) + (5 * D,)
    assert h_n.shape == (2 * D, 4, 5)
    assert y.dtype == h_n.dtype == dtype
    y, h_n = layer(numbers(7, 3))
    assert y.shape == (7, 5 * D)
    assert h_n.shape == (2 * D, 5)


def test_batch_first_changes_the_layout_only() -> None:
    one, other = make(num_layers=2), make(num_layers=2, batch_first=True)
    x = numbers(7, 4, 3)
    dy, dh_n = numbers(7, 4, 5), numbers(2, 4, 5)
    y, h_n, tape = one.forward_train(x)
    y_first, h_first, tape_first = other.forward_train(x.swapaxes(0, 1))
    np.testing.assert_array_equal(y_first.swapaxes(0, 1), y)
    np.testing.assert_array_equal(h_first, h_n)
    want, got = one.backward(tape, dy, dh_n), other.backward(tape_first, dy.swapaxes(0, 1), dh_n)
    np.testing.assert_array_equal(got.x.swapaxes(0, 1), want.x)
    for name, gradient in want.params.items():
        np.testing.assert_array_equal(got.params[name], gradient)


def test_unbatched_equals_a_batch_of_one() -> None:
    layer = make(num_layers=2, bidirectional=True)
    x, h0 = numbers(7, 3), numbers(4, 5)
    y, h_n, tape = layer.forward_train(x, h0)
    y_batch, h_batch, tape_batch = layer.forward_train(x[:, None], h0[:, None])
    np.testing.assert_array_equal(y, y_batch[:, 0])
    np.testing.assert_array_equal(h_n, h_batch[:, 0])
    got = layer.backward(tape, np.ones_like(y), np.ones_like(h_n))
    want = layer.backward(tape_batch, np.ones_like(y_batch), np.ones_like(h_batch))
    np.testing.assert_array_equal(got.x, want.x[:, 0])
    np.testing.assert_array_equal(got.h0, want.h0[:, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_batch_of_empty_rows_has_gradients(dtype: str) -> None:
    layer = make(3, 5, 2, bidirectional=True, dtype=dtype)
    y, h_n, tape = layer.forward_train(numbers(6, 2, 3), lengths=[0, 0])
    gradients = layer.backward(tape, np.ones_like(y), np.full_like(h_n, 2.0))
    assert not y.any() and not h_n.any() and not gradients.x.any()
    assert all(not value.any() for value in gradients.params.values())
    np.testing.assert_array_equal(gradients.h0, np.full_like(h_n, 2.0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_lengths_equal_each_row_cut_at_its_end(dtype: str, bidirectional: bool) -> None:
    layer = make(num_layers=2, bidirectional=bidirectional, dtype=dtype)
    lengths = [4, 0, 7, 1, 7, 3]
    x, h0 = numbers(7, 6, 3), numbers(2 + 2 * bidirectional, 6, 5)
    for b, length in enumerate(lengths):
        x[length:, b] = np.nan
    y, h_n = layer(x, h0, lengths)
    for b, length in enumerate(lengths):
        assert (y[length:, b] == 0).all()
        if length == 0:
            np.testing.assert_array_equal(h_n[:, b], h0[:, b].astype(dtype))
            continue
        y_row, h_row = layer(x[:length, b], h0[:, b])
        np.testing.assert_allclose(y[:length, b], y_row, rtol=0, atol=1e-6)
        np.testing.assert_allclose(h_n[:, b], h_row, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_never_reaches_a_gradient(dtype: str) -> None:
    layer = make(num_layers=2, bidirectional=True, dtype=dtype)
    lengths = np.array([4, 0, 7, 1])
    x, dy = numbers(7, 4, 3), numbers(7, 4, 10)
    padding = np.arange(7)[:, None] >= lengths
    x[padding], dy[padding] = np.nan, np.inf
    _, _, tape = layer.forward_train(x, lengths=lengths)
    gradients = layer.backward(tape, dy)
    assert (gradients.x[padding] == 0).all()
    for array in (gradients.x, gradients.h0, *gradients.params.values()):
        assert np.isfinite(array).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_sum_what_dy_and_dh_n_give(dtype: str) -> None:
    layer = make(dtype=dtype)
    x, dy, dh_n = numbers(6, 4, 3), numbers(6, 4, 5), numbers(1, 4, 5)

    def run(*given: np.ndarray | None) -> Gradients:
        return layer.backward(layer.forward_train(x)[2], *given)

    both, only_y, only_h, none = run(dy, dh_n), run(dy), run(None, dh_n), run()
    for name, gradient in both.params.items():
        np.testing.assert_allclose(gradient, only_y.params[name] + only_h.params[name], rtol=0, atol=1e-4)
        assert not none.params[name].any()
    assert not none.x.any()


def test_training_result_is_read_only_and_the_tape_serves_once() -> None:
    layer = make()
    y, _, tape = layer.forward_train(numbers(4, 2, 3))
    with pytest.raises(ValueError, match="read-only"):
        y[0] = 1
    layer.backward(tape, np.ones_like(y))
    with pytest.raises(ValueError, match="tape was used already"):
        layer.backward(tape, np.ones_like(y))


def test_backward_uses_the_weights_of_its_forward() -> None:
    layer, x = make(), numbers(4, 2, 3)
    want = layer.backward(layer.forward_train(x)[2], np.ones((4, 2, 5)))
    _, _, tape = layer.forward_train(x)
    layer.load_state_dict({name: 2 * array for name, array in layer.state_dict().items()})
    got = layer.backward(tape, np.ones((4, 2, 5)))
    np.testing.assert_array_equal(got.x, want.x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout(dtype: str) -> None:
    layer = make(3, 64, num_layers=2, dropout=0.5, dtype=dtype)
    plain = make(3, 64, num_layers=2, dtype=dtype)
    x = numbers(6, 4, 3)
    y = layer(x)[0]
    np.testing.assert_array_equal(y, plain(x)[0])  # a call is not training
    one, again = (layer.forward_train(x, random_state=3)[0] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert (layer.forward_train(x, random_state=4)[0] != one).any()
    first, second = layer.forward_train(x)[0], layer.forward_train(x)[0]
    assert (first != second).any()
    fresh = make(3, 64, num_layers=2, dropout=0.5, dtype=dtype)
    np.testing.assert_array_equal(fresh.forward_train(x)[0], first)  # the layer's own random_state


def test_dropout_masks_do_not_depend_on_the_dtype() -> None:
    x = numbers(6, 4, 3)
    results = [
        make(3, 32, num_layers=2, dropout=0.5, dtype=dtype).forward_train(x, random_state=9)[0]
        for dtype in DTYPES
    ]
    np.testing.assert_allclose(*results, rtol=0, atol=1e-5)


def test_initial_weights() -> None:
    layer = make(3, 100)
    for array in layer.state_dict().values():
        assert np.abs(array).max() <= 0.1
        assert np.abs(array).max() > 0.09
    same = [fastgru.GRU(3, 5, random_state=s)(numbers(4, 2, 3))[0] for s in (1, np.int64(1), 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()
    assert (fastgru.GRU(3, 5)(numbers(4, 2, 3))[0] != fastgru.GRU(3, 5)(numbers(4, 2, 3))[0]).any()
    states = [np.random.RandomState(1), np.random.RandomState(1)]
    made = [fastgru.GRU(3, 5, random_state=s).state_dict()["weight_hh_l0"] for s in states]
    np.testing.assert_array_equal(*made)
    assert fastgru.GRU(3, 5, random_state=np.random.default_rng(1)).hidden_size == 5


def test_state_dict_views_are_read_only_and_keep_their_version() -> None:
    layer = make(3, 5, 2, bidirectional=True)
    before = layer.state_dict()
    assert [*before][:5] == [
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "bias_hh_l0",
        "weight_ih_l0_reverse",
    ]
    assert before["weight_ih_l1_reverse"].shape == (15, 10)
    with pytest.raises(ValueError, match="read-only"):
        before["bias_ih_l0"][0] = 1
    copied = {name: array.copy() for name, array in before.items()}
    layer.load_state_dict({name: np.zeros_like(array) for name, array in before.items()})
    for name, array in layer.state_dict().items():
        assert not array.any()
        np.testing.assert_array_equal(before[name], copied[name])


def test_load_state_dict_copies_and_converts() -> None:
    layer, other = make(), make(dtype="float64")
    other.load_state_dict(layer.state_dict())
    np.testing.assert_allclose(other(numbers(4, 2, 3))[0], layer(numbers(4, 2, 3))[0], rtol=0, atol=1e-6)
    state = {name: array.tolist() for name, array in layer.state_dict().items()}
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.state_dict()["bias_hh_l0"], layer.state_dict()["bias_hh_l0"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", ["pickle", "copy", "deepcopy", "file"])
def test_copies_are_equal_and_independent(how: str, dtype: str, tmp_path: Path) -> None:
    layer = make(3, 5, 2, batch_first=True, dropout=0.25, reset_after=False, dtype=dtype)
    if how == "file":
        layer.save(tmp_path / "gru.safetensors")
        other = fastgru.load(tmp_path / "gru.safetensors")
    else:
        ways = {
            "pickle": lambda o: pickle.loads(pickle.dumps(o)),
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
        }
        other = ways[how](layer)
    x = numbers(2, 4, 3)
    assert repr(other) == repr(layer)
    np.testing.assert_array_equal(other(x)[0], layer(x)[0])
    other.load_state_dict({name: np.zeros_like(array) for name, array in other.state_dict().items()})
    assert layer(x)[0].any()


def test_repr_names_what_is_not_the_default() -> None:
    assert repr(make()) == "GRU(input_size=3, hidden_size=5)"
    other = make(batch_first=True, precision="high", dtype=np.float64)
    assert (
        repr(other) == "GRU(input_size=3, hidden_size=5, batch_first=True, precision='high', dtype='float64')"
    )


def test_properties_cannot_be_set() -> None:
    layer = make()
    for name in (
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
    ):
        with pytest.raises(AttributeError):
            setattr(layer, name, 1)


def test_explain_tells_the_shape() -> None:
    for dtype in DTYPES:
        assert "float64" in explain(make(dtype="float64"), 10, 4)
        assert len(explain(make(dtype=dtype), T=10, B=4).splitlines()) >= 3
