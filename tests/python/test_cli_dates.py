"""Dates as people write them: the right moment, or a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgru.cli._dates import show
from fastgru.cli._errors import InputError
from fastgru.cli._reading import Reading
from fastgru.cli._source import Source, load_source

COUNT = 60
VALUES = [10 + (7 * i) % 23 for i in range(COUNT)]


def load(folder: Path, stamps: list[str], name: str = "date", **options: Any) -> Source:
    """The series with a column of dates."""
    return load_text(
        folder,
        f'"{name}",v\n'
        + "".join(f'"{stamp}",{value}\n' for stamp, value in zip(stamps, VALUES, strict=True)),
        **options,
    )


def load_text(folder: Path, text: str, **options: Any) -> Source:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return load_source(path, "elnino", Reading(**options))


def moments(first: str, step: int, unit: str) -> Any:
    return np.datetime64(first) + np.arange(COUNT) * np.timedelta64(step, unit)  # type: ignore[call-overload]


def strftime(pattern: str) -> Callable[[np.datetime64], str]:
    return lambda moment: moment.astype("datetime64[us]").item().strftime(pattern)


def quarter(moment: np.datetime64) -> int:
    return (int(str(moment)[5:7]) + 2) // 3


DAY = "2001-01-25"
HOUR = "2001-01-25T20:00"
WRITTEN: dict[str, tuple[Any, Callable[[np.datetime64], str]]] = {
    **{
        pattern: (moments(DAY, 1, "D"), strftime(pattern))
        for pattern in (
            "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y %m %d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y",
            "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y",
            "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%Y-%b-%d", "%d%b%Y",
            "%Y%m%d", "%Y-%j", "%a %d %b %Y", "%A, %d %B %Y", "%a, %m/%d/%Y", "%G-W%V-%u", "%GW%V-%u",
        )
    },
    **{
        pattern: (moments(HOUR, 1, "h"), strftime(pattern))
        for pattern in (
            "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC",
            "%Y-%m-%d %H:%M:%S+00:00", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p",
            "%d/%m/%Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "%a, %d %b %Y %H:%M:%S GMT", "%Y%m%dT%H:%M:%S",
            "%Y%m%d %H:%M", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S.000",
            "%Y-%m-%dT%H:%M:%S.000000Z", "%Y-%m-%d %H:%M:%S,5",
        )
    },
    **{
        pattern: (moments("1998-11", 1, "M"), strftime(pattern))
        for pattern in (
            "%Y-%m", "%Y/%m", "%m/%Y", "%m.%Y", "%m-%Y", "%b %Y", "%B %Y", "%b, %Y", "%Y-%b", "%Y %b",
            "%b-%Y", "%b-%y", "%Y%m", "%Y.%m", "%YM%m", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y",
        )
    },
    "weeks": (moments("2001-01-01", 7, "D"), strftime("%G-W%V")),
    "quarters": (moments("1950-01", 3, "M"), lambda m: f"{str(m)[:4]}Q{quarter(m)}"),
    "quarters with a line": (moments("1950-01", 3, "M"), lambda m: f"{str(m)[:4]}-Q{quarter(m)}"),
    "quarters first": (moments("1950-01", 3, "M"), lambda m: f"Q{quarter(m)} {str(m)[:4]}"),
    "half years": (moments("1950-01", 6, "M"), lambda m: f"{str(m)[:4]}H{1 + int(str(m)[5:7]) // 7}"),
    "years": (moments("1950", 1, "Y"), str),
    "seconds since 1970": (moments(HOUR, 1, "h"), lambda m: str(m.astype("datetime64[s]").astype(int))),
    "milliseconds since 1970": (moments(HOUR, 1, "h"), lambda m: str(m.astype("datetime64[ms]").astype(int))),
    "microseconds since 1970": (moments(HOUR, 1, "h"), lambda m: str(m.astype("datetime64[us]").astype(int))),
    "nanoseconds since 1970": (moments(HOUR, 1, "h"), lambda m: str(m.astype("datetime64[ns]").astype(int))),
    "spans of time": (
        moments(HOUR, 1, "h"),
        lambda m: " - ".join(strftime("%d.%m.%Y %H:%M")(m + np.timedelta64(i, "h")) for i in (0, 1)),
    ),
    "seconds with a point": (moments(HOUR, 1, "h"), lambda m: f"{m.astype('datetime64[s]').astype(int)}.0"),
    "Excel's days": (moments(DAY, 1, "D"), lambda m: str((m - np.datetime64("1899-12-30")).astype(int))),
    "Excel's hours": (
        moments(HOUR, 6, "h"),
        lambda m: f"{(m - np.datetime64('1899-12-30')) / np.timedelta64(1, 'D'):.10g}",
    ),
    "hours that end at 24": (
        moments("2001-01-31T01:00", 1, "h"),
        lambda m: strftime("%Y-%m-%d %H:%M")(m)
        if m.item().hour
        else f"{str(m - np.timedelta64(1, 'D'))[:10]} 24:00",
    ),
    "an offset": (
        moments(HOUR, 1, "h"),
        lambda m: strftime("%Y-%m-%dT%H:%M:%S+05:30")(m + np.timedelta64(330, "m")),
    ),
    "offsets of summer and winter": (
        moments("2001-03-24T20:00", 1, "h"),
        lambda m: strftime(f"%Y-%m-%d %H:%M:%S+0{1 + (m >= np.datetime64('2001-03-25T01:00'))}:00")(
            m + np.timedelta64(1 + int(m >= np.datetime64("2001-03-25T01:00")), "h")
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("backwards", [False, True])
def test_ways_to_write_a_date(tmp_path: Path, how: str, backwards: bool) -> None:
    dates, write = WRITTEN[how]
    stamps = [write(moment) for moment in dates]
    if how.endswith(",5"):
        dates = dates.astype("datetime64[ms]") + np.timedelta64(500, "ms")
    if backwards:
        stamps = stamps[::-1]
    source = load(tmp_path, stamps)
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, dates)
    np.testing.assert_array_equal(source.values, VALUES[::-1] if backwards else VALUES)
    assert source.time_unit != "steps" or how in {"half years", "Excel's hours"}
    notes = [note for note in source.notes if "newest row" not in note]
    assert len(notes) <= 1
    assert all("read as" in note for note in notes)


@pytest.mark.parametrize(
    ("step", "unit", "digits", "word"),
    [
        (1, "ns", 9, "steps"),
        (125, "us", 6, "steps"),
        (1, "us", 6, "microseconds"),
        (1, "ms", 3, "milliseconds"),
        (20, "ms", 3, "steps"),
        (20, "ms", 2, "steps"),
        (250, "ms", 6, "steps"),
        (1, "s", 3, "seconds"),
    ],
)
@pytest.mark.parametrize("form", ["{day} {time}", "{day}T{time}Z", "25.01.2001 {time}"])
def test_times_of_less_than_a_second(
    tmp_path: Path, step: int, unit: str, digits: int, word: str, form: str
) -> None:
    dates = moments("2001-01-25T23:59:00", step, unit)
    texts = [str(moment.astype("datetime64[ns]")) for moment in dates]
    source = load(tmp_path, [form.format(day=t[:10], time=t[11 : 20 + digits]) for t in texts])
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, dates)
    assert source.time_unit == word
    assert source.notes == ()


@pytest.mark.parametrize(("unit", "digits"), [("s", 9), ("s", 3), ("ms", 6), ("ms", 1), ("us", 3)])
def test_moments_since_1970_with_fractions(tmp_path: Path, unit: str, digits: int) -> None:
    whole = {"s": 10**9, "ms": 10**6, "us": 1000}[unit]  # nanoseconds
    fraction = whole // 10**digits
    counted = np.datetime64("2001-01-25T00:00", "ns").astype(np.int64) + np.arange(COUNT) * fraction
    stamps = [f"{n // whole}.{n % whole // fraction:0{digits}}" for n in counted.tolist()]
    source = load(tmp_path, stamps, name="unix time")
    np.testing.assert_array_equal(source.dates, counted.astype("datetime64[ns]"))  # type: ignore[arg-type]


def test_moments_with_and_without_fraction(tmp_path: Path) -> None:
    dates = moments("2001-01-25T23:59:00", 500, "ms")
    source = load(tmp_path, [str(m).removesuffix(".000") for m in dates.astype("datetime64[ms]")])
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, dates)


def test_days_before_months_where_both_ascend(tmp_path: Path) -> None:
    """01/02/2001 after 01/01/2001 is a day later, or a month: even steps decide, and a note says so."""
    months = [strftime("%d/%m/%Y")(m) for m in moments("1998-01", 1, "M")]
    source = load(tmp_path, months)
    assert source.time_unit == "months"
    assert any(
        "the dates are read as '%d/%m/%Y'; --date-format names another format" in n for n in source.notes
    )
    forced = load(tmp_path, months, date_format="%m/%d/%Y")
    assert forced.time_unit == "days"


def test_doubtful_order_is_asked(tmp_path: Path) -> None:
    stamps = [f"{1 + i * 7 % 12:02}/{1 + i * 5 % 12:02}/{2001 + i // 12}" for i in range(COUNT)]
    with pytest.raises(
        InputError, match="the dates may be of the format '%m/%d/%Y' or '%d/%m/%Y': --date-format"
    ):
        load(tmp_path, stamps, sort=True)
    for pattern in ("%m/%d/%Y", "%d/%m/%Y"):
        source = load(tmp_path, stamps, sort=True, date_format=pattern)
        assert source.dates is not None
        assert (np.diff(source.dates) > np.timedelta64(0, "D")).all()


def test_unsorted_rows(tmp_path: Path) -> None:
    dates = moments(DAY, 1, "D")
    order = np.arange(COUNT) * 7 % COUNT
    stamps = [str(day) for day in dates[order]]
    with pytest.raises(
        InputError, match=r"not later than .* \(--sort sorts the rows by date, --no-dates takes"
    ):
        load(tmp_path, stamps)
    source = load(tmp_path, stamps, sort=True)
    np.testing.assert_array_equal(source.dates, dates)  # type: ignore[arg-type]
    np.testing.assert_array_equal(source.values, np.array(VALUES)[np.argsort(order)])
    stamps[3] = stamps[4]
    with pytest.raises(InputError, match=r"line 6, column .date.: .* stands in line 5, too; wanted"):
        load(tmp_path, stamps, sort=True)


def rows(header: str, form: str) -> str:
    """A table with a line for each value: day and month from 1, hour from 0, and year."""
    return (
        header
        + "\n"
        + "".join(
            form.format(
                v=v,
                d=1 + i // 24,
                h=i % 24,
                n=1 + i % 24,
                m=1 + i % 12,
                y=1990 + i // 12,
                name=MONTHS[i % 12],
            )
            + "\n"
            for i, v in enumerate(VALUES)
        )
    )


MONTHS = [strftime("%B")(np.datetime64("2001-01") + i) for i in range(12)]
SPLIT: dict[str, str] = {
    "year, month in words": rows("v,Year,Month", "{v},{y},{name}"),
    "year, month": rows("YR;MON;v", "{y};{m};{v}"),
    "year, month, hour": rows("year,month,day,hour,v", "2001,1,{d},{h},{v}"),
    "date and time": rows("date,time,v", "2001-01-{d:02},{h:02}:00,{v}"),
    "time and date": rows("time,day,v", "{h}:00:00,{d}.1.2001,{v}"),
    "time before noon and after": rows("date,time,v", "2001-01-{d:02},{h}:00,{v}"),
    "date and hour": rows("date,hour,v", "01/{d:02}/2001,{h},{v}"),
    "date and hour, 1 to 24": rows("date,hour,v", "2001-01-{d:02},{n},{v}"),
}


@pytest.mark.parametrize("how", SPLIT)
def test_dates_in_several_columns(tmp_path: Path, how: str) -> None:
    source = load_text(tmp_path, SPLIT[how])
    np.testing.assert_array_equal(source.values, VALUES)
    assert source.dates is not None
    if "hour" in how or "time" in how:
        expected = moments("2001-01-01T01:00" if "24" in how else "2001-01-01T00:00", 1, "h")
    else:
        expected = moments("1990-01", 1, "M")
    np.testing.assert_array_equal(source.dates, np.array(expected, dtype="datetime64[m]"))
    assert source.label == "v"


@pytest.mark.parametrize("minutes", [60, 30, 15, 10])
def test_the_hour_that_comes_twice(tmp_path: Path, minutes: int) -> None:
    """A clock with summer time is put back an hour in autumn, and forward in spring."""
    count = 10 * 1440 // minutes
    even = np.datetime64("2001-10-25T00:00") + np.arange(count) * np.timedelta64(minutes, "m")
    for change, hours in (("2001-10-28T03:00", -1), ("2001-10-28T03:00", 1)):
        shown = np.where(even >= np.datetime64(change), even + np.timedelta64(hours, "h"), even)
        text = "date,v\n" + "".join(f"{str(m).replace('T', ' ')},{i % 17}\n" for i, m in enumerate(shown))
        source = load_text(tmp_path, text)
        assert source.dates is not None
        if hours < 0:
            np.testing.assert_array_equal(source.dates, even)
            assert (
                "an hour comes twice, in 1 night: the dates are read as a clock with summer time"
                in source.notes[0]
            )
        else:
            assert "1 gap in the dates" in source.notes[0]
        assert len(source.notes) == 1


def test_an_hour_twice_on_any_other_day_is_refused(tmp_path: Path) -> None:
    hours = np.datetime64("2001-05-07T00:00") + np.arange(COUNT) * np.timedelta64(1, "h")
    hours[20:] -= np.timedelta64(1, "h")
    with pytest.raises(InputError, match=r"line 22, .* stands in line 21, too"):
        load(tmp_path, [str(hour) for hour in hours])


def test_a_missing_hour_stays_a_gap_beside_summer_time(tmp_path: Path) -> None:
    even = np.datetime64("2001-10-27T00:00") + np.arange(COUNT + 1) * np.timedelta64(1, "h")
    even = np.delete(even, 50)
    shown = np.where(even >= np.datetime64("2001-10-28T03:00"), even - np.timedelta64(1, "h"), even)
    source = load(tmp_path, [str(hour) for hour in shown])
    np.testing.assert_array_equal(source.dates, even)  # type: ignore[arg-type]
    assert "1 gap in the dates" in source.notes[1]


def test_local_times_among_those_of_an_offset_are_refused(tmp_path: Path) -> None:
    stamps = [f"{hour}:00+02:00" for hour in moments(HOUR, 1, "h")]
    stamps[7] = stamps[7].removesuffix("+02:00")
    with pytest.raises(InputError, match=r"line 9, column \"date\": .* is not a date like"):
        load(tmp_path, stamps)


def test_years_of_summer_time(tmp_path: Path) -> None:
    zone = pytest.importorskip("zoneinfo")
    try:
        berlin = zone.ZoneInfo("Europe/Berlin")
    except zone.ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zone data")
    from datetime import datetime, timedelta, timezone

    begin = datetime(2001, 1, 1, tzinfo=timezone.utc)
    hours = [begin + timedelta(hours=i) for i in range(3 * 8760)]
    text = "date,v\n" + "".join(
        f"{h.astimezone(berlin):%Y-%m-%d %H:%M},{i % 24}\n" for i, h in enumerate(hours)
    )
    source = load_text(tmp_path, text)
    assert source.dates is not None
    np.testing.assert_array_equal(source.dates, np.datetime64("2001-01-01T01") + np.arange(len(hours)))
    assert "an hour comes twice, in 3 nights" in source.notes[0]


@pytest.mark.parametrize(
    ("name", "stamps"),
    [
        ("price", [str(1_000_000_000 + 60 * i) for i in range(COUNT)]),
        ("size", [str(36_000 + i) for i in range(COUNT)]),
        ("level", [f"{1958 + i / 12:.3f}" for i in range(COUNT)]),
        ("height", [str(1800 + i) for i in range(COUNT)]),
    ],
)
def test_numbers_are_dates_only_under_a_name_that_says_so(
    tmp_path: Path, name: str, stamps: list[str]
) -> None:
    with pytest.raises(InputError, match=f'--target is needed; the columns are "{name}", "v"'):
        load(tmp_path, stamps, name=name)
    assert load(tmp_path, stamps, name="time of day" if name == "price" else "date").dates is not None


def test_years_with_decimals(tmp_path: Path) -> None:
    source = load(tmp_path, [f"{1958 + (i + 0.5) / 12:.4f}" for i in range(COUNT)], name="decimal date")
    assert source.time_unit == "months"
    assert source.dates is not None
    assert show(source.dates[0])[:10] == "1958-01-16"
    assert "numbers are read as dates: years with decimals, the first 1958-01-16" in source.notes[0]


def test_a_column_of_time_that_is_no_date(tmp_path: Path) -> None:
    source = load(tmp_path, [f"{i * 0.02:.2f}" for i in range(COUNT)], name="time")
    assert source.dates is None
    np.testing.assert_array_equal(source.values, VALUES)


def test_dates_not_understood_are_told(tmp_path: Path) -> None:
    stamps = [f"{1 + i % 28}. ledna {2001 + i // 28}" for i in range(COUNT)]
    (note,) = load(tmp_path, stamps).notes
    assert 'column "date" is not understood as dates' in note
    assert "--date-format" in note
    (note,) = load(tmp_path, [str(1_000_000_000 - i * 7919 % 1000) for i in range(COUNT)], target="v").notes
    assert 'column "date" holds dates that are not in order, and is not used' in note
    assert "--sort" in note


@pytest.mark.parametrize(
    ("row", "stamp", "message"),
    [
        (17, "2001-02-30", r"line 19, column \"date\": '2001-02-30' is not a date like '2001-01-25'"),
        (17, "", r"line 19, column \"date\": '' is not a date like"),
        (0, "", r"line 2, column \"date\": '' is not a date like"),
        (17, "25.1.2001", r"line 19, column \"date\": '25.1.2001' is not a date like"),
        (17, "soon", r"line 19, column \"date\": 'soon' is not a date like"),
    ],
)
def test_one_bad_date(tmp_path: Path, row: int, stamp: str, message: str) -> None:
    stamps = [str(day) for day in moments(DAY, 1, "D")]
    stamps[row] = stamp
    for date_format in (None, "%Y-%m-%d"):
        with pytest.raises(InputError, match=message):
            load(tmp_path, stamps, date_format=date_format)
