"""Gradients that nobody asks for are not computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_layers import torch

import fastgru.torch as drop_in
from fastgru import _core


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_data_needs_no_gradient(options: dict[str, Any]) -> None:
    """Where x asks for none, its product is left out; the other gradients keep their bits."""
    module = drop_in.GRU(3, 5, **options)
    x, h0 = torch.randn(4, 2, 3), torch.zeros(module.num_layers * (1 + module.bidirectional), 2, 5)
    found = []
    for wanted in (True, False):
        given = x.clone().requires_grad_(wanted), h0.clone().requires_grad_()
        module.zero_grad()
        module(*given)[0].square().sum().backward()
        assert (given[0].grad is None) != wanted
        found.append([given[1].grad, *(each.grad.clone() for each in module.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))

    for kind, dtype in ((_core.GruF32, "f4"), (_core.GruF64, "f8")):
        core = kind(3, 5)
        core.set_parameters(np.linspace(-1, 1, core.parameters.size).astype(dtype))
        y, _, tape = core.forward_train(x.numpy().astype(dtype))
        _, dh0, flat = core.backward(tape, y)
        dx, *rest = core.backward(core.forward_train(x.numpy().astype(dtype))[2], y, wants_dx=False)
        assert dx is None
        assert [each.tobytes() for each in rest] == [dh0.tobytes(), flat.tobytes()]
