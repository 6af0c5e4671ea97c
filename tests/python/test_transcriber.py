"""GRUTranscriber: what it learns and answers, alignments, streams, files, and scikit-learn's conventions."""

from __future__ import annotations

import pickle
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

import fastgru
from fastgru import GRUTranscriber
from fastgru.metrics import character_error_rate, token_error_rate
from fastgru.sequences._scorers import scorer_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LETTERS = "abc "


def clip(text: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Each letter as a burst of its own, before a pause of any length."""
    places = [4 * [LETTERS.index(letter)] + rng.integers(1, 4) * [4] for letter in text]
    bursts = np.eye(5)[np.concatenate([*places, [4]]).astype(int)]
    return (bursts + 0.1 * rng.normal(size=bursts.shape)).astype(np.float32)


def data(count: int, key: int) -> tuple[list[NDArray[np.float32]], list[str]]:
    rng = np.random.default_rng(key)
    words = ["ab", "cab", "ba", "ca", "bcb"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(count)]
    return [clip(text, rng) for text in texts], texts


X, Y = data(60, 0)
X_TEST, Y_TEST = data(12, 1)
PAIRS = {"a": "AH", "b": "B", "c": "K", " ": "_"}


def small(**params: Any) -> GRUTranscriber:
    defaults: dict[str, Any] = {
        "hidden_size": 24,
        "num_layers": 1,
        "max_iter": 15,
        "learning_rate_init": 0.02,
    }
    defaults |= {"frame_length": 1, "dropout": 0.0, "random_state": 0}
    return GRUTranscriber(**{**defaults, **params})


@cache
def fitted(*, one_way: bool = False) -> GRUTranscriber:
    params = {"bidirectional": False, "frame_length": 2, "frame_step": 2} if one_way else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return small(**params).fit(X, Y)


def test_texts_are_learnt() -> None:
    est = fitted()
    assert est.predict(X_TEST) == Y_TEST
    assert est.score(X_TEST, Y_TEST) == 1
    assert sorted(est.symbols_) == sorted(LETTERS)
    assert (est.frame_length_, est.frame_step_) == (1, 1)
    chosen = small(frame_length="auto", max_iter=1).fit(X, Y)
    assert (chosen.frame_length_, chosen.frame_step_) == (4, 2)  # five to seven time steps a letter
    assert est.loss_curve_[-1] < 0.1 < est.loss_curve_[0]
    assert est.score(X_TEST, ["z"] * 12) == 1 - character_error_rate(["z"] * 12, Y_TEST)  # unknown: errors
    assert "softmax" in est.summary()


@pytest.mark.parametrize("kind", ["tokens", "integers", "words"])
def test_other_targets_are_learnt(kind: str) -> None:
    if kind == "words":
        est = small(level="word").fit(X, Y)
        assert est.score(X_TEST, Y_TEST) > 0.9
        assert set(est.symbols_) == {"ab", "cab", "ba", "ca", "bcb"}
        return
    y, y_test = (
        [[PAIRS[c] if kind == "tokens" else LETTERS.index(c) for c in text] for text in texts]
        for texts in (Y, Y_TEST)
    )
    est = small().fit(X, y)
    assert est.predict(X_TEST) == y_test
    assert est.score(X_TEST, y_test) == 1 - token_error_rate(y_test, est.predict(X_TEST))


def test_a_clip_is_answered_alike_alone_and_among_others() -> None:
    est = fitted()
    for options in ({}, {"beam_width": 8}):
        together = est.predict(X_TEST, **options)
        assert [est.predict([x], **options)[0] for x in X_TEST] == together
        assert est.predict(X_TEST[::-1], **options) == together[::-1]
    whole = est.predict_log_proba(X_TEST)
    for x, rows in zip(X_TEST, whole, strict=True):
        assert (est.predict_log_proba([x])[0] == rows).all()
        assert rows.shape == (len(x), 5)
        np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-5)


def test_fits_repeat_to_the_bit_and_leave_the_data_alone() -> None:
    params = {"time_masks": 1, "feature_masks": 1, "feature_mask_width": 2, "join_clips": 0.5, "max_iter": 2}
    before = [x.copy() for x in X]
    first, second = (small(**params, dropout=0.1, n_jobs=jobs).fit(X, Y) for jobs in (1, 2))
    assert first.loss_curve_ == second.loss_curve_
    assert (first._network.parameters == second._network.parameters).all()
    assert all((a == b).all() for a, b in zip(before, X, strict=True))
    assert small(max_iter=2).fit(X, Y).loss_curve_ != first.loss_curve_


def test_alignments_cover_the_bursts() -> None:
    rng = np.random.default_rng(4)
    x = clip("cab", rng)
    starts = np.flatnonzero(np.diff((x[:, 4] > 0.5).astype(int), prepend=1) == -1)
    aligned = fitted().align([x], ["cab"])[0]
    assert [each.symbol for each in aligned] == list("cab")
    for (_, first, last), start in zip(aligned, starts, strict=True):
        assert start - 1 <= first <= last <= start + 6
    assert fitted().align([x, x], ["", "ba"])[0] == []
    framed = fitted(one_way=True).align(X_TEST, Y_TEST)
    for x, found in zip(X_TEST, framed, strict=True):
        steps = [step for each in found for step in (each.first, each.last)]
        assert steps == sorted(steps)
        assert steps[0] >= 0
        assert steps[-1] < len(x)


def test_a_stream_gives_the_answer_of_the_batch() -> None:
    est = fitted(one_way=True)
    for x, wanted in zip(X_TEST, est.predict(X_TEST), strict=True):
        stream = est.stream()
        heard = "".join(stream.step(row) for row in x)
        assert heard == stream.answer == wanted
    stream = est.stream()
    for t, row in enumerate(X_TEST[0]):
        stream.step(row)
        if t:
            assert stream.answer == est.predict([X_TEST[0][: t + 1]])[0]
        twin = stream.copy() if t == 10 else None
        if twin is not None:
            rest = "".join(twin.step(row) for row in X_TEST[0][11:])
            assert twin.answer == est.predict([X_TEST[0]])[0]
            assert rest == twin.answer[len(stream.answer) :]
    stream.reset()
    assert stream.answer == ""
    side_by_side = est.stream(batch_size=2)
    for pair in zip(X_TEST[0], X_TEST[1], strict=False):
        side_by_side.step(np.stack(pair))
    steps = min(len(X_TEST[0]), len(X_TEST[1]))
    assert side_by_side.answer == est.predict([x[:steps] for x in X_TEST[:2]])
    with pytest.raises(ValueError, match="NaN"):
        stream.step(np.full(5, np.nan))
    assert stream.answer == ""


def test_a_lexicon_and_a_language_model_decide() -> None:
    rng = np.random.default_rng(9)
    est = fitted()
    assert est.predict(X_TEST, beam_width=8, lexicon=["ab", "cab", "ba", "ca", "bcb"]) == Y_TEST
    x = clip("cab ab", rng)
    assert set(est.predict([x], beam_width=20, lexicon=["ca", "ba", "ab"])[0].split()) <= {"ca", "ba", "ab"}

    class NoC:
        """A language model that knows no c, and counts what it is asked."""

        asked = 0

        def scores(self, n: int) -> NDArray[np.float64]:
            row = [0.0] + [-1e3 if symbol == "c" else -1.4 for symbol in est.symbols_]
            return np.tile(row, (n, 1))

        def begin(self) -> tuple[str, NDArray[np.float64]]:
            return "", self.scores(1)[0]

        def advance(self, states: list[str], symbols: list[str]) -> tuple[list[str], NDArray[np.float64]]:
            self.asked += len(states)
            return [a + b for a, b in zip(states, symbols, strict=True)], self.scores(len(states))

    lm = NoC()
    answer = est.predict([x], beam_width=8, lm=lm, lm_weight=1.0)[0]
    assert "c" not in answer
    assert answer.endswith("ab")
    assert lm.asked > 0
    assert est.predict([x], beam_width=8, lm=lm, lm_weight=0.0)[0] == est.predict([x], beam_width=8)[0]
    assert len(est.predict([x], beam_width=8, symbol_bonus=8.0)[0]) > len("cab ab")


def test_a_gru_language_model_scores_what_it_scores_alone() -> None:
    lm = fastgru.GRULanguageModel(hidden_size=16, max_iter=5, random_state=0).fit(Y)
    est = fitted()
    scorer = scorer_of(lm, est._labels)
    texts = ["ab cab", "ba"]
    places = {symbol: 1 + i for i, symbol in enumerate(est.symbols_)}
    for text, wanted in zip(texts, lm.score_samples(texts), strict=True):
        state, row = scorer.begin()
        total = 0.0
        for letter in text:
            total += row[places[letter]]
            states, rows = scorer.advance([state, state], [places[letter]] * 2)
            state, row = states[1], rows[1]
            assert (rows[0] == row).all()
        assert total + row[0] == pytest.approx(wanted, rel=1e-5)
    options = {"beam_width": 6, "lm": lm, "lm_weight": 0.3}
    answers = est.predict(X_TEST, **options)
    assert answers == Y_TEST == [est.predict([x], **options)[0] for x in X_TEST]
    other = fastgru.GRULanguageModel(hidden_size=4, max_iter=1, level="word", random_state=0).fit(Y)
    with pytest.raises(ValueError, match="lm is a language model of the level 'word'"):
        est.predict(X_TEST, lm=other)


def test_short_clips_are_left_out_or_refused() -> None:
    short, texts = [*X, X[0][:3], X[1][:2]], [*Y, "abab", "aa"]
    with pytest.warns(
        UserWarning, match=r"2 of 62 clips .*X\[60\] \(3 frames, needs 4\), X\[61\] \(2 frames, "
    ):
        est = small(max_iter=1).fit(short, texts)
    assert est.loss_curve_ == small(max_iter=1).fit(X, Y).loss_curve_
    with pytest.raises(ValueError, match="too_short='skip' leaves them out"):
        small(max_iter=1, too_short="error").fit(short, texts)


def test_held_out_clips_stop_training() -> None:
    est = small(early_stopping=True, n_iter_no_change=2, validation_fraction=0.2, max_iter=30).fit(X, Y)
    assert est.n_iter_ < 30
    assert est.best_validation_score_ == max(est.validation_scores_)
    given = small(max_iter=2).fit(X, Y, validation_data=(X_TEST, Y_TEST))
    assert given.validation_scores_[-1] == given.score(X_TEST, Y_TEST)


def test_an_untrained_network_warns_of_empty_answers() -> None:
    quiet = small(max_iter=1).fit(X, Y)
    parameters = quiet._network.parameters.copy()
    parameters[-5] = 100.0  # the head's bias of the blank
    quiet._network.set_parameters(parameters)
    with pytest.warns(UserWarning, match="Every transcript is empty"):
        assert quiet.predict(X_TEST) == [""] * 12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted().predict([np.zeros((0, 5))]) == [""]


def test_conventions_of_scikit_learn(tmp_path: Path) -> None:
    est = fitted(one_way=True)
    assert clone(est).get_params() == est.get_params()
    with pytest.raises(NotFittedError):
        clone(est).predict(X)
    again = pickle.loads(pickle.dumps(est))
    path = tmp_path / "m.safetensors"
    est.save(path, {"rate": "8000"})
    loaded = fastgru.load(path)
    for other in (again, loaded):
        assert other.predict(X_TEST) == est.predict(X_TEST)
        assert other.symbols_ == est.symbols_
        assert other.get_params() == est.get_params()
        assert other.stream().step(X[0][0]) == ""
    assert loaded.metadata_ == {"rate": "8000"}
    assert loaded.loss_curve_ == est.loss_curve_
    search = GridSearchCV(small(max_iter=1), {"hidden_size": [4, 8]}, cv=2).fit(X[:20], Y[:20])
    assert search.best_params_["hidden_size"] in {4, 8}
    before = small(max_iter=1).fit(X[:20], Y[:20])
    state = before._network.parameters.copy()
    with pytest.raises(ValueError, match="NaN"):
        before.fit([np.full((9, 5), np.nan)], ["a"])
    assert (before._network.parameters == state).all()


def test_other_precisions() -> None:
    exact = small(dtype="float64", max_iter=2).fit(X[:20], Y[:20])
    close = small(max_iter=2).fit(X[:20], Y[:20])
    np.testing.assert_allclose(exact.loss_curve_, close.loss_curve_, rtol=1e-4)
    rounded = small(precision="int8").fit(X, Y)
    assert rounded.score(X_TEST, Y_TEST) > 0.95


def test_ctrl_c_keeps_the_best() -> None:
    def press(event: dict[str, Any]) -> None:
        if event["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted by user: the best weights of 3 whole epochs"):
        est = small(callbacks=press).fit(X, Y)
    assert len(est.predict(X_TEST)) == 12
