"""A layer of torch.nn and ours with the same weights, for the tests of fastgru.torch."""

from __future__ import annotations

from typing import Any

from oracles import oracle

torch: Any = oracle("torch")  # without it, one skip for the module that imports this
nn = torch.nn


def pair(*sizes: int, **options: Any) -> tuple[Any, Any]:
    """Return nn.GRU and fastgru.torch.GRU with the same weights."""
    import fastgru.torch

    torch.manual_seed(0)
    theirs = nn.GRU(*sizes, **options)
    ours = fastgru.torch.GRU(*sizes, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def assert_close(got: Any, wanted: Any) -> None:
    """Compare nested outputs, packed ones too, to the rounding of their dtype."""
    if isinstance(wanted, torch.Tensor):
        assert got.dtype == wanted.dtype
        atol = 1e-11 if wanted.dtype == torch.float64 else 2e-5
        torch.testing.assert_close(got.detach(), wanted.detach(), rtol=0, atol=atol)
    elif wanted is None:
        assert got is None
    else:
        assert type(got) is type(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_close(one, other)
