"""The programs in examples/ build against the installed package and do what they say."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from example_scripts import EXAMPLES, numbers, run

import fastgru
from fastgru import _paths


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cmake = shutil.which("cmake")
    if cmake is None or sys.platform == "win32":
        pytest.skip("needs cmake on the path, and GCC or Clang")
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES, folder / "source")
    flags = "-Wall -Wextra -Wpedantic -Werror"
    options = [f"-DCMAKE_C_FLAGS={flags} -std=c99", f"-DCMAKE_CXX_FLAGS={flags}"]
    run(cmake, "-S", folder / "source", "-B", folder, f"-Dfastgru_DIR={_paths.cmake_dir()}", *options)
    run(cmake, "--build", folder)
    return folder


def test_realtime_loop_prints_its_histogram(programs: Path, tmp_path: Path) -> None:
    fastgru.GRU(8, 16, random_state=0).save(tmp_path / "m.safetensors")
    text = run(programs / "realtime", tmp_path / "m.safetensors", "20000").stdout.decode()
    print(text)
    assert "GRU, 8 inputs, 16 units: 20000 steps" in text
    counts = [int(count) for count in re.findall(r"^< +\d+ ns +(\d+)", text, re.MULTILINE)]
    assert sum(counts) == 20000


def test_plugin_processes_blocks_with_the_bits_of_python(programs: Path, tmp_path: Path) -> None:
    gru = fastgru.GRU(1, 1, 2, random_state=3)
    gru.save(tmp_path / "m.safetensors")
    samples = np.sin(0.1 * np.arange(1000)).astype(np.float32)
    out = run(programs / "plugin", tmp_path / "m.safetensors", stdin=samples.tobytes()).stdout
    _, settled = gru(np.zeros((48000, 1), np.float32))
    wanted, _ = gru(samples[:, None], settled)
    np.testing.assert_array_equal(np.frombuffer(out, np.float32), wanted[:, 0])
    assert abs(wanted[0, 0] - settled[-1, 0]) < 1e-6 < abs(gru(samples[:1, None])[0][0, 0] - settled[-1, 0])
    twice = np.concatenate([samples[:640], samples[:640]]).tobytes()
    out = run(programs / "plugin", tmp_path / "m.safetensors", "10", stdin=twice).stdout
    np.testing.assert_array_equal(np.frombuffer(out, np.float32), np.tile(wanted[:640, 0], 2))
    fastgru.GRU(2, 3).save(tmp_path / "m.safetensors")
    done = subprocess.run([programs / "plugin", tmp_path / "m.safetensors"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"plugin: the model must take one value and give one\n")


def test_anomaly_detector_raises_the_alarm_after_the_fault_and_not_before(
    programs: Path, tmp_path: Path
) -> None:
    trainer = [sys.executable, EXAMPLES / "anomaly_train.py"]
    model = tmp_path / "pump.safetensors"
    threshold = run(*trainer, "train", model).stdout.decode().strip()
    readings = run(*trainer, "simulate", "2000", "--fault", "1500").stdout
    done = run(programs / "anomaly", model, threshold, stdin=readings)
    alarms = [int(number) for number in re.findall(rb"alarm at (\d+)", done.stdout)]
    print(f"threshold {threshold}, {len(alarms)} alarms, the first at {min(alarms)}")
    assert sum(number < 1500 for number in alarms) <= 2
    assert 1500 in alarms
    assert len(alarms) > 300
    assert b"2000 readings" in done.stderr
    wrong = subprocess.run(
        [programs / "anomaly", model, "1"], input=b"1,2\nnone\n", capture_output=True, check=False
    )
    assert (wrong.returncode, wrong.stderr) == (
        1,
        b"anomaly: line 2: expected 2 numbers\n".replace(b"\n", os.linesep.encode()),
    )


def test_forecast_beats_persistence() -> None:
    ours, persistence = numbers("forecast.py", r"GRU: RMSE ([\d.]+)", r"persistence .*: RMSE ([\d.]+)")
    assert ours < 0.8 * persistence


def test_backtest_says_that_the_forecaster_is_worth_it() -> None:
    rows = [rf"{method} +[\d.]+ +[\d.]+ +([\d.]+)" for method in ("GRUForecaster", "seasonal naive")]
    ours, naive = numbers("backtest.py", *rows, arguments=["airline", "--folds", "3"])
    assert ours < 0.8 * naive


def test_sentiment_beats_the_most_frequent_answer() -> None:
    ours, majority = numbers("sentiment.py", r"held out: accuracy ([\d.]+)", r"to all: accuracy ([\d.]+)")
    assert majority == 0.5
    assert ours > 0.65


def test_tagger_beats_the_most_frequent_tag_of_each_word() -> None:
    ours, baseline = numbers("tagger.py", r"held out: ([\d.]+)", r"frequent tag: ([\d.]+)")
    assert baseline + 0.03 < ours < 1.0


def test_pronounce_beats_the_nearest_known_word() -> None:
    small = ["--words", "3000", "--epochs", "8", "--units", "64", "--batch", "32"]
    patterns = [r"4 beams: PER ([\d.]+)", r"nearest known word: PER ([\d.]+)"]
    ours, nearest = numbers("pronounce.py", *patterns, arguments=small)
    assert ours < 0.8 * nearest


def test_anomalies_finds_what_the_description_of_the_data_names(tmp_path: Path) -> None:
    text = run(sys.executable, EXAMPLES / "anomalies.py", tmp_path / "flow.png").stdout.decode()
    print(text)
    for name, hours in (("low flow", 18), ("low flow again", 14), ("peak", 3), ("low flow, last", 16)):
        found = re.search(rf"^{name}, from \S+: (\d+) of {hours} hours found$", text, re.MULTILINE)
        assert found is not None and int(found[1]) >= hours - 2
    others = re.search(r"besides: (\d+) of 1268 hours", text)
    assert others is not None and int(others[1]) < 13
    assert "the stream's scores are those of the whole: True" in text
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")


def spoken(folder: Path) -> None:
    """Write recordings of words whose letters are tones, with their transcripts, as the package has them."""
    rng = np.random.default_rng(0)
    words, rate = ["sun", "nun", "us", "new", "wen"], 8000
    texts = [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(90)]
    sounds = folder / "usr/share/asterisk/sounds/en_US_f_Allison"
    notes = folder / "usr/share/doc/asterisk-core-sounds-en"
    sounds.mkdir(parents=True)
    notes.mkdir(parents=True)
    time = np.arange(rate // 12) / rate
    for i, text in enumerate(texts):
        tones = [np.sin(2 * np.pi * (300 + 500 * "sunew ".index(letter)) * time) for letter in text]
        pause = np.zeros(rate // 50)
        samples = np.concatenate([part for tone in tones for part in (tone, pause)])
        with wave.open(str(sounds / f"clip-{i}.wav"), "wb") as sound:
            sound.setparams((1, 2, rate, 0, "NONE", ""))
            sound.writeframes((8000 * samples + rng.normal(0, 30, len(samples))).astype("<i2").tobytes())
    lines = [f"clip-{i}: {text.capitalize()}. [a remark]\n" for i, text in enumerate(texts)]
    with gzip.open(notes / "core-sounds-en.txt.gz", "wt", encoding="utf-8") as file:
        file.write("; a heading\n\n" + "".join(lines))


def test_transcribe_beats_the_most_similar_recording(tmp_path: Path) -> None:
    spoken(tmp_path)
    options = ["--root", tmp_path, "--epochs", "12", "--hidden-size", "24", "--live"]
    text = run(sys.executable, EXAMPLES / "transcribe.py", *options).stdout.decode()
    print(text)
    rates = dict(re.findall(r"^  (\w[\w ,-]*?) +(\d\.\d+)  \d", text, re.MULTILINE))
    assert float(rates["GRU"]) < 0.5 * float(rates["most alike"]) < float(rates["most frequent"])
    assert "the same answer" in text


def test_data_of_the_examples_is_what_its_readme_says() -> None:
    reviews = (EXAMPLES / "data" / "reviews.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in reviews] == ["good", "bad"] * 128
    assert len({line.split("\t")[1] for line in reviews}) == 256
    tagged = (EXAMPLES / "data" / "tagged.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(tagged)) == len(tagged) == 156
    tags = {pair.split("/")[1] for line in tagged for pair in line.split()}
    assert " ".join(sorted(tags)) == "ADJ ADP ADV AUX CCONJ DET NOUN NUM PART PRON VERB"
