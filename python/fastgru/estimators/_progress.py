"""What the user sees during ``fit``: nothing, a tqdm bar, or a line per epoch."""

from __future__ import annotations

from typing import Any


class Progress:
    """Shows nothing; the base of the ones that do."""

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Show one finished epoch."""

    def converged(self, text: str) -> None:
        """Show that training ended before the last epoch, and why."""

    def close(self) -> None:
        """Leave the terminal tidy; called once, whatever happened."""


class Lines(Progress):
    """One line per epoch, in the words of scikit-learn's MLP."""

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Print the epoch's number, loss and, if there is one, validation score."""
        line = f"Iteration {number}, loss = {loss:.8f}"
        print(line if score is None else f"{line}, validation score = {score:.6f}", flush=True)

    def converged(self, text: str) -> None:
        """Print why."""
        print(text, flush=True)


class Bar(Progress):
    """A tqdm progress bar over the epochs, in a terminal or a notebook."""

    def __init__(self, tqdm: Any, title: str, max_iter: int) -> None:
        self._tqdm = tqdm
        self._bar = tqdm(total=max_iter, desc=title, unit="epoch")

    def epoch(self, number: int, loss: float, score: float | None) -> None:
        """Move the bar by one and show loss and score beside it."""
        shown = {"loss": f"{loss:.4g}"}
        if score is not None:
            shown["validation"] = f"{score:.4f}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(1)

    def converged(self, text: str) -> None:
        """Let the bar end where training did, and write why."""
        self._bar.total = self._bar.n
        self._bar.refresh()
        self._tqdm.write(text)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def make_progress(verbose: bool | int, title: str, max_iter: int) -> Progress:
    """Return what shows the epochs: nothing unless `verbose`, a bar if tqdm is installed, else lines."""
    if not verbose:
        return Progress()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Lines()
    return Bar(tqdm, title, max_iter)
