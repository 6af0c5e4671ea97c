"""The layout of a CSV file: comments, delimiter, column names, and columns that have no name."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fastgru.cli._errors import InputError
from fastgru.cli._numbers import is_missing, is_number, is_plain_number
from fastgru.cli._reading import Reading

_DELIMITERS = ",;\t|"
_SAMPLE = 50  # records by which the delimiter is chosen
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?\b")
_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_COMMENT = re.compile(r"\s*#(?!(?:N/A|NA|VALUE!|REF!|DIV/0!|NUM!|NAME\?|NULL!))", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The lines of a file, ready for Python's csv reader.

    Attributes
    ----------
    lines : list of str
        The lines with their ends, comments blanked.
    skipped : int
        Number of lines of the file before them.
    delimiter : str
        The character between cells; runs of blanks have become one.
    header : list of str
        Column names that stand in a comment; else empty.
    """

    lines: list[str]
    skipped: int
    delimiter: str
    header: list[str]


def find(path: Path, text: str, reading: Reading) -> Layout:
    """Find the layout of a file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    text : str
        Its contents.
    reading : Reading
        The user's options.

    Returns
    -------
    Layout
        Lines from the column names on.

    Raises
    ------
    InputError
        If there are no lines but comments.
    """
    every = list(io.StringIO(text, newline=""))
    skipped = min(reading.skip_lines, len(every))
    while skipped < len(every) and (not every[skipped].strip() or _COMMENT.match(every[skipped])):
        skipped += 1
    named = None
    if skipped < len(every) and (separator := _SEPARATOR_LINE.fullmatch(every[skipped])):
        named = separator[1]
        skipped += 1
    lines = ["\n" if _COMMENT.match(line) else line for line in every[skipped:]]
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise InputError(f"{path}: the file is empty")
    delimiter = reading.delimiter or named
    if delimiter is None:
        if reading.header:
            _look_for_preamble(path, lines, skipped)
        delimiter = _choose_delimiter(lines)
    header = (
        _names_in_comment(every[reading.skip_lines : skipped], first, delimiter) if reading.header else []
    )
    if delimiter == " ":
        lines = [re.sub(r"[ \t]+", " ", line.strip(" \t")) for line in lines]
    return Layout(lines, skipped, delimiter, header)


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_missing(cell) or _LIKE_A_DATE.match(cell) is not None


def _sample(lines: list[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the first records that are not blank, each with the position of its line."""
    if delimiter == " ":
        return [(at, line.split()) for at, line in enumerate(lines) if line.strip()][:_SAMPLE]
    reader, records, at = csv.reader(lines[: 20 * _SAMPLE], delimiter=delimiter), [], 0
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if len(row) > 1 or any(row):
                records.append((at, row))
            at = reader.line_num
    except csv.Error:
        pass  # the reader of the table reports it with its line
    return records[:_SAMPLE]


def _choose_delimiter(lines: list[str]) -> str:
    """Return the delimiter that cuts the lines into the same number of cells, most of them values."""
    # The comma, unless it stands in the cells alone: as a decimal mark in a file of one column.
    first = next(line for line in lines if line.strip())
    best, choice = (-1.0, -1.0, 0), "," if "," in first else ";"
    for delimiter in _DELIMITERS + " ":
        rows = [row for _, row in _sample(lines, delimiter)]
        if not rows:
            continue
        columns, agreeing = Counter(map(len, rows)).most_common(1)[0]
        header = len(rows[0])
        fitting = [row for row in rows[1:] if len(row) == columns]
        if columns < 2 or header > columns or (header < columns and not _one_too_many(fitting, header)):
            continue
        values = sum(map(_is_value, (cell for row in fitting for cell in row)))
        share = values / max(1, columns * len(fitting))
        score = (round(agreeing / len(rows), 1), round(share, 1), columns)
        if score > best and not (delimiter == " " and best[0] >= 0.5):
            best, choice = score, delimiter
    return choice


def _look_for_preamble(path: Path, lines: list[str], skipped: int) -> None:
    """Raise InputError if the column names seem to stand below lines of text."""
    for delimiter in _DELIMITERS:
        rows = _sample(lines, delimiter)
        columns, often = Counter(len(row) for _, row in rows).most_common(1)[0] if rows else (0, 0)
        if columns < 2 or len(rows[0][1]) >= columns or often < 0.5 * len(rows):
            continue
        at, names = next((at, row) for at, row in rows if len(row) == columns)
        if not any(map(_is_value, names)):
            raise InputError(
                f"{path}: line {skipped + at + 1} looks like the column names, below other text: "
                f"--skip-lines {skipped + at} leaves that out"
            )


def _names_in_comment(head: list[str], first: str, delimiter: str) -> list[str]:
    """Return the names in the last comment line before a first row of values, if there are as many."""
    row = _cells(first, delimiter)
    comments = [line for line in head if _COMMENT.match(line)]
    if not comments or not any(map(_is_value, filter(None, row))):
        return []
    names = _cells(comments[-1].strip().lstrip("#").strip(), delimiter)
    return names if len(names) == len(row) and not any(map(_is_value, filter(None, names))) else []


def check_names(path: Path, header: list[str], line: int, below: list[str]) -> None:
    """Raise InputError if the first line holds values: nothing else, or a date above a date."""
    dated = any(_DAY.match(name) and _DAY.match(cell) for name, cell in zip(header, below, strict=False))
    if dated or all(map(_is_value, header)):
        raise InputError(
            f"{path}, line {line}: the first line must hold the column names, not values (--no-header "
            "numbers the columns)"
        )


def complete(
    path: Path, header: list[str], rows: list[list[str]]
) -> tuple[list[str], list[list[str]], tuple[str, ...]]:
    """Give row names a column name, and drop the empty cells behind a delimiter at the end of every row."""
    if not all(len(row) == len(header) + 1 for row in rows):
        return header, rows, ()
    if not any(row[-1] for row in rows):
        return header, [row[:-1] for row in rows], ()
    if _are_row_names(rows):
        return (
            ["", *header],
            rows,
            (f"{path}: the first column has no name; the names are those of the others",),
        )
    return header, rows, ()


def _one_too_many(rows: list[list[str]], names: int) -> bool:
    """Return whether the rows have a cell more than there are names, for one of two reasons."""
    return len(rows[0]) == names + 1 and (not any(row[-1] for row in rows) or _are_row_names(rows))


def _are_row_names(rows: list[list[str]]) -> bool:
    """Return whether the first of one column too many counts the rows, or dates them.

    If a decimal comma were taken for a delimiter, no other cell would hold a decimal point.
    """
    first = [row[0] for row in rows]
    if counts_up(first):
        return True
    return all(map(_LIKE_A_DATE.match, first)) and any(
        is_plain_number(cell) and "." in cell for row in rows for cell in row[1:]
    )


def holds_units(rows: list[list[str]]) -> bool:
    """Return whether the first row is text alone, above values: the units of the columns."""
    return (
        len(rows[0]) == len(rows[1])
        and any(rows[0])
        and not any(map(_is_value, filter(None, rows[0])))
        and any(is_number(below) for above, below in zip(rows[0], rows[1], strict=True) if above)
    )


def counts_up(cells: list[str]) -> bool:
    """Return whether cells are the whole numbers from 0 or 1 on."""
    return cells[0] in ("0", "1") and all(
        cell == str(number) for number, cell in enumerate(cells, start=int(cells[0]))
    )


def hint(row: list[str], header: list[str], delimiter: str) -> str:
    """Return what may be the reason for a wrong number of cells."""
    if len(row) > len(header) and delimiter == ",":
        return " (decimal commas? then the cells must be quoted, or separated by semicolons)"
    return ""
