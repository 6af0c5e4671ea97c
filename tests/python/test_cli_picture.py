"""The demo's picture: nothing lies over anything else, and its time axis is fine enough."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from numpy.typing import NDArray

from fastgru.cli._plot import Picture, make_figure
from fastgru.cli._report import _time_axis
from fastgru.cli._source import Source

COUNT = 900
WAVE = np.sin(np.arange(COUNT) / 4)


def picture(x: NDArray[Any], unit: str) -> Picture:
    return Picture(
        title="x" * 300,
        subtitle=f"250000 {unit} not seen in training: RMSE of the GRU 83 % below persistence",
        label="a column whose name is a whole sentence, or two of them",
        unit="",
        x=x,
        x_label="",
        truth=WAVE,
        forecasts={"GRU, 32 units": WAVE, f"Seasonal naive, 1440 {unit}": WAVE, "Persistence": WAVE},
        errors={"GRU, 32 units": 1.0, f"Seasonal naive, 1440 {unit}": 2.0, "Persistence": 3.0},
        losses=[1.0, 0.5],
        validation=[1.0, 0.6],
        epochs=2,
    )


def drawn_texts(figure: Any) -> list[Text]:
    """Return the texts of a figure, without the labels of ticks outside the axes."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    hidden.update((tick.label1, tick.label2))
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and t not in hidden]


@pytest.mark.parametrize(
    ("first", "step", "unit"),
    [
        ("1850-01", np.timedelta64(1, "M"), "months"),
        ("2001-05-28", np.timedelta64(1, "D"), "days"),
        ("2028-06-09T11:00", np.timedelta64(1, "h"), "hours"),
        ("2028-06-09T11:00", np.timedelta64(1, "m"), "minutes"),
        ("2028-06-09T11:00:00.000", np.timedelta64(20, "ms"), "milliseconds"),
    ],
)
def test_texts_do_not_overlap(first: str, step: np.timedelta64, unit: str) -> None:
    x = np.datetime64(first) + np.arange(COUNT) * step
    figure = make_figure(picture(x, unit))
    figure.canvas.draw()
    texts = drawn_texts(figure)
    boxes = {text: text.get_window_extent() for text in texts}
    for one, other in itertools.combinations(texts, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())
    width, height = figure.canvas.get_width_height()
    for text, box in boxes.items():
        assert min(box.x0, box.y0) >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y1 <= height, text.get_text()
    for wanted in ("250000", "Seasonal naive", "Truth", "a column", "xxx"):
        assert any(text.get_text().startswith(wanted) for text in texts)


@pytest.mark.parametrize("step", [1, 50, 5000, 20_000])
def test_steps_stay_apart_on_the_time_axis(step: int) -> None:
    from matplotlib.dates import date2num

    dates = np.datetime64("2025-03-01T10:00:00", "us") + np.arange(100) * np.timedelta64(step, "us")
    source = Source("s", "s", "s", "", WAVE[:100], dates, "steps")
    x, label = _time_axis(source)
    places = date2num(x) * 86400 if x.dtype.kind == "M" else x
    np.testing.assert_allclose(np.diff(places), step * 1e-6, rtol=0.01)
    assert label == ("" if x.dtype.kind == "M" else "Seconds after 2025-03-01 10:00")
    bare = dataclasses.replace(source, dates=None)
    assert _time_axis(bare)[1] == "Row"
