"""Numbers as people write them: marks for decimals and thousands, currency, percent, units, parentheses.

The whole column decides what its marks mean. A column that can be read two ways is an error that names the
option, unless the file leans to one side; then a note says how it was read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MISSING = {
    "", "-", "--", "---", "–", "—", ".", "..", "...", "…", "?", "*",
    "na", "n/a", "n.a.", "n.a", "n.v.", "k.a.", "nan", "-nan", "<na>", "nat", "null", "none", "nil",
    "missing", "\\n", "#n/a", "#na", "#value!", "#div/0!", "#ref!", "#num!", "#name?", "#null!",
}  # fmt: skip
_CODES = (
    "USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BRL|MXN|ZAR|KRW|TRY|RUB|SGD|HKD|THB"
)
_SYMBOL = rf"(?:{_CODES}|kr\.?|Rs\.?|Fr\.?|[A-Z]{{0,3}}[$¢£¤¥₠-⃏])"
_BLANKS = " \u00a0\u2007\u2009\u202f"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+−–])?\s*(?:(?P<prefix>{_SYMBOL})\s*(?P<sign2>[-+−–])?)?"
    rf"(?P<digits>\d[\d.,'’_{_BLANKS}]*|[.,]\d+)(?P<exponent>[eEdD][+-]?\d+)?"
    rf"\s*(?P<suffix>{_SYMBOL}|[%‰°′″µ]?[^\W\d_]*(?:[/·*][^\W\d_]+)?[²³]?)(?P<after>-)?(?(open)\))"
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_GROUPS = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+") for mark in ".,'’_" + _BLANKS}
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
_UNSURE = re.compile(r"(?!0)\d{1,3}[.,]\d{3}")  # 1.234 and 1,234
_MULTIPLIERS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9}


class CellError(Exception):
    """A cell is no number of its column; `row` counts from 0."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes
    ----------
    values : ndarray of shape (n,), float64
        Finite.
    unit : str
        Currency, percent sign or unit that every cell carries, or empty.
    notes : tuple of str
        How doubtful marks were read.
    """

    values: NDArray[np.float64]
    unit: str
    notes: tuple[str, ...]


def is_missing(cell: str) -> bool:
    """Return whether a cell holds one of the usual words for "no value"."""
    return cell.casefold() in _MISSING


def is_number(cell: str) -> bool:
    """Return whether a cell looks like a number, whatever its marks mean."""
    match = _CELL.fullmatch(cell)
    return match is not None and any(_without_thousands(match["digits"].strip(), mark) for mark in ".,")


def is_plain_number(cell: str) -> bool:
    """Return whether a cell is a number with at most a decimal point, a sign and an exponent."""
    return _PLAIN.fullmatch(cell) is not None


def decimal_marks(cells: Iterable[str]) -> set[str]:
    """Return the decimal marks that a column shows beyond doubt; none if it does not hold numbers alone."""
    found = [_CELL.fullmatch(cell) for cell in cells if not is_missing(cell)]
    marks = {mark for match in found if match and (mark := _sure_mark(match))}
    if len(marks) != 1:
        return set()
    (mark,) = marks
    return (
        marks
        if all(match and _without_thousands(match["digits"].strip(), mark) for match in found)
        else set()
    )


def read_numbers(
    cells: Sequence[str], decimal: str | None, elsewhere: Iterable[str], delimiter: str
) -> Numbers:
    """Read a column.

    Parameters
    ----------
    cells : sequence of str
        The cells, stripped.
    decimal : str or None
        The decimal mark, if the user names it.
    elsewhere : iterable of str
        Decimal marks that other columns of the file show; looked at only if this column leaves it open.
    delimiter : str
        The character between the cells of the file.

    Returns
    -------
    Numbers
        The values.

    Raises
    ------
    CellError
        If a cell is no number, or if the marks can be read in two ways.
    """
    if decimal != "," and all(map(_PLAIN.fullmatch, cells)):
        sure = any(cell.find(".") not in (-1, len(cell) - 4) for cell in cells)
        if sure or not any("." in cell for cell in cells):
            return Numbers(_finite(cells, np.array(cells, dtype=np.float64)), "", ())
    matches = []
    for row, cell in enumerate(cells):
        match = _CELL.fullmatch(cell)
        if match is None:
            raise CellError(row, _why_no_number(cell))
        matches.append(match)
    digits = [match["digits"].strip() for match in matches]
    mark, notes = _decide(matches, digits, decimal, elsewhere, delimiter)
    factors, unit, more = _units(cells, matches)
    values = np.empty(len(cells))
    for row, (match, text) in enumerate(zip(matches, digits, strict=True)):
        number = _without_thousands(text, mark)
        if number is None:
            raise CellError(row, f"{cells[row]!r} is not a number {_MEANINGS[mark]}")
        exponent = (match["exponent"] or "").upper().replace("D", "E")
        negative = (match["sign"] or match["sign2"] or "+") in "-−–" or match["open"] or match["after"]
        values[row] = float(number + exponent) * (-1.0 if negative else 1.0) * factors[row]
    return Numbers(_finite(cells, values), unit, (*notes, *more))


_MEANINGS = {".": "with a decimal point", ",": "with a decimal comma"}
_NAMES = {".": "a point", ",": "a comma"}


def _finite(cells: Sequence[str], values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.flatnonzero(~np.isfinite(values)).tolist()
    if infinite:
        raise CellError(infinite[0], f"{cells[infinite[0]]!r} is not a finite number")
    return values


def _why_no_number(cell: str) -> str:
    if is_missing(cell):
        shown = f"{cell!r}" if cell else "an empty cell"
        return f"no value ({shown}); the series must have no gaps: fill them, or cut out a part without"
    if re.fullmatch(r"[+-]?inf(inity)?", cell, re.IGNORECASE):
        return f"{cell!r} is not a finite number"
    return f"{cell if len(cell) <= 40 else cell[:37] + '...'!r} is not a number"


def _sure_mark(match: re.Match[str]) -> str | None:
    """Return the decimal mark of one number, or None if it shows none, or none beyond doubt."""
    digits = match["digits"].strip()
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return max(".,", key=digits.rfind)
    if points + commas > 1:  # only marks of thousands come twice
        return "," if points else "."
    if points + commas == 0 or (_UNSURE.fullmatch(digits) and not match["exponent"]):
        return None
    return "." if points else ","


def _decide(
    matches: list[re.Match[str]],
    digits: list[str],
    given: str | None,
    elsewhere: Iterable[str],
    delimiter: str,
) -> tuple[str, list[str]]:
    """Return the decimal mark of a column, and a note if it could be another."""
    if given is not None:
        return given, []
    first: dict[str, int] = {}
    for row, match in enumerate(matches):
        mark = _sure_mark(match)
        if mark:
            first.setdefault(mark, row)
    if len(first) == 2:
        later = max(first, key=lambda mark: first[mark])
        earlier = digits[min(first.values())]
        raise CellError(
            first[later],
            f"{digits[first[later]]!r} has {_NAMES[later]} as its decimal mark, and {earlier!r} in the same "
            "column has the other; --decimal . or --decimal , says which is right",
        )
    if first:
        return next(iter(first)), []
    unsure = [row for row, text in enumerate(digits) if "." in text or "," in text]
    if not unsure:
        return ".", []
    return _decide_unsure(digits, unsure, set(elsewhere), delimiter)


def _decide_unsure(
    digits: list[str], unsure: list[int], elsewhere: set[str], delimiter: str
) -> tuple[str, list[str]]:
    """Decide about a column in which every mark has one to three digits before and three after it."""
    row, text = unsure[0], digits[unsure[0]]
    marks = {mark for mark in ".," if any(mark in digits[row] for row in unsure)}
    bare = [len(digits[row]) for row in range(len(digits)) if digits[row].isdecimal()]
    mark = "." if "." in text else ","
    other = "," if mark == "." else "."
    if len(marks) == 2:
        chosen = None
    elif len(elsewhere) == 1:
        chosen = next(iter(elsewhere))
    elif bare and max(bare) > 3:
        chosen = mark  # 1500 would have a mark of thousands too
    elif delimiter == ",":
        chosen = None if mark == "." and bare else "."
    else:
        chosen = other if bare else None  # 950 and 1.020: numbers of thousands
    if chosen is None:
        raise CellError(
            row,
            f"{text!r} may be {_value(text, mark)} or {_value(text, other)}, and the column does not tell: "
            f"--decimal {mark} or --decimal {other} says which",
        )
    rejected = "," if chosen == "." else "."
    return chosen, [
        f"{text} is read as {_value(text, chosen)}; --decimal {rejected} reads it as {_value(text, rejected)}"
    ]


def _value(text: str, mark: str) -> str:
    number = _without_thousands(text, mark)
    return "?" if number is None else f"{float(number):.15g}"


def _without_thousands(digits: str, mark: str) -> str | None:
    """Return a number as Python writes it, or None if its marks stand where none belongs."""
    whole, _, fraction = digits.partition(mark)
    if whole.isdecimal() and fraction.isdecimal():
        return f"{whole}.{fraction}"
    if not (fraction.isdecimal() or not fraction) or not (whole or fraction):
        return None
    if whole and not whole.isdecimal():
        separators = {character for character in whole if not character.isdecimal()}
        if len(separators) != 1:
            return None
        separator = separators.pop()
        if not (_GROUPS[separator].fullmatch(whole) or (separator == "," and _INDIAN.fullmatch(whole))):
            return None
        whole = whole.replace(separator, "")
    return f"{whole}.{fraction}"


def _units(cells: Sequence[str], matches: list[re.Match[str]]) -> tuple[list[float], str, list[str]]:
    """Return a factor for each cell, the unit, and a note if the factors differ."""
    pairs = [(match["prefix"] or "", match["suffix"]) for match in matches]
    counts = Counter(pairs)
    if len(counts) == 1:
        prefix, suffix = pairs[0]
        return [1.0] * len(cells), prefix or suffix, []
    kinds = ", ".join(sorted(suffix for _, suffix in counts if suffix))
    multiplied = "," in kinds or all(
        float(m["digits"].strip(".,'0") or 0) == 0 for m in matches if not m["suffix"]
    )
    if (
        multiplied
        and len({p for p, _ in counts}) == 1
        and all(suffix in _MULTIPLIERS for _, suffix in counts)
    ):
        note = f"{kinds} after a number is read as thousand, million and so on"
        return [_MULTIPLIERS[suffix] for _, suffix in pairs], pairs[0][0], [note]
    usual = counts.most_common(1)[0][0]
    row = next(row for row, pair in enumerate(pairs) if pair != usual)
    like = cells[pairs.index(usual)]
    raise CellError(
        row, f"{cells[row]!r} does not have the same sign or unit as the other cells, such as {like!r}"
    )
