"""Plots of prediction errors: predicted against true values, confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgru._targets import read_targets
from fastgru.plot._axes import COLOURS, GREY, check_estimator, grid, new_axes, pyplot, score_name

if TYPE_CHECKING:
    from fastgru.estimators import GRUClassifier, GRURegressor

_MOST_NAMED = 10  # outputs in a legend at most


def predicted_vs_true(est: GRURegressor, X: Any, y: Any, ax: Any = None) -> Any:
    """Draw predictions against true targets; perfect predictions lie on the diagonal.

    Each output (or step of a horizon) has its own colour. With ``output="sequence"`` there is a point per
    time step. With several quantiles, the point is the quantile nearest to the median, on a bar from the
    lowest quantile to the highest.

    Parameters
    ----------
    est : GRURegressor
        Fitted.
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
        The sequences, as ``est.predict`` takes them.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or one per time step
        The true targets, as ``est.score`` takes them.
    ax : matplotlib Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        The axes, with ``est.score(X, y)`` in the title.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `est` is not a `GRURegressor`.
    ValueError
        X or y do not have the shapes that `est` was fitted with.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> X, y = fastgru.make_windows(np.sin(np.arange(200) / 5), length=10, horizon=2)
    >>> est = fastgru.GRURegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> fastgru.plot.predicted_vs_true(est, X, y).get_ylabel()
    'Predicted'
    """
    plt = pyplot()
    check_estimator(est, ("GRURegressor",))
    true, predicted, levels = _true_and_predicted(est, X, y)
    score = est.score(X, y)
    ax = new_axes(plt, ax, figsize=(5.2, 5.2))
    middle = int(np.argmin(np.abs(np.array(levels) - 0.5)))
    colours, named = _colours(plt, true.shape[1]), true.shape[1] > 1
    for k in range(true.shape[1]):
        colour = colours[k]
        if len(levels) > 1:
            ax.vlines(true[:, k], predicted[:, k, 0], predicted[:, k, -1], color=colour, alpha=0.25, zorder=1)
        label = f"Output {k}" if named else None
        ax.scatter(
            true[:, k], predicted[:, k, middle], s=12, color=colour, alpha=0.7, linewidths=0, label=label
        )
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    ax.plot([low, high], [low, high], color=GREY, linewidth=1.0, linestyle="--", zorder=3)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("True")
    ax.set_ylabel(_predicted_name(levels, middle))
    ax.set_title(f"{score_name(est)} = {score:.3f}")
    grid(ax, axis="both")
    if 1 < true.shape[1] <= _MOST_NAMED:
        ax.legend(frameon=False)
    elif named:
        _name_by_colour_bar(plt, ax, true.shape[1])
    return ax


def confusion_matrix(est: GRUClassifier, X: Any, y: Any, ax: Any = None, **options: Any) -> Any:
    """Draw the confusion matrix with scikit-learn's ``ConfusionMatrixDisplay``.

    With ``output="sequence"`` it counts time steps.

    Parameters
    ----------
    est : GRUClassifier
        Fitted on classes (not on several labels per sample).
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
        The sequences, as ``est.predict`` takes them.
    y : array-like of shape (n_samples,), or one per time step
        The true classes.
    ax : matplotlib Axes, default=None
        Where to draw; None: a new figure.
    **options : dict
        Further options of ``ConfusionMatrixDisplay.from_predictions``, such as `normalize`, `sample_weight`,
        `cmap`. `labels` are by default ``est.classes_`` and all other classes in y.

    Returns
    -------
    sklearn.metrics.ConfusionMatrixDisplay
        The display, with the counts as `confusion_matrix` and the Axes as `ax_`.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `est` is not a `GRUClassifier`.
    ValueError
        `est` predicts several labels per sample; or X or y do not have the shapes that it was fitted with.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> X = np.random.default_rng(0).normal(size=(100, 10))
    >>> y = np.where(X[:, -1] > 0, "rise", "fall")
    >>> est = fastgru.GRUClassifier(hidden_size=8, random_state=0).fit(X, y)
    >>> int(fastgru.plot.confusion_matrix(est, X, y).confusion_matrix.sum())
    100
    """
    plt = pyplot()
    check_estimator(est, ("GRUClassifier",))
    if est.multilabel_:
        raise ValueError("est predicts several labels per sample, which have no one confusion matrix")
    from sklearn.metrics import ConfusionMatrixDisplay
    from sklearn.utils.multiclass import unique_labels
    from sklearn.utils.validation import check_consistent_length

    raw, layout = est._answers(X, raw=True)
    predicted = est._decode(raw)
    y = read_targets(y) if layout is None else layout.join(y)
    check_consistent_length(predicted, y)
    labels = unique_labels(est.classes_, y)
    long = sum(len(str(label)) for label in labels) > 25  # horizontal labels would overlap
    settings = {
        "labels": labels,
        "cmap": "Blues",
        "xticks_rotation": 45 if long else "horizontal",
        "values_format": ".2f" if options.get("normalize") else "g",
        **options,
    }
    side = max(4.4, 1.6 + 0.5 * len(labels))
    ax = new_axes(plt, ax, figsize=(side + 0.8, side))
    return ConfusionMatrixDisplay.from_predictions(y, predicted, ax=ax, **settings)


def _true_and_predicted(
    est: GRURegressor, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[float]]:
    """Return y as (n, n_outputs), predictions as (n, n_outputs, n_quantiles), and the quantiles, or [0.5].

    n counts samples, or the time steps of all sequences.
    """
    from fastgru.estimators._validation import check_real_targets

    answers, layout = est._answers(X)
    y = read_targets(y) if layout is None else layout.join(y)
    levels = list(est._architecture["quantiles"]) or [0.5]
    true = check_real_targets(est, y, dtype="float64")
    if true.shape != (len(answers), est.n_outputs_):
        raise ValueError(f"y should be of shape {(len(answers), est.n_outputs_)}, got {np.shape(y)}")
    return true, answers.astype(np.float64).reshape(*true.shape, len(levels)), levels


def _predicted_name(levels: list[float], middle: int) -> str:
    if len(levels) == 1:
        return "Predicted"
    return f"Predicted: quantile {levels[middle]:g}, bars from {levels[0]:g} to {levels[-1]:g}"


def _colours(plt: Any, count: int) -> list[Any]:
    """Return a colour for each output: from the palette, or from a colour scale if there are more."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return list(plt.get_cmap("viridis")(np.linspace(0.0, 1.0, count)))


def _name_by_colour_bar(plt: Any, ax: Any, count: int) -> None:
    mappable = plt.cm.ScalarMappable(plt.Normalize(0, count - 1), "viridis")
    ax.figure.colorbar(mappable, ax=ax, label="Output", shrink=0.8)
