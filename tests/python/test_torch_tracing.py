"""`fastgru.torch.GRU` under torch.compile, torch.export, fake tensors and parametrizations: one operator."""

from __future__ import annotations

from typing import Any

import pytest
from torch_layers import assert_close, nn, pair, torch

import fastgru.torch as drop_in

rnn = torch.nn.utils.rnn


def arguments(options: dict[str, Any], batch_first: bool = False) -> tuple[Any, ...]:
    """Of the operator ``fastgru::gru``, for a layer with these options."""
    gru = drop_in.GRU(3, 5, **options)
    blocks = len(gru.all_weights)
    x, h0 = torch.randn(7, 4, 3), torch.randn(blocks, 4, 5)
    seed = torch.tensor(3) if gru.dropout else None
    lengths = torch.tensor([7, 3, 0, 5])
    return (
        x.requires_grad_(),
        h0.requires_grad_(),
        list(gru.parameters()),
        lengths,
        seed,
        5,
        gru.num_layers,
        gru.bias,
        batch_first,
        gru.dropout,
        gru.bidirectional,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "bidirectional": True, "bias": False, "dtype": torch.float32},
        {"num_layers": 2, "dropout": 0.5},
    ],
    ids=["plain", "deep", "dropout"],
)
def test_operator(options: dict[str, Any]) -> None:
    found = torch.library.opcheck(torch.ops.fastgru.gru.default, arguments(options))
    assert set(found.values()) == {"SUCCESS"}


def test_operator_without_lengths_and_of_one_sequence() -> None:
    x, h0, weights, _, _, *rest = arguments({})
    torch.library.opcheck(torch.ops.fastgru.gru.default, (x, h0, weights, None, None, *rest))
    one = x.detach()[:, 0].requires_grad_(), h0.detach()[:, 0].requires_grad_()
    torch.library.opcheck(torch.ops.fastgru.gru.default, (*one, weights, None, None, *rest))


def test_operator_has_no_second_derivatives() -> None:
    x, *others = arguments({})
    y, _ = torch.ops.fastgru.gru(x, *others)
    (gradient,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivatives"):
        gradient.sum().backward()


def test_operators_engines_are_bounded_and_never_stale() -> None:
    from fastgru.torch import _operator

    x, h0, weights, *rest = (
        each.detach() if isinstance(each, torch.Tensor) else each for each in arguments({})
    )
    weights = [weight.detach() for weight in weights]
    for _ in range(_operator._KEPT + 5):
        fresh = [weight.clone() for weight in weights]
        y, _ = torch.ops.fastgru.gru(x, h0, fresh, *rest)
        fresh[1].mul_(0.5)
        changed, _ = torch.ops.fastgru.gru(x, h0, fresh, *rest)
        again, _ = torch.ops.fastgru.gru(x, h0, [w.clone() for w in fresh], *rest)
        assert not torch.equal(y, changed)
        assert torch.equal(changed, again)
    assert len(_operator._engines) == _operator._KEPT


class Tagger(nn.Module):  # type: ignore[misc]
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.rnn = layer(3, 5, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(10, 4)

    def forward(self, x: Any) -> Any:
        y, h_n = self.rnn(x.relu())
        return self.head(y).tanh(), h_n


def test_compile() -> None:
    model = Tagger(drop_in.GRU)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for rows in (4, 4, 6):
        x = torch.randn(rows, 7, 3)
        y, h_n = compiled(x)
        assert_close((y, h_n), model(x))
        found = torch.autograd.grad(y.sum() + h_n.sum(), model.parameters())
        wanted = torch.autograd.grad(sum(part.sum() for part in model(x)), model.parameters())
        assert_close(list(found), list(wanted))
        model(x)[0].sum().backward()
        optimizer.step()  # the compiled function reads the new weights


def test_compiled_dropout_draws_new_masks() -> None:
    gru = drop_in.GRU(3, 20, 2, dropout=0.5)
    compiled = torch.compile(gru, fullgraph=True, backend="aot_eager")
    x = torch.randn(7, 4, 3)
    one, other = compiled(x)[0], compiled(x)[0]
    assert not torch.equal(one, other)
    gru.eval()
    assert_close(compiled(x)[0], gru(x)[0])


@pytest.mark.parametrize("strict", [True, False])
def test_export(strict: bool) -> None:
    model = Tagger(drop_in.GRU).eval()
    x = torch.randn(4, 7, 3)
    rows, steps = torch.export.Dim("rows", min=2, max=64), torch.export.Dim("steps", min=2, max=64)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: rows, 1: steps},), strict=strict)
    names = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert names.count("fastgru.gru.default") == 1
    for shape in ((4, 7, 3), (9, 11, 3)):
        x = torch.randn(shape)
        assert_close(program.module()(x), model(x))


def test_make_fx_records_the_operator() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    gru = drop_in.GRU(3, 5)
    graph = make_fx(lambda x: gru(x)[0])(torch.randn(7, 4, 3))
    assert "fastgru.gru" in graph.code
    x = torch.randn(7, 4, 3)
    assert_close(graph(x), gru(x)[0])


def test_shapes_without_numbers() -> None:
    gru = drop_in.GRU(3, 5, 2, bidirectional=True, device="meta")
    y, h_n = gru(torch.empty(7, 4, 3, device="meta"))
    assert (y.shape, h_n.shape, y.device.type) == ((7, 4, 10), (4, 4, 5), "meta")
    assert gru.to_empty(device="cpu")(torch.zeros(7, 4, 3))[0].shape == (7, 4, 10)
    with torch._subclasses.FakeTensorMode():
        y, h_n = drop_in.GRU(3, 5, batch_first=True)(torch.empty(7, 4, 3))
    assert (y.shape, h_n.shape) == ((7, 4, 5), (1, 7, 5))


def test_functional_transforms() -> None:
    theirs, ours = pair(3, 5, 2, dtype=torch.float64)
    x = torch.randn(7, 4, 3, dtype=torch.float64)

    def loss(weights: Any, module: Any) -> Any:
        return torch.func.functional_call(module, weights, (x,))[0].square().sum()

    found, wanted = (torch.func.grad(loss)(dict(m.named_parameters()), m) for m in (ours, theirs))
    assert_close(list(found.values()), list(wanted.values()))
    with pytest.raises(RuntimeError, match="vmap"):
        torch.func.vmap(ours)(torch.randn(2, 7, 4, 3, dtype=torch.float64))


def test_parametrizations() -> None:
    theirs, ours = pair(3, 5, 2)
    x = torch.randn(7, 4, 3)
    for module in (theirs, ours):
        for name in ("weight_hh_l0", "weight_ih_l1"):
            nn.utils.parametrizations.weight_norm(module, name)
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            module(x)[0].square().sum().backward()
            optimizer.step()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_close(list(ours.state_dict().values()), list(theirs.state_dict().values()))
    assert_close(ours(x), theirs(x))


def test_packed_sequences_under_compile() -> None:
    gru = drop_in.GRU(3, 5)
    packed = rnn.pack_padded_sequence(torch.randn(7, 4, 3), [7, 5, 5, 1])
    compiled = torch.compile(gru, backend="aot_eager")  # packing itself may break the graph
    assert_close(compiled(packed), gru(packed))
