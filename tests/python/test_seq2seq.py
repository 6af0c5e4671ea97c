"""The encoder-decoder estimator: what it learns, what its answers depend on, scikit-learn's conventions."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import fastgru
from fastgru import GRUSeq2Seq, metrics, plot
from fastgru.convert import to_c

SMALL: dict[str, Any] = {
    "hidden_size": 24,
    "embedding_dim": 12,
    "batch_size": 8,
    "learning_rate_init": 0.01,
    "max_iter": 3,
    "tol": 0.0,
    "n_iter_no_change": 100,
    "random_state": 0,
    "n_jobs": 1,
}
RANDOM = np.random.default_rng(0)
WORDS = ["".join(RANDOM.choice(list("abcd"), size)) for size in RANDOM.integers(1, 7, size=120)]
BACK = [word[::-1] for word in WORDS]

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


@pytest.fixture(scope="module")
def model() -> GRUSeq2Seq:
    """Turns words of four letters around."""
    settings = {**SMALL, "hidden_size": 48, "max_iter": 40, "dropout": 0.0}
    return GRUSeq2Seq(**settings).fit(WORDS, BACK)


def test_it_learns_and_scores(model: GRUSeq2Seq) -> None:
    assert model.score(WORDS, BACK) > 95
    assert model.score(WORDS, BACK) == metrics.chrf(BACK, model.predict(WORDS))
    assert model.perplexity(WORDS, BACK) < 1.3
    log_likelihoods = model.score_samples(WORDS, BACK)
    assert model.perplexity(WORDS, BACK) == pytest.approx(
        np.exp(-log_likelihoods.sum() / sum(len(word) + 1 for word in BACK))
    )
    assert len(model.loss_curve_) == model.n_iter_ == 40
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_source_symbols_ == model.n_target_symbols_ == 7


@pytest.mark.parametrize("num_beams", [1, 4])
def test_an_answer_does_not_depend_on_its_batch(model: GRUSeq2Seq, num_beams: int) -> None:
    all_at_once = model.predict(WORDS[:70], num_beams=num_beams)
    for size in (1, 7, 64):
        parts = [model.predict(WORDS[i : min(i + size, 70)], num_beams) for i in range(0, 70, size)]
        assert [answer for part in parts for answer in part] == all_at_once
    assert model.predict(WORDS[69::-1], num_beams) == all_at_once[::-1]
    scores = model.score_samples(WORDS, BACK)
    assert [model.score_samples([x], [y])[0] for x, y in zip(WORDS, BACK, strict=True)] == scores.tolist()


def test_beams(model: GRUSeq2Seq) -> None:
    best = model.predict(WORDS[:20], num_beams=4)
    for n_best in (2, 4):
        several = model.predict(WORDS[:20], num_beams=4, n_best=n_best)
        assert [answers[0] for answers in several] == best
        assert {len(set(answers)) for answers in several} == {n_best}
    assert {len(answer) for answer in model.predict(["abcd"], max_length=2)} == {2}
    assert all(len(set(answer)) == len(answer) for answer in model.predict(WORDS, no_repeat_ngram_size=1))
    short, long = (
        sum(map(len, model.predict(WORDS, num_beams=4, length_penalty=each))) for each in (-5.0, 5.0)
    )
    assert short < long


def test_attention(model: GRUSeq2Seq) -> None:
    results = model.attention(WORDS[:5])
    assert [each.answer for each in results] == model.predict(WORDS[:5])
    for word, each in zip(WORDS, results, strict=False):
        assert each.source_symbols == [*word, "<end>"]
        assert each.answer_symbols == [*each.answer, "<end>"]
        assert each.weights.shape == (len(each.answer) + 1, len(word) + 1)
        np.testing.assert_allclose(each.weights.sum(axis=1), 1.0, atol=1e-6)
    ax = plot.attention(results[0])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == results[0].answer_symbols
    assert ax.images[0].get_array().shape == results[0].weights.shape


def test_unknown_symbols_are_copied_from_where_attention_points() -> None:
    names = ["Anna", "Otto", "Ida", "Emil", "Ella", "Hugo", "Lena", "Paul", "Rosa", "Karl"]
    pairs = [(f"hello {a} and {b}", f"hallo {a} und {b}") for a in names for b in names]
    sources, targets = map(list, zip(*pairs, strict=True))
    settings = {**SMALL, "max_iter": 25, "min_count": 50, "dropout": 0.0}
    model = GRUSeq2Seq("word", **settings).fit(sources, targets)
    assert model.n_target_symbols_ == 5  # "hallo", "und"
    assert model.predict(["hello Zoe and Max"], replace_unknown=False) == ["hallo und"]
    answer = model.predict(["hello Zoe and Max"])[0].split()
    assert answer[::2] == ["hallo", "und"] and set(answer[1::2]) <= {"Zoe", "Max", "hello", "and"}


def test_token_sequences_and_levels_of_each_side() -> None:
    tokens = [list(word) for word in WORDS[:40]]
    numbers = [[ord(letter) for letter in word] for word in WORDS[:40]]
    for sources, targets in ((tokens, numbers), (WORDS[:40], tokens), (numbers, WORDS[:40])):
        model = GRUSeq2Seq(**SMALL).fit(sources, targets)
        answer = model.predict(sources[:1])[0]
        assert isinstance(answer, type(targets[0]))
        if isinstance(answer, list) and answer:
            assert type(answer[0]) is type(targets[0][0])
        assert 0 <= model.score(sources, targets) <= 100
    texts = ["a b", "b a b", "c"]
    model = GRUSeq2Seq(source_level="word", target_level="char", **SMALL).fit(texts, texts)
    assert (model.n_source_symbols_, model.n_target_symbols_) == (6, 7)


@pytest.mark.parametrize("options", [{"attention_score": None}, {"attention_score": "dot", "num_layers": 2}])
def test_other_networks(options: dict[str, Any]) -> None:
    model = GRUSeq2Seq(**{**SMALL, **options, "max_iter": 8, "bidirectional": False}).fit(WORDS, BACK)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert len(model.predict(WORDS[:3], num_beams=2)) == 3
    if options["attention_score"] is None:
        with pytest.raises(ValueError, match="attention needs a network with attention"):
            model.attention(WORDS[:1])


@pytest.mark.parametrize("early_stopping", [True, "loss", "chrf"])
def test_early_stopping_keeps_the_best_epoch(early_stopping: bool | str) -> None:
    model = GRUSeq2Seq(**{**SMALL, "early_stopping": early_stopping, "max_iter": 5}).fit(WORDS, BACK)
    scores = model.validation_scores_
    assert scores is not None and len(scores) == model.n_iter_
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    assert all(score < 0 for score in scores) == (early_stopping != "chrf")


def test_scikit_learn(model: GRUSeq2Seq) -> None:
    first, second = (GRUSeq2Seq(**{**SMALL, "n_jobs": jobs}).fit(WORDS, BACK) for jobs in (1, 2))
    assert first.loss_curve_ == second.loss_curve_
    assert first.predict(WORDS) == clone(first).fit(WORDS, BACK).predict(WORDS)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(WORDS, num_beams=2) == model.predict(WORDS, num_beams=2)
    settings = {**SMALL, "max_iter": 2}
    search = GridSearchCV(GRUSeq2Seq(**settings), {"attention_score": ["dot", None]}, cv=2)
    search.fit(WORDS[:40], BACK[:40])
    assert len(search.best_estimator_.predict(WORDS[:2])) == 2


def test_ctrl_c_keeps_the_best_epoch() -> None:
    def stop(event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="the best weights of 2 whole epochs are kept"):
        model = GRUSeq2Seq(**{**SMALL, "callbacks": stop}).fit(WORDS, BACK)
    assert model.n_iter_ == 2


def test_progress_shows_perplexity(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    GRUSeq2Seq(**{**SMALL, "verbose": True, "max_iter": 1}).fit(WORDS, BACK)
    assert "perplexity" in capsys.readouterr().out


def test_a_file_has_everything(model: GRUSeq2Seq, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path, {"made": "here"})
    again = fastgru.load(path)
    assert isinstance(again, GRUSeq2Seq)
    assert again.get_params() == model.get_params()
    assert again.metadata_ == {"made": "here"}
    assert again.predict(WORDS, num_beams=3, n_best=2) == model.predict(WORDS, num_beams=3, n_best=2)
    for name in ("n_iter_", "loss_curve_", "best_loss_", "validation_scores_", "n_source_symbols_"):
        assert getattr(again, name) == getattr(model, name)
    with pytest.raises(ValueError, match="cannot be written as C yet"):
        to_c(path)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("predict", {"X": "abc"}, "X is a single text, and a list of texts is wanted"),
    ("predict", {"X": None}, "X must be a list of texts or of token sequences, got NoneType"),
    ("predict", {"X": []}, "X has no samples"),
    ("predict", {"X": ["a", ""]}, r"X\[1\] is empty"),
    ("predict", {"X": ["a", None]}, r"X\[1\] is missing"),
    ("predict", {"X": [["a", "b"]]}, "X has lists of text tokens, and fit had texts"),
    ("predict", {"X": ["a"], "num_beams": 0}, "num_beams must be from 1 to 1000, got 0"),
    ("predict", {"X": ["a"], "num_beams": 10**9}, "num_beams must be from 1 to 1000"),
    ("predict", {"X": ["a"], "num_beams": 2.0}, "num_beams must be an integer, got 2.0"),
    ("predict", {"X": ["a"], "num_beams": True}, "num_beams must be an integer, got True"),
    ("predict", {"X": ["a"], "n_best": 2}, r"n_best must be from 1 to 1 \(num_beams\), got 2"),
    ("predict", {"X": ["a"], "n_best": 0}, r"n_best must be from 1 to 1"),
    ("predict", {"X": ["a"], "max_length": 0}, "max_length must be from 1 to"),
    ("predict", {"X": ["a"], "max_length": "long"}, "max_length must be an integer, got 'long'"),
    ("predict", {"X": ["a"], "length_penalty": np.nan}, "length_penalty must be a number from -100 to 100"),
    ("predict", {"X": ["a"], "length_penalty": "0"}, "length_penalty must be a number, got '0'"),
    ("predict", {"X": ["a"], "no_repeat_ngram_size": -1}, "no_repeat_ngram_size must be from 0 to"),
    ("predict", {"X": ["a"], "replace_unknown": 1}, "replace_unknown must be a bool, got 1"),
    ("attention", {"X": "abc"}, "X is a single text"),
    ("attention", {"X": ["a"], "num_beams": 0}, "num_beams must be from 1 to 1000"),
    ("score", {"X": ["a"], "y": ["a", "b"]}, "X and y must have equally many samples, got 1 and 2"),
    ("score", {"X": ["a"], "y": None}, "y must be a list of texts"),
    ("score_samples", {"X": ["a"], "y": ["a", "b"]}, "X and y must have equally many samples, got 1 and 2"),
    ("score_samples", {"X": ["a"], "y": [[1]]}, "y has lists of integer tokens, and fit had texts"),
    ("save", {"path": "m.safetensors", "metadata": {"a": 1}}, "must be a str"),
]


@pytest.mark.parametrize(("method", "arguments", "message"), BAD)
def test_bad_arguments(
    model: GRUSeq2Seq, method: str, arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    if "path" in arguments:
        arguments = {**arguments, "path": tmp_path / arguments["path"]}
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(model, method)(**arguments)


BAD_FITS: list[tuple[dict[str, Any], Any, Any, str]] = [
    (
        {},
        WORDS,
        BACK[:-1],
        "X and y must have equally many samples, a target for each source, got 120 and 119",
    ),
    ({}, "abc", ["abc"], "X is a single text"),
    ({}, ["abc"], "abc", "y is a single text"),
    ({}, ["abc"], None, "y must be a list of texts"),
    ({}, ["abc", ""], ["a", "b"], r"X\[1\] is empty"),
    ({}, ["abc"], [""], r"y\[0\] is empty"),
    ({}, ["abc", ["a"]], ["a", "b"], r"X\[1\] is a list of text tokens and X\[0\] is a text"),
    ({"hidden_size": 25}, WORDS, BACK, "hidden_size must be even with bidirectional"),
    ({"hidden_size": 0}, WORDS, BACK, "'hidden_size' parameter"),
    ({"attention_score": "cosine"}, WORDS, BACK, "'attention_score' parameter"),
    ({"label_smoothing": 1.0}, WORDS, BACK, "'label_smoothing' parameter"),
    ({"early_stopping": "bleu"}, WORDS, BACK, "'early_stopping' parameter"),
    ({"early_stopping": True}, ["a"], ["a"], "there is only one"),
    ({"level": "letters"}, WORDS, BACK, "level must be 'char', 'word' or a tokenizer"),
    ({"target_level": 3}, WORDS, BACK, "level must be 'char', 'word' or a tokenizer"),
    ({"min_count": 1000}, WORDS, BACK, "X has no symbol that occurs min_count=1000 times"),
    ({"learning_rate_init": 1e30}, WORDS, BACK, "training diverged"),
]


@pytest.mark.parametrize(("options", "X", "y", "message"), BAD_FITS)
def test_bad_fits_change_nothing(options: dict[str, Any], X: Any, y: Any, message: str) -> None:
    model = GRUSeq2Seq(**{**SMALL, **options})
    before = dict(vars(model))
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("predict", (["a"],)),
        ("attention", (["a"],)),
        ("score", (["a"], ["a"])),
        ("score_samples", (["a"], ["a"])),
        ("perplexity", (["a"], ["a"])),
        ("save", ("m",)),
    ],
)
def test_before_fit(method: str, arguments: Any) -> None:
    with pytest.raises(NotFittedError):
        getattr(GRUSeq2Seq(), method)(*arguments)


def test_unknown_characters_are_read(model: GRUSeq2Seq) -> None:
    assert len(model.predict(["ab漢b", "🙂"])) == 2


def test_what_plot_refuses(model: GRUSeq2Seq) -> None:
    with pytest.raises(TypeError, match=r"got a list of 1: pass result\[0\]"):
        plot.attention(model.attention(["ab"]))
    with pytest.raises(TypeError, match="result must be what attention of an estimator gives, got str"):
        plot.attention("ab")
