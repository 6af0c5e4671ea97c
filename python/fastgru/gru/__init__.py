"""The GRU layer, with PyTorch's interface and numbers, without PyTorch."""

from fastgru.gru.base import Gradients
from fastgru.gru.gru import GRU
from fastgru.gru.network import GRUNetwork
from fastgru.gru.plans import explain

__all__ = ["GRU", "GRUNetwork", "Gradients", "explain"]
