"""PyTorch modules that compute with fastgru: `GRU` and `GRUCell` in the place of ``torch.nn``'s.

``from fastgru.torch import GRU`` instead of ``from torch.nn import GRU`` is all that a model needs; `replace`
does it for a model that exists. PyTorch is needed (extra ``torch``).
"""

from __future__ import annotations

from fastgru.convert._library import library

library("torch", "fastgru.torch")

from fastgru.torch.cell import GRUCell  # noqa: E402  # behind the error that names the extra
from fastgru.torch.gru import GRU  # noqa: E402
from fastgru.torch.replacing import Replacement, replace  # noqa: E402

__all__ = ["GRU", "GRUCell", "Replacement", "replace"]
