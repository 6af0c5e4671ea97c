"""What an exported C file is called, what it says, and what is refused."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgru
from fastgru.cli import main
from fastgru.convert import to_c

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def saved(folder: Path, y: Any, **options: Any) -> Path:
    """The file of an estimator of y."""
    X = np.random.default_rng(0).normal(size=(len(y), 4, 2))
    kind = fastgru.GRURegressor if np.asarray(y).dtype == np.float64 else fastgru.GRUClassifier
    kind(hidden_size=3, max_iter=1, random_state=0, **options).fit(X, y).save(folder / "m.safetensors")
    return folder / "m.safetensors"


QUANTILES = {"loss": "quantile", "quantile": [0.05, 0.3, 0.5, 0.6, 0.99]}


def test_the_meaning_of_answers_is_in_the_header(tmp_path: Path) -> None:
    def text(y: Any, **options: Any) -> str:
        files = to_c(saved(tmp_path, y, **options), "m")
        assert files.header.isascii()
        return files.header

    words = np.resize(["calm", "*/ rise", "größer"], 30)
    assert 'The probability of the second class of "down", "up".' in text(np.resize(["up", "down"], 30))
    assert 'each class: "* / rise", "calm", "gr\\u00f6\\u00dfer".' in text(words)
    assert "The probability of each label: 0, 1, 2, 3." in text(np.resize([0, 1, 1], (30, 4)))
    assert "its quantiles 0.05, 0.3, 0.5, 0.6, 0.99." in text(np.arange(30.0), **QUANTILES)


def test_what_cannot_be_c_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    fastgru.GRU(2, 3).save(path)
    assert main(["export", str(tmp_path / "none.safetensors"), "--to", "c"]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["export", str(path), "--to", "c", "--output", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    path.write_bytes(b"no model")
    assert main(["export", str(path), "--to", "c"]) == 2
    assert "NotSafetensors: this is a text file" in capsys.readouterr().err
    gru = fastgru.GRU(2, 3)
    gru.load_state_dict({name: np.full(value.shape, np.nan) for name, value in gru.state_dict().items()})
    gru.save(path)
    with pytest.raises(ValueError, match="not finite"):
        to_c(path)
    y = np.arange(30.0) * 1e-42
    saved(tmp_path, y)
    with pytest.raises(ValueError, match=r"y_scale holds .*e-42, which float32 cannot"):
        to_c(path)
    saved(tmp_path, y, dtype="float64")
    assert "model_step" in to_c(path).source


@pytest.mark.parametrize("name", ["", "1a", "a-b", "_x", "é", "x" * 64, "a b", "a.b"])
def test_a_name_that_is_no_identifier_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name must be a C identifier .* got .*; --name gives another"):
        to_c(tmp_path / "not read", name)


TAKEN = {
    "signal": "system's header <signal.h>",
    "time": "system's header <time.h>",
    "Math": "system's header <math.h>",
    "stdint": "system's header <stdint.h>",
    "unistd": "system's header <unistd.h>",
    "windows": "system's header <windows.h>",
    "float": "a keyword of C or C++",
    "class": "a keyword of C or C++",
    "typeof": "a keyword of C or C++",
    "co_await": "a keyword of C or C++",
    "main": "a keyword of C or C++",
    "sin": "a function of the C library",
    "fmaxf": "a function of the C library",
    "mktime": "a function of the C library",
    "sigaction": "a function of the C library",
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_that_the_system_has_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{name}.safetensors"
    fastgru.GRU(2, 3).save(path)
    assert main(["export", str(path), "--to", "c", "--output", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert f"name must not be {name!r}" in message
    assert TAKEN[name] in message
    assert "--name gives another" in message
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    command = ["export", str(path), "--to", "c", "--output", str(tmp_path), "--name", f"{name}_model"]
    assert main(command) == 0
    assert f"int {name}_model_self_test(void);" in (tmp_path / f"{name}_model.h").read_text()


def test_a_field_that_c_has_no_words_for_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, np.arange(30.0))
    monkeypatch.setattr(importlib.import_module("fastgru.convert.to_c"), "_EXPRESSED", set())
    with pytest.raises(ValueError, match="a network with input_size=2 cannot be written as C yet"):
        to_c(path)


LOCALE_SCRIPT = """\
import locale, sys
from fastgru.convert import to_c
locale.setlocale(locale.LC_ALL, "")
assert locale.localeconv()["decimal_point"] == ",", locale.localeconv()
files = to_c(sys.argv[1])
sys.stdout.write(files.source + files.header)
"""


def test_numbers_do_not_depend_on_the_locale(tmp_path: Path) -> None:
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("needs localedef, of the GNU C library, to make a locale with decimal commas")
    made = [localedef, "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"]
    if subprocess.run(made, capture_output=True, check=False).returncode != 0:
        pytest.skip("the sources of the locale de_DE are not installed")
    path = saved(tmp_path, np.arange(30.0), **QUANTILES)
    done = subprocess.run(
        [sys.executable, "-c", LOCALE_SCRIPT, path],
        env={**os.environ, "LOCPATH": str(tmp_path), "LC_ALL": "de_DE.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = to_c(path)
    assert done.stdout == files.source + files.header
