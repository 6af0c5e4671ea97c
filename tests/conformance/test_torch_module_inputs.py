"""`fastgru.torch.GRU` on the inputs that PyTorch's own test suite gives its recurrent modules."""

from __future__ import annotations

from typing import Any

import pytest
from oracles import oracle

torch: Any = oracle("torch")  # without it, one skip for the module
pytest.importorskip("expecttest", reason="expecttest, which PyTorch's test suite needs, is not installed")

from torch.testing._internal import common_modules  # noqa: E402

import fastgru.torch as drop_in  # noqa: E402


def inputs(ours: type, dtype: Any, requires_grad: bool, training: bool) -> list[Any]:
    """Return PyTorch's inputs of a class, for the layer packed sequences, too."""
    theirs = getattr(torch.nn, ours.__name__)
    info = next(info for info in common_modules.module_db if info.module_cls is theirs)
    packed = {"with_packed_sequence": True} if ours is drop_in.GRU else {}
    return list(
        info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=requires_grad, training=training, **packed
        )
    )


def tensors(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    return [tensor for part in value for tensor in tensors(part)]


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_outputs_and_gradients(dtype: Any, requires_grad: bool, training: bool) -> None:
    cases = [
        (ours_class, case)
        for ours_class in (drop_in.GRU, drop_in.GRUCell)
        for case in inputs(ours_class, dtype, requires_grad, training)
    ]
    assert len(cases) > 32
    atol = 2e-5 if dtype == torch.float32 else 1e-11
    for ours_class, case in cases:
        made = case.constructor_input
        theirs_class = getattr(torch.nn, ours_class.__name__)
        theirs = theirs_class(*made.args, **made.kwargs).to(dtype).train(training)
        ours = ours_class(*made.args, **made.kwargs).to(dtype).train(training)
        ours.load_state_dict(theirs.state_dict())
        given = case.forward_input
        wanted, got = (tensors(module(*given.args, **given.kwargs)) for module in (theirs, ours))
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=atol)
        for answers in (wanted, got):
            sum(answer.square().sum() for answer in answers).backward()
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=10 * atol)
