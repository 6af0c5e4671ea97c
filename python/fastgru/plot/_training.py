"""Plots of training: the loss curve and the learnt gates."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgru._containers import Given, read
from fastgru.plot._axes import COLOURS, GREY, check_estimator, grid, log_scale, new_axes, pyplot, score_name

if TYPE_CHECKING:
    from fastgru.estimators import GRUClassifier, GRURegressor


def loss_curve(est: GRURegressor | GRUClassifier, ax: Any = None) -> Any:
    """Draw the training loss after every epoch and, with early stopping, the validation score.

    A mark shows the epoch whose weights `est` has kept: with early stopping, that of the highest score. With
    ``warm_start`` the curve includes the epochs of earlier fits.

    Parameters
    ----------
    est : GRURegressor or GRUClassifier
        Fitted.
    ax : matplotlib Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        The axes of the loss. The scores have their own axis on the right, ``ax.figure.axes[-1]``.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `est` is not an estimator of fastgru.
    ValueError
        Training was stopped before its first epoch was finished.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> X, y = fastgru.make_windows(np.sin(np.arange(200) / 5), length=10)
    >>> est = fastgru.GRURegressor(hidden_size=8, max_iter=30, early_stopping=True, random_state=0).fit(X, y)
    >>> fastgru.plot.loss_curve(est).get_xlabel()
    'Epoch'
    """
    plt = pyplot()
    check_estimator(est, ("GRURegressor", "GRUClassifier"))
    losses, scores = est.loss_curve_, est.validation_scores_
    if not losses:
        raise ValueError("est has no loss curve: training was stopped before its first epoch was finished")
    ax = new_axes(plt, ax, figsize=(7.0, 4.0))
    epochs = np.arange(1, len(losses) + 1)
    dot = "o" if len(losses) == 1 else ""
    handles = ax.plot(epochs, losses, color=COLOURS[0], marker=dot, label="Training loss")
    if len(losses) == 1:
        ax.set_xlim(0, 2)  # so that the ticks are whole epochs
    if min(losses) > 0:
        log_scale(ax)
    ax.set_xlabel("Epoch")
    ax.set_ylabel("Training loss")
    ax.xaxis.get_major_locator().set_params(integer=True)
    grid(ax)
    if scores:
        handles += _draw_scores(ax, scores, len(losses), score_name(est))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return ax


def gates(
    est: GRURegressor | GRUClassifier, X: Any, sample: int = 0, layer: int = -1, ax: Any = None
) -> NDArray[Any]:
    """Draw the reset and update gates of a layer at every step of one sequence, as two heat maps.

    The upper map is the reset gate: 0 hides the previous state from the candidate. The lower map is the
    update gate: 1 keeps the previous state, 0 takes the candidate. With two directions, the units of the
    reverse direction lie above a line.

    Parameters
    ----------
    est : GRURegressor or GRUClassifier
        Fitted.
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
        The sequences, as ``est.predict`` takes them.
    sample : int, default=0
        The index of the sequence to draw.
    layer : int, default=-1
        The index of the layer, from 0; -1 is the last.
    ax : sequence of two matplotlib Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    ndarray of two matplotlib Axes
        The axes of the reset gate and of the update gate. Their images are (hidden_size, n_timesteps), with
        two directions (2 * hidden_size, n_timesteps).

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `est` is not an estimator of fastgru, or `sample` not an integer.
    ValueError
        `sample` or `layer` is out of range; `ax` is not two Axes; or as in ``est.predict``.

    See Also
    --------
    GRURegressor.gates : The values of the gates.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> X, y = fastgru.make_windows(np.sin(np.arange(200) / 5), length=10)
    >>> est = fastgru.GRURegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> [axes.get_title(loc="left") for axes in fastgru.plot.gates(est, X, sample=3)]
    ['Reset gate', 'Update gate']
    """
    plt = pyplot()
    check_estimator(est, ("GRURegressor", "GRUClassifier"))
    parts = est.gates(_only(X, sample), layer=layer)
    both = _two_axes(plt, ax)
    for axes, values, title, ends in zip(
        both,
        (parts.reset[0], parts.update[0]),
        ("Reset gate", "Update gate"),
        ("0: hides the state, 1: shows it", "0: takes the candidate, 1: keeps the state"),
        strict=True,
    ):
        image = axes.imshow(values.T, aspect="auto", origin="lower", interpolation="nearest", vmin=0, vmax=1)
        axes.set_title(title, loc="left")
        axes.set_title(ends, loc="right", fontsize="small", color=GREY)
        axes.set_ylabel("Unit")
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_major_locator().set_params(integer=True)
        if est._architecture["bidirectional"]:
            axes.axhline(est._architecture["hidden_size"] - 0.5, color="white", linewidth=1.5)
    both[-1].set_xlabel("Time step")
    both[0].figure.colorbar(image, ax=list(both), label="Gate")
    return both


def _draw_scores(ax: Any, scores: list[float], n_epochs: int, name: str) -> list[Any]:
    """Draw validation scores on their own axis, and the best epoch; return the legend's handles."""
    # An earlier fit without early stopping left losses and no scores: the scores belong to the last epochs.
    epochs = np.arange(n_epochs - len(scores), n_epochs) + 1
    right = ax.twinx()
    dot = "o" if len(scores) == 1 else ""
    label = f"Validation {name}"
    handles: list[Any] = right.plot(epochs, scores, color=COLOURS[1], linestyle="--", marker=dot, label=label)
    right.set_ylabel(label)
    right.spines["top"].set_visible(False)
    if np.isfinite(scores).any():
        best = int(epochs[np.nanargmax(np.where(np.isfinite(scores), scores, np.nan))])
        style = {"color": GREY, "linewidth": 1.2, "linestyle": ":"}
        handles.append(ax.axvline(best, label=f"Best epoch: {best}", **style))
    return handles


def _only(X: Any, sample: int) -> Given:
    """Return what holds only one sequence of `X`."""
    try:
        index = operator.index(sample)
    except TypeError:
        raise TypeError(f"sample must be an integer, got {sample!r}") from None
    given = read(X)
    if not hasattr(given.values, "__len__") or getattr(given.values, "ndim", 1) == 0:
        raise TypeError(f"X must be an array or a list of sequences, got {type(X).__name__}")
    n_samples = len(given.values)
    if not -n_samples <= index < n_samples:
        raise ValueError(f"sample must be one of {n_samples} samples of X, got {index}")
    index %= n_samples
    return replace(given, values=given.values[index : index + 1])


def _two_axes(plt: Any, ax: Any) -> NDArray[Any]:
    if ax is None:
        _, ax = plt.subplots(2, 1, sharex=True, figsize=(8.0, 6.0), layout="constrained")
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) != 2 or not all(hasattr(one, "imshow") for one in axes):
        raise ValueError(f"ax must be two Axes, of the reset gate and of the update gate, got {ax!r}")
    return axes
