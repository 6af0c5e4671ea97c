"""Scores of texts: equal to those of sacrebleu and jiwer; scorers of scikit-learn; bad input."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import jiwer
import numpy as np
import pandas as pd
import pytest
import sacrebleu
from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer

from fastgru import metrics
from fastgru.metrics import (
    bits_per_token,
    bleu,
    character_error_rate,
    chrf,
    edit_distance,
    perplexity,
    token_error_rate,
    word_error_rate,
)

HAND_MADE = [  # true, predicted
    ("The cat sat on the mat.", "The cat sat on a mat."),
    ("Il gatto è sul tavolo, no?", "Il gatto e' sul tavolo no"),
    ("Prices rose 3.5%, to $1,000.", "prices rose 3.5 % to $ 1000"),
    ("a", "a"),
    ("a", ""),
    ("", "a b"),
    ("", ""),
    ("two words", "two words"),
    ("well-known 10-20 &quot;x&quot; &amp;lt; (hi) 'so'", 'well - known 10 - 20 "x" < ( hi ) "so"'),
    ("<skipped>end of-\nline and\nmore", "end ofline and more"),
    ("名前は中野です。", "名前 は 中野 です 。"),
    ("👍🏽 ok — «da» naïve", "👍 ok - «da» naive"),
    ("  space at   both ends  ", "space at both ends"),
    ("A A A A A A", "A A"),
    ("e\u0301te\u0301 été", "été e\u0301te\u0301"),
    ("...", "?!"),
]
WORDS = [
    "the",
    "a",
    "cat",
    "Hund,",
    "(x)",
    "3.14",
    "é",
    "«ja»",
    "don't",
    "end.",
    "10-20",
    "&amp;",
    "!",
    "中野",
    "-",
]


def random_pair(rng: random.Random) -> tuple[str, str]:
    true = rng.choices(WORDS, k=rng.randrange(14))
    predicted = [rng.choice(WORDS) if rng.random() < 0.25 else word for word in true if rng.random() > 0.15]
    return " ".join(true), " ".join(predicted)


RNG = random.Random(1)
PAIRS = [*HAND_MADE, *(random_pair(RNG) for _ in range(400))]
CORPORA = [PAIRS[start : start + 20] for start in range(0, 400, 20)]


def close(found: float, wanted: float) -> None:
    assert type(found) is float
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("tokenize", ["13a", "char", "none"])
def test_bleu_is_sacrebleus(tokenize: str) -> None:
    for true, predicted in PAIRS:
        wanted = sacrebleu.corpus_bleu([predicted], [[true]], tokenize=tokenize, force=True).score
        close(bleu([true], [predicted], tokenize=tokenize), wanted)
    for corpus in [*CORPORA, PAIRS]:
        true, predicted = map(list, zip(*corpus, strict=True))
        wanted = sacrebleu.corpus_bleu(predicted, [true], tokenize=tokenize, force=True).score
        close(bleu(true, predicted, tokenize=tokenize), wanted)


@pytest.mark.parametrize(
    "options",
    [{}, {"word_order": 2}, {"char_order": 3, "beta": 1}, {"char_order": 1, "word_order": 1, "beta": 3}],
)
def test_chrf_is_sacrebleus(options: dict[str, Any]) -> None:
    for true, predicted in PAIRS:
        close(
            chrf([true], [predicted], **options),
            sacrebleu.corpus_chrf([predicted], [[true]], **options).score,
        )
    for corpus in [*CORPORA, PAIRS]:
        true, predicted = map(list, zip(*corpus, strict=True))
        close(chrf(true, predicted, **options), sacrebleu.corpus_chrf(predicted, [true], **options).score)


def test_error_rates_are_jiwers() -> None:
    for corpus in [*([pair] for pair in PAIRS if "\n" not in pair[0]), *CORPORA[1:]]:
        true, predicted = map(list, zip(*corpus, strict=True))
        close(word_error_rate(true, predicted), jiwer.wer(true, predicted))
        close(character_error_rate(true, predicted), jiwer.cer(true, predicted))
        tokens = [text.split() for text in true], [text.split() for text in predicted]
        close(token_error_rate(*tokens), word_error_rate(true, predicted))


def table_distance(a: str, b: str) -> int:
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a):
        before, row[0] = row[0], i + 1
        for j, right in enumerate(b):
            before, row[j + 1] = row[j + 1], min(before + (left != right), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def test_edit_distance() -> None:
    rng = random.Random(2)
    for _ in range(600):
        a, b = ("".join(rng.choices("abc", k=rng.randrange(90))) for _ in range(2))
        wanted = table_distance(a, b)
        assert edit_distance(a, b) == edit_distance(b, a) == wanted
        assert edit_distance(list(a), tuple(b)) == wanted
        assert edit_distance(np.array(list(map(ord, a)), int), list(map(ord, b))) == wanted
    assert edit_distance("", "") == 0 and edit_distance("", "ab") == edit_distance("ab", []) == 2
    assert edit_distance("é" * 5000, "é" * 4990 + "x" * 10) == 10


def test_scores_of_tokens_are_those_of_words() -> None:
    true, predicted = map(list, zip(*PAIRS, strict=True))
    tokens = [text.split() for text in true], [text.split() for text in predicted]
    close(bleu(*tokens), bleu(true, predicted, tokenize="none"))
    numbers = {word: i for i, word in enumerate({word for side in tokens for text in side for word in text})}
    ids = [[[numbers[word] for word in text] for text in side] for side in tokens]
    close(bleu(*ids), bleu(*tokens))
    close(token_error_rate(*ids), token_error_rate(*tokens))


def test_containers() -> None:
    true, predicted = ["to be or not to be"], ["to see or not to be"]
    for score in (bleu, chrf, word_error_rate, character_error_rate):
        wanted = score(true, predicted)
        assert score(np.array(true), pd.Series(predicted)) == wanted
        assert score(tuple(true), np.array(predicted, dtype=object)) == wanted
        close(score(true, true), 100 if score in (bleu, chrf) else 0)


def test_perplexity() -> None:
    logs = np.log([0.5, 0.25, 0.125])
    assert perplexity(logs) == pytest.approx(4) and bits_per_token(logs) == pytest.approx(2)
    assert perplexity([logs[:1], logs[1:]]) == pytest.approx(4)
    assert perplexity([list(logs[:1]), list(logs[1:])]) == pytest.approx(4)
    assert perplexity([logs.sum()], n_tokens=3) == pytest.approx(4)
    assert bits_per_token(logs.astype(np.float32).reshape(3, 1), 6) == pytest.approx(1)
    assert perplexity([-np.inf, 0]) == math.inf == bits_per_token([-np.inf]) == perplexity([-1e6])
    assert perplexity([0, 0]) == 1 and str(bits_per_token([0.0])) == "0.0"
    assert perplexity(np.float32([1e-7])) == 1  # rounding


class Echo(BaseEstimator):  # type: ignore[misc]
    """An estimator that says what it is asked."""

    def fit(self, X: Any, y: Any) -> Echo:
        return self

    def predict(self, X: Any) -> Any:
        return X


def test_scorers_of_scikit_learn() -> None:
    true, predicted = ["to be or not to be"], ["to see or not to be"]
    scorer = make_scorer(bleu, tokenize="none")
    assert scorer(Echo().fit([], []), predicted, true) == bleu(true, predicted, tokenize="none")
    assert (
        make_scorer(word_error_rate, greater_is_better=False)(Echo().fit([], []), predicted, true) == -1 / 6
    )


TEXT, TOKENS = ["a b"], [["a", "b"]]
WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "one text": (lambda: bleu("a b", "a b"), TypeError, r"y_true is a single text.*wrap it in a list"),
    "None": (lambda: chrf(TEXT, [None]), TypeError, r"y_pred\[0\] is missing \(None\)"),
    "NaT": (lambda: chrf(TEXT, [pd.NaT]), TypeError, r"y_pred\[0\] is missing \(NaT\)"),
    "bytes": (lambda: word_error_rate([b"a"], TEXT), TypeError, r"y_true\[0\] is b'a' \(bytes\)"),
    "numbers": (lambda: bleu([1.5], TEXT), TypeError, r"y_true\[0\] is 1.5 \(float\)"),
    "lengths": (lambda: bleu(TEXT, ["a", "b"]), ValueError, "y_true has 1 samples and y_pred has 2"),
    "none at all": (lambda: word_error_rate([], []), ValueError, "y_true has no samples"),
    "kinds": (
        lambda: bleu(TEXT, TOKENS),
        TypeError,
        "y_true holds texts and y_pred holds lists of text tokens",
    ),
    "tokens": (lambda: bleu([[1]], TOKENS), TypeError, "y_true holds lists of integer tokens and y_pred"),
    "chrf of tokens": (lambda: chrf(TOKENS, TOKENS), TypeError, r"y_true\[0\] is a list of tokens.*join"),
    "WER of tokens": (lambda: word_error_rate(TOKENS, TOKENS), TypeError, "token_error_rate takes tokens"),
    "CER of tokens": (
        lambda: character_error_rate([[]], [["a"]]),
        TypeError,
        "token_error_rate takes tokens",
    ),
    "TER of texts": (
        lambda: token_error_rate(TEXT, TEXT),
        TypeError,
        r"y_true\[0\] is a text.*word_error_rate",
    ),
    "tokenize": (lambda: bleu(TEXT, TEXT, tokenize="intl"), ValueError, "tokenize must be .* got 'intl'"),
    "char_order": (
        lambda: chrf(TEXT, TEXT, char_order=0),
        ValueError,
        "char_order must be at least 1, got 0",
    ),
    "word_order": (lambda: chrf(TEXT, TEXT, word_order=1.5), TypeError, "word_order must be an integer"),
    "beta": (lambda: chrf(TEXT, TEXT, beta=math.nan), ValueError, "beta must be a finite number above 0"),
    "beta, text": (lambda: chrf(TEXT, TEXT, beta="2"), TypeError, "beta must be a number, got '2'"),
    "unlike": (lambda: edit_distance("ab", ["a"]), TypeError, "a is a text and b is a list of tokens"),
    "number": (lambda: edit_distance("ab", 5), TypeError, r"b\[0\] is 5 \(int\)"),
    "no logs": (lambda: perplexity([]), ValueError, "log_likelihoods has no values"),
    "NaN": (lambda: perplexity([-1, math.nan]), ValueError, "log_likelihoods has NaN at position 1"),
    "probabilities": (lambda: perplexity([-1, 0.5]), ValueError, "has 0.5 at position 1"),
    "texts": (lambda: bits_per_token(["a"]), TypeError, "log_likelihoods must be real numbers"),
    "n_tokens": (lambda: bits_per_token([-1.0], 0), ValueError, "n_tokens must be above 0"),
    "n_tokens, text": (lambda: perplexity([-1.0], "3"), TypeError, "n_tokens must be a number"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()


def test_every_score_is_public() -> None:
    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)
