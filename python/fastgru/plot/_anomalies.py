"""The plot of a series with its anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgru._tables import index_of, is_from, materialised
from fastgru.plot._axes import COLOURS, log_scale, pyplot
from fastgru.plot._time import short_dates

if TYPE_CHECKING:
    from fastgru.anomalies import GRUAnomalyDetector
    from fastgru.anomalies._stretches import Stretch

_Floats = NDArray[np.float64]

_MOST = 5  # variables that are drawn


def anomalies(
    detector: GRUAnomalyDetector,
    X: Any,
    ax: Any = None,
    *,
    names: Sequence[str] | None = None,
    units: Sequence[str] | str | None = None,
    index: Any = None,
) -> NDArray[Any]:
    """Draw a series with its anomalies, and below it the error of every step with the threshold.

    Each variable has its own axes: its values, and in the background, dashed, what was expected of them.
    Stretches of anomalies are shaded, darker where the variable has the largest part in them. Of more than
    five variables those with the largest parts are drawn.

    Parameters
    ----------
    detector : GRUAnomalyDetector
        Fitted, with ``samples="steps"``.
    X : array-like of shape (n_timesteps,) or (n_timesteps, n_features)
        One series.
    ax : sequence of matplotlib Axes, default=None
        Where to draw: one for each variable (at most five), and one for the error; None: a new figure.
    names : sequence of str, default=None
        A name for each variable; None: the column names of fit.
    units : sequence of str or str, default=None
        The unit of each variable, or of all.
    index : array-like of shape (n_timesteps,), default=None
        The dates or numbers of the steps; None: the index of a frame, else 0, 1, 2, …

    Returns
    -------
    ndarray of matplotlib Axes
        Those of the variables, and that of the error last.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    NotFittedError
        Before ``fit``.
    TypeError
        `detector` is not a `GRUAnomalyDetector`.
    ValueError
        X is not one series; `ax`, `names`, `units` or `index` are of another length; or as in
        ``detector.score_samples``.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> import fastgru
    >>> wave = np.sin(np.arange(600) / 5)
    >>> detector = fastgru.GRUAnomalyDetector(max_iter=20, random_state=0).fit(wave[:400])
    >>> wave[500] += 2
    >>> axes = fastgru.plot.anomalies(detector, wave, names=["level"], units="m")
    >>> [one.get_ylabel() for one in axes]
    ['level (m)', 'Error (usual: 1)']
    """
    plt = pyplot()
    _check_detector(detector)
    from fastgru.anomalies._series import read_series
    from fastgru.anomalies._stretches import stretches

    series = read_series(detector, X, reset=False)
    if series.form != "one":
        raise ValueError(f"X must be one series, got {len(series.parts)}")
    values = series.parts[0]
    if not len(values):
        raise ValueError("X has no time steps to draw")
    scores, parts = detector.score_samples(values), detector.contributions(values)
    found = stretches(detector.predict(values), scores)
    chosen = _most_to_blame(parts, found)
    labels = _labels(detector, values.shape[1], names, units)
    x, x_label = _time_axis(X, len(values), index)
    axes = _axes(plt, ax, len(chosen) + 1)
    expected = detector.expected(values)
    for one, column in zip(axes, chosen, strict=False):
        _draw_variable(one, x, values[:, column], expected[:, column], labels[column])
        _shade(one, x, found, [parts[stretch.worst].argmax() == column for stretch in found])
    _draw_error(axes[-1], x, -scores, -detector.offset_)
    _shade(axes[-1], x, found, [False] * len(found))
    _finish(axes, x_label, dated=np.asarray(x).dtype.kind == "M")
    return axes


def _check_detector(detector: Any) -> None:
    from sklearn.utils.validation import check_is_fitted

    from fastgru.anomalies import GRUAnomalyDetector

    if not isinstance(detector, GRUAnomalyDetector):
        raise TypeError(f"detector must be a GRUAnomalyDetector, got {type(detector).__name__}")
    check_is_fitted(detector)
    if detector.samples != "steps":
        raise ValueError(f"detector must score the steps of a series, and has samples={detector.samples!r}")


def _most_to_blame(parts: _Floats, found: list[Stretch]) -> list[int]:
    if parts.shape[1] <= _MOST:
        return list(range(parts.shape[1]))
    worst = parts[[stretch.worst for stretch in found]] if found else parts
    order = np.argsort(-worst.sum(axis=0), kind="stable")[:_MOST]
    return sorted(order.tolist())


def _labels(detector: Any, count: int, names: Any, units: Any) -> list[str]:
    if names is None:
        names = getattr(detector, "feature_names_in_", None)
    if names is None:
        names = ["Value"] if count == 1 else [f"Variable {column}" for column in range(count)]
    units = [units] * count if isinstance(units, str) or units is None else units
    for what, given in (("names", names), ("units", units)):
        if isinstance(given, str) or len(given) != count:
            raise ValueError(f"{what} must be {count}, one for each variable of X, got {given!r}")
    return [f"{name} ({unit})" if unit else str(name) for name, unit in zip(names, units, strict=True)]


def _time_axis(X: Any, count: int, index: Any) -> tuple[NDArray[Any], str]:
    """Return where the steps stand, as numbers or dates, and the axis' label."""
    if index is None:
        index = index_of(materialised(X, "X"))
        if getattr(index, "nlevels", 1) > 1 or len(index) != count:
            index = np.arange(count)
    label = getattr(index, "name", None)
    if is_from("pandas", "PeriodIndex", index):
        index = index.to_timestamp()
    x = np.asarray(index)
    if x.shape != (count,):
        raise ValueError(f"index must hold {count} numbers or dates, one for each step, got shape {x.shape}")
    if x.dtype.kind not in "iufM":
        return np.arange(count), "Time step"
    return x, str(label) if label else ("" if x.dtype.kind == "M" else "Time step")


def _axes(plt: Any, ax: Any, count: int) -> NDArray[Any]:
    if ax is None:
        _, ax = plt.subplots(
            count, 1, sharex=True, figsize=(9.0, 1.2 + 1.7 * count), layout="constrained", squeeze=False
        )
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) != count or not all(hasattr(one, "plot") for one in axes):
        raise ValueError(
            f"ax must be {count} Axes, {count - 1} of variables and one of the error, got {ax!r}"
        )
    return axes


def _draw_variable(ax: Any, x: NDArray[Any], values: _Floats, expected: _Floats, label: str) -> None:
    ink = ax.xaxis.label.get_color()  # of the style: dark on light, light on dark
    ax.plot(x, expected, color=COLOURS[4], linewidth=1.0, linestyle="--", label="expected", zorder=2.5)
    ax.plot(x, values, color=ink, linewidth=1.0, label="value", zorder=2)
    ax.set_ylabel(label)
    low, high = np.nanmin(values), np.nanmax(values)  # the expected values do not decide
    if high > low:
        ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _draw_error(ax: Any, x: NDArray[Any], errors: _Floats, threshold: float) -> None:
    ax.plot(x, np.maximum(errors, 1e-3), color=COLOURS[1], linewidth=1.0, label="error")
    ax.axhline(threshold, color=COLOURS[0], linestyle="--", linewidth=1.2, label=f"threshold {threshold:.3g}")
    ax.set_ylim(max(0.05, 0.16 * float(np.median(errors))), 1.3 * max(float(errors.max()), threshold, 1.0))
    log_scale(ax)
    ax.set_ylabel("Error (usual: 1)")


def _shade(ax: Any, x: NDArray[Any], found: list[Stretch], blamed: list[Any]) -> None:
    """Shade the stretches, each to the middle between its ends and the steps beside it."""
    places = x.astype("datetime64[us]") if x.dtype.kind == "M" else x.astype(np.float64)
    step = np.median(np.diff(places)) if len(places) > 1 else (places[0] - places[0]) + 1
    for stretch, dark in zip(found, blamed, strict=True):
        left = places[stretch.start] - step / 2
        right = places[stretch.stop - 1] + step / 2
        ax.axvspan(left, right, color=COLOURS[0], alpha=0.35 if dark else 0.15, linewidth=0, zorder=0)


def _finish(axes: NDArray[Any], x_label: str, *, dated: bool) -> None:
    for ax in axes:
        ink = ax.xaxis.label.get_color()
        ax.grid(axis="y", color=ink, alpha=0.12, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if dated:
            short_dates(ax)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, borderaxespad=0.1)
    axes[-1].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, borderaxespad=0.1)
    axes[-1].set_xlabel(x_label)
    axes[-1].margins(x=0.01)
