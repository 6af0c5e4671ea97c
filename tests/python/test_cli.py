"""The commands of ``python -m fastgru``: results, output, files and exit codes."""

from __future__ import annotations

import gzip
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastgru
from fastgru.cli import _demo, main

SMALL = "v\n" + "".join(f"{math.sin(i / 4) + 0.1 * math.sin(i * i):.4f}\n" for i in range(120))
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text(SMALL)
    return path


def run(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastgru", *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_demo_beats_persistence_by_a_fifth_on_the_series_of_the_package(tmp_path: Path) -> None:
    done = run("demo", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^(GRU|Seasonal naive|Persistence)\b.*?([\d.]+) +([\d.]+)(?: +([+-]\d+) %)?$", done.stdout, re.M
    )
    errors = {name: float(error) for name, error, _, _ in rows}
    assert list(errors) == ["GRU", "Seasonal naive", "Persistence"]
    assert errors["GRU"] <= 0.8 * errors["Persistence"]
    assert errors["GRU"] < errors["Seasonal naive"]
    assert int(rows[0][3]) == round(100 * (errors["GRU"] / errors["Persistence"] - 1))
    assert re.search(r"s per epoch; [\d.]+ µs per streaming step; ", done.stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["fastgru-demo.png"]
    assert (tmp_path / "fastgru-demo.png").read_bytes().startswith(PNG)


def test_demo_on_a_file(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = small.parent / "out.png"
    arguments = [
        "demo",
        "--data",
        str(small),
        "--target",
        "v",
        "--length",
        "10",
        "--horizon",
        "2",
        "--hidden-size",
        "4",
    ]
    assert main([*arguments, "--epochs", "2", "--seed", "3", "--season", "25", "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "v (small.csv): 120 rows" in printed
    assert (
        "Forecast 2 steps ahead from the last 10; training before row 97 (96 rows), test from there on (24)"
        in printed
    )
    assert "GRU, 4 units" in printed
    assert "Seasonal naive, 25 steps" in printed
    assert "in 2 epochs" in printed
    assert output.read_bytes().startswith(PNG)
    assert sorted(path.name for path in small.parent.iterdir()) == ["out.png", "small.csv"]


def test_demo_on_a_file_of_a_european_spreadsheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"{i % 24:02}:00;{1 + i // 24:02}.07.2025;x;{1200 + 300 * math.sin(i * math.pi / 12):,.3f} €"
        for i in range(200)
    ]
    text = "Netz;12;Nord;\nZeit;Datum;Größe;Größe\n" + "\n".join(rows).translate(str.maketrans(",.", ".,"))
    path = tmp_path / "netz.csv.gz"
    path.write_bytes(gzip.compress(text.replace(",07,", ".07.").encode("cp1252")))
    options = ["--encoding", "cp1252", "--skip-lines", "1", "--target", "4", "--epochs", "2"]
    assert main(["demo", "--data", str(path), *options, "--output", str(tmp_path / "o.png")]) == 0
    printed = capsys.readouterr()
    assert "Größe (netz.csv.gz): 200 rows, 2025-07-01 00:00 to 2025-07-09 07:00" in printed.out
    assert "Forecast 6 hours ahead" in printed.out
    assert "Seasonal naive, 24 hours" in printed.out
    assert printed.err == ""


def test_demo_is_the_same_every_time(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = []
    for threads in ("1", "2"):
        assert (
            main(
                ["demo", "--data", str(small), "--threads", threads, "--output", str(small.parent / "o.png")]
            )
            == 0
        )
        tables.append(capsys.readouterr().out.split("Learned")[0])
    fastgru.set_num_threads(0)
    assert tables[0] == tables[1]


@pytest.mark.parametrize("ending", ["svg", "pdf", "PNG"])
def test_the_ending_of_the_output_says_its_format(small: Path, ending: str) -> None:
    output = small.parent / f"out.{ending}"
    assert main(["demo", "--data", str(small), "--epochs", "1", "--output", str(output)]) == 0
    assert output.stat().st_size > 1000
    assert output.stat().st_mode & 0o777 == small.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.csv"], r"none\.csv: cannot be read: No such file"),
        (["--data", "small.csv", "--target", "w"], r'small\.csv: no column "w"; the columns are "v"'),
        (["--target", "v"], "--target goes with --data"),
        (["--decimal", ","], r"--decimal goes with --data FILE\.csv"),
        (["--no-header"], "--no-header goes with --data"),
        (["--no-dates"], "--no-dates goes with --data"),
        (["--skip-lines", "2"], "--skip-lines goes with --data"),
        (["--data", "small.csv", "--sort"], "--sort needs a column of dates"),
        (["--data", "small.csv", "--sort", "--no-dates"], "--sort does not go with --no-dates"),
        (["--data", "small.csv", "--date-format", "%Y", "--no-dates"], "--date-format does not go with"),
        (["--data", "small.csv", "--encoding", "klingon"], "--encoding: 'klingon' is not known"),
        (
            ["--data", "small.csv", "--length", "100"],
            r"120 rows are too few to look back 100 .* at least \d+ are needed",
        ),
        (["--data", "small.csv", "--horizon", "90"], r"too few to look back \d+ and ahead 90"),
        (
            ["--data", "small.csv", "--season", "97"],
            "a season of 97 is longer than the training part of 96 rows",
        ),
        (["--data", "few.csv"], "20 rows are too few"),
        (["--data", "flat.csv"], "the first 96 values are all 5"),
        (["--output", "nowhere/out.png"], r"nowhere/out\.png: cannot be written: No such file"),
        (["--output", "small.csv/out.png"], r"cannot be written: Not a directory"),
        (["--output", "folder.png"], r"folder\.png: cannot be written: it is a directory"),
        (["--output", "pipe.png"], r"pipe\.png: cannot be written: it is not an ordinary file"),
        (["--output", "out.xyz"], r"out\.xyz: the name must end in one of .*\.png"),
        (["--output", "out"], r"out: the name must end in"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_before_training(
    small: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = small.parent
    monkeypatch.chdir(folder)
    monkeypatch.setattr(_demo, "choose", lambda *_: pytest.fail("training began"))
    (folder / "few.csv").write_text("v\n" + "\n".join(map(str, range(20))))
    (folder / "flat.csv").write_text("v\n" + "5\n" * 96 + "".join(f"{i}\n" for i in range(24)))
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    before = sorted(folder.iterdir())
    assert main(["demo", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(rf"fastgru: [^\n]*{message}[^\n]*\n", printed.err)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--length", "0"],
        ["demo", "--epochs", "-1"],
        ["demo", "--hidden-size", "x"],
        ["demo", "--seed", "4294967296"],
        ["demo", "--series", "tides"],
        ["demo", "--data", "a.csv", "--delimiter", "ab"],
        ["demo", "--data", "a.csv", "--decimal", "x"],
        ["demo", "--data", "a.csv", "--skip-lines", "-1"],
        ["demo", "--data", "a.csv", "--series", "co2"],
        ["walk"],
        [],
    ],
)
def test_options_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: fastgru" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["matplotlib.backends.backend_agg", "tqdm"])
def test_missing_extras_are_named(
    small: Path, module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["demo", "--data", str(small), "--output", str(small.parent / "o.png")]) == 2
    assert f"needs {module.partition('.')[0]}, which is not installed: pip install" in capsys.readouterr().err


def test_a_picture_that_fails_leaves_what_was_there(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = small.parent / "out.png"
    output.write_bytes(b"yesterday's")

    def fail(_: object, path: Path) -> None:
        path.write_bytes(PNG)
        raise RuntimeError("no ink")

    monkeypatch.setattr(_demo, "draw", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        main(["demo", "--data", str(small), "--epochs", "1", "--output", str(output)])
    assert output.read_bytes() == b"yesterday's"
    assert sorted(path.name for path in small.parent.iterdir()) == ["out.png", "small.csv"]


def test_a_link_stays_a_link(small: Path) -> None:
    link, output = small.parent / "link.png", small.parent / "real.png"
    link.symlink_to(output)
    assert main(["demo", "--data", str(small), "--epochs", "1", "--output", str(link)]) == 0
    assert link.is_symlink()
    assert output.read_bytes().startswith(PNG)


def test_interruption_ends_with_one_line(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastgru", "demo", "--series", "sunspots", "--epochs", "100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    while "training before" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1.0)  # into the training
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "fastgru: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_nobody_reads_to_the_end(tmp_path: Path) -> None:
    command = f"{sys.executable} -m fastgru info | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 141}  # 0: everything was written before the reader went
    assert done.stderr == ""


def test_output_without_unicode(small: Path) -> None:
    done = run("demo", "--data", str(small), "--epochs", "1", folder=small.parent, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "?s per streaming step" in done.stdout


def test_info_prints_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    config = fastgru.show_config("dicts")
    assert re.search(rf"fastgru +{re.escape(fastgru.__version__)}\n", printed)
    for title, section in config.items():
        assert f"{title}:\n" in printed
        for key in section:
            assert re.search(rf"^  {re.escape(key)} +\S", printed, re.M), key
    assert config["Instruction sets"]["active"] in config["Instruction sets"]["usable here"]
    assert config["Threads"]["used"] >= 1
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', got 'json'"):
        fastgru.show_config("json")  # type: ignore[call-overload]


def test_info_tells_what_is_wrong_with_the_environment(tmp_path: Path) -> None:
    done = run("info", folder=tmp_path, FASTGRU_ISA="mmx", OMP_NUM_THREADS="1")
    assert done.returncode == 0
    assert re.search(r"^  FASTGRU_ISA +mmx$", done.stdout, re.M)
    assert re.search(r"^  warning +FASTGRU_ISA=mmx is not available", done.stdout, re.M)
    assert re.search(r"^  used +1$", done.stdout, re.M)


def test_reproducible_is_a_flag() -> None:
    for state in (True, False):
        fastgru.set_reproducible(state)
        assert fastgru.show_config("dicts")["Reproducible"]["asked for"] is state
    with pytest.raises(TypeError, match="enabled must be a bool, got int"):
        fastgru.set_reproducible(1)  # type: ignore[arg-type]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"fastgru {fastgru.__version__}\n"
