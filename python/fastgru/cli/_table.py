"""Reader of a user's CSV file: every error names the file, the line and the column.

It uses Python's csv module, because pandas guesses types, coerces values and drops the line numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from fastgru.cli import _layout
from fastgru.cli._bytes import read_text
from fastgru.cli._errors import InputError
from fastgru.cli._numbers import CellError, Numbers, decimal_marks, read_numbers
from fastgru.cli._reading import Reading

_MOST_LISTED = 20  # column names in a message


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file as text.

    Attributes
    ----------
    path : Path
        The file.
    header : list of str
        Column names, stripped; an unnamed column has an empty one.
    rows : list of list of str
        The cells, stripped; every row is as long as the header.
    lines : list of int
        The line number of each row in the file, counted from 1.
    delimiter : str
        The character between cells.
    notes : tuple of str
        How doubtful parts of the file were read.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    notes: tuple[str, ...] = ()

    def fail(self, row: int, index: int, problem: str) -> NoReturn:
        """Raise InputError about one cell."""
        raise InputError(f"{self.path}, line {self.lines[row]}, {self.name(index)}: {problem}")

    def name(self, index: int) -> str:
        """Return a column's name for a message, or its number if it has no name of its own."""
        name = self.header[index]
        if name and self.header.count(name) == 1:
            return f'column "{name}"'
        return f'column {index + 1} ("{name}")' if name else f"column {index + 1}"

    def column_index(self, wanted: str, option: str = "--target") -> int:
        """Return the position of a column: by name, by name in any case, or by number from 1.

        `option` is that of the command which names the column, for messages.
        """
        for matches in (
            [i for i, have in enumerate(self.header) if have == wanted],
            [i for i, have in enumerate(self.header) if have.casefold() == wanted.strip().casefold()],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                numbers = " and ".join(str(index + 1) for index in matches)
                raise InputError(
                    f'{self.path}: {len(matches)} columns are named "{wanted}": {option} takes a number too, '
                    f"here {numbers}"
                )
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.header):
            return int(wanted) - 1
        raise InputError(f'{self.path}: no column "{wanted}"; the columns are {self.column_list()}')

    def column_list(self) -> str:
        """Return the column names for a message, with a number where the name is not enough."""
        listed = [
            f'"{name}"' if name and self.header.count(name) == 1 else f'{index + 1} ("{name}")'
            for index, name in enumerate(self.header[:_MOST_LISTED])
        ]
        more = len(self.header) - len(listed)
        return ", ".join(listed) + (f" and {more} more" if more else "")

    def cells(self, index: int) -> list[str]:
        """Return one column as text."""
        return [row[index] for row in self.rows]

    def part(self, rows: list[int]) -> Table:
        """Return the table with some of its rows, in the given order."""
        return replace(self, rows=[self.rows[row] for row in rows], lines=[self.lines[row] for row in rows])

    def numbers(self, index: int, decimal: str | None) -> Numbers:
        """Return one column as numbers; text, missing and non-finite values raise InputError."""
        others = (other for other in range(len(self.header)) if other != index)
        elsewhere = (mark for other in others for mark in decimal_marks(self.cells(other)))
        try:
            return read_numbers(self.cells(index), decimal, elsewhere, self.delimiter)
        except CellError as error:
            self.fail(error.row, index, f"{error}{self._hint_of_delimiter(error.row)}")

    def _hint_of_delimiter(self, row: int) -> str:
        """Return a hint if the only column looks like several, with a character that no reader thinks of."""
        signs = [sign for sign in self.header[0] if not sign.isalnum() and sign not in " _-.()\"'"]
        if len(self.header) > 1 or not signs or signs[0] not in self.rows[row][0]:
            return ""
        return f"; is {signs[0]} what parts the cells? Then --delimiter {signs[0]!r}"


def read_table(path: Path, reading: Reading) -> Table:
    """Read a CSV file: column names first, cells separated by comma, semicolon, tab, bar or blanks.

    Parameters
    ----------
    path : Path
        The file. It may be compressed, and have a byte order mark, any line ends, quoted cells, blank lines,
        comment lines (#), a first line ``sep=;``, a delimiter at the end of every line, and row names that
        have no column name.
    reading : Reading
        The user's options.

    Returns
    -------
    Table
        The cells as text, with their line numbers.

    Raises
    ------
    InputError
        If the file cannot be read, is in another encoding, has no rows, or has a row with the wrong number of
        cells.
    """
    layout = _layout.find(path, read_text(path, reading.encoding), reading)
    records = list(_records(path, layout))
    if not records:
        raise InputError(f"{path}: the file is empty")
    while len(records) > 1 and not any(records[-1][1]):
        del records[-1]  # spreadsheets write their empty rows, too
    if reading.header:
        line, header = (0, layout.header) if layout.header else records.pop(0)
        _layout.check_names(path, header, line, records[0][1] if records else [])
    else:
        header = [str(index + 1) for index in range(len(records[0][1]))]
    if not records:
        raise InputError(f"{path}: there is no row under the column names")
    header = [" ".join(name.split()) for name in header]  # a quoted name may go over several lines
    rows = [cells for _, cells in records]
    header, rows, notes = _layout.complete(path, header, rows)
    if len(rows) > 1 and _layout.holds_units(rows):
        notes += (f"{path}: line {records[0][0]} holds no values (units?) and is left out",)
        del rows[0], records[0]
    lines = [line for line, _ in records]
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            hint = _layout.hint(row, header, layout.delimiter)
            raise InputError(
                f"{path}, line {line}: number of cells {len(row)}, number of column names {len(header)}{hint}"
            )
    return Table(path, header, rows, lines, layout.delimiter, notes)


def _records(path: Path, layout: _layout.Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record's first line and its stripped cells; skip blank lines."""
    reader = csv.reader(layout.lines, delimiter=layout.delimiter, strict=True)
    line = layout.skipped + 1
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if len(row) > 1 or any(row):
                yield line, row
            line = layout.skipped + reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not valid CSV from here on: {error}") from None
