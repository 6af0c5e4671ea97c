"""CSV files as people have them: one table in many forms, and what is read or asked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgru.cli._errors import InputError
from fastgru.cli._reading import Reading
from fastgru.cli._source import Source, load_source

COUNT = 80
NUMBERS = [round(1500 + 900 * math.sin(i / 3) - 700 * math.cos(i), 2) for i in range(COUNT)]
DAYS = np.datetime64("2001-01-01") + np.arange(COUNT)
ROWS = [(str(day), f"{number:.2f}") for day, number in zip(DAYS, NUMBERS, strict=True)]
TEXT = "date,height\n" + "".join(f"{day},{number}\n" for day, number in ROWS)


def load(folder: Path, content: str | bytes, **options: Any) -> Source:
    path = folder / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_source(path, "elnino", Reading(**options))


def european(number: str) -> str:
    """1234.56 as 1.234,56."""
    return f"{float(number):,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def written(
    number: Callable[[str], str] = str,
    day: Callable[[str], str] = str,
    delimiter: str = ",",
    header: str = "date,height",
    row: str = "{day}{delimiter}{number}",
) -> str:
    lines = [header.replace(",", delimiter)]
    for i, (when, value) in enumerate(ROWS):
        lines.append(row.format(day=day(when), number=number(value), delimiter=delimiter, i=i, n=i + 1))
    return "\n".join(lines) + "\n"


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("folder/mine.csv", text)
    return buffer.getvalue()


FORMS: dict[str, str | bytes] = {
    "gzip": gzip.compress(TEXT.encode()),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "zip": zipped(TEXT),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
    "UTF-8 with mark": TEXT.encode("utf-8-sig"),
    "UTF-16 with mark": TEXT.encode("utf-16"),
    "UTF-16 big-endian with mark": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 little-endian without mark": TEXT.encode("utf-16-le"),
    "UTF-16 big-endian without mark": TEXT.encode("utf-16-be"),
    "UTF-32 with mark": TEXT.encode("utf-32"),
    "a mark before a quoted name": ("\ufeff" + TEXT.replace("date,", '"date",', 1)).encode(),
    "European spreadsheet": written(european, delimiter=";"),
    "European spreadsheet, dotted dates": written(
        european, lambda d: f"{d[8:]}.{d[5:7]}.{d[:4]}", delimiter=";"
    ),
    "semicolons, decimal commas": written(lambda v: v.replace(".", ","), delimiter=";"),
    "semicolons, decimal points": written(delimiter=";"),
    "tabs, decimal commas": written(lambda v: v.replace(".", ","), delimiter="\t"),
    "commas, quoted decimal commas": written(lambda v: f'"{v.replace(".", ",")}"'),
    "quoted thousands": written(lambda v: f'"{float(v):,.2f}"'),
    "Swiss thousands": written(lambda v: f"{float(v):,.2f}".replace(",", "’"), delimiter=";"),
    "French thousands": written(
        lambda v: f"{float(v):,.2f}".replace(",", "\u202f").replace(".", ","), delimiter=";"
    ),
    "bars": written(delimiter="|"),
    "bars at both ends": "|date|height|\n" + "".join(f"|{day}|{number}|\n" for day, number in ROWS),
    "runs of blanks": written(row="{day}    {number}", header="date      height"),
    "indented columns": written(row="  {day} {number:>12}", header="  date   height"),
    "a delimiter at every end": written(row="{day},{number},", header="date,height,"),
    "a delimiter at the end of rows": written(row="{day},{number},"),
    "empty columns": written(row="{day},{number},,,", header="date,height,,,"),
    "empty rows at the end": TEXT + ",\n,\n",
    "index without a name": written(row="{i},{day},{number}", header=",date,height"),
    "index of pandas": written(row="{i},{day},{number}", header="Unnamed: 0,date,height"),
    "row names as R writes them": written(row='"{n}",{day},{number}', header='"date","height"'),
    "dates without a name": written(header=",height"),
    "dates as row names": written(header="height"),
    "quoted names": TEXT.replace("date,height", '"date","height"'),
    "a semicolon in a quoted name": written(row="x{i},{day},{number}", header='"who; where",date,height'),
    "comments between rows": TEXT.replace("2001-01-05", "# a pause; with, marks\n2001-01-05"),
    "names in a comment": "# station 12\n# " + TEXT,
    "names in a comment, a column of text": "#who,date,height\n"
    + written(row="x,{day},{number}").partition("\n")[2],
    "a column named #": written(row="{n},{day},{number}", header="#,date,height"),
    "sep line": "sep=;\n" + written(delimiter=";"),
    "spaces behind commas": TEXT.replace(",", ", "),
    "line ends in quotes": TEXT.replace("date,", '"date\nof reading",', 1),
    "carriage returns doubled": TEXT.replace("\n", "\r\r\n"),
}


@pytest.mark.parametrize("how", FORMS)
def test_one_table_in_many_forms(tmp_path: Path, how: str) -> None:
    source = load(tmp_path, FORMS[how])
    np.testing.assert_array_equal(source.values, NUMBERS)
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, DAYS)
    assert source.label == "height"
    assert source.notes == () or "row names" in how
    assert source.time_unit == "days"


WITH_OPTIONS: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "Latin-1": (TEXT.replace("height", "größe").encode("latin-1"), {"encoding": "latin-1"}),
    "Windows": (TEXT.replace("height", "größe €").encode("cp1252"), {"encoding": "cp1252"}),
    "Shift-JIS": (TEXT.replace("height", "高さ").encode("cp932"), {"encoding": "cp932"}),
    "the mark is stronger": (TEXT.encode("utf-8-sig"), {"encoding": "latin-1"}),
    "no names": (TEXT.partition("\n")[2], {"header": False}),
    "a preamble": ("Institute of Heights\nStation;12;north\n\n" + TEXT, {"skip_lines": 3}),
    "an odd delimiter": (TEXT.replace(",", "~"), {"delimiter": "~"}),
    "by number": (TEXT, {"target": "2"}),
    "a name twice": (written(row="{day},7,{number}", header="date,height,height"), {"target": "3"}),
    "a name that is a number": (written(row="{day},{number},7", header="date,3,height"), {"target": "3"}),
    "no name": (written(row="{day},7,{number}", header="date,height,"), {"target": "3"}),
    "shuffled": (
        "date,height\n" + "\n".join(TEXT.split("\n")[1:-1][i * 7 % COUNT] for i in range(COUNT)),
        {"sort": True},
    ),
    "months last, in no order": (
        written(day=lambda d: f"{d[8:]}/{d[5:7]}/{d[:4]}"),
        {"sort": True, "date_format": "%d/%m/%Y"},
    ),
    "a format of one's own": (
        written(day=lambda d: f"{d[:4]}year{d[5:7]}month{d[8:]}"),
        {"date_format": "%Yyear%mmonth%d"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", WITH_OPTIONS)
def test_what_an_option_reads(tmp_path: Path, how: str) -> None:
    content, options = WITH_OPTIONS[how]
    source = load(tmp_path, content, **options)
    np.testing.assert_array_equal(source.values, NUMBERS)
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, DAYS)


def test_labels_carry_the_unit(tmp_path: Path) -> None:
    dollars = load(tmp_path, written(lambda v: f'"${float(v):,.2f}"'))
    np.testing.assert_array_equal(dollars.values, NUMBERS)
    assert (dollars.label, dollars.unit) == ("height ($)", "$")
    percent = load(tmp_path, written(lambda v: f"{v} %", header="date,height (%)"))
    assert (percent.label, percent.unit) == ("height (%)", "%")
    umlaut = load(tmp_path, TEXT.replace("height", "größe").encode("latin-1"), encoding="latin-1")
    assert umlaut.label == "größe"


def test_three_decimals_are_told_or_asked(tmp_path: Path) -> None:
    def three(mark: str) -> Callable[[str], str]:
        return lambda v: f"{float(v) / 100 + 1:.3f}".replace(".", mark)

    told = load(tmp_path, written(three(".")))
    assert 1.0 < told.values[0] < 100.0
    assert any(
        'column "height": 9.000 is read as 9; --decimal , reads it as 9000' in note for note in told.notes
    )
    with pytest.raises(InputError, match=r'line 2, column "height": .9\.000. may be 9 or 9000'):
        load(tmp_path, written(three("."), delimiter=";"))
    assert load(tmp_path, written(three("."), delimiter=";"), decimal=",").values[0] == 9000.0
    other = written(three("."), delimiter=";", header="date,height,depth", row="{day};{number};1,5")
    assert load(tmp_path, other, target="height").values[0] == 9000.0
    assert load(tmp_path, other.replace("1,5", "1.5"), target="height").values[0] == 9.0
    dotted = written(three("."), lambda d: f"{d[8:]}.{d[5:7]}.{d[:4]}", delimiter=";")
    with pytest.raises(InputError, match="may be 9 or 9000"):  # the points in dates say nothing
        load(tmp_path, dotted)


def test_messages_about_names_of_several_lines_have_one(tmp_path: Path) -> None:
    text = written(row='{day},"{number}\n",x', header='"date\nof reading","height\nin m",who')
    np.testing.assert_array_equal(load(tmp_path, text, target="height in m").values, NUMBERS)
    with pytest.raises(InputError, match=r'line 4, column "height in m": .*not a number') as caught:
        load(tmp_path, text.replace(ROWS[0][1], "oops"), target="height in m")
    assert "\n" not in str(caught.value)


def test_a_single_column_with_decimal_commas(tmp_path: Path) -> None:
    source = load(tmp_path, "height\n" + "\n".join(value.replace(".", ",") for _, value in ROWS))
    np.testing.assert_array_equal(source.values, NUMBERS)


def test_a_row_of_units_is_left_out(tmp_path: Path) -> None:
    for units in ("d,m", ",m", "yyyy-mm-dd,[m]"):
        source = load(tmp_path, TEXT.replace("date,height\n", f"date,height\n{units}\n"))
        np.testing.assert_array_equal(source.values, NUMBERS)
        assert source.notes[0].endswith("line 2 holds no values (units?) and is left out")
    with pytest.raises(InputError, match=r"line 2, .*'m' is not a number"):
        load(tmp_path, TEXT.replace("date,height\n", "date,height\n2000-12-31,m\n"))


def test_values_missing_at_the_ends_are_left_out(tmp_path: Path) -> None:
    rows = TEXT.split("\n")
    for line in (1, 2, COUNT):
        rows[line] = rows[line].partition(",")[0] + ",n/a"
    source = load(tmp_path, "\n".join(rows))
    np.testing.assert_array_equal(source.values, NUMBERS[2:-1])
    assert source.dates is not None
    assert source.dates[0] == DAYS[2]
    assert "3 rows without a value at the ends are left out" in source.notes[0]


@pytest.mark.parametrize("placeholder", ["-999", "-9999.0", "-99.99", "99999"])
def test_placeholders_are_pointed_out(tmp_path: Path, placeholder: str) -> None:
    text = "v\n" + "\n".join(f"{math.sin(i):.3f}" if i % 20 else placeholder for i in range(COUNT))
    (note,) = load(tmp_path, text).notes
    assert f"{placeholder} stands in 4 rows, the first in line 2, far from all other values" in note
    assert load(tmp_path, "v\n" + "\n".join(str(95 + i % 5) for i in range(COUNT))).notes == ()


LATIN = TEXT.replace("height", "größe").encode("latin-1")
TWICE = written(row="{day},7,{number}", header="date,height,height")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (LATIN, {}, r"line 1: not UTF-8 text \(byte 0xf6\); --encoding names another, such as latin-1"),
        (TEXT.encode(), {"encoding": "klingon"}, r"--encoding: 'klingon' is not known; usual ones are utf-8"),
        (TEXT.encode(), {"encoding": "base64"}, r"--encoding: 'base64' is not known"),
        (b"\x00\xd8\x41\x00", {"encoding": "utf-16"}, "line 1: not utf-16 text"),
        (gzip.compress(TEXT.encode())[:-20], {}, "the gzip file cannot be decompressed"),
        (bz2.compress(TEXT.encode())[:-20], {}, "the bzip2 file cannot be decompressed|empty"),
        (lzma.compress(TEXT.encode())[:-20], {}, "the xz file cannot be decompressed"),
        (zipped(TEXT)[:-30], {}, "the zip file cannot be decompressed"),
        (b"\x28\xb5\x2f\xfd\x00", {}, "compressed with zstd, not CSV: decompress it first"),
        (b"PAR1\x00\x00", {}, "a Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1", {}, "an old Excel or Office file"),
        (b"\x89HDF\r\n", {}, "an HDF5 file"),
        (b"<!DOCTYPE html><html>", {}, "an HTML page"),
        (b'{"date": ["2001-01-01"]}', {}, "this is JSON"),
        (b'[{"date": "2001-01-01"}]', {}, "this is JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", {}, "a Git LFS pointer"),
        (TEXT.partition("\n")[2], {}, r"line 1: the first line must hold the column names.*--no-header"),
        (written(row="x,{day},{number}").partition("\n")[2], {}, r"line 1: the first line must hold"),
        ("Heights\nof 2001\n" + TEXT, {}, "line 3 looks like the column names, .*: --skip-lines 2"),
        (TEXT, {"target": "3"}, 'no column "3"; the columns are "date", "height"'),
        (TEXT, {"target": "0"}, 'no column "0"'),
        (TWICE, {"target": "height"}, r"2 columns are named .*: --target takes a number too, here 2 and 3"),
        (TWICE, {}, r'--target is needed; the columns are "date", 2 \("height"\), 3 \("height"\)'),
        (TEXT, {"date_format": "%d.%m.%Y"}, r"--date-format '%d.%m.%Y' fits no column"),
        ("v\n" + "\n".join(v for _, v in ROWS), {"sort": True}, "--sort needs a column of dates"),
        (written(lambda v: f"{float(v):.1f}".replace(".", ",")), {}, r"number of cells 3.*decimal commas"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_a_way_out(
    tmp_path: Path, content: str | bytes, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, content, **options)
    assert "\n" not in str(caught.value)


def test_a_zip_with_more_than_one_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with pytest.raises(InputError, match=r"one file in the zip archive is wanted, not 2 \(a\.csv, b\.csv\)"):
        load(tmp_path, buffer.getvalue())
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
    with pytest.raises(InputError, match="a spreadsheet or an Office file, not CSV: save the sheet as CSV"):
        load(tmp_path, buffer.getvalue())


@pytest.mark.parametrize("how", FORMS)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path, how: str) -> None:
    content = FORMS[how]
    whole = content if isinstance(content, bytes) else content.encode()
    rng = np.random.default_rng(len(whole))
    for _ in range(15):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 4)):
            junk = [b"", b'"', b";", b"\n", b"#", b"\x00", b"9,9", b"NaN", b"(", "é".encode(), b"1/2/"]
            damaged[at : at + rng.integers(4)] = junk[rng.integers(len(junk))]
        try:
            source = load(tmp_path, bytes(damaged))
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert np.isfinite(source.values).all()
        assert source.dates is None or (np.diff(source.dates) > np.timedelta64(0, "s")).all()
