"""SequenceScaler and to_sequences: preprocessing for an estimator."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastgru import GRURegressor, SequenceScaler, to_sequences


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_of_an_array_are_standardized_over_samples_and_steps(rng, dtype):
    X = rng.normal(5, [1, 30], size=(40, 7, 2)).astype(dtype)
    scaler = SequenceScaler().fit(X)
    table = StandardScaler().fit(X.reshape(-1, 2).astype(float))
    np.testing.assert_allclose(scaler.mean_, table.mean_, rtol=1e-6)
    np.testing.assert_allclose(scaler.scale_, table.scale_, rtol=1e-6)
    Z = scaler.transform(X)
    assert Z.dtype == dtype
    assert Z.shape == X.shape
    np.testing.assert_allclose(scaler.inverse_transform(Z), X, rtol=1e-4)


def test_lists_and_tables_keep_their_form(rng):
    X = [rng.normal(3, 2, size=(n, 2)) for n in (3, 9, 4)]
    Z = SequenceScaler().fit_transform(X)
    assert [z.shape for z in Z] == [x.shape for x in X]
    np.testing.assert_allclose(np.concatenate(Z).mean(axis=0), 0, atol=1e-12)
    table = rng.normal(3, 2, size=(20, 6))
    scaler = SequenceScaler().fit(table)
    assert scaler.mean_.shape == (1,)
    assert scaler.transform(table).shape == table.shape
    flat = [rng.normal(size=n) for n in (3, 5)]
    assert [z.shape for z in SequenceScaler().fit_transform(flat)] == [(3,), (5,)]


def test_parts_can_be_left_out_and_a_constant_is_only_centred(rng):
    X = rng.normal(3, 2, size=(20, 6, 1))
    np.testing.assert_array_equal(SequenceScaler(with_mean=False).fit(X).mean_, 0)
    np.testing.assert_array_equal(SequenceScaler(with_std=False).fit(X).scale_, 1)
    np.testing.assert_array_equal(SequenceScaler().fit_transform(np.full((3, 4, 1), 7.0)), 0)


def test_missing_values(rng):
    X = rng.normal(3, 2, size=(20, 6, 1))
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        SequenceScaler().fit(X)
    Z = SequenceScaler(missing="keep").fit_transform(X)
    assert np.isnan(Z[0, 0]).all()
    np.testing.assert_allclose(np.nanmean(Z), 0, atol=1e-12)


def test_wrong_use(rng):
    X = rng.normal(size=(5, 4, 2))
    with pytest.raises(NotFittedError):
        SequenceScaler().transform(X)
    with pytest.raises(ValueError, match="features"):
        SequenceScaler().fit(X).transform(X[:, :, :1])
    with pytest.raises(ValueError, match="missing"):
        SequenceScaler(missing="drop").fit(X)


def test_clone_and_pipeline(rng):
    X = rng.normal(100, 3, size=(40, 6, 2))
    y = X[:, -1, 0]
    pipe = clone(make_pipeline(SequenceScaler(), GRURegressor(8, max_iter=3, tol=0, random_state=0)))
    assert pipe.fit(X, y).predict(X).shape == (40,)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"who": ["b", "a", "b", "b"], "when": [2, 1, 1, 3], "u": [61.0, 80.0, 60.0, 62.0], "v": [1, 2, 3, 4]}
    )


def test_rows_are_taken_apart_by_id_and_sorted_by_time():
    sequences, ids = to_sequences(frame(), id="who", time="when")
    assert list(ids) == ["b", "a"]
    np.testing.assert_array_equal(sequences[0], [[60, 3], [61, 1], [62, 4]])
    np.testing.assert_array_equal(sequences[1], [[80, 2]])
    (only, _), _ = to_sequences(frame(), id="who", time="when", columns=["v"])
    np.testing.assert_array_equal(only[:, 0], [3, 1, 4])


@pytest.mark.parametrize(
    "form",
    [
        lambda table: table.convert_dtypes(),
        lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
        lambda table: pl.DataFrame(table.to_dict("list")),
        lambda table: pa.table(table.to_dict("list")),
    ],
    ids=["nullable", "pyarrow", "polars", "Arrow"],
)
def test_frames_of_every_kind(form):
    for columns in (None, ["v", "u"]):
        wanted, wanted_ids = to_sequences(frame(), id="who", time="when", columns=columns)
        got, ids = to_sequences(form(frame()), id="who", time="when", columns=columns)
        assert list(ids) == list(wanted_ids)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(TypeError, match="df is a LazyFrame"):
        to_sequences(pl.DataFrame(frame().to_dict("list")).lazy(), id="who", time="when")


def test_times_may_be_dates_and_small_numbers_give_float32():
    table = frame().drop(columns="u").astype({"v": "int16"})
    table["when"] = pd.to_datetime("2026-01-01") + pd.to_timedelta(table["when"], "D")
    sequences, _ = to_sequences(table, id="who", time="when")
    assert sequences[0].dtype == np.float32
    np.testing.assert_array_equal(sequences[0][:, 0], [3, 1, 4])


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda t: t, {"id": "nobody"}, ValueError, "id: df has no columns 'nobody'"),
        (lambda t: t.assign(when=1), {}, ValueError, "same id 'b' and the same time 1"),
        (lambda t: t.iloc[:0], {}, ValueError, "df has no rows"),
        (lambda t: t[["who", "when"]], {}, ValueError, "df has no features"),
        (lambda t: t.assign(who=["b", None, "b", "b"]), {}, ValueError, "1 rows have no value"),
        (lambda t: t.assign(u="text"), {}, TypeError, "'u' has dtype"),
        (lambda t: t, {"columns": "u"}, TypeError, "columns must be a list"),
        (lambda t: t, {"time": "who"}, ValueError, "two columns"),
        (lambda t: t, {"columns": ["when"]}, ValueError, "'when' is the time already"),
        (lambda t: t.to_numpy(), {}, TypeError, "df must be a frame of pandas or polars, got ndarray"),
    ],
)
def test_bad_frames(change, options, error, message):
    with pytest.raises(error, match=message):
        to_sequences(change(frame()), **{"id": "who", "time": "when"} | options)
