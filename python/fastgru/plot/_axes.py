"""Shared parts of the plots: import of matplotlib, check of the estimator, colours, axes."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette: distinguishable with every kind of colour vision.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#666666"


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or raise an ImportError that names the package to install."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError(
            'fastgru.plot needs matplotlib, which is not installed: pip install "fastgru[demo]"'
        ) from None
    return plt


def check_estimator(est: object, kinds: tuple[str, ...]) -> None:
    """Raise TypeError unless `est` is one of the named estimators, NotFittedError unless it is fitted."""
    from sklearn.utils.validation import check_is_fitted

    from fastgru import estimators

    if not isinstance(est, tuple(getattr(estimators, kind) for kind in kinds)):
        raise TypeError(f"est must be a {' or '.join(kinds)}, got {type(est).__name__}")
    check_is_fitted(est)


def score_name(est: Any) -> str:
    """Return the name of the score that ``est.score`` computes."""
    if hasattr(est, "classes_"):
        return "accuracy"
    return "D²" if len(est._architecture["quantiles"]) > 1 else "R²"


def new_axes(plt: Any, ax: Any, figsize: tuple[float, float]) -> Any:
    """Return `ax`, checked, or the axes of a new figure."""
    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")[1]
    if not hasattr(ax, "plot") or not hasattr(ax, "figure"):
        raise TypeError(f"ax must be matplotlib Axes or None, got {type(ax).__name__}")
    return ax


def log_scale(ax: Any) -> None:
    """Make the value axis logarithmic, with plain numbers at its ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def grid(ax: Any, axis: str = "y") -> None:
    """Draw a faint grid behind the data, on light and dark grounds, and remove the top spine."""
    ax.grid(axis=axis, color=ink(ax), alpha=0.12, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines["top"].set_visible(False)


def ink(ax: Any) -> Any:
    """Return the colour of the axes' labels: dark on a light ground, light on a dark one."""
    return ax.xaxis.label.get_color()


def plain_text(text: object) -> str:
    """Return a name as matplotlib shows it: a $ in it starts no formula."""
    return str(text).replace("$", r"\$")
