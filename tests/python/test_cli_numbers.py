"""Numbers as people write them: the right value, or a question; never a wrong number in silence."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fastgru.cli._numbers import CellError, is_missing, is_number, read_numbers

# What stands in the column, and what it means. Each reading must follow from the column alone.
SURE: dict[str, tuple[list[str], list[float], str]] = {
    "plain": (["1", "-2.5", "+.5", "7.", "1e3", "1.234e-2", "007"], [1, -2.5, 0.5, 7, 1000, 0.01234, 7], ""),
    "decimal commas": (["1,5", "-2,25", "1000,0"], [1.5, -2.25, 1000], ""),
    "points for thousands, decimal commas": (
        ["1.234,5", "0,1", "1.234.567,89"],
        [1234.5, 0.1, 1234567.89],
        "",
    ),
    "commas for thousands": (["1,234.5", "12", "1,234,567"], [1234.5, 12, 1234567], ""),
    "points for thousands, no decimals": (["1.234", "56", "1.234.567"], [1234, 56, 1234567], ""),
    "three decimals, one below one": (["1.234", "0.567", "12.345"], [1.234, 0.567, 12.345], ""),
    "three decimals after a comma, one below one": (["1,234", "0,567"], [1.234, 0.567], ""),
    "one longer fraction": (["1.234", "1.2345"], [1.234, 1.2345], ""),
    "one longer whole number": (["1,234", "1234,567"], [1.234, 1234.567], ""),
    "an exponent behind three digits": (["1.234E+02", "2.345E+02"], [123.4, 234.5], ""),
    "Fortran's exponents": (["1.5D+03", "2.5d-1"], [1500, 0.25], ""),
    "groups of two, as in India": (["12,34,567.5", "1,00,000"], [1234567.5, 100000], ""),
    "blanks for thousands": (["1 234,5", "12 345 678"], [1234.5, 12345678], ""),
    "no-break spaces": (["1\u00a0234,5", "12\u00a0345"], [1234.5, 12345], ""),
    "narrow no-break spaces": (["1\u202f234,5", "12\u202f345"], [1234.5, 12345], ""),
    "apostrophes": (["1'234.5", "12’345"], [1234.5, 12345], ""),
    "underscores": (["1_234", "12_345_678"], [1234, 12345678], ""),
    "minus signs of printers": (["−1.5", "–2.5", "3"], [-1.5, -2.5, 3], ""),
    "minus behind": (["1.5-", "2.5"], [-1.5, 2.5], ""),
    "accountants' parentheses": (["(1,234.50)", "99.00"], [-1234.5, 99], ""),
    "dollars": (["$1,234.50", "-$2.00", "$ 3.00", "($4.00)"], [1234.5, -2, 3, -4], "$"),
    "euros behind": (["1.234,50 €", "2,00 €"], [1234.5, 2], "€"),
    "pounds": (["£5", "£1,000.25"], [5, 1000.25], "£"),
    "codes": (["USD 5", "USD 6.5"], [5, 6.5], "USD"),
    "codes behind": (["5,5 EUR", "6 EUR"], [5.5, 6], "EUR"),
    "percent": (["12.5%", "7%"], [12.5, 7], "%"),
    "percent after a blank, decimal commas": (["12,5 %", "7 %"], [12.5, 7], "%"),
    "units": (["12.5 °C", "-3 °C"], [12.5, -3], "°C"),
    "units with a bar": (["12.5 km/h", "3 km/h"], [12.5, 3], "km/h"),
}


@pytest.mark.parametrize("how", SURE)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_column_tells(how: str, delimiter: str) -> None:
    cells, values, unit = SURE[how]
    numbers = read_numbers(cells, None, [], delimiter)
    np.testing.assert_allclose(numbers.values, values, rtol=1e-15)
    assert numbers.unit == unit
    assert numbers.notes == ()
    assert all(map(is_number, cells))


# 1.234 may be 1234 or 1.234: cells, delimiter, decimal marks of other columns; the value, or None: asked
UNSURE: list[tuple[list[str], str, list[str], float | None]] = [
    (["1.234", "5.678"], ",", [], 1.234),  # a file of commas has decimal points
    (["1.234", "5.678"], ";", [], None),
    (["1.234", "5.678"], "\t", [], None),
    (["1.234", "5.678"], ";", [","], 1234),
    (["1.234", "5.678"], ";", ["."], 1.234),
    (["1.234", "5.678"], ";", [",", "."], None),
    (["1.234", "950"], ";", [], 1234),  # thousands have a mark, and less than a thousand none
    (["1.234", "950"], ",", [], None),
    (["1.234", "1500"], ";", [], 1.234),  # thousands without a mark
    (["1,234", "5,678"], ",", [], 1234),  # quoted
    (["1,234", "5,678"], ";", [], None),
    (["1,234", "5,678"], ";", [","], 1.234),
    (["1,234", "5,678"], ";", ["."], 1234),
    (["1,234", "950"], ";", [], 1234),
    (["1,234", "1500"], ",", [], 1.234),
    (["1,234", "5.678"], ";", [], None),
    (["$1.234", "$5.678"], ";", [], None),
]


@pytest.mark.parametrize(("cells", "delimiter", "elsewhere", "first"), UNSURE)
def test_doubtful_marks_are_told_or_asked(
    cells: list[str], delimiter: str, elsewhere: list[str], first: float | None
) -> None:
    if first is None:
        with pytest.raises(CellError, match=r"may be .* or .*: --decimal [.,] or --decimal [.,] says which"):
            read_numbers(cells, None, elsewhere, delimiter)
        return
    numbers = read_numbers(cells, None, elsewhere, delimiter)
    assert numbers.values[0] == first
    (note,) = numbers.notes
    other = 1234.0 if first == 1.234 else 1.234
    assert re.fullmatch(rf"1[.,]234 is read as {first:g}; --decimal [.,] reads it as {other:g}", note)


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        (["1.234", "5.678"], ".", [1.234, 5.678]),
        (["1.234", "5.678"], ",", [1234, 5678]),
        (["1,234", "5,678"], ".", [1234, 5678]),
        (["1,234", "5,678"], ",", [1.234, 5.678]),
        (["1,234", "5.678"], ",", [1.234, 5678]),
    ],
)
def test_the_option_decides(cells: list[str], decimal: str, values: list[float]) -> None:
    numbers = read_numbers(cells, decimal, [], ";")
    assert numbers.values.tolist() == values
    assert numbers.notes == ()


@pytest.mark.parametrize(
    ("cells", "row", "message"),
    [
        (
            ["1.5", "2,5"],
            1,
            r"'2,5' has a comma as its decimal mark, and '1\.5' in the same column has the other",
        ),
        (["1.5", "1.234.567"], 1, "has a comma as its decimal mark"),
        (["1.5", "12,34,56"], 1, "has a point as its decimal mark|is not a number"),
        (["1.5", "1 2"], 1, "'1 2' is not a number with a decimal point"),
        (["1.5", "1,23.4"], 1, "'1,23.4' is not a number with a decimal point"),
        (["1,5", "1.23,4"], 1, "'1.23,4' is not a number with a decimal comma"),
        (["1", "1'2345"], 1, "is not a number"),
        (["$5", "6"], 1, r"'6' does not have the same sign or unit as the other cells, such as '\$5'"),
        (["$5", "$6", "€7"], 2, "'€7' does not have the same sign"),
        (["5%", "6%", "0.07"], 2, "'0.07' does not have the same sign"),
        (["5 m", "7"], 1, "'7' does not have the same sign or unit"),
        (["300K", "301"], 1, "'301' does not have the same sign or unit"),
        (["1", "10:30"], 1, "'10:30' is not a number"),
        (["1", "5/7"], 1, "'5/7' is not a number"),
        (["1", "2001-01-01"], 1, "is not a number"),
        (["1", "0x1A"], 1, "is not a number"),
        (["1", "--5"], 1, "is not a number"),
        (["1", "(5"], 1, "is not a number"),
        (["1", "5)"], 1, "is not a number"),
        (["1", "1e999"], 1, "'1e999' is not a finite number"),
        (["1", "inf"], 1, "'inf' is not a finite number"),
    ],
)
def test_no_numbers(cells: list[str], row: int, message: str) -> None:
    with pytest.raises(CellError, match=message) as caught:
        read_numbers(cells, None, [], ";")
    assert caught.value.row == row


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "-",
        "–",
        "n/a",
        "N/A",
        "NA",
        "NaN",
        "NULL",
        "null",
        "None",
        "nil",
        "#N/A",
        "#DIV/0!",
        "<NA>",
        "\\N",
        "...",
        "?",
    ],
)
def test_words_for_a_missing_value(cell: str) -> None:
    assert is_missing(cell)
    shown = re.escape(repr(cell)) if cell else "an empty cell"
    with pytest.raises(CellError, match=rf"no value \({shown}\); the series must have no gaps"):
        read_numbers(["1", cell, "2"], None, [], ",")


def test_thousands_and_millions() -> None:
    numbers = read_numbers(["1.5K", "2M", "0", "1.25B"], None, [], ",")
    assert numbers.values.tolist() == [1500.0, 2e6, 0.0, 1.25e9]
    assert numbers.notes == ("B, K, M after a number is read as thousand, million and so on",)
    same = read_numbers(["1.5K", "2.5K"], None, [], ",")  # kelvin, or thousand: the same series
    assert (same.values.tolist(), same.unit, same.notes) == ([1.5, 2.5], "K", ())
