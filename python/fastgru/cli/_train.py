"""Model selection on a validation part, training, and timing of the stream. Never uses the test part."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._errors import InputError
from fastgru.cli._samples import Samples, drifts, make_samples
from fastgru.forecasting._metrics import rmse

_MAX_EPOCHS = 40  # or more, where an epoch has few mini-batches
_MAX_STEPS = 600
_PATIENCE = 6  # epochs without improvement, or more likewise
_PATIENT_STEPS = 100
_BATCH = 32
_MOST_WINDOWS = 8000  # of training, and of validation

Bar = Callable[[int, str], Any]  # (total, title) -> a progress bar like tqdm's


@dataclass(frozen=True)
class Options:
    """The user's options of the model.

    Attributes
    ----------
    length, horizon : int
        Steps in a window, and steps ahead.
    hidden_size : int
        Units of the GRU.
    epochs : int or None
        Passes over the training part; None: chosen on the validation part.
    seed : int
        Seed of the initial weights and of the order of the samples.
    """

    length: int
    horizon: int
    hidden_size: int
    epochs: int | None
    seed: int


@dataclass
class Run:
    """One training, epoch by epoch.

    Attributes
    ----------
    model : GRURegressor
        The model after the last epoch.
    losses : list of float
        Training loss of each epoch, in units of the target's variance.
    validation : list of float
        Loss on the validation part after each epoch, in the same units; empty without one.
    seconds : list of float
        Time of each epoch, without validation.
    variance : float
        Variance of the training targets: converts a loss to a squared error in the unit of the series.
    windows, of_windows : int
        Number of windows in an epoch, and of those there are; fewer are drawn at random.
    """

    model: Any
    variance: float
    windows: int
    of_windows: int
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, with the smallest validation loss."""
        return 1 + int(np.argmin(self.validation))

    def validation_rmse(self, epoch: int) -> float:
        """Return the RMSE on the validation part after an epoch (from 1), in the unit of the series."""
        return math.sqrt(self.validation[epoch - 1] * self.variance)


@dataclass(frozen=True)
class Choice:
    """The settings chosen on the validation part.

    Attributes
    ----------
    changes : bool
        Whether the model works on changes from step to step instead of values.
    epochs : int
        Passes over the training part.
    run : Run
        The training that was best on the validation part.
    """

    changes: bool
    epochs: int
    run: Run


def choose(values: NDArray[np.float64], split: int, options: Options, bar: Bar) -> Choice:
    """Decide between values and changes, and the number of epochs, on the last fifth of the training part.

    Parameters
    ----------
    values : ndarray of shape (n,), float64
        The whole series; nothing from `split` on is used.
    split : int
        Start of the test part.
    options : Options
        The user's settings.
    bar : callable
        Makes a progress bar.

    Returns
    -------
    Choice
        The settings with the smaller error on the validation part.
    """
    train = values[:split]
    border = validation_start(split, options)
    kinds = (True,) if drifts(train) else (False, True)
    runs = {}
    for changes in kinds:
        samples = make_samples(train, options.length, options.horizon, changes)
        fit_part, held = samples.part(0, border), samples.part(border, split)
        most = options.epochs or max(_MAX_EPOCHS, math.ceil(_MAX_STEPS / _steps(len(fit_part))))
        progress = bar(most, "Validating on changes" if changes else "Validating on values")
        runs[changes] = _run(fit_part, held, options, most, progress)
    choices = [Choice(changes, options.epochs or run.best_epoch, run) for changes, run in runs.items()]
    # In the unit of the series, because values and changes have different variances.
    return min(choices, key=lambda choice: choice.run.validation_rmse(choice.epochs))


def validation_start(split: int, options: Options) -> int:
    """Return the start of the validation part, the last fifth of the training samples."""
    first = options.length + options.horizon
    return split - (split - first) // 5


def fit(samples: Samples, options: Options, epochs: int, bar: Bar) -> Run:
    """Train on the whole training part for a given number of epochs, the step size falling to zero."""
    return _run(samples, None, options, epochs, bar(epochs, "Training"))


def microseconds_per_step(model: Any, inputs: NDArray[np.float64], steps: int = 2000) -> float:
    """Return the time of one ``stream().step`` called from Python: the median of five runs of `steps`."""
    stream = model.stream()
    rows = [inputs[i % len(inputs), -1:].copy() for i in range(steps)]
    times = []
    for _ in range(5):
        stream.reset()
        start = time.perf_counter()
        for row in rows:
            stream.step(row)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / steps * 1e6


def _run(train: Samples, held: Samples | None, options: Options, epochs: int, progress_bar: Any) -> Run:
    from fastgru.estimators import GRURegressor  # here, because it imports scikit-learn

    drawn = train.drawn(_MOST_WINDOWS, options.seed)
    held = None if held is None else held.drawn(_MOST_WINDOWS, options.seed)
    model = GRURegressor(hidden_size=options.hidden_size, batch_size=_BATCH, random_state=options.seed)
    first_rate = model.learning_rate_init
    patience = max(_PATIENCE, math.ceil(_PATIENT_STEPS / _steps(len(drawn))))
    run = Run(model, float(np.var(train.targets)) or 1.0, len(drawn), len(train))
    with progress_bar as progress:
        for epoch in range(epochs):
            if held is None:  # the number of epochs is settled: the last ones, at small steps, end the jitter
                cosine = 0.5 * (1.0 + math.cos(math.pi * epoch / epochs))
                model.set_params(learning_rate_init=first_rate * cosine)
            start = time.perf_counter()
            _one_epoch(run.model, drawn.inputs, drawn.targets)
            run.seconds.append(time.perf_counter() - start)
            run.losses.append(float(run.model.loss_curve_[-1]))
            shown = f"loss {run.losses[-1]:.3f}"
            if held is not None:
                run.validation.append(rmse(run.model.predict(held.inputs), held.targets) ** 2 / run.variance)
                shown += f", held-out {run.validation[-1]:.3f}"
            progress.set_postfix_str(shown, refresh=False)
            progress.update(1)
            if held is not None and options.epochs is None and len(run.losses) - run.best_epoch >= patience:
                break
        progress.total = len(run.losses)
        progress.refresh()
    return run


def _steps(windows: int) -> int:
    """Return the number of mini-batches in an epoch."""
    return math.ceil(min(windows, _MOST_WINDOWS) / _BATCH)


def _one_epoch(model: Any, inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
    try:
        with warnings.catch_warnings():
            # Like scikit-learn's, the estimator turns Ctrl-C into a warning; here it must end the command.
            warnings.filterwarnings("error", message="Training interrupted", category=UserWarning)
            model.partial_fit(inputs, targets)
    except UserWarning:
        raise KeyboardInterrupt from None
    except ValueError as error:
        raise InputError(f"training stopped: {' '.join(str(error).split())}") from None
