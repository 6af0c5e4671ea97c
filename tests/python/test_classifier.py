"""GRUClassifier: learning, the meaning of its predictions, all kinds of labels, files, bad input."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split

import fastgru
from fastgru import GRUClassifier, ModelFormatError, _model_file

RNG = np.random.default_rng(3)
X3 = RNG.standard_normal((120, 6, 2))
TWO = np.where(X3[:, -1, 0] > 0, "up", "down")
FOUR = np.array([10, 3, 7, -2])[(X3[:, -1, 0] > 0) * 2 + (X3[:, -2, 1] > 0)]
SEVERAL = np.stack([X3[:, -1, 0] > 0, X3[:, -1, 1] > 0, X3[:, -1].sum(axis=1) > 2], axis=1).astype(int)
TARGETS = {
    "two": TWO,
    "four": FOUR,
    "several": SEVERAL,
    "bool": TWO == "up",
    "floats": FOUR * 1.0,
    "one": TWO[TWO == "up"],
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 8, "max_iter": 5, "random_state": 0, **params})


def fitted(kind: str, **params: Any) -> GRUClassifier:
    y = TARGETS[kind]
    return small(**params).fit(X3[: len(y)], y)


@pytest.mark.parametrize("kind", ["two", "four", "several", "bool", "floats"])
@pytest.mark.parametrize(
    "params",
    [{}, {"dtype": "float64", "bidirectional": True}, {"early_stopping": True, "n_iter_no_change": 100}],
    ids=str,
)
def test_learns(kind: str, params: dict[str, Any]) -> None:
    estimator = fitted(kind, max_iter=120, learning_rate_init=0.01, **params)
    assert estimator.score(X3, TARGETS[kind]) > 0.85
    assert estimator.predict(X3).dtype == TARGETS[kind].dtype


@pytest.mark.parametrize("kind", TARGETS)
def test_answers_agree_with_each_other(kind: str) -> None:
    estimator = fitted(kind, dtype="float64")
    p, log_p, scores = (
        getattr(estimator, name)(X3) for name in ("predict_proba", "predict_log_proba", "decision_function")
    )
    assert p.shape == log_p.shape == (120, len(estimator.classes_)) and p.dtype == np.float64
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-12)
    if kind != "several":
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(estimator.predict(X3), estimator.classes_[p.argmax(axis=1)])
        np.testing.assert_array_equal(estimator.classes_, np.unique(TARGETS[kind]))
    else:
        np.testing.assert_array_equal(estimator.predict(X3), p > 0.5)
    if len(estimator.classes_) == 2:
        np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-12)
        assert scores.shape == (120,)
    elif kind == "four":
        np.testing.assert_allclose(np.diff(scores), np.diff(log_p), atol=1e-12)


def test_log_probabilities_do_not_vanish() -> None:
    estimator = small(max_iter=200, learning_rate_init=0.1, hidden_size=16).fit(100 * X3, TWO)
    far = estimator.predict_log_proba(1e6 * X3)
    assert np.isfinite(far).all() and (far.min(axis=1) < np.log(1e-7)).any()


def test_the_loss_is_the_mean_cross_entropy() -> None:
    still = {"learning_rate_init": 1e-12, "max_iter": 1, "batch_size": 120, "dtype": "float64"}
    for kind in ("two", "four"):
        estimator = fitted(kind, **still)
        assert estimator.loss_ == pytest.approx(
            log_loss(TARGETS[kind], estimator.predict_proba(X3)), rel=1e-6
        )
    estimator = fitted("several", **still)
    p = estimator.predict_proba(X3)
    assert estimator.loss_ == pytest.approx(-np.log(np.where(SEVERAL, p, 1 - p)).mean(), rel=1e-6)


def test_class_weights_count_as_sample_weights() -> None:
    weight = {"up": 3.0, "down": 1.0}
    weighted = small(class_weight=weight).fit(X3, TWO)
    same = small().fit(X3, TWO, np.where(TWO == "up", 3.0, 1.0))
    np.testing.assert_array_equal(weighted.predict_proba(X3), same.predict_proba(X3))
    rare = np.arange(120) % 12 == 0
    y = np.where(rare, "rare", "usual")
    noise = RNG.standard_normal((120, 6, 2))
    plain = small(max_iter=20).fit(noise, y).predict_proba(noise)[:, 0].mean()
    balanced = small(max_iter=20, class_weight="balanced").fit(noise, y).predict_proba(noise)[:, 0].mean()
    assert plain < 0.3 and balanced > plain + 0.1
    table = [{0: 1, 1: 2}, {0: 1, 1: 1}, {0: 1, 1: 1}]
    np.testing.assert_array_equal(
        small(class_weight=table).fit(X3, SEVERAL).predict_proba(X3),
        small().fit(X3, SEVERAL, 1.0 + SEVERAL[:, 0]).predict_proba(X3),
    )


def test_forms_of_y() -> None:
    wanted = fitted("two").predict(X3)
    for form in (list(TWO), TWO.astype(object), TWO[:, None]):
        if np.ndim(form) == 2:
            with pytest.warns(DataConversionWarning, match="column-vector"):
                estimator = small().fit(X3, form)
        else:
            estimator = small().fit(X3, form)
        np.testing.assert_array_equal(estimator.predict(X3), wanted)
    sparse = small().fit(X3, scipy.sparse.csr_matrix(SEVERAL))
    np.testing.assert_array_equal(sparse.predict(X3), fitted("several").predict(X3))


def test_partial_fit_with_classes() -> None:
    estimator = small()
    for first in list(range(0, 120, 30)) * 60:
        rows = slice(first, first + 30)
        estimator.partial_fit(X3[rows], FOUR[rows], classes=[-2, 3, 7, 10, 99])
    np.testing.assert_array_equal(estimator.classes_, [-2, 3, 7, 10, 99])
    assert estimator.score(X3, FOUR) > 0.8 and len(estimator.loss_curve_) == 240
    np.testing.assert_array_equal(
        small().partial_fit(X3, FOUR).predict(X3), small(max_iter=1).fit(X3, FOUR).predict(X3)
    )


def test_unlike_lengths_searches_and_folds() -> None:
    lengths = RNG.integers(2, 6, 120)
    X = [x[:n] for x, n in zip(X3, lengths, strict=True)]
    y = np.where([x[-1, 0] > 0 for x in X], "up", "down")
    estimator = small(max_iter=60, learning_rate_init=0.01).fit(X, y)
    assert estimator.score(X, y) > 0.9
    np.testing.assert_array_equal(
        estimator.predict_proba(X), np.concatenate([estimator.predict_proba([x]) for x in X])
    )
    assert cross_val_predict(small(), X, y, cv=3, method="predict_proba").shape == (120, 2)
    search = GridSearchCV(small(), {"hidden_size": [4, 8]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert np.isfinite(search.best_score_)


def test_digits_by_rows() -> None:
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X.reshape(-1, 8, 8), y, random_state=0, stratify=y)
    assert GRUClassifier(random_state=0, max_iter=30).fit(X_train, y_train).score(X_test, y_test) >= 0.97


@pytest.mark.parametrize("kind", TARGETS)
def test_pickles_files_and_streams(kind: str, tmp_path: Path) -> None:
    estimator = fitted(kind, class_weight="balanced")
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.predict_proba(X3), estimator.predict_proba(X3))
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    assert type(loaded) is GRUClassifier and loaded.get_params() == estimator.get_params()
    assert loaded.classes_.dtype == estimator.classes_.dtype
    np.testing.assert_array_equal(loaded.classes_, estimator.classes_)
    np.testing.assert_array_equal(loaded.predict(X3), estimator.predict(X3))
    np.testing.assert_array_equal(loaded.predict_proba(X3), estimator.predict_proba(X3))
    if kind == "one":  # nothing is learnt: the estimator knows that there is no other class
        return
    stream = loaded.stream()
    for t in range(6):
        answer = stream.step(X3[0, t])
    np.testing.assert_allclose(answer, estimator.predict_proba(X3[:1])[0, -len(answer) :], rtol=1e-6)


def test_a_class_weight_dict_is_kept(tmp_path: Path) -> None:
    for y, weight in ((FOUR, {10: 1.5, 3: 1, 7: 1, -2: 1}), (TWO, {"up": 2, "down": 1})):
        small(class_weight=weight).fit(X3, y).save(tmp_path / "m.safetensors")
        assert fastgru.load(tmp_path / "m.safetensors").class_weight == weight
    assert clone(small(class_weight={"up": 2})).class_weight == {"up": 2}


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no classes": lambda c: c["fitted"].pop("classes"),
    "classes a list": lambda c: c["fitted"].update(classes=[1, 2]),
    "classes fall": lambda c: c["fitted"]["classes"]["values"].reverse(),
    "classes more": lambda c: c["fitted"]["classes"]["values"].append(11),
    "classes mixed": lambda c: c["fitted"]["classes"].update(values=[1, "a", 3, 4]),
    "classes of records": lambda c: c["fitted"]["classes"].update(dtype="V4"),
    "multilabel text": lambda c: c["fitted"].update(multilabel="no"),
    "multilabel": lambda c: c["fitted"].update(multilabel=True),
    "loss other": lambda c: c["network"].update(loss="squared_error"),
    "loss unknown": lambda c: c["network"].update(loss="hinge"),
    "loss a number": lambda c: c["network"].update(loss=3),
    "pooling unknown": lambda c: c["network"].update(pooling="median"),
    "quantiles text": lambda c: c["network"].update(quantiles="0.5"),
    "quantiles": lambda c: c["network"].update(quantiles=[0.5]),
    "huber_delta": lambda c: c["network"].update(huber_delta=-1.0),
    "sequence": lambda c: c["network"].update(sequence=1),
    "class_weight": lambda c: c["params"].update(class_weight={"evil": 1}),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_model_file_is_refused(how: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    fitted("four").save(path)
    _, kind, config, tensors = _model_file.read(path)
    DAMAGES[how](config)
    _model_file.save(path, kind, config, tensors)
    with pytest.raises(ModelFormatError):
        fastgru.load(path)


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "y None": (lambda: small().fit(X3, None), ValueError, "requires y to be passed"),
    "y reals": (lambda: small().fit(X3, X3[:, 0, 0]), ValueError, "Unknown label type"),
    "y NaN": (lambda: small().fit(X3, np.full(120, np.nan)), ValueError, "Input y contains NaN"),
    "y table of classes": (
        lambda: small().fit(X3, np.stack([FOUR, FOUR], axis=1)),
        ValueError,
        "multiclass-multioutput",
    ),
    "y 3-D": (lambda: small().fit(X3, X3), ValueError, "y should be|dim 3"),
    "y empty": (lambda: small().fit(X3, []), ValueError, r"y should be of shape .* got \(0,\)"),
    "y shorter": (lambda: small().fit(X3, TWO[:-1]), ValueError, "inconsistent numbers of samples"),
    "y shorter, class_weight": (
        lambda: small(class_weight="balanced").fit(X3, TWO[:-1]),
        ValueError,
        "inconsistent numbers of samples",
    ),
    "class_weight unknown": (lambda: small(class_weight="even").fit(X3, TWO), ValueError, "class_weight"),
    "class_weight negative": (
        lambda: small(class_weight={"up": -1, "down": 1}).fit(X3, TWO),
        ValueError,
        "class_weight must hold finite numbers that are not negative, got -1",
    ),
    "warm start, unseen": (
        lambda: fitted("two", warm_start=True).fit(X3, FOUR),
        ValueError,
        "y has the labels -2, 10, 3, 7, which are not among the classes of the first call",
    ),
    "warm start, more columns": (
        lambda: fitted("several", warm_start=True).fit(X3, np.hstack([SEVERAL, SEVERAL])),
        ValueError,
        "had 3 columns of 0 and 1",
    ),
    "warm start, table": (
        lambda: fitted("two", warm_start=True).fit(X3, SEVERAL),
        ValueError,
        "had 2 classes, one label per sample",
    ),
    "partial_fit unseen": (
        lambda: small().partial_fit(X3, TWO).partial_fit(X3, np.full(120, "sideways")),
        ValueError,
        "y has the labels sideways",
    ),
    "partial_fit not among classes": (
        lambda: small().partial_fit(X3, TWO, classes=["up", "other"]),
        ValueError,
        "y has the labels down",
    ),
    "partial_fit other classes": (
        lambda: small().partial_fit(X3, TWO).partial_fit(X3, TWO, classes=["up"]),
        ValueError,
        "differ from those of the first call",
    ),
    "partial_fit balanced": (
        lambda: small(class_weight="balanced").partial_fit(X3, TWO),
        ValueError,
        "class_weight='balanced' is not possible with partial_fit",
    ),
    "predict other features": (
        lambda: fitted("two").predict_proba(X3[..., :1]),
        ValueError,
        "X has 1 features, but GRUClassifier is expecting 2",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str) -> None:
    call, error, message = CASES[case]
    with pytest.raises(error, match=message):
        call()
