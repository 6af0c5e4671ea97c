"""Reading a user's CSV file: accepted forms, and the messages about others."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgru.cli._dates import show
from fastgru.cli._errors import InputError
from fastgru.cli._reading import Reading
from fastgru.cli._source import Source, load_source

COUNT = 90
VALUES = [f"{10 + 5 * math.sin(i / 2):.2f}" for i in range(COUNT)]
DATES = [str(np.datetime64("2001-01-01") + i) for i in range(COUNT)]
GOOD = "date,height\n" + "".join(f"{date},{value}\n" for date, value in zip(DATES, VALUES, strict=True))


def load(tmp_path: Path, content: str | bytes, target: str | None = None, **options: Any) -> Source:
    path = tmp_path / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_source(path, "elnino", Reading(target=target, **options))


def with_line(number: int, text: str) -> str:
    """The good file with line `number` (from 1) replaced."""
    lines = GOOD.split("\n")
    lines[number - 1] = text
    return "\n".join(lines)


def with_dates(form: str) -> str:
    rows = zip(DATES, VALUES, strict=True)
    return "date,height\n" + "".join(
        form.format(y=date[:4], m=date[5:7], d=date[8:]) + f",{value}\n" for date, value in rows
    )


UNDERSTOOD = {
    "plain": GOOD,
    "byte order mark and CRLF": b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(),
    "carriage returns": GOOD.replace("\n", "\r"),
    "semicolons": GOOD.replace(",", ";"),
    "tabs": GOOD.replace(",", "\t"),
    "bars": GOOD.replace(",", "|"),
    "sep line": "sep=;\n" + GOOD.replace(",", ";"),
    "quotes": re.sub(r"[^,\n]+", lambda cell: f'"{cell[0]}"', GOOD),
    "spaces": GOOD.replace(",", " , "),
    "comments first": "# a comment, with a comma\n\n#another\n" + GOOD,
    "blank lines": GOOD.replace("\n", "\n\n"),
    "no last line end": GOOD.rstrip("\n"),
    "newest first": "date,height\n" + "\n".join(reversed(GOOD.split("\n")[1:-1])),
    "an index column": "n;date;height\n"
    + "".join(f"x{i};{row}\n" for i, row in enumerate(GOOD.replace(",", ";").split("\n")[1:-1])),
}


@pytest.mark.parametrize("how", UNDERSTOOD)
def test_ways_to_write_the_same_file(tmp_path: Path, how: str) -> None:
    source = load(tmp_path, UNDERSTOOD[how])
    np.testing.assert_array_equal(source.values, np.array(VALUES, dtype=float))
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, np.array(DATES, dtype="datetime64[s]"))
    assert source.time_unit == "days"
    assert source.label == "height"
    assert len(source.notes) == (how == "newest first")


@pytest.mark.parametrize(
    "form", ["{y}/{m}/{d}", "{d}.{m}.{y}", "{m}/{d}/{y}", "{d}/{m}/{y}", "{y}{m}{d}", "{y}-{m}-{d}T00:00:00Z"]
)
def test_ways_to_write_a_date(tmp_path: Path, form: str) -> None:
    source = load(tmp_path, with_dates(form))
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, np.array(DATES, dtype="datetime64[s]"))


@pytest.mark.parametrize(
    ("first", "step", "unit"),
    [
        ("2001-01-01T00:00", np.timedelta64(1, "h"), "hours"),
        ("2001-01-01T00:00", np.timedelta64(10, "m"), "steps"),
        ("2001-01-06", np.timedelta64(7, "D"), "weeks"),
        ("1900-01", np.timedelta64(1, "M"), "months"),
        ("1900-01", np.timedelta64(3, "M"), "quarters"),
    ],
)
def test_unit_of_time(tmp_path: Path, first: str, step: np.timedelta64, unit: str) -> None:
    dates = np.datetime64(first) + step * np.arange(COUNT)
    text = "t,v\n" + "".join(f"{date},{value}\n" for date, value in zip(dates, VALUES, strict=True))
    source = load(tmp_path, text)
    assert (source.time_unit, source.notes) == (unit, ())


def test_years_are_dates_only_under_a_name_that_says_so(tmp_path: Path) -> None:
    rows = [f"{1800 + i},{value}" for i, value in enumerate(VALUES)]
    years = load(tmp_path, "\n".join(["year,v", *rows]))
    assert years.time_unit == "years"
    with pytest.raises(InputError, match="--target is needed"):
        load(tmp_path, "\n".join(["price,v", *rows]))
    assert load(tmp_path, "\n".join(["price,v", *rows]), "price").values[0] == 1800.0
    assert years.dates is not None
    assert show(years.dates[0]) == "1800"


def test_dates_are_not_needed(tmp_path: Path) -> None:
    for source in (
        load(tmp_path, "v\n" + "\n".join(VALUES)),
        load(tmp_path, GOOD, "height", dates=False),
    ):
        assert source.dates is None
        assert source.time_unit == "steps"
        np.testing.assert_array_equal(source.values, np.array(VALUES, dtype=float))


def test_target_is_found_in_any_case_and_columns_of_text_are_passed_over(tmp_path: Path) -> None:
    text = GOOD.replace("date,height", "date,height,who").replace("\n2", ",x\n2").rstrip("\n") + ",x\n"
    text = text.replace("who,x", "who")
    assert load(tmp_path, text).label == "height"
    assert load(tmp_path, text, " HEIGHT").label == "height"


def test_missing_days_are_told(tmp_path: Path) -> None:
    lines = GOOD.split("\n")
    del lines[20:23], lines[50]
    source = load(tmp_path, "\n".join(lines))
    assert len(source.values) == COUNT - 4
    assert len(source.notes) == 1
    assert "2 gaps in the dates, the first after line 20 (2001-01-19 to 2001-01-23)" in source.notes[0]


REFUSED: list[tuple[str, str | bytes, str | None, str]] = [
    ("missing column", GOOD, "temp", r'mine\.csv: no column "temp"; the columns are "date", "height"'),
    ("several columns", "a,b\n1,2\n3,4\n", None, r'mine\.csv: --target is needed; the columns are "a", "b"'),
    ("same name twice", "v,v\n1,2\n3,4\n", "v", r'2 columns are named "v"'),
    ("text", with_line(17, "2001-01-16,oops"), None, r'line 17, column "height": \'oops\' is not a number'),
    ("text, comments first", "# one\n# two\n" + with_line(17, "2001-01-16,oops"), None, r"line 19, column"),
    ("text after CRLF", with_line(17, "2001-01-16,x").replace("\n", "\r\n"), None, r"line 17, column"),
    ("long text", with_line(3, f"2001-01-02,{'x' * 500}"), None, r"line 3, .*'x{37}\.\.\.' is not a number"),
    ("gap", with_line(17, "2001-01-16,"), None, r'line 17, column "height": no value \(an empty cell\)'),
    ("NaN", with_line(17, "2001-01-16,NaN"), None, r"line 17, .*no value \('NaN'\)"),
    ("NA", with_line(17, "2001-01-16,NA"), "height", r"line 17, .*no value \('NA'\)"),
    ("infinity", with_line(17, "2001-01-16,-inf"), None, r"line 17, .*'-inf' is not a finite number"),
    ("overflow", with_line(17, "2001-01-16,1e999"), None, r"line 17, .*'1e999' is not a finite number"),
    (
        "decimal commas in commas",
        GOOD.replace(".", ","),
        None,
        r"line 2: number of cells 3, .*decimal commas",
    ),
    ("short row", with_line(17, "2001-01-16"), None, r"line 17: number of cells 1, number of column names 2"),
    ("open quote", with_line(17, '2001-01-16,"3'), None, r"line 17: not valid CSV"),
    (
        "not UTF-8",
        with_line(17, "2001-01-16,é").encode("latin-1"),
        None,
        r"line 17: not UTF-8 text \(byte 0xe9\)",
    ),
    ("binary", bytes(range(256)), None, r"not UTF-8"),
    ("NUL", GOOD.replace("10.00", "1\0", 1), None, r"line 2"),
    ("empty", "", None, r"mine\.csv: the file is empty"),
    ("comments only", "# nothing\n\n", None, r"mine\.csv: the file is empty"),
    ("names only", "a,b\n", None, r"no row under the column names"),
    ("no names", GOOD.split("\n", 1)[1], None, r"line 1: the first line must hold the column names"),
    ("no names, numbers only", "\n".join(VALUES), None, r"line 1: the first line must hold the column names"),
    ("constant", "v\n" + "5\n" * 99, None, r'column "v": every value is 5'),
    (
        "two series",
        "who,month,v\nA,Jan 1 2000,1\nA,Feb 1 2000,2\nB,Jan 1 2000,3\n",
        None,
        r"line 4, .*in order of time",
    ),
    (
        "date twice",
        with_line(17, "2001-01-15,3"),
        None,
        r'line 17, column "date": 2001-01-15 stands in line 16, too',
    ),
    (
        "bad date",
        with_line(17, "2001-02-30,3"),
        None,
        r"line 17, column \"date\": '2001-02-30' is not a date",
    ),
]


@pytest.mark.parametrize(
    ("content", "target", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_bad_files_are_refused_by_line_and_column(
    tmp_path: Path, content: str | bytes, target: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, content, target)
    text = str(caught.value)
    assert "mine.csv" in text
    assert "\n" not in text


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read: No such file"):
        load_source(tmp_path / "none.csv", "elnino", Reading())
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_source(tmp_path, "elnino", Reading())
