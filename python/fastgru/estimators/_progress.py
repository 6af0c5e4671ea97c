"""The progress display of ``fit``: nothing, a tqdm bar, or a line per epoch."""

from __future__ import annotations

import math
from typing import Any


class Progress:
    """The base class of progress displays, which shows nothing."""

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Show one finished epoch."""

    def converged(self, text: str) -> None:
        """Show that training ended before the last epoch, and the reason."""

    def close(self) -> None:
        """Clean up the terminal; called once, also after an error."""


def perplexity(loss: float) -> float:
    """Return e to the loss, infinity where that is beyond the numbers."""
    return math.exp(loss) if loss < 700 else math.inf


class Lines(Progress):
    """One line per epoch, in the words of scikit-learn's MLP.

    `of_tokens`: the loss is that of tokens, whose perplexity is shown, too.
    """

    def __init__(self, of_tokens: bool = False) -> None:
        self._of_tokens = of_tokens

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Print the epoch's number, loss and, if there is one, validation score."""
        line = f"Iteration {number}, loss = {loss:.8f}"
        if self._of_tokens:
            line += f", perplexity = {perplexity(loss):.4g}"
        print(line if score is None else f"{line}, validation score = {score:.6f}", flush=True)

    def converged(self, text: str) -> None:
        """Print the reason."""
        print(text, flush=True)


class Bar(Progress):
    """A tqdm progress bar over the epochs, in a terminal or a notebook."""

    def __init__(self, tqdm: Any, title: str, max_iter: int, of_tokens: bool = False) -> None:
        self._tqdm, self._of_tokens = tqdm, of_tokens
        self._bar = tqdm(total=max_iter, desc=title, unit="epoch")

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Advance the bar by one; show loss and score beside it."""
        shown = {"loss": f"{loss:.4g}"}
        if self._of_tokens:
            shown["perplexity"] = f"{perplexity(loss):.4g}"
        if score is not None:
            shown["validation"] = f"{score:.4f}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(1)

    def converged(self, text: str) -> None:
        """End the bar at the last epoch, and write the reason."""
        self._bar.total = self._bar.n
        self._bar.refresh()
        self._tqdm.write(text)

    def close(self) -> None:
        """Close the bar, which stays visible."""
        self._bar.close()


def make_progress(verbose: bool | int, title: str, max_iter: int, *, of_tokens: bool = False) -> Progress:
    """Return the display: none unless `verbose`, a bar if tqdm is installed, else lines.

    `of_tokens`: the loss is that of tokens, whose perplexity is shown, too.
    """
    if not verbose:
        return Progress()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Lines(of_tokens)
    return Bar(tqdm, title, max_iter, of_tokens)
