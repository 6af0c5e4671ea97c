"""The loop over epochs: stopping rules, the best weights, progress and callbacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from fastgru.estimators._network import Network, Trainer
from fastgru.estimators._progress import Progress
from fastgru.estimators._warning import warn_user

Callback = Callable[[dict[str, Any]], Any]  # called after each epoch; a true result stops training
Validate = Callable[[], float]  # the validation score of the current weights


class Epochs(Protocol):
    """What a loop trains on."""

    def run_epoch(self, trainer: Trainer) -> float:
        """Train one epoch; return the mean loss."""


@dataclass
class History:
    """The record of training, by the rules of scikit-learn's MLP.

    With early stopping the validation score decides and `best_loss` is None; without it the loss decides.
    Without validation data `validation_scores` and `best_score` are None.
    """

    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] | None = None
    best_loss: float | None = None
    best_score: float | None = None
    n_iter: int = 0
    idle: int = 0  # epochs in a row without an improvement of tol

    def continued(self, *, early_stopping: bool, validated: bool) -> History:
        """Return a record of its own for more epochs, which continue from the current weights."""
        scores, best_score, best_loss = None, None, None
        if validated:
            scores = list(self.validation_scores or [])
            best_score = -np.inf if self.best_score is None else self.best_score
        if not early_stopping:
            best_loss = np.inf if self.best_loss is None else self.best_loss
        return History(list(self.loss_curve), scores, best_loss, best_score)

    def add(self, loss: float, score: float | None, tol: float) -> bool:
        """Record one epoch; return whether it was the best so far."""
        self.n_iter += 1
        self.loss_curve.append(loss)
        enough = better = False
        if score is not None:
            assert self.best_score is not None and self.validation_scores is not None
            self.validation_scores.append(score)
            # A score that is not a number is no improvement.
            enough, better = score >= self.best_score + tol, score > self.best_score
            self.best_score = score if better else self.best_score
        if self.best_loss is not None:
            enough, better = loss <= self.best_loss - tol, loss < self.best_loss
            self.best_loss = min(loss, self.best_loss)
        self.idle = 0 if enough else self.idle + 1
        return better


def publish_history(estimator: Any, history: History) -> None:
    """Set the public fitted attributes that every estimator has of its training."""
    estimator.n_iter_ = history.n_iter
    estimator.loss_curve_ = list(history.loss_curve)
    estimator.loss_ = history.loss_curve[-1] if history.loss_curve else np.inf
    estimator.best_loss_ = history.best_loss
    scores = history.validation_scores
    estimator.validation_scores_ = None if scores is None else list(scores)
    estimator.best_validation_score_ = history.best_score


@dataclass
class Schedule:
    """The learning rate, epoch by epoch."""

    kind: str
    rate: float  # of the first epoch
    max_iter: int
    least: float = 1e-6  # the plateau schedule stops at this rate

    def before_epoch(self, trainer: Trainer, epoch: int) -> None:
        """Set the rate of an epoch, counted from 0."""
        if self.kind == "cosine":
            trainer.learning_rate = self.rate * 0.5 * (1.0 + math.cos(math.pi * epoch / self.max_iter))

    def goes_on(self, trainer: Trainer) -> bool:
        """Lower the rate after training stopped improving; False: training ends."""
        if self.kind != "plateau" or trainer.learning_rate / 5 < self.least:
            return False
        trainer.learning_rate /= 5
        return True


def patience(n_iter_no_change: float | str, n_samples: int, batch_size: int) -> float:
    """Return the number of epochs in a row that may bring no improvement.

    With a few dozen samples an epoch has one or two steps of the solver, and ten epochs are too few to judge.
    On GunPoint (50 series) training ended in mid-descent after ten such epochs: accuracy was 0.80, and with a
    patience of 100 steps 0.95. scikit-learn's MLP counts epochs alone; so does a number given here.
    """
    if n_iter_no_change != "auto":
        return float(n_iter_no_change)
    steps_of_an_epoch = math.ceil(n_samples / batch_size)
    return max(10, math.ceil(100 / steps_of_an_epoch))


_TWICE = 2.0  # seconds between two presses of Ctrl-C that belong together
_last_interrupt = -math.inf


def pressed_twice() -> bool:
    """Record Ctrl-C during a fit; return whether the one before came at most two seconds ago.

    One Ctrl-C ends a fit, and a search or a loop goes on with the next fit. Two end these as well.
    """
    global _last_interrupt  # of the keyboard, which is one for all fits
    before, _last_interrupt = _last_interrupt, time.monotonic()
    return _last_interrupt - before <= _TWICE


def checked_callbacks(callbacks: Callback | list[Callback] | None) -> list[Callback]:
    """Return the estimator's parameter as a list."""
    given = [callbacks] if callable(callbacks) else list(callbacks or [])
    for i, callback in enumerate(given):
        if not callable(callback):
            raise ValueError(f"callbacks[{i}] must be callable, got {callback!r}")
    return given


@dataclass(frozen=True)
class FitLoop:
    """The loop over epochs, for any loss. The trainer computes the loss, `validate` the score."""

    network: Network
    trainer: Trainer
    max_iter: int
    tol: float
    n_iter_no_change: float  # see `patience`
    progress: Progress
    validate: Validate | None
    early_stopping: bool  # the validation score decides, else the loss
    schedule: Schedule
    callbacks: list[Callback]
    passes_interrupts_on: bool  # the first Ctrl-C, too

    def run(self, samples: Epochs, history: History) -> KeyboardInterrupt | None:
        """Train until `max_iter`, convergence or Ctrl-C; update `history` after each epoch.

        With early stopping the network ends with the weights of the best score. After Ctrl-C it ends with the
        weights of the best epoch in any case, with a warning. Ctrl-C pressed twice is returned, to be passed
        on; so is the first, without a warning, with `passes_interrupts_on`.
        """
        history.idle = 0
        best: NDArray[Any] | None = self.network.parameters.copy() if history.loss_curve else None
        interrupted: KeyboardInterrupt | None = None
        converged = stop_requested = False
        try:
            while history.n_iter < self.max_iter and not converged and not stop_requested:
                self.schedule.before_epoch(self.trainer, history.n_iter)
                loss = samples.run_epoch(self.trainer)
                score = None if self.validate is None else self.validate()
                if history.add(loss, score, self.tol) or best is None:
                    best = self.network.parameters.copy()
                self.progress.epoch(history.n_iter, loss, score)
                stop_requested = self._call_back(history.n_iter, loss, score)
                if history.idle > self.n_iter_no_change:
                    converged = not self.schedule.goes_on(self.trainer)
                    history.idle = 0
            if converged:
                self._say_converged()
        except KeyboardInterrupt as error:
            interrupted = error
        finally:
            self.progress.close()
        if best is not None and (interrupted or self.early_stopping):
            self.network.set_parameters(best)
        if interrupted and (pressed_twice() or self.passes_interrupts_on):
            return interrupted
        if interrupted or not (converged or stop_requested):
            self._warn_of_the_end(history, interrupted=interrupted is not None)
        return None

    def run_one(self, samples: Epochs, history: History) -> None:
        """Train one epoch, for ``partial_fit``, without a test or warning of convergence.

        Ctrl-C is passed on, so that the caller's own loop ends; the network keeps its last whole mini-batch.
        """
        try:
            loss = samples.run_epoch(self.trainer)
            history.add(loss, None, self.tol)
            self.progress.epoch(len(history.loss_curve), loss, None)
        finally:
            self.progress.close()

    def _call_back(self, epoch: int, loss: float, score: float | None) -> bool:
        """Call the callbacks after an epoch; return whether one of them requests to stop."""
        event = {
            "epoch": epoch,
            "loss": loss,
            "validation_score": score,
            "learning_rate": self.trainer.learning_rate,
        }
        answers = [callback(dict(event)) for callback in self.callbacks]  # every one, no short cut
        return any(answers)

    def _say_converged(self) -> None:
        what = "Validation score" if self.early_stopping else "Training loss"
        self.progress.converged(
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change:g} consecutive "
            "epochs. Stopping."
        )

    def _warn_of_the_end(self, history: History, *, interrupted: bool) -> None:
        if not interrupted:
            text = (
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                "hasn't converged yet."
            )
        elif history.n_iter:
            text = (
                f"Training interrupted by user: the best weights of {history.n_iter} whole epochs are kept."
            )
        else:
            text = "Training interrupted by user in the first epoch: the weights so far are kept."
        if interrupted:
            text += " Ctrl-C twice within two seconds ends a search or loop around fit, too."
        warn_user(text, UserWarning if interrupted else ConvergenceWarning)
