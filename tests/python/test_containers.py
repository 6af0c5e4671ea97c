"""The one door for data: every container at every door gives the bits of the NumPy arrays."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastgru import GRUAnomalyDetector, GRUClassifier, GRURegressor, SequenceScaler, make_windows, plot

RNG = np.random.default_rng(12)
TABLE = RNG.integers(-9, 10, (14, 6))
CUBE = RNG.integers(-9, 10, (14, 6, 2))
LISTED = [RNG.integers(-9, 10, (n, 2)) for n in (3, 7, 4, 4, 1, 6, 5, 3, 8, 2, 5, 6, 4, 3)]
NAMES = ["speed", "load"]
Y = RNG.standard_normal(14)
LABELS = np.array(["up", "down"])[(RNG.random(14) > 0.5).astype(int)]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class OnlyArray:
    """What xarray's objects and others have in common."""

    dims = ("sample", "time")

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.shape = self.values.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)


def mapped(values: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "x.npy", values)
    loaded: np.ndarray = np.load(folder / "x.npy", mmap_mode="r")
    return loaded


HAS_TORCH = importlib.util.find_spec("torch") is not None


def tensor(values: Any) -> Any:
    import torch

    return torch.tensor(np.asarray(values))


def test_tensors_of_pytorch_are_among_the_containers() -> None:
    if not HAS_TORCH:
        pytest.skip("PyTorch is not installed: tensors are left out of every grid of this file")
    assert "torch" in TABLES and "torch" in CUBES and "torch" in SERIES_FORMS


def objects(parts: list[Any]) -> np.ndarray:
    array = np.empty(len(parts), dtype=object)
    array[:] = parts
    return array


def frame(values: Any, dtype: str | None = None) -> pd.DataFrame:
    values = np.asarray(values)
    labels = NAMES if values.shape[1] == 2 else [f"t{i}" for i in range(values.shape[1])]
    made = pd.DataFrame(values, columns=labels)
    return made if dtype is None else made.astype(dtype)


def polars_frame(values: Any) -> pl.DataFrame:
    made = frame(values)
    return pl.DataFrame({name: made[name].to_numpy() for name in made})


def panel(parts: list[np.ndarray]) -> pd.DataFrame:
    """Return sktime's pd-multiindex."""
    return pd.concat({i: frame(part) for i, part in enumerate(parts)}, names=["instance", "time"])


def nested(parts: list[np.ndarray], cell: Callable[[np.ndarray], Any] = pd.Series) -> pd.DataFrame:
    """Return sktime's nested_univ."""
    return pd.DataFrame(
        {name: pd.Series([cell(part[:, k]) for part in parts], dtype=object) for k, name in enumerate(NAMES)}
    )


TABLES: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x.tolist())),
    "objects": lambda x: x.astype(object),
    "masked": lambda x: np.ma.masked_array(x, np.zeros(x.shape, bool)),
    "fortran": np.asfortranarray,
    "only __array__": OnlyArray,
    "pandas": frame,
    "pandas, objects": lambda x: frame(x, "object"),
    "pandas, nullable": lambda x: frame(x, "Int64"),
    "pandas, pyarrow": lambda x: frame(x, "int64[pyarrow]"),
    "pandas, mixed": lambda x: frame(x).astype({"t0": "Int64", "t1": "int64[pyarrow]", "t2": "object"}),
    "pandas, sparse": lambda x: frame(x, "Sparse[int64]"),
    "polars": polars_frame,
    "pyarrow": lambda x: pa.table({f"t{i}": x[:, i] for i in range(x.shape[1])}),
    **({"torch": tensor} if HAS_TORCH else {}),
}
CUBES: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda x: x.tolist(),
    "objects": lambda x: x.astype(object),
    "masked": lambda x: np.ma.masked_array(x, np.zeros(x.shape, bool)),
    "only __array__": OnlyArray,
    **({"torch": tensor} if HAS_TORCH else {}),
}
LISTS: dict[str, Callable[[list[np.ndarray]], Any]] = {
    "tuple": tuple,
    "array of arrays": objects,
    "Series of arrays": lambda x: pd.Series(x, index=range(5, 5 + len(x))),
    "lists of lists": lambda x: [part.tolist() for part in x],
    "tuples of tuples": lambda x: tuple(tuple(map(tuple, part.tolist())) for part in x),
    "Series of lists": lambda x: pd.Series([part.tolist() for part in x]),
    "list of object arrays": lambda x: [part.astype(object) for part in x],
    "list of masked": lambda x: [np.ma.masked_array(part) for part in x],
    "list of __array__": lambda x: [OnlyArray(part) for part in x],
    **({"list of tensors": lambda x: [tensor(part) for part in x]} if HAS_TORCH else {}),
    "list of frames": lambda x: [frame(part) for part in x],
    "list of nullable frames": lambda x: [frame(part, "Int64") for part in x],
    "list of pyarrow frames": lambda x: [frame(part, "int64[pyarrow]") for part in x],
    "list of Arrow tables": lambda x: [pa.table({"speed": p[:, 0], "load": p[:, 1]}) for p in x],
    "list of polars frames": lambda x: [polars_frame(part) for part in x],
    "list of groups": lambda x: [group for _, group in panel(x).groupby(level=0)],
    "pd-multiindex": panel,
    "pd-multiindex, shuffled": lambda x: panel(x).pipe(
        lambda p: pd.concat([p.loc[[i]].iloc[::-1] for i in range(len(x))])
    ),
    "nested_univ": nested,
    "nested lists": lambda x: nested(x, lambda cell: cell.tolist()),
    "nested array": lambda x: nested(x, lambda cell: cell).to_numpy(),
    "polars lists": lambda x: pl.DataFrame({n: [p[:, k].tolist() for p in x] for k, n in enumerate(NAMES)}),
    "pyarrow lists": lambda x: pa.table({n: [p[:, k].tolist() for p in x] for k, n in enumerate(NAMES)}),
}


def forms() -> Iterator[Any]:
    for base, kinds in ((TABLE, TABLES), (CUBE, CUBES), (LISTED, LISTS)):
        shape = "list" if base is LISTED else f"{base.ndim}-D"  # type: ignore[attr-defined]
        for name, make in kinds.items():
            yield pytest.param(base, make, id=f"{shape}: {name}")


def regressor(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def classifier(**params: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **params})


def detector(samples: str = "steps", **params: Any) -> GRUAnomalyDetector:
    return GRUAnomalyDetector(samples=samples, hidden_size=4, max_iter=2, random_state=0, **params)


def fitted(X: Any, kind: str = "regressor") -> Any:
    """Return an estimator fitted on `X`; names come with it."""
    return regressor().fit(X, Y) if kind == "regressor" else classifier().fit(X, LABELS)


# What a door answers to the data `X`, with whatever it needs fitted on `base`, which holds the same.
DOORS: dict[str, Callable[[Any, Any], Any]] = {
    "fit": lambda X, base: regressor().fit(X, Y).predict(base),
    "partial_fit": lambda X, base: regressor().partial_fit(X, Y).partial_fit(X, Y).predict(base),
    "predict": lambda X, base: fitted(base).predict(X),
    "score": lambda X, base: fitted(base).score(X, Y),
    "gates": lambda X, base: fitted(base).gates(X).update,
    "classifier: fit": lambda X, base: classifier().fit(X, LABELS).predict_proba(base),
    "predict_proba": lambda X, base: fitted(base, "classifier").predict_proba(X),
    "predict_log_proba": lambda X, base: fitted(base, "classifier").predict_log_proba(X),
    "decision_function": lambda X, base: fitted(base, "classifier").decision_function(X),
    "classifier: score": lambda X, base: fitted(base, "classifier").score(X, LABELS),
    "steps": lambda X, base: regressor(output="sequence").fit(X, steps_of(base)).predict(X),
    "detector: fit": lambda X, base: detector().fit(X).score_samples(base),
    "detector: score_samples": lambda X, base: detector().fit(base).score_samples(X),
    "detector: predict": lambda X, base: detector().fit(base).predict(X),
    "detector: contributions": lambda X, base: detector().fit(base).contributions(X),
    "detector: expected": lambda X, base: detector().fit(base).expected(X),
    "detector of sequences: fit": lambda X, base: detector("sequences").fit(X).score_samples(base),
    "detector of sequences": lambda X, base: detector("sequences").fit(base).score_samples(X),
    "scaler: fit": lambda X, base: SequenceScaler().fit(X).transform(base),
    "scaler: transform": lambda X, base: SequenceScaler().fit(base).transform(X),
    "scaler: inverse": lambda X, base: SequenceScaler().fit(base).inverse_transform(X),
    "plot.gates": lambda X, base: plot.gates(fitted(base), X, sample=3)[0].images[0].get_array(),
    "plot.predicted_vs_true": lambda X, base: (
        plot.predicted_vs_true(fitted(base), X, Y).collections[0].get_offsets()
    ),
    "plot.confusion_matrix": lambda X, base: (
        plot.confusion_matrix(fitted(base, "classifier"), X, LABELS).confusion_matrix
    ),
}


def steps_of(base: Any) -> Any:
    if isinstance(base, list):
        return [part[:, 0] * 0.5 for part in base]
    return (base if base.ndim == 2 else base[:, :, 0]) * 0.5


def assert_same(got: Any, wanted: Any) -> None:
    if isinstance(wanted, list):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    else:
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("base, make", list(forms()))
def test_every_container_at_every_door(base: Any, make: Callable[[Any], Any], door: str) -> None:
    import matplotlib.pyplot as plt

    try:
        assert_same(DOORS[door](make(base), base), DOORS[door](base, base))
    finally:
        plt.close("all")


def test_memory_maps_of_every_rank_are_read_in_place(tmp_path: Path) -> None:
    for base in (TABLE.astype(float), CUBE.astype(float)):
        assert_same(fitted(base).predict(mapped(base, tmp_path)), fitted(base).predict(base))
    parts = [part.astype(float) for part in LISTED]
    wanted = fitted(parts).predict(parts)
    np.save(tmp_path / "all.npy", np.concatenate(parts))
    whole = np.load(tmp_path / "all.npy", mmap_mode="r")
    assert_same(fitted(parts).predict(np.split(whole, np.cumsum([len(p) for p in parts])[:-1])), wanted)


HOLES = [np.where(RNG.random(part.shape) < 0.3, np.nan, part) for part in LISTED]
NONE = [[[None if np.isnan(v) else v for v in step] for step in part.tolist()] for part in HOLES]
HOLEY: dict[str, Callable[[], Any]] = {
    "None": lambda: NONE,
    "NA": lambda: [[[pd.NA if v is None else v for v in step] for step in part] for part in NONE],
    "object arrays": lambda: [np.array(part, dtype=object) for part in NONE],
    "NA in arrays": lambda: [
        np.array([[pd.NA if v is None else v for v in step] for step in part], dtype=object) for part in NONE
    ],
    "masked": lambda: [
        np.ma.masked_array(part, np.isnan(hole)) for part, hole in zip(LISTED, HOLES, strict=True)
    ],
    "frames": lambda: [frame(part) for part in HOLES],
    "nullable": lambda: [frame(part, "Int64") for part in HOLES],
    "small nullable": lambda: [frame(part, "Int8") for part in HOLES],
    "pyarrow": lambda: [frame(part, "int64[pyarrow]") for part in HOLES],
    "polars": lambda: [pl.DataFrame(part, schema=NAMES, orient="row") for part in NONE],
    "pd-multiindex": lambda: panel(HOLES).astype("Int64"),
    "nested, nullable": lambda: nested(HOLES, lambda cell: pd.Series(cell, dtype="Int64")),
    "polars lists": lambda: pl.DataFrame(
        {n: [[step[k] for step in part] for part in NONE] for k, n in enumerate(NAMES)},
        schema=dict.fromkeys(NAMES, pl.List(pl.Float64)),
    ),
}


@pytest.mark.parametrize("form", HOLEY)
def test_missing_values_of_every_container_are_nan(form: str) -> None:
    X = HOLEY[form]()
    wanted = regressor(missing="mask").fit(HOLES, Y).predict(HOLES)
    np.testing.assert_array_equal(regressor(missing="mask").fit(X, Y).predict(X), wanted)
    scores = detector(missing="mask").fit(HOLES).score_samples(HOLES)
    for one, other in zip(detector(missing="mask").fit(X).score_samples(X), scores, strict=True):
        np.testing.assert_array_equal(one, other)
    scaled = SequenceScaler(missing="keep").fit_transform(HOLES)
    for one, other in zip(SequenceScaler(missing="keep").fit_transform(X), scaled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)  # Int8 becomes float32
    for door in (regressor().fit, SequenceScaler().fit, detector().fit):
        with pytest.raises(ValueError, match=r"Input X\[\d+\] contains NaN"):
            door(X, Y)


WORDS = [RNG.integers(1, 9, n) for n in (3, 7, 4, 4, 1, 6, 5, 3, 8, 2, 5, 6, 4, 3)]
PADDED = np.stack([np.pad(word, (0, 8 - len(word))) for word in WORDS])
TOKENS: dict[str, Callable[[], Any]] = {
    "lists": lambda: [word.tolist() for word in WORDS],
    "tuples": lambda: tuple(tuple(word.tolist()) for word in WORDS),
    "objects": lambda: [word.astype(object) for word in WORDS],
    "array of arrays": lambda: objects(WORDS),
    "Series of lists": lambda: pd.Series([word.tolist() for word in WORDS]),
    "Series of arrays": lambda: pd.Series(WORDS),
    "nullable": lambda: [pd.Series(word, dtype="UInt8") for word in WORDS],
    "pandas arrays": lambda: [pd.array(word, dtype="Int64") for word in WORDS],
    "pyarrow": lambda: [pd.Series(word, dtype="int32[pyarrow]") for word in WORDS],
    "Arrow arrays": lambda: [pa.array(word) for word in WORDS],
    "frames": lambda: [pd.DataFrame({"token": word}) for word in WORDS],
    "polars": lambda: [pl.Series(word) for word in WORDS],
    "polars list column": lambda: pl.Series([word.tolist() for word in WORDS]),
    "polars frame of lists": lambda: pl.DataFrame({"token": [word.tolist() for word in WORDS]}),
    "masked": lambda: [np.ma.masked_array(word) for word in WORDS],
    **({"tensors": lambda: [tensor(word) for word in WORDS]} if HAS_TORCH else {}),
    "floats": lambda: [word.astype(float) for word in WORDS],
    "nested_univ": lambda: pd.DataFrame({"token": pd.Series([pd.Series(w) for w in WORDS], dtype=object)}),
    "pd-multiindex": lambda: pd.concat({i: pd.DataFrame({"token": w}) for i, w in enumerate(WORDS)}),
    "padded frame": lambda: pd.DataFrame(PADDED),
    "padded nullable": lambda: pd.DataFrame(PADDED, dtype="Int64"),
    "padded objects": lambda: PADDED.astype(object),
    "padded polars": lambda: pl.DataFrame(PADDED),
    **({"padded tensor": lambda: tensor(PADDED)} if HAS_TORCH else {}),
}


@pytest.mark.parametrize("form", TOKENS)
def test_tokens_of_every_container(form: str) -> None:
    X = TOKENS[form]()
    wanted = regressor(embedding_dim=3).fit(WORDS, Y)
    np.testing.assert_array_equal(wanted.predict(X), wanted.predict(WORDS))
    np.testing.assert_array_equal(regressor(embedding_dim=3).fit(X, Y).predict(WORDS), wanted.predict(WORDS))


SERIES = RNG.integers(-9, 10, 30)
SERIES_FORMS: dict[str, Callable[[], Any]] = {
    "list": SERIES.tolist,
    "objects": lambda: SERIES.astype(object),
    "nullable": lambda: pd.Series(SERIES, dtype="Int64"),
    "pandas array": lambda: pd.array(SERIES, dtype="Int64"),
    "pyarrow": lambda: pd.Series(SERIES, dtype="int64[pyarrow]"),
    "Arrow": lambda: pa.array(SERIES),
    "polars": lambda: pl.Series(SERIES),
    "masked": lambda: np.ma.masked_array(SERIES),
    "only __array__": lambda: OnlyArray(SERIES),
    **({"torch": lambda: tensor(SERIES)} if HAS_TORCH else {}),
}


@pytest.mark.parametrize("form", SERIES_FORMS)
def test_series_of_every_container(form: str) -> None:
    for got, wanted in zip(make_windows(SERIES_FORMS[form](), 4), make_windows(SERIES, 4), strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)
    scores = detector().fit(SERIES).score_samples(SERIES)
    np.testing.assert_array_equal(
        detector().fit(SERIES_FORMS[form]()).score_samples(SERIES_FORMS[form]()), scores
    )


@pytest.mark.parametrize("form", TABLES)
def test_series_of_several_columns(form: str) -> None:
    for got, wanted in zip(make_windows(TABLES[form](TABLE), 4), make_windows(TABLE, 4), strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, pd.NA, 3, 4], dtype="Int64"),
        pd.Series([1, None, 3, 4], dtype="int64[pyarrow]"),
        pd.Series([True, None, True, True], dtype="boolean") * 1,
        [1, None, 3, 4],
        [1, pd.NA, 3, 4],
        np.ma.masked_array([1, 2, 3, 4], [False, True, False, False]),
        pl.Series([1, None, 3, 4]),
    ],
    ids=["nullable", "pyarrow", "boolean", "None", "NA", "masked", "polars"],
)
def test_missing_values_of_a_series_are_nan(series: Any) -> None:
    X, _ = make_windows(series, 2)
    np.testing.assert_array_equal(np.isnan(X), [[False, True], [True, False]])
