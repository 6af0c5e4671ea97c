"""The columns of a table that may hold dates: single ones, and dates cut into several columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastgru.cli._table import Table

_PARTS = (  # names of a part of a date, whole and in any case
    ("year", "yr", "yyyy", "jahr", "année", "annee", "año", "anno"),
    ("month", "mon", "mo", "mm", "monat", "mois", "mes", "mese"),
    ("day", "dy", "dd", "tag", "jour", "dia", "día", "giorno", "day_of_month", "dom"),
    ("hour", "hr", "hh", "stunde", "heure", "hora", "ora"),
    ("minute",),
)
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?")
_WHOLE = re.compile(r"\d{1,2}(\.0)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def candidates(table: Table) -> Iterator[tuple[tuple[int, ...], str, list[str]]]:
    """Yield the columns of a date, a name, and the cells, joined where a date stands in several columns.

    Parameters
    ----------
    table : Table
        The table.

    Yields
    ------
    columns : tuple of int
        Positions of the columns.
    name : str
        Name of the first.
    cells : list of str
        The text of each row's date.
    """
    parts = _by_parts(table)
    if parts is not None:
        yield parts
    time = _time_of_day(table)
    for index, name in enumerate(table.header):
        cells = table.cells(index)
        if (
            time is not None
            and index != time
            and len(set(cells)) < len(cells)
            and _LIKE_A_DAY.match(cells[0])
        ):
            clock = _clock(table.cells(time))
            joined = [f"{day} {moment}" for day, moment in zip(cells, clock, strict=True)]
            yield (index, time), name, joined
        yield (index,), name, cells


_LIKE_A_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$|\d{8}$|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}$")


def _time_of_day(table: Table) -> int | None:
    """Return the column that holds a time of day, or the whole hours of a day."""
    for index in range(len(table.header)):
        if all(_TIME_OF_DAY.fullmatch(cell) for cell in table.cells(index)):
            return index
    for index, name in enumerate(table.header):
        if name.casefold() in _PARTS[3] and all(_WHOLE.fullmatch(cell) for cell in table.cells(index)):
            return index
    return None


def _clock(cells: list[str]) -> list[str]:
    """Return times of day as text with minutes; hours from 1 to 24 are the ends of hours."""
    return [cell if ":" in cell else f"{int(float(cell)):02}:00" for cell in cells]


def _by_parts(table: Table) -> tuple[tuple[int, ...], str, list[str]] | None:
    """Return a date cut into year, month and perhaps day, hour and minute."""
    columns: list[int] = []
    for names in _PARTS:
        found = [index for index, name in enumerate(table.header) if name.casefold() in names]
        if len(found) != 1:
            break
        columns.append(found[0])
    if len(columns) < 2:
        return None
    joined = []
    for row in table.rows:
        cells = [row[index] for index in columns]
        month = cells[1][:3].casefold()
        if month in _MONTHS:
            cells[1] = str(_MONTHS.index(month) + 1)
        if not re.fullmatch(r"\d{4}(\.0)?", cells[0]) or not all(map(_WHOLE.fullmatch, cells[1:])):
            return None
        year, *rest = (int(float(cell)) for cell in cells)
        text = f"{year}-" + "-".join(f"{part:02}" for part in rest[:2])
        clock = ":".join(f"{part:02}" for part in (*rest[2:], 0)[:2]) if len(rest) > 2 else ""
        joined.append(f"{text} {clock}".strip())
    return tuple(columns), table.header[columns[0]], joined
