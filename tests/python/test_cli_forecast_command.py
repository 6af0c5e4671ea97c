"""`python -m fastgru forecast`: what it prints and writes, how it reads files, and its errors."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path

import forecast_files as files
import numpy as np
import pandas as pd
import pytest

import fastgru
from fastgru.cli import _forecast, main
from fastgru.forecasting._baselines import naive_error

QUICK = ["--threads", "1", "--max-iter", "3"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tables_of(printed: str) -> list[list[list[str]]]:
    """The rows of each table, cell by cell, without the headings."""
    found: list[list[list[str]]] = []
    inside = False
    for line in printed.splitlines():
        if re.match(r"(time|row) +median", line):
            found.append([])
        elif line and inside:
            found[-1].append(re.split(r"  +", line))
        inside = bool(line) and (inside or re.match(r"(time|row) +median", line) is not None)
    return found


def test_the_table_has_the_next_steps_and_says_what_was_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    files.clean(Path("shop.csv"))
    assert main(["forecast", "shop.csv", "--horizon", "7", *QUICK, "--max-iter", "8"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[:3] == [
        "shop.csv: 84 rows, 2024-01-01 to 2024-03-24",
        "Forecast of sales, 7 days ahead",
        "Season: 7 days, found in the data",
    ]
    assert re.fullmatch(
        r"Learnt from .* the day of the week, in windows of \d+ days \(\d epochs?, .* s\)", lines[3]
    )
    assert re.match(
        r"On the end of the data, .* 1 to 7 ahead: mean absolute error [\d.]+, last value", lines[4]
    )
    assert "than" in lines[5] and "naive forecast" in lines[5]
    (table,) = tables_of(printed.out)
    assert [row[0] for row in table] == [f"2024-03-{day}" for day in range(25, 32)]
    values = np.array([[float(cell) for cell in row[1:]] for row in table])
    assert (values[:, 1] < values[:, 0]).all() and (values[:, 0] < values[:, 2]).all()
    coming = 50 + 10 * np.sin(2 * np.pi * np.arange(84, 91) / 7)
    assert np.abs(values[:, 0] - coming).mean() < 3


def test_the_errors_are_those_of_the_forecaster_in_the_unit_of_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files.clean(Path("shop.csv"))
    assert main(["forecast", "shop.csv", *QUICK, "--save", "m.safetensors"]) == 0
    line = capsys.readouterr().out.splitlines()[4]
    model = fastgru.load("m.safetensors")
    unit = naive_error(pd.read_csv("shop.csv")["sales"].to_numpy(), 7)
    told = [float(word) for word in re.findall(r"(?<= )\d+\.\d+", line)]
    wanted = [
        model.validation_[0]["mae"],
        model.naive_mae_["persistence"],
        model.naive_mae_["seasonal naive"],
    ]
    np.testing.assert_allclose(told, unit * np.array(wanted), rtol=5e-3)
    assert model.metadata_ == {"target": "sales"}


@pytest.mark.parametrize(
    ("own", "best", "text"),
    [
        (0.5, 1.0, "Better than the best naive forecast, the last season, by 50 %"),
        (0.97, 1.0, "Hardly better than the best naive forecast, the last season: by 3 %"),
        (0.999, 1.0, "Hardly better than the best naive forecast, the last season: by less than 1 %"),
        (1.0, 1.0, "Not better than a naive forecast: rather repeat the last season than use this one"),
    ],
)
def test_the_verdict(own: float, best: float, text: str) -> None:
    assert _forecast._forecast_report._compared(own, best, "last season") == text


def test_it_writes_forecasts_a_picture_and_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    files.clean(Path("shop.csv"))
    more = ["--output", "next.csv", "--plot", "p.png", "--save", "m.safetensors", "--quantiles", "0.9,0.05"]
    assert main(["forecast", "shop.csv", "--horizon", "5", *QUICK, *more]) == 0
    assert capsys.readouterr().out.endswith("Forecasts: next.csv\nPicture: p.png\nModel: m.safetensors\n")
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    head, *rows = csv.reader(Path("next.csv").read_text(encoding="utf-8").splitlines())
    assert head == ["time", "median", "q0.05", "q0.9"]
    assert [row[0] for row in rows] == [f"2024-03-{day}" for day in range(25, 30)]
    wanted = fastgru.load("m.safetensors").predict_quantiles([0.5, 0.05, 0.9])
    np.testing.assert_array_equal([[float(cell) for cell in row[1:]] for row in rows], wanted)
    left = ["m.safetensors", "next.csv", "p.png", "shop.csv"]
    assert sorted(path.name for path in Path().iterdir()) == left


def test_one_model_for_several_series(capsys: pytest.CaptureFixture[str]) -> None:
    files.several(Path("shops.csv"), 22)
    options = [
        "--series",
        "shop",
        "--target",
        "sales",
        "--horizon",
        "2",
        "--output",
        "o.csv",
        "--plot",
        "p.png",
    ]
    assert main(["forecast", "shops.csv", *options, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "shops.csv: 22 series by shop, 1320 rows" in printed
    assert "in units of the naive forecast's error in each series" in printed
    tables = tables_of(printed)
    assert len(tables) == 20 and "2 series more: --output CSV writes the forecasts of all" in printed
    assert [float(table[0][1]) for table in tables] == sorted(float(table[0][1]) for table in tables)
    rows = list(csv.DictReader(Path("o.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 44 and rows[-1]["shop"] == "shop 21" and rows[-1]["time"] == "2024-03-02"


def test_covariates_and_a_backtest(capsys: pytest.CaptureFixture[str]) -> None:
    files.prices(Path("prices.csv"))
    more = ["--known-ahead", "price", "--past-columns", "temperature", "--backtest", "2", "--plot", "p.png"]
    assert main(["forecast", "prices.csv", "--target", "sales", *more, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "prices.csv: 80 rows, 2024-01-01 to 2024-03-20" in printed
    assert "5 days ahead; besides, it reads price (known in advance) and temperature (measured)" in printed
    assert [row[0] for row in tables_of(printed)[0]] == [f"2024-03-{day}" for day in range(21, 26)]
    assert "Backtest of GRUForecaster: 2 folds of 5 steps, season 7" in printed


def test_a_covariate_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    files.prices(Path("prices.csv"))
    text = Path("prices.csv").read_text().splitlines()
    options = ["--target", "sales", "--known-ahead", "price", *QUICK, "--max-iter", "40"]
    found = []
    for price in (1, 3):
        Path("data.csv").write_text("\n".join(re.sub(r",,\d,", f",,{price},", line) for line in text))
        assert main(["forecast", "data.csv", *options]) == 0
        found.append([float(row[1]) for row in tables_of(capsys.readouterr().out)[0]])
    assert np.mean(found[1]) < np.mean(found[0]) - 2  # a higher price, fewer sales


READ = [  # file, options, the first time of the forecast, what is said
    (files.gaps, ["--missing", "mask"], "2024-03-25", ""),
    (files.gaps, ["--no-dates"], "82", ""),
    (files.empty_cells, ["--missing", "mask"], "2024-03-25", "empty cells read as missing: 2"),
    (files.decimal_commas, [], "2024-01", ""),
    (files.unsorted, ["--sort"], "2024-03-25", ""),
    (files.twelve_rows, [], "2025-01", ""),
    (
        files.summer_time,
        [],
        "2024-11-20 00:00",
        "summer time and shown in the time of the last row",
    ),
    (files.spring_alone, ["--missing", "mask"], "2024-04-08 01:00", ""),
    (files.wrong_delimiter, ["--delimiter", "^"], "2024-03-25", ""),
]


@pytest.mark.parametrize(
    ("make", "options", "first", "note"), READ, ids=lambda each: getattr(each, "__name__", "")
)
def test_files_as_people_have_them(
    make: Callable[[Path], Path],
    options: list[str],
    first: str,
    note: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(Path("data.csv"))
    assert main(["forecast", "data.csv", *options, *QUICK, "--max-iter", "1"]) == 0
    printed = capsys.readouterr()
    assert tables_of(printed.out)[0][0][0] == first
    assert re.fullmatch(rf"Note: data\.csv: .*{note}\.\n" if note else "", printed.err), printed.err


def test_the_last_hour_of_a_clock_with_summer_time_is_that_of_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first row is of winter time, the last of summer time, and an hour comes twice between them."""
    files.summer_time(Path("load.csv"), "2023-10-20", 24 * 200)
    assert main(["forecast", "load.csv", "--horizon", "2", *QUICK, "--max-iter", "1"]) == 0
    last = Path("load.csv").read_text().splitlines()[-1].partition(",")[0]
    wanted = pd.Timestamp(last) + pd.Timedelta(hours=1)
    assert tables_of(capsys.readouterr().out)[0][0][0] == f"{wanted:%Y-%m-%d %H:%M}"


def test_few_rows_have_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    files.twelve_rows(Path("few.csv"))
    assert main(["forecast", "few.csv", *QUICK]) == 0
    assert "The data are too few to hold an end out: nothing tells whether" in capsys.readouterr().out


def test_paths_one_step_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    files.clean(Path("shop.csv"))
    options = ["--strategy", "recursive", "--season", "none", "--horizon", "30"]
    assert main(["forecast", "shop.csv", *options, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "\nNo season\n" in printed and "held out for these choices, 1 ahead:" in printed
    assert len(tables_of(printed)[0]) == 30


REFUSED = [
    (
        files.gaps,
        [],
        r"line 42: a gap in the dates, 2024-02-09 to 2024-02-12 \(the first of 2 .*mask",
    ),
    (
        files.empty_cells,
        [],
        r'line 32, column "sales": there is no value \(the first of 2 such .*mask',
    ),
    (files.text_column, ["--target", "sales"], r'line 22, column "sales": \'closed\' is not a number'),
    (files.unsorted, [], r'line 3, column "day": .* is not later than .*--sort'),
    (files.twice, [], r'line 13, column "day": 2024-01-11 stands in line 12, too; .*--series COLUMN'),
    (files.twice, ["--sort"], r'line 13, column "day": 2024-01-11 stands in line 12, too'),
    (
        files.twelve_rows,
        ["--horizon", "12"],
        r"12 values .* at least 16 are needed \(--horizon 8 is",
    ),
    (files.spring_alone, [], r"line 148: a gap .*, where clocks go forward: .*--missing mask"),
    (files.several, ["--target", "sales"], r"line 3, .* stands in line 2, too; .*--series COLUMN"),
    (files.several, ["--target", "sales", "--series", "sales"], "cannot be both --target and --series"),
    (
        files.several,
        ["--target", "sales", "--series", "shop", "--horizon", "60"],
        r"shop 'shop 0': 60 values of ",
    ),
    (files.prices, [], r'--target is needed; the columns are "day", "sales", "price", "temperature"'),
    (
        files.prices,
        ["--target", "sales", "--known-ahead", "temperature"],
        r'line 82, column "temperature"',
    ),
    (
        files.prices,
        ["--target", "sales", "--known-ahead", "price", "--horizon", "6"],
        r'needs 6 rows after the last value of "sales" \(line 81\), and there are 5',
    ),
    (
        files.prices,
        ["--target", "sales", "--past-columns", "price", "--strategy", "recursive"],
        "--past-columns does not go with --strategy recursive",
    ),
    (files.clean, ["--backtest", "9"], r"84 rows are too few for --backtest 9 .*: 5 folds would fit"),
    (files.clean, ["--season", "43"], "--season 43 needs two seasons, and there are 84 rows"),
    (files.clean, ["--past-columns", "sales"], "cannot be both --target and --past-columns"),
    (files.clean, ["--time", "day", "--target", "day"], "cannot be both --time and --target"),
    (files.clean, ["--target", "profit"], r'no column "profit"; the columns are "day", "sales"'),
    (files.clean, ["--plot", "p.xyz"], r"p\.xyz: the name must end in one of"),
    (files.wrong_delimiter, [], r"is not a number; is \^ what parts the cells\? Then --delimiter '\^'"),
]


@pytest.mark.parametrize(("make", "options", "message"), REFUSED)
def test_what_cannot_be_done_is_said_in_one_line_before_training(
    make: Callable[[Path], Path],
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_forecast, "_fit", lambda *_: pytest.fail("training began"))
    make(Path("data.csv"))
    assert main(["forecast", "data.csv", *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(rf"fastgru: [^\n]*{message}[^\n]*\n", printed.err), printed.err
    assert [each.name for each in Path().iterdir()] == ["data.csv"]


def test_rows_that_come_in_no_even_steps(capsys: pytest.CaptureFixture[str]) -> None:
    places = np.cumsum(np.random.default_rng(0).integers(1, 9, 60)).tolist()
    every = files.days(500)
    files.write(Path("data.csv"), ["day", "v"], [[every[k], str(k % 7)] for k in places])
    assert main(["forecast", "data.csv"]) == 2
    assert "the rows do not come in even steps" in capsys.readouterr().err


def test_working_days_are_even_steps(capsys: pytest.CaptureFixture[str]) -> None:
    values = files.season(80, 5)
    rows = [[day, str(v)] for day, v in zip(files.days(80, "2024-01-01", "B"), values, strict=True)]
    files.write(Path("data.csv"), ["day", "v"], rows)
    assert main(["forecast", "data.csv", "--horizon", "3", *QUICK, "--max-iter", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [row[0] for row in tables_of(printed.out)[0]] == ["2024-04-22", "2024-04-23", "2024-04-24"]


@pytest.mark.parametrize(
    "options",
    [["--quantiles", "0.5,1"], ["--quantiles", "x"], ["--quantiles", "0.1,0.1"], ["--season", "1"],
     ["--horizon", "0"], ["--known-ahead", "a,"], ["--missing", "drop"]],
)  # fmt: skip
def test_options_that_make_no_sense(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["forecast", "a.csv", *options])
    assert stopped.value.code == 2
    assert f"argument {options[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "options"), [("pandas", []), ("matplotlib.backends.backend_agg", ["--plot", "p.png"])]
)
def test_missing_extras_are_named(
    module: str, options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.clean(Path("shop.csv"))
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["forecast", "shop.csv", *options]) == 2
    message = f'needs {module.partition(".")[0]}, which is not installed: pip install "fastgru[demo]"'
    assert message in capsys.readouterr().err


def test_what_is_tried_is_told_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.clean(Path("shop.csv"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["forecast", "shop.csv", *QUICK]) == 0
    printed = capsys.readouterr()
    assert "differencing='seasonal', window=24" in printed.err and "[GRUForecaster]" not in printed.out


def test_series_of_unlike_length(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for shop, n in enumerate((60, 40)):
        values = ["", *map(str, files.season(n, 7, shop))] + [""] * (shop + 1)
        rows += [[day, f"s{shop}", v] for day, v in zip(files.days(len(values)), values, strict=True)]
    files.write(Path("data.csv"), ["day", "s", "v"], rows)
    assert main(["forecast", "data.csv", "--target", "v", "--series", "s", "--horizon", "2", *QUICK]) == 0
    printed = capsys.readouterr()
    assert "2 series by s, 100 rows" in printed.out
    assert "data.csv: rows left out before the first value: 2 (in 2 series, the first 's0')" in printed.err
    assert "data.csv: rows left out after the last value: 3 (in 2 series, the first 's0')" in printed.err
    first, second = tables_of(printed.out)
    assert (first[0][0], second[0][0]) == ("2024-03-02", "2024-02-11")


def test_columns_without_names(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[day, str(v)] for day, v in zip(files.days(60), files.season(60, 7), strict=True)]
    files.write(Path("data.csv"), rows[0], rows[1:])
    assert main(["forecast", "data.csv", "--no-header", "--horizon", "1", *QUICK]) == 0
    assert "data.csv: 60 rows" in (printed := capsys.readouterr().out)
    assert "Forecast of column 2, 1 day ahead" in printed


def test_small_numbers_are_no_negative_zeros() -> None:
    assert _forecast._forecast_report._shown(-0.001, 2) == "0.00"
    assert _forecast._forecast_report._shown(-0.006, 2) == "-0.01"
    assert _forecast._forecast_report._shown(1.5e12, None) == "1.5e+12"
