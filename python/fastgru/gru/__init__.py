"""The GRU layer, with PyTorch's interface and numbers, without PyTorch."""

from fastgru.gru.base import Gradients
from fastgru.gru.gru import GRU
from fastgru.gru.plans import explain

__all__ = ["GRU", "Gradients", "explain"]
