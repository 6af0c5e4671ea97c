"""The layer against torch.nn.GRU: outputs, final states and every gradient."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest
from oracles import oracle

import fastgru

oracle("torch")  # without it, one skip for the module

# Errors are absolute. The loss has gradients of about 1/√B per entry, so that those of the weights do
# not grow with the batch.
TOLERANCE = {"float32": 5e-5, "float64": 1e-11}


class Case(NamedTuple):
    H: int
    I: int  # noqa: E741
    B: int
    T: int
    layers: int
    bidirectional: bool
    bias: bool
    lengths: bool
    h0: bool
    batch_first: bool

    def __str__(self) -> str:
        flags = [
            name for name in ("bidirectional", "bias", "lengths", "h0", "batch_first") if getattr(self, name)
        ]
        return f"H{self.H}-I{self.I}-B{self.B}-T{self.T}-L{self.layers}-{'-'.join(flags)}"


def cases() -> list[Case]:
    """Return every size with one of the kinds of layer; the kinds go round, so that each meets many sizes."""
    kinds = list(
        itertools.product(
            (1, 2, 3), (False, True), (True, False), (False, True), (True, False), (False, True)
        )
    )
    sizes = itertools.product((1, 3, 17, 50, 100), (1, 7), (1, 2, 33), (1, 2, 37))
    # 96 kinds, 90 sizes: a step of 29 shares no factor with 96, so that no kind comes twice.
    return [Case(*size, *kinds[29 * i % len(kinds)]) for i, size in enumerate(sizes)]


class Problem(NamedTuple):
    layer: fastgru.GRU
    oracle: Any
    x: np.ndarray
    h0: np.ndarray | None
    lengths: np.ndarray | None
    dy: np.ndarray
    dh_n: np.ndarray


def make_problem(torch: Any, case: Case, dtype: str) -> Problem:
    rng = np.random.default_rng([case.H, case.I, case.B, case.T, case.layers])
    oracle = torch.nn.GRU(
        case.I,
        case.H,
        case.layers,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.bidirectional,
        dtype=getattr(torch, dtype),
    )
    layer = fastgru.GRU(
        case.I,
        case.H,
        case.layers,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.bidirectional,
        dtype=dtype,
    )
    bound = 1 / np.sqrt(case.H)
    with torch.no_grad():
        for parameter in oracle.parameters():
            parameter.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(parameter.shape))))
    layer.load_state_dict(oracle.state_dict())
    first = (case.B, case.T) if case.batch_first else (case.T, case.B)
    directions = 1 + case.bidirectional
    states = (case.layers * directions, case.B, case.H)
    scale = 1 / np.sqrt(case.B)
    return Problem(
        layer,
        oracle,
        x=rng.normal(size=(*first, case.I)).astype(dtype),
        h0=rng.uniform(-1, 1, states).astype(dtype) if case.h0 else None,
        lengths=rng.integers(1, case.T + 1, case.B) if case.lengths else None,
        dy=rng.normal(scale=scale, size=(*first, directions * case.H)).astype(dtype),
        dh_n=rng.normal(scale=scale, size=states).astype(dtype),
    )


def run_oracle(torch: Any, problem: Problem, batch_first: bool) -> dict[str, np.ndarray]:
    rnn = torch.nn.utils.rnn
    x = torch.from_numpy(problem.x).requires_grad_()
    h0 = None if problem.h0 is None else torch.from_numpy(problem.h0).requires_grad_()
    if problem.lengths is None:
        y, h_n = problem.oracle(x, h0)
    else:
        lengths = torch.from_numpy(problem.lengths)
        packed = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        y, h_n = problem.oracle(packed, h0)
        steps = x.shape[1 if batch_first else 0]
        y, _ = rnn.pad_packed_sequence(y, batch_first, total_length=steps)
    torch.autograd.backward([y, h_n], [torch.from_numpy(problem.dy), torch.from_numpy(problem.dh_n)])
    found = {"y": y.detach(), "h_n": h_n.detach(), "dx": x.grad}
    if h0 is not None:
        found["dh0"] = h0.grad
    found.update({f"d {name}": p.grad for name, p in problem.oracle.named_parameters()})
    return {name: tensor.numpy() for name, tensor in found.items()}


def run_layer(problem: Problem) -> dict[str, np.ndarray]:
    y, h_n, tape = problem.layer.forward_train(problem.x, problem.h0, problem.lengths)
    again, h_again = problem.layer(problem.x, problem.h0, problem.lengths)
    np.testing.assert_array_equal(again, y)
    np.testing.assert_array_equal(h_again, h_n)
    gradients = problem.layer.backward(tape, problem.dy, problem.dh_n)
    named = {f"d {name}": gradient for name, gradient in gradients.params.items()}
    return {"y": y, "h_n": h_n, "dx": gradients.x, "dh0": gradients.h0, **named}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_layer_equals_torch(torch: Any, case: Case, dtype: str) -> None:
    problem = make_problem(torch, case, dtype)
    wanted, got = run_oracle(torch, problem, case.batch_first), run_layer(problem)
    assert set(wanted) <= set(got)
    for name, tensor in wanted.items():
        assert got[name].dtype == dtype
        np.testing.assert_allclose(got[name], tensor, rtol=0, atol=TOLERANCE[dtype], err_msg=name)


def test_there_are_enough_combinations() -> None:
    assert len(cases()) >= 64
    assert len({case[4:] for case in cases()}) == len(cases())


def test_layer_takes_a_state_dict_of_lower_precision(torch: Any) -> None:
    oracle = torch.nn.GRU(3, 5).to(torch.bfloat16)
    layer = fastgru.GRU(3, 5)
    layer.load_state_dict(oracle.state_dict())
    for name, tensor in oracle.state_dict().items():
        np.testing.assert_array_equal(layer.state_dict()[name], tensor.float().numpy())


def test_torch_takes_our_state_dict(torch: Any) -> None:
    layer = fastgru.GRU(3, 5, 2, bidirectional=True, random_state=1)
    oracle = torch.nn.GRU(3, 5, 2, bidirectional=True)
    oracle.load_state_dict({name: torch.tensor(array) for name, array in layer.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = oracle(torch.from_numpy(x))[0].numpy()
    np.testing.assert_allclose(layer(x)[0], wanted, rtol=0, atol=5e-6)


def test_unbatched_equals_torch(torch: Any) -> None:
    oracle = torch.nn.GRU(3, 5, 2, bidirectional=True)
    layer = fastgru.GRU(3, 5, 2, bidirectional=True)
    layer.load_state_dict(oracle.state_dict())
    rng = np.random.default_rng(0)
    x, h0 = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)
    with torch.no_grad():
        wanted = oracle(torch.from_numpy(x), torch.from_numpy(h0))
    for got, tensor in zip(layer(x, h0), wanted, strict=True):
        np.testing.assert_allclose(got, tensor.numpy(), rtol=0, atol=5e-6)
