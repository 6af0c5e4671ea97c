"""Sequences with steps that are skipped: the valid ones moved together, and their states put back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["compressed", "expanded"]


def compressed(x: NDArray[Any], valid: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return x (B, T, F) with the valid steps of each row first, in their order, and their numbers (B,)."""
    order = np.argsort(~valid, axis=1, kind="stable")
    return np.take_along_axis(x, order[..., np.newaxis], axis=1), valid.sum(axis=1)


def expanded(states: NDArray[Any], valid: NDArray[Any], bidirectional: bool, repeat: bool) -> NDArray[Any]:
    """Return the states at their own steps.

    Parameters
    ----------
    states : ndarray of shape (B, T, D·H)
        Those of `compressed` steps.
    valid : ndarray of bool of shape (B, T)
        The steps that were read.
    bidirectional : bool
        Whether the second half of the states is of the reverse direction.
    repeat : bool
        Whether a skipped step has the states after the last step that its direction read, zeros before any;
        else zeros.
    """
    read = np.cumsum(valid, axis=1)  # valid steps up to each step
    forward = read - 1
    if not bidirectional:
        return _taken(states, forward, valid | (repeat & (forward >= 0)))
    hidden = states.shape[-1] // 2
    backward = read - valid  # the next valid step
    later = backward < read[:, -1:]
    return np.concatenate(
        [
            _taken(states[..., :hidden], forward, valid | (repeat & (forward >= 0))),
            _taken(states[..., hidden:], backward, valid | (repeat & later)),
        ],
        axis=-1,
    )


def _taken(states: NDArray[Any], index: NDArray[Any], kept: NDArray[Any]) -> NDArray[Any]:
    """Return the states at `index`, zeros where not `kept`."""
    inside = np.clip(index, 0, max(0, states.shape[1] - 1))
    taken = np.take_along_axis(states, inside[..., np.newaxis], axis=1)
    return np.where(kept[..., np.newaxis], taken, 0).astype(states.dtype)
