"""Reader of a user's CSV file: every error names the file, the line and the column.

It uses Python's csv module, because pandas guesses types, coerces values and drops the line numbers.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fastgru.cli._errors import InputError

_DELIMITERS = ",;\t|"
_MISSING = frozenset(("", "-", "--", ".", "?", "*", "na", "n/a", "#n/a", "nan", "<na>", "null", "none"))
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?\b")
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file as text.

    Attributes
    ----------
    path : Path
        The file.
    header : list of str
        Column names, stripped.
    rows : list of list of str
        The cells, stripped; every row is as long as the header.
    lines : list of int
        The line number of each row in the file, counted from 1.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def fail(self, row: int, column: str, problem: str) -> NoReturn:
        """Raise InputError about one cell."""
        raise InputError(f'{self.path}, line {self.lines[row]}, column "{column}": {problem}')

    def column_index(self, name: str) -> int:
        """Return the position of a column, found by exact name or, if only one matches, ignoring case."""
        for matches in (
            [i for i, have in enumerate(self.header) if have == name],
            [i for i, have in enumerate(self.header) if have.casefold() == name.strip().casefold()],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise InputError(f'{self.path}: {len(matches)} columns are named "{name}"')
        raise InputError(f'{self.path}: no column "{name}"; the columns are {self.column_list()}')

    def column_list(self) -> str:
        """Return the column names for a message."""
        return ", ".join(f'"{name}"' for name in self.header)

    def cells(self, index: int) -> list[str]:
        """Return one column as text."""
        return [row[index] for row in self.rows]

    def numbers(self, index: int) -> NDArray[np.float64]:
        """Return one column as float64; text, missing and non-finite values raise InputError."""
        name = self.header[index]
        values = np.empty(len(self.rows), dtype=np.float64)
        for row, cell in enumerate(self.cells(index)):
            try:
                values[row] = float(cell)
            except ValueError:
                self.fail(row, name, _why_no_number(cell))
            if not math.isfinite(values[row]):
                self.fail(row, name, _why_no_number(cell))
        return values


def is_number(cell: str) -> bool:
    """Return whether a cell holds a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def is_missing(cell: str) -> bool:
    """Return whether a cell holds one of the usual words for "no value"."""
    return cell.casefold() in _MISSING


def _why_no_number(cell: str) -> str:
    if is_missing(cell):
        shown = f"{cell!r}" if cell else "an empty cell"
        return f"no value ({shown}); the series must have no gaps: fill them, or cut out a part without"
    if re.fullmatch(r"[+-]?[\d.]*,\d+(e[+-]?\d+)?", cell, re.IGNORECASE):
        return (
            f"{cell!r} is not a number: write a decimal point instead of a comma, and no thousands separator"
        )
    try:
        float(cell)
    except ValueError:
        shown = cell if len(cell) <= 40 else cell[:37] + "..."
        return f"{shown!r} is not a number"
    return f"{cell!r} is not a finite number"


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: the text is UTF-16; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise InputError(
            f"{path}, line {line}: not UTF-8 text (byte 0x{byte:02x}); save it as UTF-8"
        ) from None


def _skip_head(lines: list[str]) -> int:
    """Return the number of comment (#) and blank lines before the column names."""
    count = 0
    while count < len(lines) and (not lines[count].strip() or lines[count].lstrip().startswith("#")):
        count += 1
    return count


def _find_delimiter(header_line: str) -> str:
    return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([header_line], delimiter=delimiter))))


def read_table(path: Path) -> Table:
    """Read a CSV file: UTF-8, column names first, cells separated by comma, semicolon, tab or bar.

    Parameters
    ----------
    path : Path
        The file. It may have a byte order mark, CRLF line ends, quoted cells, blank lines, comment lines (#)
        before the column names, and a first line ``sep=;``.

    Returns
    -------
    Table
        The cells as text, with their line numbers.

    Raises
    ------
    InputError
        If the file cannot be read, is not UTF-8, has no rows, or has a row with the wrong number of cells.
    """
    lines = list(io.StringIO(_read_text(path), newline=""))
    skipped = _skip_head(lines)
    delimiter = None
    if skipped < len(lines) and (separator := _SEPARATOR_LINE.fullmatch(lines[skipped])):
        delimiter = separator[1]
        skipped += 1
    if skipped == len(lines):
        raise InputError(f"{path}: the file is empty")
    records = _records(path, lines, skipped, delimiter or _find_delimiter(lines[skipped]))
    line, header = next(records)
    _check_header(path, header, line)
    rows: list[list[str]] = []
    numbers: list[int] = []
    for line, row in records:
        if len(row) != len(header):
            hint = " (decimal commas?)" if len(row) > len(header) else ""
            raise InputError(
                f"{path}, line {line}: number of cells {len(row)}, number of column names {len(header)}{hint}"
            )
        rows.append(row)
        numbers.append(line)
    if not rows:
        raise InputError(f"{path}: there is no row under the column names")
    return Table(path, header, rows, numbers)


def _records(path: Path, lines: list[str], skipped: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record's first line and its stripped cells; skip blank lines."""
    reader = csv.reader(lines[skipped:], delimiter=delimiter, strict=True)
    line = skipped + 1
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if len(row) > 1 or any(row):
                yield line, row
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not valid CSV from here on: {error}") from None


def _check_header(path: Path, header: list[str], line: int) -> None:
    if all(is_number(cell) or is_missing(cell) or _LIKE_A_DATE.match(cell) for cell in header):
        raise InputError(f"{path}, line {line}: the first line must hold the column names, not values")
