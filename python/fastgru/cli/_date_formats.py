"""Readings of a column as dates: every format in which all of its cells are dates."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Dates = NDArray[np.datetime64]

_DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y %m %d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d. %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%b/%Y",
    "%Y-%b-%d",
    "%d%b%Y",
    "%Y%m%d",
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ":%H:%M:%S", " %H%M", " %H%M%S")
_MONTHS = (
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m.%Y",
    "%m-%Y",
    "%b %Y",
    "%B %Y",
    "%b, %Y",
    "%Y-%b",
    "%Y %b",
    "%Y %B",
    "%b-%Y",
    "%b-%y",
    "%b %y",
    "%Y-%j",
)
_FORMATS = (*(day + time for day in _DAYS for time in _TIMES), *_MONTHS)
_DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DATE_NAME = re.compile(
    r"year|month|date|time|day|stamp|epoch|unix|week|quarter|jahr|monat|datum|zeit|fecha|año|heure|utc|^ts$|^t$",
    re.IGNORECASE,
)
_SHAPES = {
    "%Y": r"\d{4}",
    "%j": r"\d{3}",
    "%b": r"[^\W\d_]{3}",
    "%B": r"[^\W\d_]{3,9}",
    "%p": "[AaPp][Mm]",
}
_FIELDS = {
    "%Y": "year",
    "%m": "month",
    "%d": "day",
    "%H": "hour",
    "%M": "minute",
    "%S": "second",
    "%y": "year",
}
_SHAPES.update(dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), r"\d{1,2}"), **{"%y": r"\d{2}"})
_EPOCHS = (("s", 10), ("ms", 13), ("us", 16), ("ns", 19))  # unit, and digits of a moment since 1970 in it
_FRACTION = re.compile(r"(?<=:\d{2})[.,](\d{1,9})(?=\D|$)")
_OFFSET = re.compile(r"(?<=\d)\s*(?:Z|UTC|GMT|([+-])(\d{2}):?(\d{2})?)(?:\[[\w/+-]+\])?$")
_END_OF_SPAN = re.compile(r"(?<=:\d{2}) - (?=\d).*:\d{2}$")  # 00:00 - 01:00 is named by its beginning
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", re.IGNORECASE)
_NEXT_MIDNIGHT = re.compile(r"(?<=[ T])24(?=:00(:00)?$)")


def _quarter(year: str, number: str) -> datetime:
    return datetime(int(year), 3 * int(number) - 2, 1)


def _half(year: str, number: str) -> datetime:
    return datetime(int(year), 6 * int(number) - 5, 1)


def _week(year: str, number: str, day: str | None) -> datetime:
    return datetime.combine(date.fromisocalendar(int(year), int(number), int(day or 1)), datetime.min.time())


_PERIODS: tuple[tuple[re.Pattern[str], Callable[..., datetime]], ...] = (
    (re.compile(r"(\d{4})[-/: ]?[Qq]([1-4])"), _quarter),
    (re.compile(r"[Qq]([1-4])[-/: ]?(\d{4})"), lambda number, year: _quarter(year, number)),
    (re.compile(r"([1-4])[Qq][-/: ]?(\d{4})"), lambda number, year: _quarter(year, number)),
    (re.compile(r"(\d{4})[-/: ]?[HhSs]([12])"), _half),
    (re.compile(r"(\d{4})[-/: ]?M(\d{1,2})"), lambda year, month: datetime(int(year), int(month), 1)),
    (re.compile(r"(\d{4})[-/: ]?W(\d{2})(?:-?([1-7]))?"), _week),
)


@dataclass(frozen=True)
class DateReading:
    """One way to read a column as dates.

    Attributes
    ----------
    dates : ndarray of shape (n,), datetime64
        In UTC if the cells carry an offset. In seconds, or in micro- or nanoseconds if those have fractions.
    how : str
        The format, for messages.
    guessed : bool
        Whether numbers were taken for dates, which the user should know.
    """

    dates: Dates
    how: str
    guessed: bool = False


def named_like_dates(name: str) -> bool:
    """Return whether the name of a column says that it holds dates or times."""
    return _DATE_NAME.search(name) is not None


def readings(name: str, cells: Sequence[str], given: str | None = None) -> list[DateReading]:
    """Return every reading of a column, the likeliest first.

    Parameters
    ----------
    name : str
        The column's name. Plain numbers are dates only if it says so.
    cells : sequence of str
        The cells.
    given : str or None
        A format for `strptime` that the user gives; then the only one.

    Returns
    -------
    list of DateReading
        Empty if the column holds no dates.
    """
    if given is not None:
        found = _parse(cells, _strptime(given), given, clean=False)
        return [found] if found else []
    if _number(cells[0]) is not None:
        return _of_numbers(cells) if named_like_dates(name) else []
    return [found for parser, how in _parsers(cells[0]) if (found := _parse(cells, parser, how)) is not None]


def odd_one(name: str, cells: Sequence[str], given: str | None = None) -> tuple[int, str] | None:
    """Return the row of the first cell that is no date among dates, and a cell that is one."""
    if given is None and is_numeric(cells[0]) and not named_like_dates(name):
        return None
    for good in cells[:3]:
        zoned, numeric = _clean(good)[3], is_numeric(good) and given is None
        rest = [(row, cell) for row, cell in enumerate(cells) if not (numeric and is_numeric(cell))]
        wrong = []
        for parser, how in _parsers(good) if given is None else [(_strptime(given), given)]:
            fits = functools.partial(_parse, parser=parser, how=how, clean=given is None)
            wrong.append([row for row, cell in rest if _clean(cell)[3] != zoned or fits([cell]) is None])
        rows = min(wrong, key=len, default=None)
        if rows and len(rows) < len(cells) / 10:
            return rows[0], good
    return None


def is_numeric(cell: str) -> bool:
    """Return whether a cell is a plain number, and so not a date by its looks."""
    return _number(cell) is not None


def _number(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"\d+(\.\d*)?", cell) else None


def _strptime(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)


@functools.cache
def _shape(pattern: str) -> re.Pattern[str]:
    """Return an expression for what a format looks like, because a trial of `strptime` takes long."""
    parts = re.findall("%.|.", pattern)
    return re.compile(
        "".join(f"({_SHAPES[p]})" if p in _SHAPES else r"\s+" if p == " " else re.escape(p) for p in parts)
    )


def _reader(pattern: str) -> Callable[[str], datetime]:
    """Return a parser for a format: five times as fast as `strptime` where there are numbers alone."""
    names = [_FIELDS.get(part, "") for part in re.findall("%.", pattern)]
    if "" in names:
        return _strptime(pattern)
    shape, century = _shape(pattern), "%y" in pattern

    def parse(text: str) -> datetime:
        match = shape.fullmatch(text)
        if match is None:
            raise ValueError(text)
        fields = dict(zip(names, map(int, match.groups()), strict=True))
        if century:
            fields["year"] += 1900 if fields["year"] >= 69 else 2000
        get = fields.get
        return datetime(
            fields["year"], get("month", 1), get("day", 1), get("hour", 0), get("minute", 0), get("second", 0)
        )

    return parse


def _period(pattern: re.Pattern[str], build: Callable[..., datetime]) -> Callable[[str], datetime]:
    def parse(text: str) -> datetime:
        match = pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return build(*match.groups())

    return parse


def _parsers(cell: str) -> list[tuple[Callable[[str], datetime], str]]:
    """Return the parsers that accept a cell, and their names."""
    text = _clean(cell)[0]
    known = [(_reader(pattern), pattern) for pattern in _FORMATS if _shape(pattern).fullmatch(text)]
    if is_numeric(cell):
        known = [(_reader(_DIGITS[len(cell)]), _DIGITS[len(cell)])] if len(cell) in _DIGITS else []
    known += [(_period(pattern, build), "periods") for pattern, build in _PERIODS]
    return [(parser, how) for parser, how in known if _parse([cell], parser, how) is not None]


def _parse(
    cells: Sequence[str], parser: Callable[[str], datetime], how: str, clean: bool = True
) -> DateReading | None:
    """Return the cells read by one parser, or None if a cell is no date for it."""
    moments, offsets = [], set()
    parts = np.zeros(len(cells), dtype=np.int64)
    try:
        for row, cell in enumerate(cells):
            text, parts[row], later, zoned = _clean(cell) if clean else (cell, 0, timedelta(), False)
            offsets.add(zoned)
            moment = parser(text)
            offset = moment.utcoffset()
            if moment.microsecond or offset is not None:
                parts[row] += moment.microsecond * 1000
                moment = moment.replace(microsecond=0, tzinfo=None) - (offset or timedelta())
            moments.append(moment + later)
    except (ValueError, OverflowError):
        return None
    if len(offsets) > 1:
        return None  # local times among those of a known offset
    return DateReading(_joined(np.array(moments, dtype="datetime64[s]"), parts), how)


def _clean(cell: str) -> tuple[str, int, timedelta, bool]:
    """Return a cell's text without fraction, offset and weekday; what these say.

    That is the nanoseconds, the time to add, and whether an offset makes it UTC.
    """
    fraction, later, zoned = 0, timedelta(), False
    if ":" in cell:
        cell = _END_OF_SPAN.sub("", cell)
        if offset := _OFFSET.search(cell):
            cell, zoned = cell[: offset.start()], True
            if offset[1]:
                shift = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
                later = -shift if offset[1] == "+" else shift
        if part := _FRACTION.search(cell):
            fraction = int(part[1].ljust(9, "0"))
            cell = cell[: part.start()] + cell[part.end() :]
        if _NEXT_MIDNIGHT.search(cell):
            cell = _NEXT_MIDNIGHT.sub("00", cell)
            later += timedelta(days=1)
        if "T" in cell:
            cell = re.sub(r"(?<=\d)T(?=\d)", " ", cell)
    text = cell if cell[:1].isdecimal() else _WEEKDAY.sub("", cell)
    return text, fraction, later, zoned


def _joined(seconds: Dates, nanoseconds: NDArray[np.int64]) -> Dates:
    """Return seconds and fractions as one array, in nanoseconds only where microseconds are too coarse."""
    if not nanoseconds.any():
        return seconds
    unit = "ns" if (nanoseconds % 1000).any() else "us"
    dates: Dates = seconds.astype(f"datetime64[{unit}]")
    dates += nanoseconds.astype("timedelta64[ns]").astype(f"timedelta64[{unit}]")
    return dates


def _of_numbers(cells: Sequence[str]) -> list[DateReading]:
    """Return the readings of plain numbers: 20010131, seconds since 1970, Excel's days, decimal years."""
    found = []
    if len(cells[0]) in _DIGITS and cells[0].isdecimal() and len(set(map(len, cells))) == 1:
        pattern = _DIGITS[len(cells[0])]
        found.append(_parse(cells, _reader(pattern), pattern))
    for shape, pattern in ((r"\d{2}\.\d{4}", "%m.%Y"), (r"\d{4}\.\d{2}", "%Y.%m")):
        if all(re.fullmatch(shape, cell) for cell in cells):
            found.append(_parse(cells, _reader(pattern), pattern))
    numbers = [_number(cell) for cell in cells]
    values = np.array([np.nan if number is None else number for number in numbers])
    if np.isnan(values).any():
        return [reading for reading in found if reading]
    low, high = values.min(), values.max()
    for unit, digits in _EPOCHS:
        if 10.0 ** (digits - 2) <= low and high < 10.0**digits * 0.42:  # from 1973 to 2103
            found.append(DateReading(_since_1970(cells, unit), f"{unit} since 1970", guessed=True))
    if low >= 20_000 and high < 80_000:
        days = np.round(values * 86400.0).astype("timedelta64[s]")
        found.append(
            DateReading(np.datetime64("1899-12-30", "s") + days, "Excel's days since 1900", guessed=True)
        )
    if low >= 1500 and high < 2200 and any("." in cell for cell in cells):
        found.append(DateReading(_decimal_years(values), "years with decimals", guessed=True))
    return [reading for reading in found if reading]


def _since_1970(cells: Sequence[str], unit: str) -> Dates:
    whole = np.array([int(cell.partition(".")[0]) for cell in cells], dtype=np.int64)
    dates = whole.astype(f"datetime64[{unit}]")
    width = {"s": 9, "ms": 6, "us": 3, "ns": 0}[unit]  # digits of nanoseconds behind the point
    parts = [int(cell.partition(".")[2][:width].ljust(width, "0") or 0) for cell in cells]
    return _joined(dates, np.array(parts, dtype=np.int64))


def _decimal_years(values: NDArray[np.float64]) -> Dates:
    years = np.floor(values).astype(np.int64)
    start = (years - 1970).astype("datetime64[Y]").astype("datetime64[s]")
    end = (years - 1969).astype("datetime64[Y]").astype("datetime64[s]")
    dates: Dates = start + np.round((values - years) * (end - start).astype(np.float64)).astype(
        "timedelta64[s]"
    )
    return dates
