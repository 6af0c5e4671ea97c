"""Vocabularies of texts and token sequences: symbols, ids, words and spaces, files, tokenizers, bad input."""

from __future__ import annotations

import copy
import io
import json
import pickle
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sentencepiece

from fastgru._texts import check_texts
from fastgru.sequences._vocabulary import END, PADDING, UNKNOWN, Vocabulary
from fastgru.sequences._words import join_words, split_words

TEXTS = [
    "It was the best of times, it was the worst of times.",
    "Call me Ishmael--or don't!\nचलो, 3.14 «été» 10:30?",
]
TOKENS = [["AH", "B", "AH"], ["B", "K"]]
NUMBERS = [[60, 62, -1], [60]]


class Letters:
    """A tokenizer of lower-case letters."""

    vocab_size = 26

    def encode(self, text: str) -> list[int]:
        return [ord(c) - ord("a") for c in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(ord("a") + i) for i in ids)


class Answering(Letters):
    """A tokenizer with an answer of its own."""

    def __init__(self, ids: Any, size: Any = 26, text: Any = "") -> None:
        self.ids, self.vocab_size, self.text = ids, size, text

    def encode(self, text: str) -> Any:
        return self.ids

    def decode(self, ids: list[int]) -> Any:
        return self.text


@pytest.fixture(scope="module")
def pieces() -> Any:
    model = io.BytesIO()
    words = ["the", "best", "of", "times", "was", "worst"]
    sentences = [f"{one} {other}" for one in words for other in TEXTS[0].split()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=22, minloglevel=2
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def test_ids_do_not_depend_on_the_order_of_samples() -> None:
    assert (PADDING, UNKNOWN, END) == (0, 1, 2)
    one, other = Vocabulary.fit(["baa", "cab"]), Vocabulary.fit(["cab", "baa"])
    assert one == other and one.symbols == ("a", "b", "c") and one.size == 6
    assert one != Vocabulary.fit(["baa"]) and one != "abc"
    assert repr(one) == "Vocabulary(level='char', size=6)"
    assert Vocabulary.fit(NUMBERS).symbols == (60, -1, 62)
    assert Vocabulary.fit(TOKENS).symbols == ("AH", "B", "K")


@pytest.mark.parametrize("level", ["char", "word"])
def test_texts_come_back(level: str) -> None:
    vocabulary = Vocabulary.fit(TEXTS, level)
    for text in TEXTS:
        ids = vocabulary.encode(text)
        assert ids.dtype == np.int64 and ids.min() >= 3 and vocabulary.unknown_share(text) == 0
        assert vocabulary.decode(ids) == vocabulary.decode([END, PADDING, *ids, UNKNOWN, END]) == text
        assert [vocabulary.symbol(i) for i in ids] == (list(text) if level == "char" else split_words(text))
    assert (
        vocabulary.encode("").size == 0 and vocabulary.decode([]) == "" and vocabulary.unknown_share("") == 0
    )
    assert vocabulary.unknown_share("\u4e2d") == 1 and vocabulary.encode("\u4e2d").tolist() == [UNKNOWN]


@pytest.mark.parametrize("samples", [TOKENS, NUMBERS])
def test_tokens_come_back(samples: list[Any]) -> None:
    vocabulary = Vocabulary.fit(samples, "word")
    for sample in samples:
        for form in (sample, tuple(sample), np.array(sample), np.array(sample, dtype=object)):
            assert vocabulary.decode(vocabulary.encode(form)) == sample
    assert vocabulary.decode([]) == [] and vocabulary.encode([]).size == 0
    assert [vocabulary.symbol(i) for i in range(3)] == ["<padding>", "<unknown>", "<end>"]


def test_rare_symbols_are_left_out() -> None:
    assert Vocabulary.fit(["aaabbc"], max_size=5).symbols == ("a", "b")
    assert Vocabulary.fit(["aaabbc"], min_count=3).symbols == ("a",)
    assert Vocabulary.fit(["aaabbc"], max_size=4, min_count=2).unknown_share("abc") == pytest.approx(2 / 3)


SPLIT = {
    "Don't panic, it's 3.50!": ["Don't", "panic", ",", "it's", "3.50", "!"],
    "a well-known x_y, the 3rd of 10,000": ["a", "well-known", "x_y", ",", "the", "3rd", "of", "10,000"],
    "ago--never...": ["ago", "--", "never", "..."],
    "a\r\nb\rc\n": ["a", "\n", "b", "\n", "c", "\n"],
    "हिन्दी में שָׁלוֹם e\u0301te\u0301": ["हिन्दी", "में", "שָׁלוֹם", "e\u0301te\u0301"],
    "=====": ["===", "=="],
    "1,2a": ["1", ",", "2a"],
}


@pytest.mark.parametrize("text", SPLIT)
def test_words(text: str) -> None:
    assert split_words(text) == SPLIT[text]


WRITTEN = [
    "He said: \"yes\" (or no), and 'so' did we; 5% of $20/day.",
    "Call me Ishmael--some years ago.\nNever mind!",
    "¿Qué? «Oui», „well-known“… 中。",
]


@pytest.mark.parametrize("text", WRITTEN[:2])
def test_spaces_come_back(text: str) -> None:
    assert join_words(split_words(text)) == text


def test_words_of_joined_words_are_the_words() -> None:
    rng = random.Random(0)
    signs = "ab1_'\"-.,:/()[]—–’‘ \n\r\t$#!?é\u0301नि中。「」"
    texts = ["".join(rng.choices(signs, k=rng.randrange(14))) for _ in range(5000)]
    for text in [*texts, *WRITTEN]:
        assert split_words(join_words(split_words(text))) == split_words(text)


@pytest.mark.parametrize("samples", [TEXTS, TOKENS, NUMBERS])
@pytest.mark.parametrize("level", ["char", "word"])
def test_files_and_copies(samples: list[Any], level: str) -> None:
    vocabulary = Vocabulary.fit(samples, level)
    again = Vocabulary.from_config(json.loads(json.dumps(vocabulary.to_config())))
    for other in (again, copy.deepcopy(vocabulary), pickle.loads(pickle.dumps(vocabulary))):
        assert other == vocabulary and hash(other) == hash(vocabulary)
        np.testing.assert_array_equal(other.encode(samples[0]), vocabulary.encode(samples[0]))


def test_own_tokenizer() -> None:
    vocabulary = Vocabulary.fit(["abc"], Letters())
    assert vocabulary.size == 29 and vocabulary.encode("abz").tolist() == [3, 4, 28]
    assert vocabulary.decode([2, 3, 4, 2]) == "ab" and vocabulary.symbol(5) == "c"
    assert vocabulary.decode([2]) == ""
    stored = Vocabulary.from_config(json.loads(json.dumps(vocabulary.to_config())))
    assert stored == vocabulary and stored.size == 29
    with pytest.raises(ValueError, match=r"needs its tokenizer \(Letters, 26 ids\).*with_tokenizer"):
        stored.encode("abc")
    assert stored.with_tokenizer(Letters()).encode("a").tolist() == [3]
    with pytest.raises(ValueError, match=r"Answering has 5 ids, .* made of \(Letters\) has 26"):
        stored.with_tokenizer(Answering([], 5))
    with pytest.raises(ValueError, match="'char' has no tokenizer"):
        Vocabulary.fit(["a"]).with_tokenizer(Letters())
    assert Vocabulary.fit(TOKENS, Letters()).level == "tokens"  # which have their symbols already


def test_sentencepiece_travels_in_the_file(pieces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = Vocabulary.fit(TEXTS, pieces)
    config = json.loads(json.dumps(vocabulary.to_config()))
    again = Vocabulary.from_config(config)
    assert again == vocabulary and again.size == 25
    for other in (again, pickle.loads(pickle.dumps(vocabulary))):
        assert other.encode(TEXTS[0]).tolist() == [i + 3 for i in pieces.encode(TEXTS[0])]
        assert other.decode(other.encode("the best times")) == "the best times"
    assert vocabulary.symbol(3 + pieces.piece_to_id("▁the")) == "▁the"
    assert 0 < vocabulary.unknown_share("the 中") < 1
    with pytest.raises(ValueError, match="size of the vocabulary is 41 pieces, and its model has 22"):
        Vocabulary.from_config({**config, "size": 41})
    with pytest.raises(ValueError, match="no model of sentencepiece"):
        Vocabulary.from_config({**config, "model": "AAAA"})
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"fastgru\[sequences\]"):
        Vocabulary.from_config(config)


def test_containers() -> None:
    texts = ["ab", "c"]
    forms: list[Any] = [texts, tuple(texts), np.array(texts), np.array(texts, dtype=object)]
    for form in [*forms, pd.Series(texts, index=[5, 7]), pl.Series(texts)]:
        assert check_texts(form) == texts
    tokens = [["a", "b"], ["c"]]
    for form in [tokens, [np.array(t) for t in tokens], pd.Series(tokens), pl.Series(tokens)]:
        assert check_texts(form) == tokens
    assert check_texts(np.array([[1, 2], [3, 4]], np.uint8)) == [[1, 2], [3, 4]]
    assert all(type(token) is int for token in check_texts([[np.int64(1), 2]])[0])
    assert type(check_texts(np.array(["ab"]))[0]) is str
    assert check_texts(["", "a"], allow_empty=True) == ["", "a"]


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "one text": (lambda: check_texts("abc"), TypeError, r"X is a single text.*wrap it in a list, \[X\]"),
    "bytes": (lambda: check_texts([b"abc"], "y"), TypeError, r"y\[0\] is b'abc' \(bytes\).*decode"),
    "all bytes": (lambda: check_texts(b"abc"), TypeError, "X must be a list of texts .* got bytes"),
    "None": (lambda: check_texts(["a", None]), TypeError, r"X\[1\] is missing \(None\)"),
    "NaN": (lambda: check_texts(pd.Series(["a", None])), TypeError, r"X\[1\] is missing \(nan\)"),
    "NA": (lambda: check_texts([pd.NA]), TypeError, r"X\[0\] is missing \(<NA>\)"),
    "float": (lambda: check_texts(["a", 1.5]), TypeError, r"X\[1\] is 1.5 \(float\), and a text or a list"),
    "one token sequence": (lambda: check_texts([3, 4]), TypeError, r"X\[0\] is 3 .*wrap it in a list, \[X\]"),
    "one array": (lambda: check_texts(np.arange(3)), TypeError, r"X\[0\] is .*wrap it in a list"),
    "no samples": (lambda: check_texts([]), ValueError, "X has no samples"),
    "empty text": (lambda: check_texts(["a", ""]), ValueError, r"X\[1\] is empty"),
    "empty tokens": (lambda: check_texts([[]]), ValueError, r"X\[0\] is empty"),
    "mixed": (lambda: check_texts(["a", ["b"]]), ValueError, r"X\[1\] is a list of text tokens and X\[0\]"),
    "mixed numbers": (lambda: check_texts([[1], ["b"]]), ValueError, r"X\[1\] is a list of text tokens and"),
    "mixed tokens": (lambda: check_texts([["a", 1]]), TypeError, r"X\[0\]\[1\] is 1 and X\[0\]\[0\] is 'a'"),
    "nested": (lambda: check_texts([[["a"]]]), TypeError, r"X\[0\]\[0\] is \['a'\] \(list\)"),
    "table": (lambda: check_texts([np.ones((2, 2), int)]), TypeError, r"X\[0\] has shape \(2, 2\)"),
    "cube": (lambda: check_texts(np.ones((2, 2, 2), int)), TypeError, r"X has shape \(2, 2, 2\)"),
    "float tokens": (lambda: check_texts([[1.0, 2.0]]), TypeError, r"X\[0\]\[0\] is 1.0 \(float\)"),
    "bool tokens": (lambda: check_texts([[True]]), TypeError, r"X\[0\]\[0\] is True \(bool\)"),
    "huge token": (lambda: check_texts([[2**60]]), ValueError, r"X\[0\]\[0\] is 1152921504606846976"),
    "missing token": (lambda: check_texts([["a", None]]), TypeError, r"X\[0\]\[1\] is None"),
    "surrogate": (
        lambda: check_texts(["a\ud800"]),
        ValueError,
        r"X\[0\] has the lone surrogate .* position 1",
    ),
    "frame": (
        lambda: check_texts(pd.DataFrame({"a": ["b"]})),
        TypeError,
        "X is a DataFrame: pass the column",
    ),
    "set": (lambda: check_texts({"a"}), TypeError, r"got set: pass list\(X\)"),
    "dict": (lambda: check_texts({"a": "b"}), TypeError, "got dict$"),
    "number": (lambda: check_texts(5), TypeError, "got int$"),
    "level": (lambda: Vocabulary.fit(["a"], "words"), ValueError, "level must be .* got 'words'"),
    "level, number": (lambda: Vocabulary.fit(["a"], 3), TypeError, "which has no encode"),
    "max_size": (lambda: Vocabulary.fit(["a"], max_size=3), ValueError, "max_size must be at least 4, got 3"),
    "max_size, float": (
        lambda: Vocabulary.fit(["a"], max_size=9.0),
        TypeError,
        "max_size must be an integer",
    ),
    "min_count": (lambda: Vocabulary.fit(["a"], min_count=0), ValueError, "min_count must be at least 1"),
    "min_count, bool": (
        lambda: Vocabulary.fit(["a"], min_count=True),
        TypeError,
        "min_count must be an integer",
    ),
    "nothing left": (
        lambda: Vocabulary.fit(["abb"], min_count=3),
        ValueError,
        "the most frequent occurs 2 times",
    ),
    "white space": (lambda: Vocabulary.fit(["  "], "word", name="y"), ValueError, "y has no symbol"),
    "limits of a tokenizer": (
        lambda: Vocabulary.fit(["a"], Letters(), max_size=9),
        ValueError,
        "max_size=9 .* a tokenizer brings its own",
    ),
    "no size": (lambda: Vocabulary.fit(["a"], Answering([], None)), TypeError, "does not tell its size"),
    "wrong size": (lambda: Vocabulary.fit(["a"], Answering([], 0)), ValueError, "vocab_size of .* is 0"),
    "wrong ids": (lambda: Vocabulary.fit(["a"], Answering("ids")).encode("a"), TypeError, "list of integers"),
    "ids beyond": (lambda: Vocabulary.fit(["a"], Answering([26])).encode("a"), ValueError, "gave the id 26"),
    "ids below": (lambda: Vocabulary.fit(["a"], Answering([-1])).encode("a"), ValueError, "gave the id -1"),
    "wrong text": (
        lambda: Vocabulary.fit(["a"], Answering([], text=b"")).decode([3]),
        TypeError,
        "must give a text, got bytes",
    ),
    "tokens for texts": (lambda: Vocabulary.fit(["a"]).encode(["a"]), TypeError, "'char': pass a text"),
    "text for tokens": (
        lambda: Vocabulary.fit([["a"]]).encode("a"),
        TypeError,
        "'tokens': pass a list of its",
    ),
    "decode beyond": (lambda: Vocabulary.fit(["a"]).decode([4]), ValueError, "ids has 4, .* ids 0 to 3"),
    "decode floats": (lambda: Vocabulary.fit(["a"]).decode([1.5]), TypeError, "ids must be integers"),
    "decode table": (lambda: Vocabulary.fit(["a"]).decode([[1]]), TypeError, r"of shape \(1, 1\)"),
    "symbol beyond": (lambda: Vocabulary.fit(["a"]).symbol(4), ValueError, "id is 4"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()


TOKENIZER = {"level": "tokenizer", "class": "Letters", "size": 26, "model": None}
HOSTILE: dict[str, tuple[Any, str]] = {
    "no object": ([], "vocabulary must be an object"),
    "level": ({"level": "bytes", "symbols": []}, "with a level of char, word"),
    "level, list": ({"level": ["char"], "symbols": []}, "with a level of char, word"),
    "keys": ({"level": "char", "symbols": ["a"], "run": "x"}, "must have the keys"),
    "no symbols": ({"level": "char"}, "must have the keys"),
    "empty": ({"level": "char", "symbols": []}, "symbols of the vocabulary must be a list"),
    "symbols, text": ({"level": "char", "symbols": "abc"}, "symbols of the vocabulary must be a list"),
    "two characters": ({"level": "char", "symbols": ["a", "bc"]}, r"symbols\[1\] .* 'char', got 'bc'"),
    "two words": ({"level": "word", "symbols": ["a b"]}, r"symbols\[0\] .* 'word', got 'a b'"),
    "numbers": ({"level": "tokens", "symbols": ["a", 1]}, r"symbols\[1\] .* 'tokens', got 1"),
    "bool": ({"level": "integers", "symbols": [True]}, r"symbols\[0\] .* 'integers', got True"),
    "huge": ({"level": "integers", "symbols": [2**60]}, r"symbols\[0\] .* got 1152921504606846976"),
    "twice": ({"level": "char", "symbols": ["a", "b", "a"]}, "has 'a' more than once"),
    "class": ({**TOKENIZER, "class": 1}, "class of the vocabulary must be a text"),
    "size": ({**TOKENIZER, "size": 2**40}, "size of the vocabulary must be an integer from 1 to 16777216"),
    "size, float": ({**TOKENIZER, "size": 26.0}, "size of the vocabulary must be an integer"),
    "size, bool": ({**TOKENIZER, "size": True}, "size of the vocabulary must be an integer"),
    "model": ({**TOKENIZER, "model": 5}, "model of the vocabulary must be null or a text"),
    "model, text": ({**TOKENIZER, "model": "é"}, "model of the vocabulary must be base64"),
    "model, padding": ({**TOKENIZER, "model": "AAA"}, "model of the vocabulary must be base64"),
    "model, empty": ({**TOKENIZER, "model": ""}, "model of the vocabulary must have 1 to"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(case: str) -> None:
    config, message = HOSTILE[case]
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_config(config)


def test_file_of_a_vocabulary_survives_the_core(tmp_path: Path) -> None:
    from fastgru import _model_file

    odd = Vocabulary.fit(['a\x00\x1f\u2028"\\\U0001f600é\n'])
    _model_file.save(tmp_path / "m.safetensors", "GRU", {"fitted": odd.to_config()}, {})
    assert Vocabulary.from_config(_model_file.read(tmp_path / "m.safetensors").config["fitted"]) == odd
