"""`torch.nn.GRU` on the engine of fastgru."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from fastgru.torch._dispatch import computed
from fastgru.torch._engine import Call, Options, check_supported

__all__ = ["GRU"]


class GRU(nn.RNNBase):
    """A drop-in for ``torch.nn.GRU`` that computes with fastgru on the CPU.

    Constructor, errors, ``state_dict``, inputs (unbatched and packed, too), outputs and gradients are those
    of ``torch.nn.GRU``; the numbers agree to rounding. Tensors share their memory with the engine. Weights
    may change between calls, by optimisers or otherwise.

    Parameters
    ----------
    *args, **kwargs
        As of ``torch.nn.GRU``: ``input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, device=None, dtype=None``. `dropout` must be below 1.

    Raises
    ------
    TypeError, ValueError
        As ``torch.nn.GRU``; or `dropout` is 1.

    See Also
    --------
    replace : Turn every ``nn.GRU`` of a model into this class.

    Notes
    -----
    It computes in float32 and float64, on the CPU; other tensors are refused. Under autocast, inputs are
    converted to the weights' dtype. Dropout masks come from a key that PyTorch's generator draws
    (``torch.manual_seed``); they are not PyTorch's own. There are no second derivatives. Under
    ``torch.compile`` and ``torch.export`` the layer is one operator, ``fastgru::gru``, whose backward pass
    runs the forward pass again instead of keeping the gates. `fastgru.set_num_threads` sets the threads. It
    is no subclass of ``nn.GRU``, which ``torch.compile`` does not look into. Where weights take more than
    1 MiB, calls of fewer than 16 steps of rows may miss a change of single values that PyTorch does not
    count (through ``.data`` or NumPy); longer calls do not.

    Examples
    --------
    >>> import torch
    >>> from fastgru.torch import GRU
    >>> gru = GRU(3, 8, batch_first=True)
    >>> y, h_n = gru(torch.ones(4, 10, 3))
    >>> y.sum().backward()
    >>> y.shape, h_n.shape, gru.weight_hh_l0.grad.shape
    (torch.Size([4, 10, 8]), torch.Size([1, 4, 8]), torch.Size([24, 8]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)
        if self.dropout == 1:
            raise ValueError("dropout must be below 1: with 1, every layer but the first would read zeros")

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        """Run the layer, as ``torch.nn.GRU.forward``.

        Parameters
        ----------
        input : Tensor or PackedSequence
            (T, B, I), (B, T, I) with ``batch_first``, or (T, I); or packed sequences.
        hx : Tensor, optional
            Initial states (L·D, B, H) or (L·D, H); zeros if not given.

        Returns
        -------
        output : Tensor or PackedSequence
            The top layer's states, of the kind of `input`.
        h_n : Tensor
            The final states.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"GRU: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if hx is not None and hx.dim() != input.dim():
            kind, wanted = ("batched", 3) if batched else ("unbatched", 2)
            raise RuntimeError(
                f"For {kind} {wanted}-D input, hx should also be {wanted}-D but got {hx.dim()}-D tensor"
            )
        rows = (input.size(0) if self.batch_first else input.size(1)) if batched else 1
        if input.size(1 if self.batch_first and batched else 0) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        return self._run(input, hx, None, self.batch_first, rows)

    def _forward_packed(self, input: PackedSequence, hx: Tensor | None) -> tuple[PackedSequence, Tensor]:
        data, batch_sizes, order, back = input
        if data.dim() != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {data.dim()}")
        if hx is not None and hx.dim() == 3:
            hx = self.permute_hidden(hx, order)
        # Rows by falling length, which is also the order in which the engine computes them.
        padded, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
        output, h_n = self._run(padded, hx, lengths, False, padded.size(1))
        packed = pack_padded_sequence(output, lengths).data
        return PackedSequence(packed, batch_sizes, order, back), self.permute_hidden(h_n, back)

    def _run(
        self, x: Tensor, hx: Tensor | None, lengths: Tensor | None, batch_first: bool, rows: int
    ) -> tuple[Tensor, Tensor]:
        own = self._parameters  # a parametrized weight is not among them, but an attribute
        weights = [own[name] if name in own else getattr(self, name) for name in self._flat_weights_names]
        if torch.is_autocast_enabled("cpu"):
            x, hx = x.to(weights[0].dtype), None if hx is None else hx.to(weights[0].dtype)
        check_supported("GRU", weights[0], {"input": x, "hx": hx})
        if x.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.size(-1)}"
            )
        if hx is not None:
            blocks = self.num_layers * (1 + self.bidirectional)
            batched = hx if hx.dim() == 3 else hx.unsqueeze(1)
            self.check_hidden_size(batched, (blocks, rows, self.hidden_size))
        p = self.dropout if self.training and self.num_layers > 1 else 0.0
        seed = torch.randint(2**63 - 1, ()) if p > 0 else None
        options = Options(
            self.input_size, self.hidden_size, self.num_layers, self.bias, batch_first, p, self.bidirectional
        )
        return computed(self, options, Call(x, hx, lengths, seed), weights)
