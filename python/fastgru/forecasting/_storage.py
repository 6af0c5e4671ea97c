"""Forecasters in model files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru import _model_file
from fastgru.estimators._file_values import number, whole
from fastgru.estimators._persistence import OwnMetadataMixin, params_for_file, params_from_file
from fastgru.forecasting._data import Data, clocks_of
from fastgru.forecasting._index_storage import index_for_file, index_from_file
from fastgru.forecasting._known import Known, Unit
from fastgru.forecasting._panel import Panel
from fastgru.forecasting._polars import TIME_TYPES
from fastgru.forecasting._quantiles import LEVELS
from fastgru.forecasting._steps import DIFFERENCING, SCALING, Form

_Floats = NDArray[np.float64]
_Self = TypeVar("_Self", bound="StorageMixin")

_KINDS = ("array", "series", "list", "wide", "long", "records")


class StorageMixin(OwnMetadataMixin):
    """``save``, and the constructor for ``fastgru.load``."""

    def save(self, path: str | PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the fitted forecaster to a safetensors file; ``fastgru.load`` reads it back.

        The file holds the network, the constructor's parameters, and the series as far as they are known: the
        forecaster goes on from there, with the same bits. No code, no pickle. In C++ and C the file is a
        network that answers at every step with the quantiles in units of the series (docs/model-file.md).

        Parameters
        ----------
        path : str or path-like
            Where to write; an existing file is replaced only once the new one is complete.
        metadata : mapping of str to str, optional
            Your own metadata: ``metadata_`` of the loaded forecaster.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        OSError
            The file cannot be written.
        TypeError, ValueError
            `metadata` holds something else than texts; or the name of a series or a column is neither a text
            nor a whole number.
        """
        check_is_fitted(self)
        me: Any = self
        config, tensors = me._network._file_content()
        config["params"] = params_for_file(self, _kind())
        shape, data = me._shape, me._data
        config["fitted"] = {
            "regressor": config["fitted"],
            "container": {
                "kind": shape.kind,
                "ids": [_label(each) for each in shape.ids],
                "columns": [_label(each) for each in shape.columns],
                "levels": [_label(each) for each in shape.levels],
                "library": shape.library,
                "times": shape.times,
                "covariates": [_label(each) for each in data.columns],
            },
            "form": asdict(me._form),
            "units": [[unit.centre, unit.scale] for unit in me._units],
            "season": me.season_,
            "window": me.window_,
            "cycles": list(data.cycles),
            "widening": me.widening_,
            "seed": me._seed,
            "tried": [{name: _finite(value) for name, value in each.items()} for each in me.validation_],
            "naive": me.naive_mae_,
            "columns": [data.series[0].past.shape[1], data.series[0].future.shape[1]],
            "indexes": _shared([index_for_file(each.index) for each in data.series]),
        }
        tensors.update(_series_tensors(data))
        _model_file.save(path, _kind().__name__, config, tensors, self._metadata_to_save(metadata))

    @classmethod
    def _from_model_file(cls: type[_Self], content: _model_file.Content) -> _Self:
        """Build the saved forecaster; check its parameters and fitted state (the core checked the rest)."""
        new: Any = cls(**params_from_file(content.config["params"]))
        new._validate_params()
        fitted = content.config["fitted"]
        form = Form(**fitted["form"])
        _check_form(form)
        new._seed = whole(fitted["seed"], "seed", 0)
        network = new._new_network()
        network._restore(
            content._replace(config={**content.config, "fitted": fitted["regressor"]}, metadata={})
        )
        network._publish()
        data = _read_series(fitted, content.tensors)
        if network._architecture["output_size"] != form.horizon or not network._architecture["sequence"]:
            raise ValueError("the network's output_size is not the horizon of form")
        if tuple(network._architecture["quantiles"]) != LEVELS:
            raise ValueError(f"the network's quantiles must be {LEVELS}")
        new._form, new._network = form, network
        new._shape = _read_shape(fitted["container"], len(data.series))
        new._units = _read_units(fitted["units"], len(data.series))
        new._own_metadata = dict(content.metadata)
        new.season_ = None if fitted["season"] is None else whole(fitted["season"], "season", 1)
        new.window_, new.differencing_ = whole(fitted["window"], "window", 1), form.differencing
        new.n_iter_, new.widening_ = network.n_iter_, number(fitted["widening"], "widening")
        new.validation_, new.naive_mae_ = _read_tried(fitted["tried"]), _read_naive(fitted["naive"])
        new.beats_naive_ = beats_naive(new.validation_, new.naive_mae_)
        new._begin(data)
        return cast(_Self, new)


def beats_naive(tried: list[dict[str, Any]], naive: dict[str, float]) -> bool | None:
    """Return whether the best that was tried is better than every naive forecast; None without a trial."""
    return bool(tried[0]["mae"] < min(naive.values())) if tried and naive else None


def _kind() -> Any:
    from fastgru.forecasting.forecaster import GRUForecaster

    return GRUForecaster


def _series_tensors(data: Data) -> dict[str, _Floats]:
    series = data.series
    lengths = [[len(each), len(each.future), len(each.static)] for each in series]
    return {
        "series.y": np.concatenate([each.y for each in series]),
        "series.X": np.concatenate([part.ravel() for each in series for part in (each.past, each.future)]),
        "series.static": np.concatenate([each.static for each in series]),
        "series.lengths": np.array(lengths, dtype=np.float64).ravel(),
    }


def _read_series(fitted: dict[str, Any], tensors: dict[str, _Floats]) -> Data:
    lengths = tensors["series.lengths"].reshape(-1, 3)
    indexes = fitted["indexes"]
    n_past, n_future = (whole(each, "columns", 0) for each in fitted["columns"])
    are_counts = np.isfinite(lengths) & (lengths == np.floor(lengths)) & (lengths >= 0)
    if (
        not len(lengths)
        or not are_counts.all()
        or not isinstance(indexes, list)
        or len(indexes) not in {1, len(lengths)}
    ):
        raise ValueError("series.lengths does not fit the series")
    y, X, static = (_Taken(tensors[f"series.{name}"], name) for name in ("y", "X", "static"))
    container = fitted["container"]
    series: list[Known] = []
    ids = container["ids"]
    if not isinstance(ids, list) or len(ids) != len(lengths):
        raise ValueError("container.ids must have one name per series")
    index: Any = None
    for place, (n, ahead, numbers) in enumerate(lengths.astype(np.int64).tolist()):
        if place == 0 or len(indexes) > 1 or n != len(series[-1]):
            index = index_from_file(indexes[place if len(indexes) > 1 else 0], n)
        past = X.next(n * n_past).reshape(n, n_past)
        future = X.next(ahead * n_future).reshape(ahead, n_future)
        series.append(Known(y.next(n), past, future, static.next(numbers), index, ids[place]))
    for each in (y, X, static):
        each.check_end()
    clocks = clocks_of(series, ["y"] * len(series), container["kind"])
    columns = tuple(_label(each) for each in container.get("covariates", ()))
    if columns and len(columns) != n_past + n_future:
        raise ValueError(f"container.covariates has {len(columns)} names, and columns {n_past + n_future}")
    return Data(tuple(series), clocks, tuple(str(each) for each in fitted["cycles"]), columns)


class _Taken:
    """The parts of a tensor, one after the other."""

    def __init__(self, values: _Floats, name: str) -> None:
        self._values, self._name, self._at = values, name, 0

    def next(self, count: int) -> _Floats:
        """Return the next `count` values."""
        if self._at + count > len(self._values):
            raise ValueError(f"series.{self._name} has fewer values than series.lengths says")
        self._at += count
        return self._values[self._at - count : self._at]

    def check_end(self) -> None:
        """Refuse values that are left."""
        if self._at != len(self._values):
            raise ValueError(f"series.{self._name} has more values than series.lengths says")


def _read_shape(saved: Any, count: int) -> Panel:
    kind = saved["kind"]
    if kind not in _KINDS or not all(isinstance(saved[name], list) for name in ("ids", "columns", "levels")):
        raise ValueError(f"container must be one of {', '.join(_KINDS)} with its names, got {kind!r}")
    ids, columns, levels = (
        tuple(_label(each) for each in saved[name]) for name in ("ids", "columns", "levels")
    )
    if len(ids) != count or (kind in {"array", "series"} and count != 1):
        raise ValueError(f"container has {len(ids)} series, and series.lengths {count}")
    library, times = saved["library"], saved["times"]
    if library not in {"pandas", "polars"} or times not in TIME_TYPES:
        raise ValueError(f"container has the unknown library {library!r} or type of times {times!r}")
    return Panel((), ids, (), kind, columns, levels, library, times)


def _read_units(saved: Any, count: int) -> list[Unit]:
    if not isinstance(saved, list) or len(saved) != count:
        raise ValueError(f"units must be a list of {count} pairs")
    units = [Unit(number(each[0], "units"), number(each[1], "units")) for each in saved]
    if any(unit.scale <= 0.0 for unit in units):
        raise ValueError("units must have positive scales")
    return units


_TRIED = {"differencing": str, "window": int, "pinball": float, "mae": float, "epochs": int}


def _read_tried(saved: Any) -> list[dict[str, Any]]:
    """Return what was tried on the held-out end; a number that is not finite is saved as null."""
    if not isinstance(saved, list) or not all(isinstance(each, dict) for each in saved):
        raise ValueError("tried must be a list of objects")
    for each in saved:
        if set(each) != set(_TRIED) or not all(
            value is None or type(value) in {kind, int}
            for value, kind in zip(each.values(), map(_TRIED.get, each), strict=True)
        ):
            raise ValueError(f"tried must have {', '.join(_TRIED)}, got {str(each)[:80]}")
    return [{name: np.nan if value is None else value for name, value in each.items()} for each in saved]


def _read_naive(saved: Any) -> dict[str, float]:
    if not isinstance(saved, dict):
        raise ValueError(f"naive must be an object of numbers, got {str(saved)[:80]}")
    return {name: number(value, "naive") for name, value in saved.items()}


def _check_form(form: Form) -> None:
    for name in ("horizon", "season", "window"):
        whole(getattr(form, name), name, 1)
    if form.differencing not in DIFFERENCING or form.scaling not in SCALING:
        raise ValueError(
            f"form has the unknown differencing {form.differencing!r} or scaling {form.scaling!r}"
        )


def _shared(indexes: list[Any]) -> list[Any]:
    return indexes[:1] if all(each == indexes[0] for each in indexes) else indexes


def _label(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, np.integer):
        return int(value)
    raise ValueError(
        f"the name {value!r} cannot be written to a model file: it is neither a text nor an integer"
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
