"""CSV files as people have them, for the command forecast: each with something that may go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

Rows = list[list[str]]


def season(n: int, period: int, seed: int = 0) -> list[float]:
    """A level, a season, and noise."""
    noise = np.random.default_rng(seed).normal(size=n)
    values: list[float] = (50 + 10 * np.sin(2 * np.pi * np.arange(n) / period) + noise).round(2).tolist()
    return values


def days(n: int, start: str = "2024-01-01", step: str = "D") -> list[str]:
    dates = pd.date_range(start, periods=n, freq=step)
    form = "%Y-%m-%d" if (dates == dates.normalize()).all() else "%Y-%m-%d %H:%M"
    return list(dates.strftime(form))


def write(path: Path, head: Sequence[str], rows: Rows, delimiter: str = ",", mark: bool = False) -> Path:
    lines = [delimiter.join(each) for each in [list(head), *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig" if mark else "utf-8")
    return path


def clean(path: Path, n: int = 84) -> Path:
    """Days with a week's season."""
    return write(path, ["day", "sales"], [[d, str(v)] for d, v in zip(days(n), season(n, 7), strict=True)])


def gaps(path: Path) -> Path:
    """Three days lack: lines 42 and 43 would have held two of them, and one later."""
    rows = [[d, str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    return write(path, ["day", "sales"], rows[:40] + rows[42:60] + rows[61:])


def empty_cells(path: Path) -> Path:
    """Two cells are empty, the first in line 32."""
    rows = [[d, str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    rows[30][1] = rows[50][1] = ""
    return write(path, ["day", "sales"], rows)


def text_column(path: Path) -> Path:
    """A column of words, and a word among the numbers in line 22."""
    rows = [[d, "shop", str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    rows[20][2] = "closed"
    return write(path, ["day", "kind", "sales"], rows)


def decimal_commas(path: Path) -> Path:
    """Semicolons, decimal commas, German dates and a byte order mark, as spreadsheets write them."""
    dates = pd.date_range("2018-01-01", periods=72, freq="MS").strftime("%d.%m.%Y")
    values = [f"{v:.2f}".replace(".", ",") for v in season(72, 12)]
    rows = [[d, v] for d, v in zip(dates, values, strict=True)]
    return write(path, ["Datum", "Umsatz (€)"], rows, delimiter=";", mark=True)


def unsorted(path: Path) -> Path:
    rows = [[d, str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    order = np.random.default_rng(0).permutation(84)
    return write(path, ["day", "sales"], [rows[k] for k in order])


def twice(path: Path) -> Path:
    """The date of line 12 stands in line 13, too."""
    rows = [[d, str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    rows[11][0] = rows[10][0]
    return write(path, ["day", "sales"], rows)


def twelve_rows(path: Path) -> Path:
    rows = [[d, str(v)] for d, v in zip(days(12, step="MS"), season(12, 6), strict=True)]
    return write(path, ["month", "sales"], rows)


def summer_time(path: Path, start: str = "2024-03-25", n: int = 24 * 240) -> Path:
    """Hours of the clock in Berlin: one is missing in March, one comes twice in October."""
    hours = pd.date_range(start, periods=n, freq="h", tz="Europe/Berlin").tz_localize(None)
    rows = [[d, str(v)] for d, v in zip(hours.strftime("%Y-%m-%d %H:%M"), season(n, 24), strict=True)]
    return write(path, ["hour", "load"], rows)


def spring_alone(path: Path) -> Path:
    """The clock's hours in Berlin in March alone: an hour is missing."""
    return summer_time(path, "2024-03-25", 24 * 14)


def several(path: Path, n_series: int = 3) -> Path:
    """Some shops in one file, the rows of a day together."""
    columns = [season(60, 7, seed) for seed in range(n_series)]
    rows = [
        [day, f"shop {k}", str(round((k + 1) * columns[k][row], 2))]
        for row, day in enumerate(days(60))
        for k in range(n_series)
    ]
    return write(path, ["day", "shop", "sales"], rows)


def prices(path: Path, ahead: int = 5) -> Path:
    """A price that is known in advance, and a measured temperature: `ahead` rows after the last sales."""
    price = np.random.default_rng(5).integers(1, 4, 80 + ahead)
    sales = np.array(season(80 + ahead, 7)) - 6.0 * price
    rows = [
        [day, f"{v:.2f}" if row < 80 else "", str(p), f"{v + 3:.1f}" if row < 80 else ""]
        for row, (day, v, p) in enumerate(zip(days(80 + ahead), sales, price, strict=True))
    ]
    return write(path, ["day", "sales", "price", "temperature"], rows)


def long(path: Path, n: int = 200_000) -> Path:
    rows = [[d, str(v)] for d, v in zip(days(n, "2000-01-01", "h"), season(n, 24), strict=True)]
    return write(path, ["hour", "load"], rows)


def wrong_delimiter(path: Path) -> Path:
    """Cells between ^, of which no reader thinks."""
    rows = [[d, str(v)] for d, v in zip(days(84), season(84, 7), strict=True)]
    return write(path, ["day", "sales"], rows, delimiter="^")
