"""Names of features in every container; y and weights in every container; errors that name what was wrong."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import fastgru
from fastgru import GRUClassifier, GRURegressor, SequenceScaler

RNG = np.random.default_rng(7)
ARRAYS = [RNG.standard_normal((n, 2)) for n in (4, 6, 3, 5, 5, 4, 7, 3, 4, 6, 5, 4)]
FRAMES = [pd.DataFrame(part, columns=["speed", "load"]) for part in ARRAYS]
TABLE = RNG.standard_normal((12, 5))
Y = np.array([part[-1, 0] for part in ARRAYS])
LABELS = np.where(Y > 0, "up", "down")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def panel(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(dict(enumerate(parts)), names=["instance", "time"])


def nested(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([part[name] for part in parts]) for name in parts[0]})


NAMED: dict[str, Callable[[list[pd.DataFrame]], Any]] = {
    "list": list,
    "tuple": tuple,
    "Series": pd.Series,
    "polars": lambda parts: [pl.DataFrame({name: part[name].to_numpy() for name in part}) for part in parts],
    "Arrow": lambda parts: [pa.table({name: part[name].to_numpy() for name in part}) for part in parts],
    "pd-multiindex": panel,
    "nested_univ": nested,
}
CHANGED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "order": (lambda part: part[["load", "speed"]], "must be in the same order"),
    "names": (lambda part: part.rename(columns={"load": "mass"}), "unseen at fit time:\n- mass"),
}
DOORS: dict[str, Callable[[Any], Any]] = {
    "predict": lambda est: est.predict,
    "score": lambda est: lambda X: est.score(X, Y),
    "partial_fit": lambda est: lambda X: est.partial_fit(X, Y),
    "gates": lambda est: est.gates,
    "plot.gates": lambda est: lambda X: fastgru.plot.gates(est, X),
}


@pytest.mark.parametrize("form", NAMED)
def test_names_are_kept_and_compared(form: str, tmp_path: Any) -> None:
    estimator = regressor().fit(NAMED[form](FRAMES), Y)
    scaler = SequenceScaler().fit(NAMED[form](FRAMES))
    for fitted in (estimator, scaler):
        assert list(fitted.feature_names_in_) == ["speed", "load"] and fitted.n_features_in_ == 2
    estimator.save(tmp_path / "m.safetensors")
    loaded = fastgru.load(tmp_path / "m.safetensors")
    wanted = regressor().fit(ARRAYS, Y).predict(ARRAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for other in NAMED.values():
            np.testing.assert_array_equal(estimator.predict(other(FRAMES)), wanted)
            np.testing.assert_array_equal(loaded.predict(other(FRAMES)), wanted)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        estimator.predict(ARRAYS)
    for change, message in CHANGED.values():
        X = NAMED[form]([change(part) for part in FRAMES])
        for door in DOORS.values():
            with pytest.raises(ValueError, match=message):
                door(estimator)(X)
        for transform in (scaler.transform, scaler.inverse_transform):
            with pytest.raises(ValueError, match=message):
                transform(X)
    assert len(estimator.loss_curve_) == 2  # partial_fit changed nothing


def test_names_of_a_classifier_and_of_steps() -> None:
    swapped = [part[["load", "speed"]] for part in FRAMES]
    for fitted in (
        classifier().fit(FRAMES, LABELS),
        classifier(output="sequence").fit(FRAMES, [np.where(part["load"] > 0, "a", "b") for part in FRAMES]),
    ):
        for door in (
            fitted.predict,
            fitted.predict_proba,
            fitted.predict_log_proba,
            fitted.decision_function,
        ):
            with pytest.raises(ValueError, match="must be in the same order"):
                door(swapped)


def test_polars_tables_have_names_too() -> None:
    table = pl.DataFrame(TABLE, schema=list("abcde"))
    estimator = regressor().fit(table, Y)
    assert list(estimator.feature_names_in_) == list("abcde")
    np.testing.assert_array_equal(estimator.predict(table), regressor().fit(TABLE, Y).predict(TABLE))
    with pytest.raises(ValueError, match="must be in the same order"):
        estimator.predict(table.select(list("bacde")))


@pytest.mark.parametrize("place", [1, 11])
def test_frames_of_one_list_have_the_same_columns(place: int) -> None:
    for change in (
        lambda part: part[["load", "speed"]],
        lambda part: part.rename(columns={"load": "mass"}),
        lambda part: pl.DataFrame({name: part[name].to_numpy() for name in ("load", "speed")}),
    ):
        mixed = [*FRAMES[:place], change(FRAMES[place]), *FRAMES[place + 1 :]]
        for door in (
            lambda X: regressor().fit(X, Y),
            regressor().fit(ARRAYS, Y).predict,
            SequenceScaler().fit,
        ):
            with pytest.raises(
                ValueError, match=rf"X\[{place}\] has the columns .* X\[0\] has \['speed', 'load'\]"
            ):
                door(mixed)


def test_labels_that_are_no_texts_are_no_names() -> None:
    numbered = [part.set_axis([2 * i, 2 * i + 1], axis=1) for i, part in enumerate(FRAMES)]
    estimator = regressor().fit(numbered, Y)
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.raises(ValueError, match=r"X\[3\] has the columns \[1, 0\]"):
        regressor().fit(
            [*(part.set_axis([0, 1], axis=1) for part in FRAMES[:3]), FRAMES[3].set_axis([1, 0], axis=1)],
            Y[:4],
        )
    with pytest.raises(TypeError, match="all input features have string names"):
        regressor().fit([part.set_axis(["a", 0], axis=1) for part in FRAMES], Y)


def test_arrays_among_frames_are_taken_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"X\[2\] has no column names, but X\[0\] has"):
        estimator = regressor().fit([*FRAMES[:2], *ARRAYS[2:]], Y)
    assert list(estimator.feature_names_in_) == ["speed", "load"]


NUMBERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": list,
    "tuple": tuple,
    "objects": lambda y: y.astype(object),
    "Series": lambda y: pd.Series(y, index=range(len(y), 0, -1)),
    "frame": lambda y: pd.DataFrame({"y": y}),
    "nullable": lambda y: pd.Series(y, dtype="Float64"),
    "pyarrow": lambda y: pd.Series(y, dtype="double[pyarrow]"),
    "pandas array": lambda y: pd.array(y, dtype="Float64"),
    "polars": pl.Series,
    "polars frame": lambda y: pl.DataFrame({"y": y}),
    "Arrow": pa.array,
    "masked": np.ma.masked_array,
    "with an instance index": lambda y: pd.Series(y, index=pd.MultiIndex.from_product([range(len(y)), [0]])),
}
TEXTS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda y: [str(label) for label in y],
    "objects": lambda y: y.astype(object),
    "Series": pd.Series,
    "object Series": lambda y: pd.Series(y, dtype=object),
    "nullable": lambda y: pd.Series(y, dtype="string"),
    "pyarrow": lambda y: pd.Series(y, dtype="string[pyarrow]"),
    "category": lambda y: pd.Series(y, dtype="category"),
    "Categorical": pd.Categorical,
    "polars": lambda y: pl.Series(y.tolist()),
    "polars categories": lambda y: pl.Series(y.tolist(), dtype=pl.Categorical),
    "polars enum": lambda y: pl.Series(y.tolist(), dtype=pl.Enum(["down", "up"])),
    "Arrow": lambda y: pa.array(y.tolist()),
    "masked": np.ma.masked_array,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("form", NUMBERS)
def test_targets_and_weights_of_every_container(form: str) -> None:
    y, weight = NUMBERS[form](Y), NUMBERS[form](np.abs(Y))
    wanted = regressor().fit(ARRAYS, Y, np.abs(Y))
    same = regressor().fit(ARRAYS, y, weight if "frame" not in form else np.abs(Y))
    np.testing.assert_array_equal(same.predict(ARRAYS), wanted.predict(ARRAYS))
    assert wanted.score(ARRAYS, y) == wanted.score(ARRAYS, Y)
    if "frame" not in form:
        assert wanted.score(ARRAYS, y, weight) == wanted.score(ARRAYS, Y, np.abs(Y))
        tagged = classifier().fit(ARRAYS, LABELS, weight)
        assert tagged.score(ARRAYS, LABELS, weight) == tagged.score(ARRAYS, LABELS, np.abs(Y))
    again = regressor().partial_fit(ARRAYS, y).partial_fit(ARRAYS, y).predict(ARRAYS)
    np.testing.assert_array_equal(
        again, regressor().partial_fit(ARRAYS, Y).partial_fit(ARRAYS, Y).predict(ARRAYS)
    )
    whole = NUMBERS[form](np.round(Y))  # classes that are numbers
    np.testing.assert_array_equal(
        classifier().fit(ARRAYS, whole).predict_proba(ARRAYS),
        classifier().fit(ARRAYS, np.round(Y)).predict_proba(ARRAYS),
    )


@pytest.mark.parametrize("form", TEXTS)
def test_labels_of_every_container(form: str) -> None:
    y = TEXTS[form](LABELS)
    wanted, same = classifier().fit(ARRAYS, LABELS), classifier().fit(ARRAYS, y)
    assert list(same.classes_) == ["down", "up"]
    np.testing.assert_array_equal(same.predict_proba(ARRAYS), wanted.predict_proba(ARRAYS))
    assert wanted.score(ARRAYS, y) == wanted.score(ARRAYS, LABELS)
    shown = fastgru.plot.confusion_matrix(wanted, ARRAYS, y).confusion_matrix
    np.testing.assert_array_equal(
        shown, fastgru.plot.confusion_matrix(wanted, ARRAYS, LABELS).confusion_matrix
    )
    classifier().partial_fit(ARRAYS, y).partial_fit(ARRAYS, LABELS)


@pytest.mark.parametrize("wrap", [list, pd.Series, lambda y: np.array(y, dtype=object)])
def test_texts_among_numbers_are_refused_in_every_container(wrap: Callable[[list[Any]], Any]) -> None:
    mixed = ["up", 1] * 6
    with pytest.raises(ValueError, match="y mixes texts with other values, 'up' with 1"):
        classifier().fit(ARRAYS, wrap(mixed))
    with pytest.raises(ValueError, match="y mixes texts with other values, 'up' with 1"):
        classifier(output="sequence").fit(ARRAYS, [wrap((["up", 1] * 4)[: len(part)]) for part in ARRAYS])


def test_integer_and_boolean_labels() -> None:
    for dtype, values in (("Int64", Y > 0), ("boolean", Y > 0), ("int8[pyarrow]", Y > 0)):
        plain = values.astype(bool if dtype == "boolean" else int)
        same = classifier().fit(ARRAYS, pd.Series(plain, dtype=dtype))
        assert same.classes_.dtype.kind in "bi"
        np.testing.assert_array_equal(same.predict(ARRAYS), classifier().fit(ARRAYS, plain).predict(ARRAYS))


STEPS = [part[:, 0] * 2 for part in ARRAYS]
STEP_FORMS: dict[str, Callable[[], Any]] = {
    "lists": lambda: [part.tolist() for part in STEPS],
    "Series": lambda: [pd.Series(part, dtype="Float64") for part in STEPS],
    "frames": lambda: [pd.DataFrame({"y": part}) for part in STEPS],
    "polars": lambda: [pl.Series(part) for part in STEPS],
    "Series of arrays": lambda: pd.Series(STEPS),
    "Series of lists": lambda: pd.Series([part.tolist() for part in STEPS]),
    "polars lists": lambda: pl.Series([part.tolist() for part in STEPS]),
    "pd-multiindex": lambda: pd.concat({i: pd.Series(part) for i, part in enumerate(STEPS)}),
    "pd-multiindex frame": lambda: pd.concat({i: pd.DataFrame({"y": part}) for i, part in enumerate(STEPS)}),
    "nested frame": lambda: pd.DataFrame({"y": pd.Series(STEPS)}),
    "masked": lambda: [np.ma.masked_array(part) for part in STEPS],
}


@pytest.mark.parametrize("form", STEP_FORMS)
def test_targets_of_every_step_of_every_container(form: str) -> None:
    y = STEP_FORMS[form]()
    wanted, same = (regressor(output="sequence").fit(ARRAYS, targets) for targets in (STEPS, y))
    for one, other in zip(same.predict(ARRAYS), wanted.predict(ARRAYS), strict=True):
        np.testing.assert_array_equal(one, other)
    assert wanted.score(ARRAYS, y) == wanted.score(ARRAYS, STEPS)
    tags = [np.where(part > 0, "a", "b") for part in STEPS]
    tagger = classifier(output="sequence").fit(ARRAYS, [pd.Series(part, dtype="category") for part in tags])
    assert tagger.score(ARRAYS, tags) == tagger.score(ARRAYS, [part.tolist() for part in tags])


@pytest.mark.parametrize("form", ["list", "Series", "nested_univ", "polars lists"])
def test_folds_of_containers(form: str) -> None:
    forms = {
        **NAMED,
        "polars lists": lambda parts: pl.DataFrame({n: [p[n].tolist() for p in parts] for n in parts[0]}),
    }
    pipe = make_pipeline(SequenceScaler(), regressor())
    wanted = cross_val_score(pipe, ARRAYS, Y, cv=3)
    np.testing.assert_array_equal(cross_val_score(pipe, forms[form](FRAMES), pl.Series(Y), cv=3), wanted)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):  # its rows are no samples
        cross_val_score(pipe, panel(FRAMES), Y, cv=3)
