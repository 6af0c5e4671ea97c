"""Bad input of GRUTranscriber: each case has its named error, and none changes the estimator."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastgru import GRUTranscriber

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(12, 3)) for _ in range(6)]
Y = ["ab", "ba a", "b", "", "ab ab", "a"]


def small(**params: Any) -> GRUTranscriber:
    return GRUTranscriber(**{"hidden_size": 3, "num_layers": 1, "max_iter": 1, "random_state": 0, **params})


@cache
def fitted() -> GRUTranscriber:
    return small().fit(X, Y)


def changed(i: int, value: Any) -> list[Any]:
    return [value if j == i else x for j, x in enumerate(X)]


def spoilt(value: float) -> list[Any]:
    x = X[2].copy()
    x[5, 1] = value
    return changed(2, x)


class NoModel:
    def begin(self) -> None: ...


class Broken:
    def __init__(self, scores: Any) -> None:
        self.row = scores

    def begin(self) -> tuple[int, Any]:
        return 0, self.row

    def advance(self, states: list[Any], symbols: list[Any]) -> tuple[list[Any], Any]:
        raise RuntimeError("the language model's own error")


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "NaN": (lambda: small().fit(spoilt(np.nan), Y), ValueError, "X[2] has NaN at time step 5, feature 1"),
    "infinity": (lambda: small().fit(spoilt(np.inf), Y), ValueError, "X[2] contains infinity"),
    "too large": (lambda: small().fit(spoilt(1e300), Y), ValueError, "X[2] contains a value too large"),
    "one clip": (lambda: small().fit(X[0], "ab"), ValueError, "pass [X] if it is one clip"),
    "a vector": (lambda: small().fit(np.zeros(9), Y), ValueError, "X must be a list of clips"),
    "raw sound": (lambda: small().fit([np.zeros(80)], ["a"]), ValueError, "X[0] has shape (80,): a clip is"),
    "a frame": (lambda: small().fit(pd.DataFrame(X[0]), ["a"]), TypeError, "X must be a list of clips"),
    "a text as X": (lambda: small().fit("ab", ["a"]), TypeError, "X must be a list of clips"),
    "no X": (lambda: small().fit(None, Y), TypeError, "X must be a list of clips"),
    "no clips": (lambda: small().fit([], []), ValueError, "X has no clips"),
    "a clip of text": (lambda: small().fit(changed(1, [["a", "b"]]), Y), ValueError, "X[1]"),
    "unlike features": (
        lambda: small().fit(changed(3, np.zeros((9, 2))), Y),
        ValueError,
        "X[3] has shape (9, 2)",
    ),
    "empty clips alone": (
        lambda: small().fit([np.zeros((0, 3))] * 2, ["a", "b"]),
        ValueError,
        "too few frames",
    ),
    "no y": (lambda: small().fit(X, None), ValueError, "requires y to be passed"),
    "one text": (lambda: small().fit(X, "ab"), TypeError, "y is a single text"),
    "unlike numbers": (lambda: small().fit(X, Y[:5]), ValueError, "inconsistent numbers of samples: [6, 5]"),
    "mixed kinds": (lambda: small().fit(X, [*Y[:5], ["a"]]), ValueError, "y[5] is a list of text tokens and"),
    "mixed tokens": (lambda: small().fit(X[:1], [["a", 1]]), TypeError, "y[0][1]"),
    "a number": (lambda: small().fit(X, [1, 2, 3, 4, 5, 6]), TypeError, "y[0] is 1"),
    "a missing text": (lambda: small().fit(X, [*Y[:5], None]), TypeError, "y[5] is missing"),
    "no symbols": (lambda: small().fit(X, [""] * 6), ValueError, "y has no symbol"),
    "all too long": (lambda: small().fit(X, ["a" * 30] * 6), ValueError, "6 of 6 clips have too few frames"),
    "one too long": (
        lambda: small(too_short="error").fit(X, [*Y[:5], "aaaaaaaa"]),
        ValueError,
        "X[5] (12 frames, needs 15)",
    ),
    "hidden_size": (lambda: small(hidden_size=0).fit(X, Y), ValueError, "'hidden_size' parameter"),
    "level": (lambda: small(level="syllable").fit(X, Y), ValueError, "'level' parameter"),
    "join_clips": (lambda: small(join_clips=-1).fit(X, Y), ValueError, "'join_clips' parameter"),
    "frame_step": (lambda: small(frame_step=0).fit(X, Y), ValueError, "'frame_step' parameter"),
    "int8 in float64": (lambda: small(precision="int8", dtype="float64").fit(X, Y), ValueError, "int8"),
    "a callback": (lambda: small(callbacks=[1]).fit(X, Y), ValueError, "callbacks[0] must be callable"),
    "validation of one": (
        lambda: small().fit(X, Y, validation_data=X),
        ValueError,
        "validation_data must be",
    ),
    "validation, features": (
        lambda: small().fit(X, Y, validation_data=([np.zeros((9, 2))], ["a"])),
        ValueError,
        "validation_data: X has 2 features",
    ),
    "held out of two": (
        lambda: small(early_stopping=True).fit(X, Y),
        ValueError,
        "validation set is too small",
    ),
    "other features": (lambda: fitted().predict([np.zeros((9, 4))]), ValueError, "X has 4 features"),
    "predict a clip": (lambda: fitted().predict(X[0]), ValueError, "pass [X] if it is one clip"),
    "predict NaN": (lambda: fitted().predict(spoilt(np.nan)), ValueError, "X[2] has NaN"),
    "no beam": (
        lambda: fitted().predict(X, beam_width=0),
        ValueError,
        "beam_width must be from 1 to 10000, got 0",
    ),
    "a wide beam": (lambda: fitted().predict(X, beam_width=10**9), ValueError, "beam_width must be from 1"),
    "half a beam": (lambda: fitted().predict(X, beam_width=2.5), TypeError, "beam_width must be an integer"),
    "a true beam": (lambda: fitted().predict(X, beam_width=True), TypeError, "beam_width must be an integer"),
    "lm_weight": (lambda: fitted().predict(X, lm_weight=np.nan), ValueError, "lm_weight must be finite"),
    "symbol_bonus": (
        lambda: fitted().predict(X, symbol_bonus="1"),
        TypeError,
        "symbol_bonus must be a number",
    ),
    "lexicon of one text": (lambda: fitted().predict(X, lexicon="ab"), TypeError, "lexicon is a single text"),
    "empty lexicon": (lambda: fitted().predict(X, lexicon=[]), ValueError, "lexicon has no samples"),
    "empty word": (lambda: fitted().predict(X, lexicon=["a", ""]), ValueError, "lexicon[1] is empty"),
    "unknown word": (
        lambda: fitted().predict(X, lexicon=["a", "bax"]),
        ValueError,
        "lexicon[1] has at place 2 a symbol that is none of the 3 learnt by fit: 'x'",
    ),
    "two words": (lambda: fitted().predict(X, lexicon=["a b"]), ValueError, "a space stands between words"),
    "words of tokens": (lambda: fitted().predict(X, lexicon=[["a"]]), TypeError, "lexicon[0]: the sample is"),
    "no model": (lambda: fitted().predict(X, lm=3), TypeError, "int has no begin"),
    "half a model": (lambda: fitted().predict(X, lm=NoModel()), TypeError, "NoModel has no advance"),
    "scores of NaN": (
        lambda: fitted().predict(X, lm=Broken(np.full(4, np.nan))),
        ValueError,
        "scores of the language model must be logarithms",
    ),
    "few scores": (lambda: fitted().predict(X, lm=Broken(np.zeros(3))), ValueError, "must have shape (1, 4)"),
    "a model's error": (
        lambda: fitted().predict(X, lm=Broken(np.full(4, -1.0)), beam_width=8),
        RuntimeError,
        "the language model's own error",
    ),
    "align, unknown": (lambda: fitted().align(X[:1], ["aß"]), ValueError, "y[0] has at place 1 a symbol"),
    "align, tokens": (lambda: fitted().align(X[:1], [["a"]]), TypeError, "y[0]: the sample is"),
    "align, too long": (lambda: fitted().align(X[:1], ["a" * 9]), ValueError, "X[0] has 12 frames, and its"),
    "align, unlike": (lambda: fitted().align(X, ["a"]), ValueError, "inconsistent numbers of samples"),
    "score, unlike": (lambda: fitted().score(X, ["a"]), ValueError, "inconsistent numbers of samples"),
    "a stream of two directions": (lambda: fitted().stream(), ValueError, "bidirectional=True cannot stream"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named(case: str) -> None:
    run, error, words = CASES[case]
    with pytest.raises(error, match=re.escape(words)):
        run()


def test_a_stream_refuses_bad_steps() -> None:
    est = small(bidirectional=False, frame_length=1).fit(X, Y)
    stream = est.stream()
    for bad in (np.zeros(4), np.full(3, np.nan), "abc", None):
        with pytest.raises((TypeError, ValueError)):
            stream.step(bad)
    answers = [stream.step(row) for row in X[0]]
    assert "".join(answers) == est.predict(X[:1])[0]
    with pytest.raises(ValueError, match="batch_size"):
        est.stream(batch_size=0)


def test_an_unknown_word_behind_a_punctuation_mark_is_named() -> None:
    """Where a mark is a symbol of its own, places of symbols are not those of a text's words."""
    est = small(level="word").fit(X, ["on, off", "off", "on", "on", "off, on", "off"])
    with pytest.raises(ValueError, match=re.escape("y[0] has at place 2 a symbol")) as error:
        est.align(X[:1], ["on, up"])
    assert "'up'" in str(error.value)
