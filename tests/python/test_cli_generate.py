"""`python -m fastgru generate`: what it prints, and one line for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastgru
from fastgru import GRULanguageModel
from fastgru.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TEXTS = ["the cat sat on the mat.", "a dog lay on the rug."]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "m.safetensors"
    GRULanguageModel(8, bptt=8, max_iter=4, random_state=0).fit(TEXTS).save(made)
    return made


def test_it_prints_prompt_and_continuation(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--prompt", "the ", "--length", "40", "--seed", "3", "--top-k", "5", "--temperature", "0.9"]
    assert main(["generate", str(path), *options]) == 0
    wanted = fastgru.load(path).generate("the ", 40, temperature=0.9, top_k=5, random_state=3)
    assert capsys.readouterr().out == f"the {wanted}\n"


def test_several_texts_and_a_stop(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(path), "--count", "3", "--length", "30", "--seed", "1", "--stop", "a"]) == 0
    texts = fastgru.load(path).generate(
        "", 30, temperature=0.8, num_return_sequences=3, random_state=1, stop=["a"]
    )
    wanted = "".join(f"--- {i} ---\n{text}\n" for i, text in enumerate(texts, 1))
    assert capsys.readouterr().out == wanted


def test_a_symbol_that_the_model_does_not_know_is_named(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", str(path), "--prompt", "the Q", "--length", "3", "--seed", "1"]) == 0
    assert capsys.readouterr().err == "fastgru: prompt has symbols that the model was not fitted on: Q\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere.safetensors"], "nowhere.safetensors: No such file or directory"),
        (["{path}", "--prompt", "漢字"], "prompt has none of the"),
        (["{path}", "--stop", ""], "--stop needs a text that is not empty"),
        (["{other}"], "a GRURegressor writes no texts: a GRULanguageModel is wanted"),
        (["{tokens}"], "the model was fitted on token sequences"),
        (["{junk}"], "NotSafetensors: this is a Python pickle"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    options: list[str], message: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, tokens, junk = (tmp_path / f"{name}.safetensors" for name in ("other", "tokens", "junk"))
    X = np.zeros((4, 3, 1))
    fastgru.GRURegressor(2, max_iter=1).fit(X, [0, 1, 2, 3]).save(other)
    GRULanguageModel(3, bptt=2, max_iter=1).fit([["C", "E"], ["G", "C"]]).save(tokens)
    junk.write_bytes(b"\x80\x04junk")
    words = [word.format(path=path, other=other, tokens=tokens, junk=junk) for word in options]
    assert main(["generate", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fastgru: ") and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    ("option", "value"),
    [("--length", "0"), ("--temperature", "-1"), ("--temperature", "x"), ("--top-p", "2"), ("--count", "0")],
)
def test_options_out_of_range(
    option: str, value: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["generate", str(path), option, value])
    assert end.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err
