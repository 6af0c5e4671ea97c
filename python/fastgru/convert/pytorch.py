"""Layers of PyTorch as layers of fastgru, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastgru._conversion import ConversionError, ConversionReport, compared
from fastgru.convert._layers import in_float64
from fastgru.convert._library import library
from fastgru.gru import GRU
from fastgru.gru.parameters import check_flag

__all__ = ["from_torch", "to_torch"]

_OTHER_GATES = {4: "four gates are an LSTM's", 1: "one gate is a plain RNN's"}


def from_torch(source: Any, prefix: str = "", *, batch_first: bool = False) -> GRU:
    """Return a layer of PyTorch as a `GRU` of fastgru.

    Parameters
    ----------
    source : torch.nn.GRU, torch.nn.GRUCell or mapping
        A layer, or the ``state_dict`` of one or of a model with one in it: names to tensors or arrays.
    prefix : str, default=""
        What the layer's names in a ``state_dict`` begin with, such as ``"encoder.gru."``.
    batch_first : bool, default=False
        Of a layer made from a ``state_dict``, which does not say it; ``nn.GRU`` does.

    Returns
    -------
    GRU
        The same layer: float64 if its weights are, else float32, which holds those of 16 bits exactly. Its
        ``conversion_report`` says how far its answers to random input are from PyTorch's; None for a
        ``state_dict``, where there is nothing to run. A cell becomes one layer.

    Raises
    ------
    ConversionError
        It is a layer that no `GRU` can express: an LSTM, a projection, a subclass with a ``forward`` of its
        own, hooks; the message says which.
    TypeError, ValueError
        `source` is no layer; a name is missing or unknown, or a shape wrong, as in `GRU.load_state_dict`.
    ImportError
        `source` is no mapping, and PyTorch is not installed (extra ``torch``).

    Examples
    --------
    >>> import fastgru
    >>> state = {f"encoder.{name}": w for name, w in fastgru.GRU(3, 4, 2).state_dict().items()}
    >>> fastgru.from_torch(state, prefix="encoder.")
    GRU(input_size=3, hidden_size=4, num_layers=2)
    """
    batch_first = check_flag("batch_first", batch_first)
    if isinstance(source, Mapping):
        return _from_state_dict(source, prefix, batch_first)
    torch = library("torch", "from_torch")
    _check_module(torch, source)
    if prefix or batch_first:
        raise ValueError("prefix and batch_first are for a state_dict; a module has its own")
    cell = isinstance(source, torch.nn.GRUCell)
    options = {} if cell else {"dropout": source.dropout, "batch_first": source.batch_first}
    names = [name for name, _ in _layout(source, cell)]
    state = {name: getattr(source, name.removesuffix("_l0") if cell else name) for name in names}
    gru = _from_state_dict(state, "", **options)
    gru.conversion_report = _checked(torch, gru, source)
    return gru


def to_torch(gru: GRU) -> Any:
    """Return a layer of fastgru as a ``torch.nn.GRU`` with a copy of its weights.

    Parameters
    ----------
    gru : GRU
        The layer.

    Returns
    -------
    torch.nn.GRU
        In training mode, as new modules are; ``conversion_report`` is what the self-check measured.

    Raises
    ------
    ConversionError
        PyTorch's layer has no ``reset_after=False`` and no weights of one byte.
    TypeError
        `gru` is no `GRU`.
    ImportError
        PyTorch is not installed (extra ``torch``).

    Examples
    --------
    >>> import fastgru
    >>> module = fastgru.to_torch(fastgru.GRU(3, 4, dtype="float64"))  # doctest: +SKIP
    >>> module  # doctest: +SKIP
    GRU(3, 4)
    """
    if not isinstance(gru, GRU):
        raise TypeError(f"gru must be a fastgru.GRU, got {type(gru).__name__}")
    if not gru.reset_after:
        raise ConversionError("reset_after=False cannot be expressed: nn.GRU resets after the product")
    if gru.precision == "int8":
        raise ConversionError('precision="int8" cannot be expressed: nn.GRU has no weights of one byte')
    torch = library("torch", "to_torch")
    module = torch.nn.GRU(
        gru.input_size,
        gru.hidden_size,
        num_layers=gru.num_layers,
        bias=gru.bias,
        batch_first=gru.batch_first,
        dropout=gru.dropout,
        bidirectional=gru.bidirectional,
        device="meta",  # draws no random numbers from PyTorch's generator
        dtype=getattr(torch, gru.dtype.name),
    ).to_empty(device="cpu")
    module.load_state_dict({name: torch.tensor(value) for name, value in gru.state_dict().items()})
    module.conversion_report = _checked(torch, gru, module)
    return module


def _check_module(torch: Any, source: Any) -> None:
    """Refuse what is no GRU, and one that computes something else than a GRU does."""
    import fastgru.torch as drop_in

    nn, name = torch.nn, type(source).__name__
    if not isinstance(source, nn.Module):
        raise TypeError(f"source must be an nn.GRU, an nn.GRUCell or a state_dict, got {name}")
    kinds = (nn.GRU, nn.GRUCell, drop_in.GRU)
    if not isinstance(source, kinds):
        inner = [path for path, module in source.named_modules() if isinstance(module, kinds)]
        hint = f"; it has the layers {', '.join(inner)}, which can be converted" if inner else ""
        raise ConversionError(f"{name} is neither nn.GRU nor nn.GRUCell{hint}")
    if type(source).forward not in {kind.forward for kind in (*kinds, drop_in.GRUCell)}:
        raise ConversionError(f"{name} has a forward of its own, which may compute something else")
    for kind in ("forward hooks", "forward pre-hooks"):
        if getattr(source, "_" + kind.replace(" ", "_").replace("-", "_")):
            raise ConversionError(f"{name} has {kind}, which may change what it computes: remove them first")


def _layout(source: Any, cell: bool) -> list[tuple[str, tuple[int, ...]]]:
    """Return the names of a module's weights, in our names, whatever they are parametrized by."""
    several = {} if cell else {"num_layers": source.num_layers, "bidirectional": source.bidirectional}
    return GRU(1, 1, bias=source.bias, **several)._core.parameter_layout


def _from_state_dict(
    state: Mapping[str, Any], prefix: str, batch_first: bool = False, dropout: float = 0.0
) -> GRU:
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str, got {type(prefix).__name__}")
    if prefix + "weight_ih" in state:  # of a cell
        state = {f"{name}_l0" if name.startswith(prefix) else name: w for name, w in state.items()}
    first, recurrent = (_shape(state, prefix + name) for name in ("weight_ih_l0", "weight_hh_l0"))
    hidden = recurrent[1]
    gates, rest = divmod(recurrent[0], hidden) if hidden else (0, 1)
    if gates in _OTHER_GATES and not rest:
        raise ConversionError(
            f"{prefix}weight_hh_l0 has shape {recurrent}: {_OTHER_GATES[gates]}, not a GRU's"
        )
    if prefix + "weight_hr_l0" in state:
        raise ConversionError(f"{prefix}weight_hr_l0 is the projection of an LSTM, which a GRU has not")
    doubles = any(
        str(getattr(w, "dtype", "")).endswith("float64")
        for name, w in state.items()
        if str(name).startswith(prefix)
    )
    gru = GRU(
        first[1],
        hidden,
        num_layers=next(n for n in range(1, len(state) + 2) if f"{prefix}weight_ih_l{n}" not in state),
        bias=prefix + "bias_ih_l0" in state,
        batch_first=batch_first,
        dropout=dropout,
        bidirectional=prefix + "weight_ih_l0_reverse" in state,
        dtype="float64" if doubles else "float32",
    )
    gru.load_state_dict(state, prefix)
    return gru


def _shape(state: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """Return the shape of a matrix in `state`."""
    if name not in state:
        endings = ("weight_ih_l0", "weight_ih")
        found = [str(key).removesuffix(end) for key in state for end in endings if str(key).endswith(end)]
        hint = f"; its names fit with prefix={' or '.join(map(repr, found))}" if found else ""
        raise ValueError(f"state_dict has no {name}{hint}")
    value = state[name]
    shape = tuple(value.shape if hasattr(value, "shape") else np.shape(value))
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"{name} must be a matrix, got the shape {shape}")
    return shape


def _checked(torch: Any, gru: GRU, module: Any) -> ConversionReport:
    """Run both on the same random input."""
    rng = np.random.default_rng(0)
    directions = 1 + gru.bidirectional
    x = rng.normal(size=(7, 7, gru.input_size)).astype(gru.dtype)  # of one meaning in both axis orders
    h0 = rng.uniform(-1, 1, (gru.num_layers * directions, 7, gru.hidden_size)).astype(gru.dtype)
    exact = in_float64(gru)
    cell = isinstance(module, torch.nn.GRUCell)
    plain = copy.deepcopy(module).to("cpu", getattr(torch, gru.dtype.name)).eval()
    with torch.no_grad():
        if cell:
            state = plain(torch.from_numpy(x[0]), torch.from_numpy(h0[0])).numpy()
            ours, sure = (layer(x[:1], h0)[0][0] for layer in (gru, exact))
            return compared(f"torch {torch.__version__}", (ours,), (sure,), (state,))
        theirs = tuple(part.numpy() for part in plain(torch.from_numpy(x), torch.from_numpy(h0)))
    return compared(f"torch {torch.__version__}", gru(x, h0), exact(x, h0), theirs)
