"""`torch.nn.GRUCell` on the engine of fastgru."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fastgru.torch._dispatch import computed
from fastgru.torch._engine import Call, Options, check_supported

__all__ = ["GRUCell"]


class GRUCell(nn.GRUCell):
    """A drop-in for ``torch.nn.GRUCell`` that computes with fastgru on the CPU.

    What `GRU` says of ``torch.nn.GRU`` holds for the cell. A loop over time in Python is many times slower
    than one call of `GRU`, in PyTorch and here.

    Parameters
    ----------
    *args, **kwargs
        As of ``torch.nn.GRUCell``: ``input_size, hidden_size, bias=True, device=None, dtype=None``.

    Examples
    --------
    >>> import torch
    >>> from fastgru.torch import GRUCell
    >>> cell = GRUCell(3, 8)
    >>> cell(torch.ones(4, 3)).shape
    torch.Size([4, 8])
    """

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the state after one step, as ``torch.nn.GRUCell.forward``.

        Parameters
        ----------
        input : Tensor
            (B, I) or (I,).
        hx : Tensor, optional
            The state before, (B, H) or (H,); zeros if not given.

        Returns
        -------
        Tensor
            The state after, of the shape of `hx`.
        """
        for what, tensor in (("input", input), ("hidden", hx)):
            if tensor is not None and tensor.dim() not in (1, 2):
                raise ValueError(f"GRUCell: Expected {what} to be 1D or 2D, got {tensor.dim()}D instead")
        weights = [self.weight_ih, self.weight_hh, *([self.bias_ih, self.bias_hh] if self.bias else [])]
        if torch.is_autocast_enabled("cpu"):
            input = input.to(weights[0].dtype)
            hx = None if hx is None else hx.to(weights[0].dtype)
        check_supported("GRUCell", weights[0], {"input": input, "hx": hx})
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(-1)} expected {self.input_size}"
            )
        wanted = (*input.shape[:-1], self.hidden_size)
        if hx is not None and tuple(hx.shape) != wanted:
            raise RuntimeError(f"hx must have the shape {wanted}, as input has, got {tuple(hx.shape)}")
        options = Options(self.input_size, self.hidden_size, 1, self.bias, False, 0.0, False)
        states = None if hx is None else hx.unsqueeze(0)
        _, h_n = computed(self, options, Call(input.unsqueeze(0), states, None, None), weights)
        return h_n.squeeze(0)
