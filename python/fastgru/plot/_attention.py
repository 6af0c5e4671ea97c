"""The picture of where an encoder-decoder network looked."""

from __future__ import annotations

from typing import Any

from fastgru.plot._axes import ink, new_axes, plain_text, pyplot

_FIELDS = ("source_symbols", "answer_symbols", "weights")


def attention(result: Any, ax: Any = None) -> Any:
    """Draw the attention weights of one answer: rows are its symbols, columns the source's.

    Parameters
    ----------
    result : Attention
        One of those that `GRUSeq2Seq.attention` gives.
    ax : matplotlib Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is not installed.
    TypeError
        `result` is no result of ``attention``, or several of them.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import fastgru
    >>> words = ["one", "two", "three", "four", "five"]
    >>> model = fastgru.GRUSeq2Seq(hidden_size=16, max_iter=3, n_iter_no_change=3, tol=0.0, random_state=0)
    >>> model = model.fit(words, [word[::-1] for word in words])
    >>> fastgru.plot.attention(model.attention(["two"])[0]).get_xlabel()
    'Source'
    """
    plt = pyplot()
    if isinstance(result, list):
        raise TypeError(f"result must be one answer's attention, got a list of {len(result)}: pass result[0]")
    if not all(hasattr(result, name) for name in _FIELDS):
        raise TypeError(f"result must be what attention of an estimator gives, got {type(result).__name__}")
    rows, columns = result.weights.shape
    ax = new_axes(plt, ax, (1.5 + 0.35 * columns, 1.2 + 0.3 * rows))
    shown = ax.imshow(
        result.weights, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto", interpolation="nearest"
    )
    ax.set_xticks(range(columns), [plain_text(each) for each in result.source_symbols], rotation=60)
    ax.set_yticks(range(rows), [plain_text(each) for each in result.answer_symbols])
    ax.set_xlabel("Source")
    ax.set_ylabel("Answer")
    bar = ax.figure.colorbar(shown, ax=ax, label="Weight")
    bar.outline.set_edgecolor(ink(ax))
    return ax
