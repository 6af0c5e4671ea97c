"""`fastgru.torch.GRU` and `GRUCell` against those of torch.nn: outputs, gradients, errors, copies."""

from __future__ import annotations

import copy
import io
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from torch_layers import assert_close, nn, pair, torch

import fastgru
import fastgru.torch as drop_in
from fastgru.torch._engine import Call, Engine, Options

rnn = torch.nn.utils.rnn

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deep": {"num_layers": 3},
    "both": {"bidirectional": True, "num_layers": 2},
    "batch_first": {"batch_first": True},
    "no bias": {"bias": False, "bidirectional": True, "batch_first": True},
}


def gradients(module: Any, read: list[Any], x: Any, hx: Any) -> list[Any]:
    """All gradients of a sum of outputs with fixed weights."""
    y, h_n = module(x, hx)
    y = y.data if isinstance(y, rnn.PackedSequence) else y
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (part * torch.randn(part.shape, generator=generator, dtype=part.dtype)).sum() for part in (y, h_n)
    )
    return [y, h_n, *torch.autograd.grad(loss, [*read, *module.parameters()], retain_graph=True)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("how", ["batched", "unbatched", "packed", "unsorted", "transposed"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients(kind: str, how: str, dtype: str) -> None:
    options = KINDS[kind]
    theirs, ours = pair(3, 5, dtype=getattr(torch, dtype), **options)
    batch_first = options.get("batch_first", False)
    blocks = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    x = torch.randn((4, 7, 3) if batch_first else (7, 4, 3), dtype=theirs.weight_ih_l0.dtype)
    h0 = torch.randn(blocks, 4, 5, dtype=x.dtype)
    if how == "unbatched":
        x, h0 = x[0] if batch_first else x[:, 0], h0[:, 1]
    if how == "transposed":
        x = x.transpose(0, 2).contiguous().transpose(0, 2)
    for state in (h0.requires_grad_(), None):
        leaf = x.detach().requires_grad_()
        given: Any = leaf
        if how in ("packed", "unsorted"):
            lengths = [7, 5, 5, 1] if how == "packed" else [5, 1, 7, 3]
            given = rnn.pack_padded_sequence(leaf, lengths, batch_first, enforce_sorted=how == "packed")
        read = [leaf] if state is None else [leaf, state]
        assert_close(gradients(ours, read, given, state), gradients(theirs, read, given, state))
        with torch.no_grad():
            assert_close(ours(given, state), theirs(given, state))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), ()])
def test_cell(shape: tuple[int, ...], bias: bool) -> None:
    theirs, ours = nn.GRUCell(3, 5, bias=bias), drop_in.GRUCell(3, 5, bias=bias)
    ours.load_state_dict(theirs.state_dict())
    x, h = torch.randn(*shape, 3, requires_grad=True), torch.randn(*shape, 5, requires_grad=True)
    answers = []
    for cell in (ours, theirs):
        state = cell(cell(x, h).relu() @ torch.ones(5, 3), h)
        found = torch.autograd.grad(state.sum(), [x, h, *cell.parameters()])
        answers.append([state, *found, cell(x)])
    assert_close(*answers)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_finite_differences(kind: str) -> None:
    _, ours = pair(2, 3, dtype=torch.float64, **KINDS[kind])
    names = [name for name, _ in ours.named_parameters()]
    blocks = len(ours.all_weights)
    x = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(blocks, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x: Any, h0: Any, *weights: Any) -> Any:
        named = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(ours, named, (x, h0))

    assert torch.autograd.gradcheck(run, (x, h0, *ours.parameters()))


def test_constructor_and_state_dict() -> None:
    theirs, ours = pair(3, 5, 2, bidirectional=True, dropout=0.1)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    torch.manual_seed(3)
    theirs = nn.GRU(3, 5)
    torch.manual_seed(3)
    assert_close(list(drop_in.GRU(3, 5).parameters()), list(theirs.parameters()))
    for arguments, options in (
        ((0, 3), {}),
        ((3, -1), {}),
        ((3, 3, 0), {}),
        ((2.5, 3), {}),
        ((3, 3), {"bias": 1}),
        ((3, 3), {"batch_first": 0}),
        ((3, 3, 2), {"dropout": 1.5}),
        ((3, 3, 2), {"dropout": True}),
        ((3, 3), {"proj_size": 2}),
    ):
        assert_same_error(lambda m, a=arguments, o=options: m.GRU(*a, **o))
    with pytest.warns(UserWarning, match="dropout option adds dropout"):
        drop_in.GRU(3, 5, dropout=0.5)
    with pytest.raises(ValueError, match="dropout must be below 1"):
        drop_in.GRU(3, 5, 2, dropout=1.0)


def assert_same_error(call: Callable[[Any], Any]) -> None:
    caught = []
    for module in (nn, drop_in):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
            call(module)
        caught.append((type(error.value), str(error.value)))
    assert caught[0] == caught[1]


x, h0 = torch.zeros(7, 4, 3), torch.zeros(1, 4, 5)
BAD_CALLS: dict[str, tuple[Any, ...]] = {
    "1 axis": (x[0, 0],),
    "4 axes": (x[None],),
    "width": (torch.zeros(7, 4, 2),),
    "states unbatched": (x, h0[:, 0]),
    "states batched": (x[:, 0], h0),
    "rows": (x, torch.zeros(1, 3, 5)),
    "blocks": (x, torch.zeros(2, 4, 5)),
    "size": (x, torch.zeros(1, 4, 6)),
    "dtype": (x.double(),),
    "no steps": (torch.zeros(0, 4, 3),),
    "packed width": (rnn.pack_padded_sequence(torch.zeros(7, 4, 2), [7, 7, 7, 1]),),
    "packed rows": (rnn.pack_padded_sequence(x, [7, 7, 7, 1]), torch.zeros(1, 3, 5)),
}


@pytest.mark.parametrize("kind", BAD_CALLS)
def test_errors_of_a_call(kind: str) -> None:
    assert_same_error(lambda m: m.GRU(3, 5)(*BAD_CALLS[kind]))


def test_more_errors() -> None:
    cell = drop_in.GRUCell(3, 5)
    for arguments, match in (
        ((torch.zeros(1, 2, 3),), "GRUCell: Expected input to be 1D or 2D, got 3D instead"),
        ((torch.zeros(2, 3), h0), "GRUCell: Expected hidden to be 1D or 2D, got 3D instead"),
        ((torch.zeros(2, 4),), "inconsistent input_size: got 4 expected 3"),
        ((torch.zeros(2, 3), torch.zeros(3, 5)), r"hx must have the shape \(2, 5\)"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=match):
            cell(*arguments)
    with pytest.raises(ValueError, match=r"RNN hx dtype \(torch\.float64\) does not match"):
        drop_in.GRU(3, 5)(x, h0.double())
    with pytest.raises(TypeError, match=r"float32 and float64, got weights of torch\.bfloat16"):
        drop_in.GRU(3, 5, dtype=torch.bfloat16)(x.bfloat16())
    with torch._subclasses.FakeTensorMode():  # there are no numbers, and so no GPU is needed
        gru = drop_in.GRU(3, 5)
        with pytest.raises(RuntimeError, match=r"on the CPU, got input on cuda:0: move .*\.cpu\(\)"):
            gru(torch.empty(7, 4, 3, device="cuda"))


def test_a_graph_used_twice() -> None:
    theirs, ours = pair(3, 5, 2, dtype=torch.float64)
    given = torch.randn(7, 4, 3, dtype=torch.float64)
    for module in (theirs, ours):
        y, h_n = module(given)
        y.square().sum().backward(retain_graph=True)
        h_n.sum().backward(retain_graph=True)
        (y.sum() + h_n.sum()).backward()
    assert_close([p.grad for p in ours.parameters()], [p.grad for p in theirs.parameters()])
    y, _ = ours(given)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()


def test_no_second_derivatives() -> None:
    _, ours = pair(3, 5)
    given = torch.randn(7, 4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(ours(given)[0].sum(), given, create_graph=True)
    assert_close(gradient, torch.autograd.grad(ours(given)[0].sum(), given)[0])
    with pytest.raises(NotImplementedError, match=r"no second derivatives .*: use torch\.nn\.GRU"):
        gradient.sum().backward()


@pytest.mark.parametrize("what", ["weight", "input", "output"])
def test_what_backward_needs_must_not_change(what: str) -> None:
    _, ours = pair(3, 5)
    given = torch.randn(7, 4, 3)
    y, _ = ours(given)
    loss = y.sum()
    with torch.no_grad():
        {"weight": ours.weight_ih_l0, "input": given, "output": y}[what].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


CHANGES: dict[str, Callable[[Any], Any]] = {
    "in place": lambda m: m.weight_hh_l0.mul_(0.5),
    "through data": lambda m: m.weight_hh_l0.data.mul_(0.5),
    "through NumPy": lambda m: m.weight_hh_l0.detach().numpy().__imul__(0.5),
    "one value": lambda m: m.bias_hh_l0.data[-1:].add_(1),
    "new data": lambda m: setattr(m.weight_hh_l0, "data", m.weight_hh_l0 * 0.5),
    "new parameter": lambda m: setattr(m, "weight_hh_l0", nn.Parameter(m.weight_hh_l0 * 0.5)),
    "state_dict": lambda m: m.load_state_dict({k: v * 0.5 for k, v in m.state_dict().items()}),
    "reset": lambda m: (torch.manual_seed(5), m.reset_parameters()),
    "double": lambda m: m.double().float(),
}


@pytest.mark.parametrize("steps", [1, 7])  # a short call, and one that compares all values
@pytest.mark.parametrize("kind", CHANGES)
def test_changed_weights_are_noticed(kind: str, steps: int) -> None:
    theirs, ours = pair(3, 5)
    given = torch.randn(steps, 4, 3)
    with torch.no_grad():
        ours(given)
        for module in (theirs, ours):
            CHANGES[kind](module)
        assert_close(ours(given), theirs(given))


@pytest.mark.parametrize("hidden", [40, 300])  # 300: large enough for short calls to compare a part
def test_one_value_of_many(hidden: int) -> None:
    theirs, ours = pair(3, hidden)
    given, h0 = torch.randn(1, 1, 3), torch.ones(1, 1, hidden)
    long = given.expand(16, 1, 3)
    with torch.no_grad():
        ours(given)
        for place in range(0, 3 * hidden**2, hidden**2 // 16 + 1):
            for module in (theirs, ours):
                module.weight_hh_l0.view(-1)[place] += 3
            assert_close(ours(given, h0), theirs(given, h0))
            for module in (theirs, ours):
                module.weight_hh_l0.data.view(-1)[place] -= 3  # which no version counts
            assert_close(ours(long, h0), theirs(long, h0))
            assert_close(ours(given, h0), theirs(given, h0))


@pytest.mark.parametrize("hidden", [40, 300])
def test_many_values_behind_the_back_of_pytorch(hidden: int) -> None:
    theirs, ours = pair(3, hidden)
    given = torch.randn(1, 1, 3)
    with torch.no_grad():
        for _ in range(3):
            assert_close(ours(given), theirs(given))
            for module in (theirs, ours):
                for weight in module.parameters():
                    weight.data.mul_(0.9)  # as an average of weights, or a target network


def test_weights_that_are_not_contiguous() -> None:
    theirs, ours = pair(3, 5)
    for module in (theirs, ours):
        module.weight_hh_l0 = nn.Parameter(module.weight_hh_l0.detach().t().contiguous().t())
    given = torch.randn(7, 4, 3)
    assert_close(ours(given), theirs(given))
    ours(given)[0].sum().backward()
    theirs(given)[0].sum().backward()
    assert_close(ours.weight_hh_l0.grad, theirs.weight_hh_l0.grad)


def test_copies() -> None:
    _, ours = pair(3, 5, 2)
    given = torch.randn(7, 4, 3)
    wanted = ours(given)
    saved = io.BytesIO()
    torch.save(ours, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=False)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours)), loaded):
        assert_close(other(given), wanted)
        with torch.no_grad():
            other.weight_ih_l1.zero_()
        assert_close(ours(given), wanted)
        assert not torch.equal(other(given)[0], wanted[0])


def test_modes_without_gradients() -> None:
    theirs, ours = pair(3, 5)
    given = torch.randn(7, 4, 3)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            y, h_n = ours(given)
            assert not y.requires_grad
            assert_close((y, h_n), theirs(given))
    for parameter in ours.parameters():
        parameter.requires_grad_(False)
    assert not ours(given)[0].requires_grad
    frozen = given.clone().requires_grad_()
    y, _ = ours(frozen)
    y.sum().backward()
    assert frozen.grad is not None
    assert ours.weight_ih_l0.grad is None


def test_dropout() -> None:
    _, ours = pair(3, 50, 2, dropout=0.4)
    given = torch.randn(7, 40, 3)
    still = ours.eval()(given)[0]
    assert torch.equal(ours(given)[0], still)
    ours.train()
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            torch.manual_seed(0)
            one, other = ours(given)[0], ours(given)[0]
            torch.manual_seed(0)
            assert torch.equal(ours(given)[0], one)
            assert not torch.equal(one, other)
            assert not torch.equal(one, still)
    torch.manual_seed(0)
    y, _ = ours(given)
    first = torch.autograd.grad(y.sum(), ours.weight_ih_l0, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(y.sum(), ours.weight_ih_l0)[0], first)  # the same masks


def test_autocast() -> None:
    theirs, ours = pair(3, 5)
    given = torch.randn(7, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = ours(given.bfloat16())
    assert_close(y, theirs(given.bfloat16().float())[0])


def test_threads_with_other_weights() -> None:
    """On one engine: functional_call of one module from several threads would race in PyTorch itself."""
    theirs, _ = pair(3, 20)
    given = torch.randn(50, 4, 3)
    engine = Engine(Options(3, 20, 1, True, False, 0.0, False), torch.float32)
    kinds = [[p.detach() * scale for p in theirs.parameters()] for scale in (1.0, 0.5, 0.25)]
    names = [name for name, _ in theirs.named_parameters()]
    wrong: list[float] = []

    def work(weights: list[Any], wanted: Any) -> None:
        for _ in range(30):
            y, _h = engine.forward(Call(given, None, None, None), weights)
            wrong.append(float((y - wanted).abs().max()))

    threads = []
    for weights in kinds:
        named = dict(zip(names, weights, strict=True))
        wanted = torch.func.functional_call(theirs, named, (given,))[0].detach()
        threads += [threading.Thread(target=work, args=(weights, wanted)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 180
    assert max(wrong) < 2e-5


def test_no_rows() -> None:
    theirs, ours = pair(3, 5)
    given = torch.zeros(7, 0, 3, requires_grad=True)
    assert_close(ours(given), theirs(given))
    ours(given)[0].sum().backward()


def test_the_core_names_a_wrong_tensor() -> None:
    core = fastgru.GRU(2, 3)._core
    arrays = [tensor.copy() for tensor in fastgru.GRU(2, 3).state_dict().values()]
    assert not core.has_tensors(arrays)
    core.set_tensors(arrays)
    assert core.has_tensors(arrays)
    for call in (core.set_tensors, core.has_tensors):
        with pytest.raises(ValueError, match="this layer has 4 tensors, got 3"):
            call(arrays[:3])
        with pytest.raises(ValueError, match=r"weight_hh_l0 must have shape \(9, 3\), got \(3, 9\)"):
            call([arrays[0], arrays[1].T, *arrays[2:]])
        with pytest.raises(ValueError, match=r"bias_hh_l0 must have shape \(9,\), got \(8,\)"):
            call([*arrays[:3], arrays[3][1:]])
    arrays[3][0] = -arrays[3][0]
    assert not core.has_tensors(arrays)
    assert not core.has_tensors(arrays, 16)
    with pytest.raises(ValueError, match="every must be at least 1"):
        core.has_tensors(arrays, 0)
