"""Numbers in messages and files do not follow the process's locale: a decimal comma changes no byte."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SAVED = REPO / "tests" / "saved_models"

# Prints all messages with numbers that this package can give, and hashes of files, as JSON.
PROGRAM = """
import ctypes, hashlib, json, locale, os, sys, tempfile, warnings
from pathlib import Path
name, saved, library = sys.argv[1:]
locale.setlocale(locale.LC_ALL, name)
text = ctypes.create_string_buffer(32)
ctypes.CDLL(None).snprintf(text, ctypes.c_size_t(32), b"%g", ctypes.c_double(1.5))
import numpy as np
import fastgru
from fastgru import _core, _model_file
from fastgru.convert import to_c
warnings.simplefilter("ignore")
said = {"C": text.value.decode()}

def error(name, call):
    try:
        call()
        said[name] = "no error"
    except Exception as problem:
        said[name] = str(problem)

def network(**options):
    return _core.NetworkF32(input_size=2, hidden_size=3, **options)

def trainer(**options):
    return _core.TrainerF32(network(), **options)

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 5, 2)), rng.normal(size=20)
for option, value in {"dropout": 1.5, "head_dropout": 1.25, "input_dropout": -0.5}.items():
    error(option, lambda: network(**{option: value}))
error("huber", lambda: network(loss="huber", huber_delta=-1.5))
error("quantiles", lambda: network(loss="quantile", quantiles=[0.5, 0.25]))
options = {"learning_rate": -1.5, "beta_1": 1.5, "epsilon": -0.5, "momentum": -2.5, "alpha": -0.25}
for option, value in {**options, "clip_norm": -0.75, "recurrent_dropout": 2.5}.items():
    error(option, lambda: trainer(**{option: value}))
error("scale", lambda: network().set_scaling([0.5, 0.5], [1.0, -1.5], [0.0], [1.0]))
error("weight", lambda: trainer().run_epoch(X, y[:, None], sample_weight=[-1.5] * 20))
classes = network(loss="cross_entropy", output_size=2)
error("class", lambda: _core.TrainerF32(classes).run_epoch(X, y[:, None] + 0.123))
fast = trainer(learning_rate=1e30, clip_norm=1234.5)
error("diverged", lambda: fast.run_epoch(X, np.full((20, 1), 1e300)))
model = fastgru.GRURegressor(hidden_size=3, max_iter=2, dropout=0.25, random_state=0).fit(X, y)
said["summary"] = str(model.summary())
for dtype in ("float32", "float64"):
    plan = fastgru.explain(fastgru.GRU(300, 1234, dtype=dtype), T=1234, B=1000)
    said["plan " + dtype] = plan
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "m.safetensors"
    model.save(path, metadata={"gain": "1.5"})
    said["file"] = hashlib.sha256(path.read_bytes()).hexdigest()
    said["read"] = repr(fastgru.load(path).get_params()["dropout"])
    plain = fastgru.GRU(2, 3, random_state=0)
    plain.save(path)
    said["exported"] = hashlib.sha256(to_c(path, "tiny").source.encode()).hexdigest()
    _, kind, config, tensors = _model_file.read(path)
    _model_file.save(path, kind, config, {**tensors, "selftest.y": tensors["selftest.y"] + 0.5})
    error("self-test", lambda: fastgru.load(path))
    said["self-test"] = said["self-test"].partition("': ")[2]
    _model_file.save(path, kind, {**config, "dropout": 1.5}, tensors)
    handle, message = ctypes.c_void_p(), ctypes.create_string_buffer(512)
    ctypes.CDLL(library).fastgru_model_load(os.fsencode(path), ctypes.byref(handle), message)
    said["in C"] = message.value.decode().partition("': ")[2]
loaded = {}
for path in sorted(Path(saved).glob("v*/[clr]*.safetensors")):
    loaded[path.name] = type(fastgru.load(path)).__name__  # numbers in its configuration, and a self-test
said["loaded"] = loaded
print(json.dumps(said))
"""


def speak(name: str, library: str, **environment: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, str(SAVED), library],
        capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture(scope="module")
def comma(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the locale de_DE.UTF-8 exists."""
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("localedef is not installed, so there is no locale with a decimal comma to be had")
    folder = tmp_path_factory.mktemp("locales")
    done = subprocess.run(
        [localedef, "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not (folder / "de_DE.UTF-8" / "LC_NUMERIC").is_file():
        pytest.skip(f"localedef has no sources for de_DE: {done.stderr.strip()[-200:]}")
    return {"LOCPATH": str(folder)}


def test_a_decimal_comma_changes_no_message_and_no_file(comma: dict[str, str]) -> None:
    from fastgru import _paths

    library = str(_paths.cmake_dir().parents[1] / "libfastgru.so")
    there, here = speak("de_DE.UTF-8", library, **comma), speak("C", library)
    assert (there.pop("C"), here.pop("C")) == ("1,5", "1.5")  # the C library itself follows the locale
    assert there == here
    assert [name for name, message in here.items() if message == "no error"] == []
    assert "got 1.5" in str(here["dropout"]) and "now 1234.5" in str(here["diverged"])
    assert len(here["loaded"]) > 10  # type: ignore[arg-type]


# What follows the locale: printf of a double, streams, and parsing by the C library.
FOLLOWS = re.compile(
    r"%[-+#0-9.*]*l?[efgaEFGA]\b|[io]?stringstream|strto[dfl]\b|\bato[fi]\b|\bstod\b|\bstof\b|std::locale"
    r"|isdigit|isalpha|isspace|tolower|toupper|put_time|<iostream>|<iomanip>"
)
ALLOWED = {"cpp/runtime/threads.cpp": {"atoi"}}  # OMP_NUM_THREADS: digits alone


@pytest.mark.parametrize("folder", ["cpp", "python/bindings"])
def test_nothing_that_follows_the_locale_is_used(folder: str) -> None:
    found = {}
    for path in sorted((REPO / folder).rglob("*")):
        if path.suffix in {".cpp", ".h", ".hpp", ".inl"}:
            name = path.relative_to(REPO).as_posix()
            code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
            words = set(FOLLOWS.findall(code)) - ALLOWED.get(name, set())
            if words:
                found[name] = words
    assert found == {}
