"""GRULanguageModel: what it learns, scores and writes; its symbols, its texts, its fits."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import fastgru
from fastgru import GRULanguageModel
from fastgru.sequences._streams import cut, held_out

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TEXTS = ["the cat sat on the mat.", "a dog lay on the rug.", "the dog sat, and the cat ran.", "on and on."]


def small(**params: Any) -> GRULanguageModel:
    return GRULanguageModel(**{"hidden_size": 12, "bptt": 8, "max_iter": 3, "random_state": 0, **params})


@pytest.fixture(scope="module")
def model() -> GRULanguageModel:
    return small().fit(TEXTS)


def log_probabilities(model: GRULanguageModel, text: Any) -> NDArray[np.float64]:
    """The log-likelihood of each symbol and of the end, from the network's logits."""
    ids = model._vocabulary.encode(text)
    read, wanted = np.concatenate([[2], ids]), np.concatenate([ids, [2]])
    logits = model._network.predict(read[np.newaxis, :, np.newaxis], raw=True)[0].astype(np.float64)
    totals = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)) + logits.max(axis=1)
    return np.asarray(logits[np.arange(len(wanted)), wanted] - totals)


def test_it_learns_a_text_by_heart() -> None:
    line = "to be or not to be, that is the question. "
    model = GRULanguageModel(48, batch_size=4, bptt=20, max_iter=30, random_state=0).fit([line * 20])
    assert model.perplexity([line * 3]) < 1.6
    assert model.generate("to be or ", 34, temperature=0) == "not to be, that is the question. t"


def test_scores_are_sums_of_log_probabilities(model: GRULanguageModel) -> None:
    texts = ["the cat", "dog and mat, on a rug.", "zzz"]
    wanted = [log_probabilities(model, text) for text in texts]
    np.testing.assert_allclose(model.score_samples(texts), [each.sum() for each in wanted], rtol=1e-6)
    every = np.concatenate(wanted)
    np.testing.assert_allclose(model.score(texts), every.mean(), rtol=1e-6)
    np.testing.assert_allclose(model.perplexity(texts), np.exp(-every.mean()), rtol=1e-6)
    bits = -every.sum() / np.log(2) / sum(map(len, texts))
    np.testing.assert_allclose(model.bits_per_char(texts), bits, rtol=1e-6)


def test_a_text_scores_alike_alone_and_beside_others(model: GRULanguageModel) -> None:
    texts = [TEXTS[i % 4][: 3 + i] for i in range(40)]
    together = model.score_samples(texts)
    np.testing.assert_array_equal(model.score_samples(texts[::-1]), together[::-1])
    for i in (0, 17, 39):
        assert model.score_samples([texts[i]])[0] == together[i]


def test_next_probabilities_are_the_softmax_without_what_is_never_drawn(model: GRULanguageModel) -> None:
    p = model.predict_proba("the c")
    read = np.concatenate([[2], model._vocabulary.encode("the c")])
    logits = model._network.predict(read[np.newaxis, :, np.newaxis], raw=True)[0, -1].astype(np.float64)
    wanted = np.exp(logits - logits.max())
    wanted[:2] = 0
    np.testing.assert_allclose(p, wanted / wanted.sum(), rtol=1e-12)
    assert model.symbols_[:3].tolist() == ["<padding>", "<unknown>", "<end>"]
    assert set(model.symbols_[3:]) == set("".join(TEXTS)) and model.n_symbols_ == len(p)
    assert model.predict_proba("").shape == p.shape


def test_a_sequence_is_drawn_alike_whatever_is_drawn_beside_it(model: GRULanguageModel) -> None:
    many = model.generate("the ", 40, num_return_sequences=40, random_state=7)  # on several threads
    for count in (3, 17):
        assert model.generate("the ", 40, num_return_sequences=count, random_state=7) == many[:count]
    assert model.generate("the ", 40, random_state=7) == many[0]
    assert len(set(many)) > 1
    assert model.generate("the ", 40, random_state=8) != many[0]
    greedy = model.generate("the ", 20, temperature=0)
    assert model.generate("the ", 20, top_k=1, random_state=3) == greedy
    assert model.generate("the ", 20, top_p=1e-9, random_state=3) == greedy


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("stop", [None, "on", ["cat", ", "], "e"])
def test_pieces_join_to_the_whole(level: str, stop: Any) -> None:
    model = small(level=level, max_iter=8).fit(TEXTS * 3)
    for seed in range(6):
        whole = model.generate("the", 40, stop=stop, random_state=seed)
        assert "".join(model.iter_generate("the", 40, stop=stop, random_state=seed)) == whole
        if stop is not None:
            free = model.generate("the", 40, random_state=seed)
            stops = [stop] if isinstance(stop, str) else stop
            places = [free.find(each) for each in stops if each in free]
            assert whole == free[: min(places, default=len(free))]


def test_a_text_ends_where_the_model_ends_it() -> None:
    model = GRULanguageModel(16, bptt=6, max_iter=60, random_state=0).fit(["abc", "abc", "abc"] * 10)
    assert model.generate("", 50, temperature=0) == "abc"
    assert model.generate("ab", 50, temperature=0, num_return_sequences=2) == ["c", "c"]


@pytest.mark.parametrize("tokens", [[["C", "E", "G", "C"], ["E", "G"]], [[5, 7, -1, 5], [7, 5]]])
def test_token_sequences(tokens: list[list[Any]], tmp_path: Path) -> None:
    model = small(level=None).fit(tokens * 5)
    written = model.generate(tokens[0][:2], 9, random_state=0)
    assert isinstance(written, list) and set(written) <= set(tokens[0])
    assert [
        each for part in model.iter_generate(tokens[0][:2], 9, random_state=0) for each in part
    ] == written
    stop = tokens[0][1]
    cut_off = model.generate([], 9, stop=stop, random_state=1)
    assert stop not in cut_off
    assert model.score_samples(tokens).shape == (2,)
    with pytest.raises(ValueError, match="bits_per_char needs texts"):
        model.bits_per_char(tokens)
    model.save(tmp_path / "m.safetensors")
    assert fastgru.load(tmp_path / "m.safetensors").generate(tokens[0][:2], 9, random_state=0) == written


def test_equal_bits_for_an_equal_seed_and_any_number_of_threads() -> None:
    fits = [small(n_jobs=n, dropout=0.2, num_layers=2).fit(TEXTS) for n in (1, 2, None)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other._network.parameters, fits[0]._network.parameters)
        assert other.loss_curve_ == fits[0].loss_curve_
    assert small(random_state=1).fit(TEXTS).loss_curve_ != fits[0].loss_curve_


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"level": "word"},
        {"tied_embedding": True, "num_layers": 2},
        {"dtype": "float64", "reset_after": False},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"max_vocabulary": 9},
    ],
    ids=str,
)
def test_copies_and_files_answer_alike(params: dict[str, Any], tmp_path: Path) -> None:
    model = small(**params).fit(TEXTS)
    model.metadata_["source"] = "made here"
    path = tmp_path / "model.safetensors"
    model.save(path)
    for again in (pickle.loads(pickle.dumps(model)), fastgru.load(path)):
        np.testing.assert_array_equal(again.score_samples(TEXTS), model.score_samples(TEXTS))
        assert again.generate("on", 30, random_state=2) == model.generate("on", 30, random_state=2)
        assert again.get_params() == model.get_params()
        assert again.loss_curve_ == model.loss_curve_
        assert again.validation_scores_ == model.validation_scores_
        assert again.metadata_ == {"source": "made here"}
    assert clone(model).fit(TEXTS).loss_curve_ == model.loss_curve_
    assert "dense" in model.summary()


def test_tied_embeddings_have_fewer_parameters() -> None:
    tied, free = (small(tied_embedding=tied, embedding_dim=12).fit(TEXTS) for tied in (True, False))
    assert len(free._network.parameters) - len(tied._network.parameters) == 12 * tied.n_symbols_
    assert "dense, tied to the embedding" in tied.summary()


def test_training_goes_on() -> None:
    both = small().fit(TEXTS)
    first = small(warm_start=True, max_iter=2).fit(TEXTS)
    losses = list(first.loss_curve_)
    assert len(first.fit(TEXTS).loss_curve_) == 4 and first.loss_curve_[:2] == losses
    parts = small()
    for _ in range(3):
        parts.partial_fit(TEXTS)
    assert len(parts.loss_curve_) == 3 and parts.loss_curve_[0] == both.loss_curve_[0]
    assert parts.partial_fit(["qqq the cat"]).n_symbols_ == both.n_symbols_  # q counts as unknown
    with pytest.raises(ValueError, match="hidden_size=9, but the network that training goes on with has"):
        first.set_params(hidden_size=9).fit(TEXTS)


def test_early_stopping_keeps_the_best_weights() -> None:
    texts = [text * 3 for text in TEXTS] * 6  # 24: whole texts are held out
    model = small(early_stopping=True, max_iter=6, learning_rate="constant").fit(texts)
    assert model.validation_scores_ is not None and len(model.validation_scores_) == 6
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.validation_scores_[-1] > model.validation_scores_[0]


def test_a_search_over_texts() -> None:
    search = GridSearchCV(small(), {"hidden_size": [4, 12], "level": ["char"]}, cv=2).fit(TEXTS * 2)
    assert search.best_params_["hidden_size"] == 12
    assert search.best_estimator_.score(TEXTS) < 0


def test_callbacks_end_a_fit_and_an_interrupt_keeps_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, Any]] = []
    model = small(max_iter=9, callbacks=lambda event: events.append(event) or len(events) == 2).fit(TEXTS)
    assert model.n_iter_ == len(events) == 2

    def interrupt(event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user: the best weights of 2 whole epochs"):
        model = small(max_iter=9, callbacks=interrupt).fit(TEXTS)
    assert model.generate("the", 3, random_state=0)


def test_progress_shows_the_perplexity(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    model = small(verbose=True, max_iter=1).fit(TEXTS)
    loss = model.loss_curve_[0]
    assert capsys.readouterr().out.startswith(
        f"Iteration 1, loss = {loss:.8f}, perplexity = {np.exp(loss):.4g}"
    )


@pytest.mark.parametrize("count", [1, 2, 7, 50, 51])
@pytest.mark.parametrize("rows", [1, 3, 32])
def test_every_token_is_predicted_once(count: int, rows: int) -> None:
    texts = [np.arange(3, 3 + count), np.arange(100, 100 + 2 * count)]
    inputs, targets = cut(texts, rows, 4)
    read, wanted = np.concatenate(inputs).ravel(), np.concatenate(targets).ravel()
    line = np.concatenate([[2], texts[0], [2], texts[1], [2]])
    np.testing.assert_array_equal(read, line[:-1])
    np.testing.assert_array_equal(wanted, line[1:])
    assert len(inputs) <= rows and max(map(len, inputs)) - min(map(len, inputs)) <= 1


def test_what_is_held_out() -> None:
    texts = [np.full(10, i) for i in range(25)]
    train, unseen = held_out(texts, 0.2, 3)
    assert len(train) == 20 and len(unseen) == 5
    assert sorted(int(text[0]) for text in train + unseen) == list(range(25))
    train, unseen = held_out(texts[:2], 0.2, 3)
    assert [len(text) for text in train] == [8, 8] and [len(text) for text in unseen] == [2, 2]
    with pytest.raises(ValueError, match="1 texts of 2 symbols together are too few"):
        held_out([np.array([3, 4])], 0.1, 0)


BAD_FITS: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ("a text", {}, TypeError, "X is a single text, and a list of texts is wanted"),
    ([], {}, ValueError, "X has no samples"),
    (["a", ""], {}, ValueError, r"X\[1\] is empty"),
    (["a", None], {}, TypeError, r"X\[1\] is missing"),
    (["a", ["b"]], {}, ValueError, r"X\[1\] is a list of text tokens and X\[0\] is a text"),
    ([b"a"], {}, TypeError, "decode it"),
    (None, {}, TypeError, "X must be a list of texts"),
    (["ab"], {"level": "syllable"}, ValueError, "'level' parameter of GRULanguageModel must be"),
    (["ab"], {"level": None}, ValueError, "level must be 'char', 'word' or a tokenizer where X holds texts"),
    (["ab"], {"min_count": 2}, ValueError, "X has no symbol that occurs min_count=2 times"),
    (["ab"], {"max_vocabulary": 3}, ValueError, "'max_vocabulary' parameter"),
    (["ab"], {"bptt": 0}, ValueError, "'bptt' parameter"),
    (["ab"], {"precision": "int8"}, ValueError, "'precision' parameter"),
    (["ab"], {"tied_embedding": True, "embedding_dim": 5}, ValueError, "embedding_dim=5 must be None or"),
    (["ab"], {"early_stopping": True}, ValueError, "too few"),
    (["ab"], {"callbacks": [3]}, ValueError, r"callbacks\[0\] must be callable"),
]


@pytest.mark.parametrize(("X", "params", "error", "message"), BAD_FITS)
def test_bad_fits_change_nothing(
    X: Any, params: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = small().fit(TEXTS)
    before = dict(vars(model))
    model.set_params(**params)
    with pytest.raises(error, match=message):
        model.fit(X)
    after = {name: value for name, value in vars(model).items() if name not in params}
    assert after == {name: value for name, value in before.items() if name not in params}


BAD_DRAWS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"prompt": None}, TypeError, "prompt.* is missing"),
    ({"prompt": 3}, TypeError, "prompt"),
    ({"prompt": ["the"]}, TypeError, "level 'char': pass a text"),
    ({"prompt": "漢字"}, ValueError, "prompt has none of the .* symbols that the model was fitted on"),
    ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1, got 0"),
    ({"max_new_tokens": 2.5}, TypeError, "max_new_tokens must be an integer"),
    ({"temperature": -1}, ValueError, "temperature must be a finite number, at least 0"),
    ({"temperature": float("nan")}, ValueError, "temperature must be a finite number"),
    ({"temperature": "hot"}, TypeError, "temperature must be a number"),
    ({"top_k": 0}, ValueError, "top_k must be at least 1, got 0"),
    ({"top_p": 0}, ValueError, "top_p must be above 0"),
    ({"top_p": 1.01}, ValueError, "top_p must be above 0 and at most 1"),
    ({"num_return_sequences": 0}, ValueError, "num_return_sequences must be at least 1"),
    ({"num_return_sequences": True}, TypeError, "num_return_sequences must be an integer"),
    ({"stop": ""}, ValueError, "stop must be a text or a list of texts"),
    ({"stop": [3]}, ValueError, "stop must be a text or a list of texts"),
    ({"random_state": "x"}, ValueError, "cannot be used to seed"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_DRAWS)
def test_bad_draws_are_named(
    model: GRULanguageModel, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model.generate(**options)
    if "num_return_sequences" not in options:
        with pytest.raises(error, match=message):
            model.iter_generate(**options)  # before the first piece


def test_some_unknown_symbols_of_a_prompt_are_named(model: GRULanguageModel) -> None:
    with pytest.warns(UserWarning, match="prompt has symbols that the model was not fitted on: Q"):
        model.generate("Qthe", 3, random_state=0)


class Halves:
    """A tokenizer of pairs of characters, with an unknown piece."""

    pieces = ("", "th", "e ", "on", " a", "nd")
    vocab_size = len(pieces)

    def encode(self, text: str) -> list[int]:
        parts = [text[i : i + 2] for i in range(0, len(text), 2)]
        return [self.pieces.index(part) if part in self.pieces else 0 for part in parts]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.pieces[i] for i in ids)

    def unk_id(self) -> int:
        return 0

    def id_to_piece(self, id: int) -> str:
        return self.pieces[id] or "<unk>"


def test_unknown_pieces_of_a_prompt_are_named(tmp_path: Path) -> None:
    model = small(level=Halves()).fit(["on and on and the on", "the on"])
    with pytest.warns(UserWarning, match="prompt has symbols that the model was not fitted on: "):
        model.generate("the QQon", 3, random_state=0)
    with pytest.raises(ValueError, match="prompt has none of the"):
        model.generate("QQ", 3)
    model.save(tmp_path / "m.safetensors")
    assert fastgru.load(tmp_path / "m.safetensors").get_params()["level"] is None


def test_before_fit() -> None:
    for call in (
        lambda m: m.generate(),
        lambda m: m.iter_generate(),
        lambda m: m.score(TEXTS),
        lambda m: m.predict_proba(""),
        lambda m: m.save("x"),
    ):
        with pytest.raises(NotFittedError):
            call(small())
    assert not hasattr(small(), "symbols_")


def test_one_symbol_and_one_text() -> None:
    model = small(max_iter=30).fit(["aaaa"])
    assert set(model.generate("a", 20, random_state=0)) <= {"a"}
    assert model.perplexity(["aaaa"]) < 5
