"""What scikit-learn's words mean here: labels, tables, classes, class weights, stratified validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from fastgru import GRUClassifier
from fastgru.estimators._split import held_out_split, rarest_labels

RNG = np.random.default_rng(11)
X = RNG.standard_normal((80, 5))
N = len(X)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def half(one: Any, other: Any) -> list[Any]:
    return [one, other] * (N // 2)


# --- tables -------------------------------------------------------------------------------------------------

TABLE = RNG.integers(0, 2, size=(N, 3))


OTHER_VALUES = [(-1, 1), (0, 2), (1, 2), (0, -1), (3, 3), (0, 255)]
REFUSED = r"table of the values .* 1 where|multiclass-multioutput"
FORMS: dict[str, Any] = {
    "array": np.asarray,
    "floats": lambda table: table.astype(float),
    "list": np.ndarray.tolist,
    "frame": pd.DataFrame,
    "sparse": scipy.sparse.csr_array,
}


@pytest.mark.parametrize("values", OTHER_VALUES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_other_values_than_0_and_1_is_refused(values: tuple[int, int], form: str) -> None:
    given = FORMS[form](np.array(values)[TABLE])
    with pytest.raises(ValueError, match=REFUSED):
        small().fit(X, given)
    fitted = small().fit(X, TABLE)
    for method in (fitted.partial_fit, fitted.score):
        with pytest.raises(ValueError, match=REFUSED):
            method(X, given)


@pytest.mark.parametrize("values", OTHER_VALUES, ids=str)
@pytest.mark.parametrize("form", [np.asarray, list])
def test_a_table_of_other_values_at_every_step_is_refused(values: tuple[int, int], form: Any) -> None:
    given = form(np.repeat(np.array(values)[TABLE][:, None, :], X.shape[1], axis=1))
    with pytest.raises(ValueError, match=REFUSED):
        small(output="sequence").fit(form(X), given)


@pytest.mark.parametrize("form", [np.asarray, lambda t: t == 1, lambda t: t.astype(float), np.ndarray.tolist])
def test_tables_of_0_and_1_are_labels_in_every_dtype(form: Any) -> None:
    estimator = small().fit(X, form(TABLE))
    assert estimator.multilabel_ and list(estimator.classes_) == [0, 1, 2] and estimator.loss_ > 0
    np.testing.assert_array_equal(estimator.predict_proba(X), small().fit(X, TABLE).predict_proba(X))
    assert estimator.score(X, form(estimator.predict(X))) == 1.0


# --- labels of several kinds --------------------------------------------------------------------------------

MIXED = {
    "1 and text 1": half(1, "1"),
    "NaN in a list of texts": half(np.nan, "a"),
    "None in a list of texts": half(None, "a"),
    "bool and text": half("a", True),
    "objects": np.array(half("a", 1), dtype=object),
    "objects, number first": np.array(half(1, "a"), dtype=object),
    "objects with NaN": np.array(half("a", np.nan), dtype=object),
    "a Series": pd.Series(half("a", 1)),
    "a table": [["a", 1], ["b", 2]] * (N // 2),
}


@pytest.mark.parametrize("case", MIXED)
def test_texts_among_other_labels_are_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"y mixes texts with other values, '[1a]' with"):
        small().fit(X, MIXED[case])


@pytest.mark.parametrize("first", [["a", "b", 1, "a", "b"], np.arange(5)], ids=["in", "across"])
def test_texts_among_other_labels_of_steps_are_refused(first: Any) -> None:
    tags = [first, *[np.array(["a", "b", "a", "b", "a"])] * (N - 1)]
    with pytest.raises(ValueError, match="y mixes texts with other values"):
        small(output="sequence").fit(X, tags)
    fitted = small(output="sequence").fit(X, tags[1:] + tags[1:2])
    with pytest.raises(ValueError, match="y mixes texts with other values"):
        fitted.score(X, tags)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array(half(True, False), dtype=object), np.array([False, True])),
        (np.array(half(7, 3), dtype=object), np.array([3, 7])),
        (np.array(half(2.0, 1), dtype=object), np.array([1.0, 2.0])),
        (pd.Series(half(7, 3), dtype=object), np.array([3, 7])),
        (np.array(half("b", "a"), dtype=object), np.array(["a", "b"])),
        (pd.Series(half("b", "a"), dtype="category"), np.array(["a", "b"])),
    ],
)
def test_objects_of_one_kind_are_labels(y: Any, classes: Any) -> None:
    estimator = small().fit(X, y)
    np.testing.assert_array_equal(estimator.classes_, classes)
    assert estimator.classes_.dtype.kind == classes.dtype.kind
    assert estimator.predict(X).dtype == estimator.classes_.dtype


BAD_LABELS: dict[str, Any] = {
    "numbers with NaN": np.array(half(1.0, np.nan)),
    "nullable with NA": pd.Series(half(1, None), dtype="Int64"),
    "a table of texts": [["a", "b"], ["b", "a"]] * (N // 2),
    "a table of classes": RNG.integers(0, 3, size=(N, 2)),
    "real numbers": RNG.standard_normal(N),
    "sets": [{1}, {2}] * (N // 2),
    "lists of unlike length": half([1], [1, 2]),
    "rank 3": np.zeros((N, 2, 2)),
    "complex": np.array(half(1j, 2)),
    "no labels": [],
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_what_is_no_label_is_refused(case: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        small().fit(X, BAD_LABELS[case])
    estimator = small().fit(X, half(0, 1))
    with pytest.raises((ValueError, TypeError)):
        estimator.partial_fit(X, BAD_LABELS[case])


# --- classes= of partial_fit --------------------------------------------------------------------------------

BAD_CLASSES: dict[str, tuple[Any, Any, str]] = {
    "a label missing": (half("a", "b"), ["a", "c"], "labels b, which are not among the classes"),
    "a table": (half("a", "b"), [["a", "b"]], r"classes must be a list of labels, \(n_classes,\)"),
    "one text": (half("a", "b"), "ab", "classes must be a list of labels"),
    "none": (half("a", "b"), [], "classes must be a list of labels"),
    "mixed": (half("a", "b"), ["a", "b", 1], "mixes texts with other values"),
    "a mixed set": (half("a", "b"), {"a", "b", 1}, "mixes texts with other values"),
    "NaN": (half(1, 2), [1, 2, np.nan], "classes must be numbers or texts"),
    "None": (half(1, 2), [1, 2, None], "classes must be numbers or texts|list of labels|labels are"),
    "objects": (half(1, 2), [{}, {}], "classes must be numbers or texts"),
    "texts for numbers": (half(1, 2), ["1", "2"], "labels 1, 2, which are not among the classes"),
    "of a table": (TABLE, ["a", "b"], r"numbers of its columns, \[0, 1, 2\]: leave them out"),
}


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_classes_that_do_not_fit_are_refused(case: str) -> None:
    y, classes, message = BAD_CLASSES[case]
    estimator = small()
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(X, y, classes=classes)
    assert not hasattr(estimator, "classes_")


@pytest.mark.parametrize(
    "classes", [{"a", "b"}, {"b": 1, "a": 2}.keys(), ("b", "a"), pd.Index(["b", "a"]), pd.Series(["a", "b"])]
)
def test_classes_may_come_in_any_container(classes: Any) -> None:
    assert list(small().partial_fit(X, half("a", "b"), classes=classes).classes_) == ["a", "b"]


def test_classes_may_be_announced_in_any_order_and_twice() -> None:
    estimator = small().partial_fit(X, ["b"] * N, classes=["c", "b", "a", "b"])
    assert list(estimator.classes_) == ["a", "b", "c"]
    estimator.partial_fit(X, ["a"] * N, classes=["a", "b", "c"]).partial_fit(X, ["c"] * N)
    assert estimator.predict_proba(X).shape == (N, 3)
    tables = small().partial_fit(X, TABLE, classes=[0, 1, 2]).partial_fit(X, 0 * TABLE).partial_fit(X, TABLE)
    assert tables.predict_proba(X).shape == (N, 3)


# --- class_weight -------------------------------------------------------------------------------------------


def epoch(X: Any, y: Any, **params: Any) -> Any:
    """Weights after three calls of partial_fit, of which the second has one class alone."""
    sample_weight = params.pop("weights", None)
    estimator = small(**params)
    estimator.partial_fit(X, y, classes=["a", "b", "c"], sample_weight=sample_weight)
    alone = y == "a"
    some = None if sample_weight is None else sample_weight[alone]
    estimator.partial_fit(X[alone], y[alone], sample_weight=some)
    return estimator.partial_fit(X, y, sample_weight=sample_weight)._network.parameters


@pytest.mark.parametrize("class_weight", [{"b": 5.0}, {"a": 1.0, "b": 5.0}, {"c": 2.0, "b": 0.5}])
def test_class_weight_means_the_same_in_a_batch_that_lacks_a_class(class_weight: dict[str, float]) -> None:
    y = RNG.choice(["a", "b"], size=N)
    weights = np.array([class_weight.get(label, 1.0) for label in y])
    wanted = epoch(X, y, weights=weights)
    np.testing.assert_array_equal(epoch(X, y, class_weight=class_weight), wanted)


@pytest.mark.parametrize("class_weight", [[{1: 5.0}, {0: 2.0, 1: 1.0}, {}], "balanced"])
def test_class_weight_of_tables_is_a_product_over_columns(class_weight: Any) -> None:
    given = (
        [{0: 1.0, 1: 1.0, **each} for each in class_weight] if class_weight != "balanced" else class_weight
    )
    weights = compute_sample_weight(given, TABLE)
    found = small(class_weight=class_weight).fit(X, TABLE)
    np.testing.assert_array_equal(
        found.predict_proba(X), small().fit(X, TABLE, sample_weight=weights).predict_proba(X)
    )
    if class_weight != "balanced":  # a batch whose columns lack a value
        found.partial_fit(X, 0 * TABLE)


@pytest.mark.parametrize("output", ["last", "sequence"])
@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"d": 2.0}, "class_weight has 'd', which is not among the classes: 'a', 'b', 'c'"),
        ({"a": 2.0, "b": 1.0, "C": 1.0}, "class_weight has 'C'"),
        ({0: 2.0}, "class_weight has 0, which is not among the classes"),
        ({"a": -1.0}, "class_weight must hold finite numbers that are not negative, got -1.0 for 'a'"),
        ({"a": np.nan}, "not negative, got nan"),
        ({"a": np.inf}, "not negative, got inf"),
        ({"a": "2"}, "not negative, got '2'"),
        ({"a": 0, "b": 0, "c": 0.0}, "gives weight 0 to every s"),
        ([{"a": 2.0}], "class_weight must be a dict or 'balanced'"),
    ],
)
def test_a_class_weight_that_means_nothing_is_refused(output: str, class_weight: Any, message: str) -> None:
    y: Any = RNG.choice(["a", "b", "c"], size=N if output == "last" else X.shape)
    with pytest.raises(ValueError, match=message):
        small(class_weight=class_weight, output=output).fit(X, y)


@pytest.mark.parametrize(
    "class_weight", [{0: 1.0, 1: 2.0}, [{1: 2.0}], [{1: 2.0}, {1: -1.0}, {}], [{2: 1.0}] * 3]
)
def test_a_class_weight_that_fits_no_table_is_refused(class_weight: Any) -> None:
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight=class_weight).fit(X, TABLE)


def test_a_class_weight_for_all_classes_may_name_more() -> None:
    """A fold of cross-validation can lack a rare class."""
    y = RNG.choice(["a", "b"], size=N)
    more = small(class_weight={"a": 1.0, "b": 2.0, "rare": 9.0}).fit(X, y)
    np.testing.assert_array_equal(
        more.predict_proba(X), small(class_weight={"a": 1.0, "b": 2.0}).fit(X, y).predict_proba(X)
    )


# --- the validation set -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_four_rare_of_eighty_are_on_both_sides(seed: int) -> None:
    y = np.repeat([0, 1], [76, 4])
    train, held_out = held_out_split(80, 0.1, seed, y)
    assert len(held_out) == 8 and 1 <= y[held_out].sum() <= 3
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(80))


@pytest.mark.parametrize(
    ("counts", "fraction", "wanted"),
    [
        ([76, 4], 0.1, [7, 1]),
        ([50, 50], 0.1, [5, 5]),
        ([90, 9, 1], 0.1, [9, 1, 0]),
        ([60, 30, 10], 0.2, [12, 6, 2]),
        ([100, 2, 2], 0.05, [4, 1, 1]),
        ([1, 1, 1, 1], 0.5, None),  # nothing to share: any two
        ([3] * 30, 0.1, None),  # nine places for thirty classes
        ([2] * 10, 0.5, [1] * 10),
    ],
    ids=str,
)
def test_shares_of_the_held_out(counts: list[int], fraction: float, wanted: list[int] | None) -> None:
    y = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    train, held_out = held_out_split(len(y), fraction, 3, y)
    assert len(held_out) == int(np.ceil(fraction * len(y)))
    assert len(np.intersect1d(train, held_out)) == 0 and len(train) + len(held_out) == len(y)
    found = np.bincount(y[held_out], minlength=len(counts))
    assert found.tolist() == wanted if wanted is not None else found.max() == 1
    again = held_out_split(len(y), fraction, 3, y)[1]
    np.testing.assert_array_equal(again, held_out)
    assert len(counts) == 4 or not np.array_equal(held_out_split(len(y), fraction, 4, y)[1], held_out)


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=12).filter(lambda counts: sum(counts) >= 4),
    fraction=st.floats(0.05, 0.9),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_split_is_one_and_has_every_class_on_both_sides_where_there_is_room(
    counts: list[int], fraction: float, seed: int
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    total = int(np.ceil(fraction * len(y)))
    assume(2 <= total < len(y))
    train, held_out = held_out_split(len(y), fraction, seed, y)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(y)))
    assert len(held_out) == total
    several = np.array(counts) > 1
    if several.sum() <= total <= sum(counts) - len(counts):
        assert np.bincount(y[train], minlength=len(counts)).all()
        assert np.bincount(y[held_out], minlength=len(counts))[several].all()


def test_the_stratum_of_a_sample_is_its_rarest_label() -> None:
    labels = [np.array(each, dtype=np.int64) for each in ([0, 0, 0], [0, 1], [0, 2, 1], [], [1])]
    assert rarest_labels(labels).tolist() == [0, 0, 2, -1, 1]


@pytest.mark.parametrize("kind", ["labels", "table", "tags", "list of tags"])
def test_early_stopping_validates_on_every_class(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rare = np.arange(N) < 4
    y: Any = {
        "labels": np.where(rare, "rare", "usual"),
        "table": np.column_stack([rare, ~rare]).astype(int),
        "tags": np.where(rare[:, None] & (np.arange(5) == 2), "rare", "usual"),
    }[kind.removeprefix("list of ")]
    seen: list[Any] = []
    score = GRUClassifier._validation_score

    def look(self: GRUClassifier, y: Any, raw: Any, weight: Any) -> float:
        seen.append(y)
        return score(self, y, raw, weight)

    monkeypatch.setattr(GRUClassifier, "_validation_score", look)
    for seed in range(5):
        output = "sequence" if "tags" in kind else "last"
        data = [list(X), list(y)] if kind == "list of tags" else [X, y]
        small(early_stopping=True, max_iter=1, random_state=seed, output=output).fit(*data)
        assert {float(value) for value in np.unique(seen[-1])} == {0.0, 1.0}
        assert np.asarray(seen[-1])[:, 0].min() == 0 and seen[-1].shape[0] == (40 if "tags" in kind else 8)
        if kind == "table":
            assert seen[-1][:, 0].any() and seen[-1][:, 1].any()
