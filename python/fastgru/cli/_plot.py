"""The demo's picture: forecast against true values, loss curve and errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._errors import InputError
from fastgru.cli._text import number
from fastgru.plot._axes import COLOURS, grid, log_scale
from fastgru.plot._time import legend_above, short_dates

_TRUTH, _GRU, _SEASONAL, _PERSISTENCE, _HELD = "#222222", COLOURS[0], COLOURS[5], "#9A9A9A", COLOURS[1]
_MOST_POINTS = 700


@dataclass(frozen=True)
class Picture:
    """The contents of the picture.

    Attributes
    ----------
    title, subtitle : str
        Heading of the picture.
    label, unit : str
        Label of the value axis (with the unit), and the unit alone, which may be empty.
    x : ndarray of shape (n,)
        Dates or row numbers of the test part.
    x_label : str
        Label of the time axis; empty for dates.
    truth : ndarray of shape (n,), float64
        The series in the test part.
    forecasts : dict of str to ndarray of shape (n,), float64
        The GRU's forecast first.
    errors : dict of str to float
        RMSE under the same names, in the same order.
    losses, validation : list of float
        Losses of the final training, and of the validation run; the latter may be empty.
    epochs : int
        The chosen number of epochs.
    """

    title: str
    subtitle: str
    label: str
    unit: str
    x: NDArray[Any]
    x_label: str
    truth: NDArray[np.float64]
    forecasts: dict[str, NDArray[np.float64]]
    errors: dict[str, float]
    losses: list[float]
    validation: list[float]
    epochs: int


def require_matplotlib(path: Path) -> None:
    """Raise InputError if matplotlib is missing or cannot write files with this extension."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        raise InputError(
            'the picture needs matplotlib, which is not installed: pip install "fastgru[demo]"'
        ) from None
    known = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise InputError(
            f"{path}: the name must end in one of {', '.join('.' + kind for kind in sorted(known))}"
        )


def draw(picture: Picture, path: Path) -> None:
    """Draw to a file; its extension decides the format."""
    from matplotlib import style

    # Matplotlib's defaults, whatever style the user has set; a $ in a column name starts no formula.
    ours = {"axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False}
    with style.context(["default", ours], after_reset=True):
        make_figure(picture).savefig(path)


def make_figure(picture: Picture) -> Any:
    """Return the picture as a matplotlib Figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(11, 7), dpi=120, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1, hspace=0.05)
    )
    FigureCanvasAgg(figure)
    cells = figure.add_gridspec(2, 2, height_ratios=(1.6, 1.0))
    figure.suptitle(_cut(picture.title, 84), x=0.0135, ha="left", fontsize=14, fontweight="bold")
    _draw_forecast(figure.add_subplot(cells[0, :]), picture)
    _draw_losses(figure.add_subplot(cells[1, 0]), picture)
    _draw_errors(figure.add_subplot(cells[1, 1]), picture)
    return figure


def _draw_forecast(axes: Any, picture: Picture) -> None:
    shown = slice(-_MOST_POINTS, None)
    x = picture.x[shown]
    handles = axes.plot(x, picture.truth[shown], color=_TRUTH, linewidth=1.2, label="Truth", zorder=2)
    # The GRU's forecast in front; persistence is left out, because it is the true series, shifted.
    styles = ((_GRU, 1.6, 3), (_SEASONAL, 1.0, 1))
    drawn = [name for name in picture.forecasts if name != "Persistence"]
    for name, (colour, width, order) in zip(drawn, styles, strict=False):
        handles += axes.plot(
            x, picture.forecasts[name][shown], color=colour, linewidth=width, label=name, zorder=order
        )
    if picture.x.dtype.kind == "M":
        short_dates(axes)
    axes.set_ylabel(_cut(picture.label, 40))
    axes.set_xlabel(picture.x_label)
    axes.margins(x=0.01)
    grid(axes)
    hidden = "" if len(picture.x) <= _MOST_POINTS else f" (the last {_MOST_POINTS} are shown)"
    # Above the row of the legend, whatever the length of the two.
    axes.set_title(picture.subtitle + hidden, loc="left", fontsize=10, color="#444444", pad=24)
    legend_above(axes, handles)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _draw_losses(axes: Any, picture: Picture) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(picture.losses) + 1)
    handles = axes.plot(
        epochs, picture.losses, color=_GRU, linewidth=1.6, marker=_dot(epochs), label="Training"
    )
    if picture.validation:
        epochs = np.arange(1, len(picture.validation) + 1)
        handles += axes.plot(
            epochs,
            picture.validation,
            color=_HELD,
            linewidth=1.6,
            linestyle="--",
            marker=_dot(epochs),
            label="Validation",
        )
        handles.append(
            axes.axvline(
                picture.epochs, color="#777777", linewidth=1.1, linestyle=":", label="Chosen", zorder=1
            )
        )
    log_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Squared error / variance")
    grid(axes)
    axes.set_title("Loss", loc="left", fontsize=11, fontweight="bold")
    legend_above(axes, handles)


def _dot(epochs: NDArray[Any]) -> str:
    """Return the marker: a single epoch makes no line and needs a dot."""
    return "o" if len(epochs) == 1 else ""


def _draw_errors(axes: Any, picture: Picture) -> None:
    names = list(picture.errors)
    colours = {names[0]: _GRU, "Persistence": _PERSISTENCE}
    bars = axes.barh(
        names,
        list(picture.errors.values()),
        color=[colours.get(name, _SEASONAL) for name in names],
        height=0.62,
    )
    axes.bar_label(bars, labels=[number(error, 3) for error in picture.errors.values()], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"RMSE ({picture.unit})" if picture.unit else "RMSE")
    axes.set_title("Error on the test part", loc="left", fontsize=11, fontweight="bold")
