"""The table of a fitted network's layers: output shapes and numbers of parameters."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastgru.estimators._network import Architecture, Network

_HEADINGS = ("Layer", "Output shape", "Parameters")


class SummaryMixin:
    """The method of an estimator that describes its network."""

    _network: Network
    _architecture: Architecture
    standardize: bool

    def summary(self) -> str:
        """Return a table of the fitted network's layers, their output shapes and parameters, as text.

        In the shapes N stands for the number of samples, T for the number of time steps.

        Returns
        -------
        str
            A line per layer and the total under them, to be printed.

        Raises
        ------
        NotFittedError
            Before ``fit``: the sizes of X and y belong to the network.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgru import GRUClassifier
        >>> X, y = np.zeros((6, 10, 3)), [0, 1, 2, 0, 1, 2]
        >>> est = GRUClassifier(hidden_size=50, bidirectional=True).fit(X, y)
        >>> print(est.summary())
        GRUClassifier, float32
        ──────────────────────────────────────────────
        Layer                 Output shape  Parameters
        ──────────────────────────────────────────────
        input                 (N, T, 3)              0
        standardization       (N, T, 3)              0
        GRU, both directions  (N, T, 100)       16,500
        last state            (N, 100)               0
        dense                 (N, 3)               303
        softmax               (N, 3)                 0
        ──────────────────────────────────────────────
        Total: 16,803 parameters, 65.6 KiB
        """
        check_is_fitted(self)
        lines = self._network.summary(self.standardize)
        rows = [_HEADINGS, *((name, f"({', '.join(shape)})", f"{count:,}") for name, shape, count in lines)]
        dtype = self._architecture["dtype"]
        total = sum(count for _, _, count in lines)
        foot = f"Total: {total:,} parameters, {_bytes(total * np.dtype(dtype).itemsize)}"
        return _table(f"{type(self).__name__}, {dtype}", rows, foot)


def _table(title: str, rows: list[tuple[str, str, str]], foot: str) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    rule = "─" * max(len(line) for line in (*lines, foot))
    return "\n".join([title, rule, lines[0], rule, *lines[1:], rule, foot])


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
