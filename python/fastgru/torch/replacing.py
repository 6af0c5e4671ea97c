"""`replace`: a model's layers become fastgru's, in place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fastgru.torch.cell import GRUCell
from fastgru.torch.gru import GRU

__all__ = ["Replacement", "replace"]

_OURS: dict[type[nn.Module], type[nn.Module]] = {nn.GRU: GRU, nn.GRUCell: GRUCell}


@dataclass(frozen=True)
class Replacement:
    """What `replace` did; printed as a list.

    Attributes
    ----------
    replaced : dict of str to nn.Module
        The layers that compute with fastgru now, by their names in the model ("" is the model itself).
    skipped : dict of str to str
        Why other GRU layers were left alone.
    """

    replaced: dict[str, nn.Module]
    skipped: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{name or 'the model itself'}: {module}" for name, module in self.replaced.items()]
        lines += [f"{name or 'the model itself'}: left alone: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines) or "there is no GRU in this model"


def replace(model: nn.Module) -> Replacement:
    """Make every ``nn.GRU`` and ``nn.GRUCell`` of a model compute with fastgru, in place.

    The modules stay the same objects, with their parameters, hooks and modes: optimisers, names in the
    ``state_dict`` and references hold as before. Only their class becomes that of `fastgru.torch`.

    Parameters
    ----------
    model : nn.Module
        The model; it may be a layer itself.

    Returns
    -------
    Replacement
        What was replaced, and what was left alone and why: layers of subclasses (parametrized ones, too), on
        another device than the CPU, of another dtype than float32 and float64, or with ``dropout=1``.

    Raises
    ------
    TypeError
        `model` is no ``nn.Module``.

    Examples
    --------
    >>> from torch import nn
    >>> from fastgru.torch import replace
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.GRU(4, 8, batch_first=True))
    >>> print(replace(model))
    1: GRU(4, 8, batch_first=True)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    replaced: dict[str, nn.Module] = {}
    skipped: dict[str, str] = {}
    for name, module in model.named_modules():
        if not isinstance(module, nn.GRU | nn.GRUCell) or isinstance(module, GRUCell):
            continue
        obstacle = _obstacle(module)
        if obstacle:
            skipped[name] = obstacle
        else:
            module.__class__ = _OURS[type(module)]
            replaced[name] = module
    return Replacement(replaced, skipped)


def _obstacle(module: nn.Module) -> str:
    """Return why a layer cannot be replaced; an empty text if it can."""
    if type(module) not in _OURS:
        return f"{type(module).__name__} is a subclass, which may compute something else"
    weight = next(module.parameters())
    if weight.device.type not in ("cpu", "meta"):
        return f"it is on {weight.device}"
    if weight.dtype not in (torch.float32, torch.float64):
        return f"its weights are of {weight.dtype}"
    if getattr(module, "dropout", 0) == 1:
        return "dropout=1"
    return ""
