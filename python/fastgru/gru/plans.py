"""The plans of a layer's calls, as text."""

from __future__ import annotations

from fastgru.gru.gru import GRU
from fastgru.gru.parameters import check_size

__all__ = ["explain"]


def explain(gru: GRU, T: int, B: int) -> str:
    """Return the plan of calls of this shape (forward, training, streaming): instruction set, tiles, threads.

    Parameters
    ----------
    gru : GRU
        The layer.
    T : int
        Steps.
    B : int
        Rows.

    Returns
    -------
    str
        One screen of text.

    Raises
    ------
    TypeError
        `gru` is not a GRU, or a number is not an integer.
    ValueError
        `T` or `B` is below 1.

    Examples
    --------
    >>> import fastgru
    >>> print(fastgru.explain(fastgru.GRU(3, 8, dtype="float64"), T=10, B=1))  # doctest: +ELLIPSIS
    GRU float64, forward, T=10 B=1 I=3 H=8 L=1 D=1
    ...
    """
    if not isinstance(gru, GRU):
        raise TypeError(f"gru must be a fastgru.GRU, got {type(gru).__name__}")
    return gru._core.explain(check_size("T", T), check_size("B", B))
