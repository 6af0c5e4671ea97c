"""The result of the command anomalies: its table, its CSV file, its picture."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._columns import Columns
from fastgru.cli._text import count

if TYPE_CHECKING:
    from fastgru.anomalies._stretches import Stretch

_HEADINGS = ("from", "to", "steps", "error", "column", "value", "expected")


@dataclass(frozen=True)
class Result:
    """The scores of all rows.

    Attributes
    ----------
    scores, flags : ndarray of shape (n_rows,)
        What ``score_samples`` and ``predict`` give.
    parts, expected : ndarray of shape (n_rows, n_columns)
        What ``contributions`` and ``expected`` give.
    found : list of Stretch
        The stretches of anomalies, in order of time.
    threshold : float
        The error above which a row is an anomaly.
    epochs : int
        Epochs of training.
    """

    scores: NDArray[np.float64]
    flags: NDArray[np.int64]
    parts: NDArray[np.float64]
    expected: NDArray[np.float64]
    found: list[Stretch]
    threshold: float
    epochs: int


def evaluate(columns: Columns, detector: Any) -> Result:
    """Score all rows."""
    from fastgru.anomalies._stretches import stretches

    values = columns.values
    scores, flags = detector.score_samples(values), detector.predict(values)
    return Result(
        scores=scores,
        flags=flags,
        parts=detector.contributions(values),
        expected=detector.expected(values),
        found=stretches(flags, scores),
        threshold=-detector.offset_,
        epochs=detector.n_iter_,
    )


def describe(columns: Columns, rows: int) -> str:
    """Return a description of the task, printed before training."""
    n_rows = len(columns.values)
    span = "" if columns.dates is None else f", {columns.when(0)} to {columns.when(n_rows - 1)}"
    named = ", ".join(
        f"{name} ({unit})" if unit and unit not in name else name
        for name, unit in zip(columns.names, columns.units, strict=True)
    )
    fitted = "all rows" if rows == n_rows else f"the first {rows} rows, up to {columns.when(rows - 1)}"
    return f"{columns.path.name}: {n_rows} rows{span}\nColumns: {named}\nFitting on {fitted}"


def table(columns: Columns, result: Result, most: int, seconds: float) -> str:
    """Return the table of the most abnormal stretches, the worst first."""
    flagged = int(np.count_nonzero(result.flags < 0))
    first = (
        f"Errors are usually about 1; the threshold is {result.threshold:.3g} "
        f"({count(result.epochs, 'epochs')}, {seconds:.1f} s)"
    )
    if not result.found:
        worst = int(np.argmin(result.scores))
        none = f"No anomalies. The largest error is {-result.scores[worst]:.3g}, {columns.when(worst)}"
        return f"{first}\n{none}"
    order = sorted(result.found, key=lambda stretch: result.scores[stretch.worst])
    lines = [_cells(columns, result, stretch) for stretch in order[:most]]
    widths = [max(map(len, cells)) for cells in zip(_HEADINGS, *lines, strict=True)]
    right = (False, False, True, True, False, True, True)
    text = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ).rstrip()
        for cells in (_HEADINGS, *lines)
    ]
    found = f"{count(len(order), 'stretches')} of anomalies" if len(order) > 1 else "One stretch of anomalies"
    shown = f", {most} of them listed" if len(order) > most else ""
    second = f"{found}, {flagged} of {len(result.scores)} rows{shown}; the worst first:"
    return "\n".join((first, second, "", *text, ""))


def _cells(columns: Columns, result: Result, stretch: Stretch) -> tuple[str, ...]:
    row = stretch.worst
    column = int(result.parts[row].argmax())
    blamed = columns.names[column]
    if len(columns.names) > 1:
        blamed += f" {100 * result.parts[row, column] / result.parts[row].sum():.0f} %"
    return (
        columns.when(stretch.start),
        columns.when(stretch.stop - 1),
        str(stretch.stop - stretch.start),
        f"{-result.scores[row]:.3g}",
        blamed,
        f"{columns.values[row, column]:.6g}",
        f"{result.expected[row, column]:.6g}",
    )


def write_csv(columns: Columns, result: Result, path: Path) -> None:
    """Write every row: its time, score, whether it is an anomaly, and each column's forecast and part."""
    names = [f"expected {name}" for name in columns.names] + [f"part of {name}" for name in columns.names]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row" if columns.dates is None else "time", "score", "anomaly", *names])
        for row, score in enumerate(result.scores.tolist()):
            when = row + 1 if columns.dates is None else str(columns.dates[row])
            more = [*result.expected[row].tolist(), *result.parts[row].tolist()]
            writer.writerow([when, score, int(result.flags[row] < 0), *more])


def draw(columns: Columns, detector: Any, path: Path) -> None:
    """Draw the picture."""
    from matplotlib import style

    # Matplotlib's defaults, whatever style the user has set; a $ in a column name starts no formula.
    with style.context(["default", {"text.parse_math": False}], after_reset=True):
        _figure(columns, detector).savefig(path)


def _figure(columns: Columns, detector: Any) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fastgru.plot import anomalies

    count_of_axes = min(5, len(columns.names)) + 1
    figure = Figure(figsize=(10.0, 1.2 + 1.8 * count_of_axes), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots(count_of_axes, 1, sharex=True, squeeze=False).ravel()
    index = np.arange(1, len(columns.values) + 1) if columns.dates is None else columns.dates
    units = ["" if unit in name else unit for name, unit in zip(columns.names, columns.units, strict=True)]
    anomalies(detector, columns.values, axes, names=columns.names, units=units, index=index)
    if columns.dates is None:
        axes[-1].set_xlabel("Row")
    figure.suptitle(columns.path.name)
    return figure
