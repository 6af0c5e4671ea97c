"""`python -m fastgru anomalies`: the table, the files it writes, what it reads, and its errors."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastgru
from fastgru.cli import _anomalies, _anomaly_report, main
from fastgru.cli._anomaly_report import Result
from fastgru.cli._columns import load_columns
from fastgru.cli._reading import Reading

RNG = np.random.default_rng(0)
HOURS = pd.date_range("2024-03-01", periods=400, freq="h")
FLOW = 20 + 3 * np.sin(np.arange(400) / 4) + 0.1 * RNG.normal(size=400)
LEVEL = 5 + np.cos(np.arange(400) / 7) + 0.05 * RNG.normal(size=400)
LEVEL[300:304] += 2
QUICK = ["--hidden-size", "8", "--threads", "1"]


@pytest.fixture
def pump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pump.csv"
    frame = pd.DataFrame({"time": HOURS, "flow (l/s)": FLOW.round(3), "level": LEVEL.round(3)})
    frame.to_csv(path, index=False)
    monkeypatch.chdir(tmp_path)
    return path


def rows_of(printed: str) -> list[list[str]]:
    """The table's rows, cell by cell."""
    lines = printed.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("from "))
    table = lines[start + 1 :]
    return [re.split(r"  +", line) for line in table[: table.index("")]]


def test_the_worst_stretch_stands_first_with_the_column_to_blame(
    pump: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["anomalies", "pump.csv", *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "pump.csv: 400 rows, 2024-03-01 00:00 to 2024-03-17 15:00" in printed
    assert "Columns: flow (l/s), level\nFitting on all rows" in printed
    start, stop, steps, error, column, value, expected = rows_of(printed)[0]
    assert start == "2024-03-13 12:00" and stop >= "2024-03-13 15:00" and 4 <= int(steps) <= 10
    assert float(error) > 5 and re.fullmatch(r"level \d+ %", column)
    assert abs(float(value) - float(expected)) > 1


def test_it_writes_every_row_a_picture_and_the_detector(
    pump: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--output", "rows.csv", "--plot", "p.png", "--save", "m.safetensors"]
    assert main(["anomalies", "pump.csv", "--train-until", "2024-03-11", *QUICK, *files]) == 0
    printed = capsys.readouterr().out
    assert "Fitting on the first 264 rows, up to 2024-03-11 23:00" in printed
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    head, *rows = csv.reader(Path("rows.csv").read_text(encoding="utf-8").splitlines())
    assert head == ["time", "score", "anomaly", "expected flow (l/s)", "expected level",
                    "part of flow (l/s)", "part of level"]  # fmt: skip
    assert len(rows) == 400 and rows[300][0] == "2024-03-13T12:00"
    detector = fastgru.load("m.safetensors")
    assert detector.metadata_ == {"columns": "flow (l/s)\nlevel"}
    values = pd.read_csv("pump.csv")[["flow (l/s)", "level"]].to_numpy()
    np.testing.assert_array_equal([float(row[1]) for row in rows], detector.score_samples(values))
    np.testing.assert_array_equal([row[2] == "1" for row in rows], detector.predict(values) < 0)
    np.testing.assert_array_equal([float(row[4]) for row in rows], detector.expected(values)[:, 1])
    assert sorted(path.name for path in Path().iterdir()) == [
        "m.safetensors",
        "p.png",
        "pump.csv",
        "rows.csv",
    ]


def test_columns_time_and_contamination_are_chosen(pump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--columns", "3", "--time", "TIME", "--contamination", "0.1", "--most", "2", "--seed", "3"]
    assert main(["anomalies", "pump.csv", *more, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "Columns: level\n" in printed
    assert re.search(r"stretches of anomalies, 40 of 400 rows, 2 of them listed", printed)
    assert len(rows_of(printed)) == 2 and rows_of(printed)[0][4] == "level"


def test_empty_cells_and_files_without_dates(pump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = [f"{value:.2f}".replace(".", ",") for value in FLOW]
    flow[50] = flow[51] = flow[399] = "n/a"
    lines = [f"{i};{one};{two:.2f}" for i, (one, two) in enumerate(zip(flow, LEVEL, strict=True))]
    Path("euro.csv").write_text("n;flow;level\n" + "\n".join(lines).replace(".", ",") + "\n")
    assert main(["anomalies", "euro.csv", "--train-until", "250", *QUICK, "--plot", "p.png"]) == 0
    printed = capsys.readouterr()
    assert "Columns: flow, level\nFitting on the first 250 rows, up to row 250" in printed.out
    assert 'column "flow": 3 cells without a value' in printed.err
    assert rows_of(printed.out)[0][0] == "row 301"


def test_nothing_found(pump: Path) -> None:
    columns = load_columns(pump, Reading(), None, None)
    scores = np.linspace(-0.5, -2.0, 400)
    flags, empty = np.ones(400, np.int64), np.zeros((400, 2))
    text = _anomaly_report.table(columns, Result(scores, flags, empty, empty, [], 3.0, 7), 10, 0.5)
    assert text == (
        "Errors are usually about 1; the threshold is 3 (7 epochs, 0.5 s)\n"
        "No anomalies. The largest error is 2, 2024-03-17 15:00"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], r"none\.csv: cannot be read: No such file"),
        (["pump.csv", "--columns", "flow"], r'no column "flow"; the columns are "time", '),
        (
            ["pump.csv", "--columns", "level,3"],
            "--columns names column \"level\" twice, the second time as '3'",
        ),
        (
            ["pump.csv", "--columns", "time,level", "--time", "time"],
            "cannot be both --time and one of --columns",
        ),
        (["pump.csv", "--time", "level"], r'column "level" is not understood as dates in order of time'),
        (["pump.csv", "--train-until", "soon"], "a date such as 2024-03-09 08:00 is wanted, not 'soon'"),
        (["pump.csv", "--train-until", "2024-02"], "0 of 400 rows are too few to fit on: at least 40"),
        (["pump.csv", "--train-share", "0.05"], "20 of 400 rows are too few"),
        (["pump.csv", "--contamination", "0.6"], "--contamination must be at most 0.5, got 0.6"),
        (["plain.csv", "--train-until", "2024-03"], "a row number from 1 to 60 is wanted, not '2024-03'"),
        (["plain.csv", "--train-until", "61"], "a row number from 1 to 60 is wanted"),
        (["flat.csv"], "the 60 rows to fit on never change"),
        (["late.csv", "--columns", "w", "--train-until", "50"], "'w' has no value in the 50 rows to fit on"),
        (["late.csv", "--columns", "x"], 'column "x": every cell is empty'),
        (["text.csv"], "no column holds numbers"),
        (["bad.csv"], r'line 4, column "v": .*oops'),
        (["pump.csv", "--plot", "p.xyz"], r"p\.xyz: the name must end in one of"),
        (["pump.csv", "--output", "no/rows.csv"], r"no/rows\.csv: cannot be written: No such file"),
        (["pump.csv", "--no-dates", "--sort"], "--sort does not go with --no-dates"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_before_training(
    pump: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_anomalies, "_fit", lambda *_: pytest.fail("training began"))
    numbers = [str(i % 7) for i in range(60)]
    Path("plain.csv").write_text("v\n" + "\n".join(numbers))
    Path("flat.csv").write_text("v\n" + "5\n" * 60)
    Path("late.csv").write_text(
        "v,w,x\n" + "\n".join(f"{v},{v if i > 54 else ''}," for i, v in enumerate(numbers))
    )
    Path("text.csv").write_text("a\n" + "word\n" * 60)
    Path("bad.csv").write_text("v\n1\n2\noops\n" + "\n".join(numbers))
    before = sorted(Path().iterdir())
    assert main(["anomalies", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(rf"fastgru: [^\n]*{message}[^\n]*\n", printed.err), printed.err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.csv", "--train-share", "0"],
        ["a.csv", "--train-share", "x"],
        ["a.csv", "--train-share", "0.5", "--train-until", "5"],
        ["a.csv", "--most", "0"],
        ["a.csv", "--target", "v"],
    ],
)
def test_options_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["anomalies", *arguments])
    assert stopped.value.code == 2
    assert "usage: fastgru anomalies" in capsys.readouterr().err or arguments[-2:-1] == ["--target"]


def test_ctrl_c_ends_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(
        "v\n" + "\n".join(f"{v:.4f}" for v in np.sin(np.arange(60000) / 9) + RNG.normal(size=60000))
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "fastgru",
            "anomalies",
            str(path),
            "--hidden-size",
            "128",
            "--output",
            "o.csv",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "60000 rows" in process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "fastgru: interrupted"
    assert [each.name for each in tmp_path.iterdir()] == ["long.csv"]
