"""GRU on no steps and on no rows: empty results of the right shapes, and states as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastgru import GRU

RNG = np.random.default_rng(5)
LAYERS: dict[str, dict[str, Any]] = {
    "one": {},
    "stacked, both ways": {"num_layers": 2, "bidirectional": True},
    "float64": {"dtype": "float64"},
    "dropout": {"num_layers": 2, "dropout": 0.5},
}


def shape(T: int, B: int, width: int, batch_first: bool) -> tuple[int, int, int]:
    return (B, T, width) if batch_first else (T, B, width)


@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("T", "B"), [(0, 3), (4, 0), (0, 0)])
@pytest.mark.parametrize("name", LAYERS)
def test_shapes_and_states(name: str, T: int, B: int, batch_first: bool, memory: Any) -> None:
    gru = GRU(2, 3, batch_first=batch_first, random_state=0, **LAYERS[name])
    D, L = 1 + gru.bidirectional, gru.num_layers
    x = np.empty(shape(T, B, 2, batch_first), gru.dtype)
    h0 = RNG.standard_normal((L * D, B, 3)).astype(gru.dtype)
    for call in (gru, lambda *given: gru.forward_train(*given)[:2]):
        for start in (None, h0):
            y, h_n = call(x, start)
            assert y.shape == shape(T, B, 3 * D, batch_first) and y.dtype == gru.dtype
            np.testing.assert_array_equal(h_n, np.zeros_like(h0) if start is None else h0, strict=True)
            assert not np.shares_memory(h_n, h0)
    out = np.empty(shape(T, B, 3 * D, batch_first), gru.dtype)
    assert gru(x, lengths=np.zeros(B, int), out=out)[0] is out
    y, h_n, tape = gru.forward_train(x, h0, memory=memory)
    dh_n = RNG.standard_normal(h_n.shape).astype(gru.dtype)
    gradients = gru.backward(tape, dy=np.empty_like(y), dh_n=dh_n)
    assert gradients.x.shape == x.shape
    np.testing.assert_array_equal(gradients.h0, dh_n, strict=True)
    assert gradients.params.keys() == gru.state_dict().keys()
    assert all(not gradient.any() for gradient in gradients.params.values())
    with pytest.raises(ValueError, match="used already"):
        gru.backward(tape)


def test_one_sequence_without_steps() -> None:
    gru = GRU(2, 3, random_state=0)
    h0 = RNG.standard_normal((1, 3)).astype(np.float32)
    y, h_n = gru(np.empty((0, 2)), h0)
    assert y.shape == (0, 3)
    np.testing.assert_array_equal(h_n, h0)
    _, _, tape = gru.forward_train(np.empty((0, 2)))
    assert not gru.backward(tape).h0.any()


def test_a_tape_of_no_steps_after_one_of_some() -> None:
    gru = GRU(2, 3, random_state=0)
    x = RNG.standard_normal((5, 4, 2)).astype(np.float32)
    wanted = gru.backward(gru.forward_train(x)[2], np.ones((5, 4, 3), np.float32))
    empty = gru.backward(gru.forward_train(x[:0])[2])
    assert empty.x.shape == (0, 4, 2) and empty.h0.shape == (1, 4, 3)
    again = gru.backward(gru.forward_train(x)[2], np.ones((5, 4, 3), np.float32))
    np.testing.assert_array_equal(again.x, wanted.x)


def test_lengths_of_empty_sequences_are_checked() -> None:
    gru = GRU(2, 3)
    with pytest.raises(ValueError, match=r"lengths\[1\] is 1, wanted 0 to 0"):
        gru(np.empty((0, 2, 2)), lengths=[0, 1])
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, 2\)"):
        gru(np.empty((0, 2, 3)))
