"""`GRUForecaster` with the long frames and the names of Nixtla's libraries."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any, TypeVar

from fastgru._tables import has_numbers, is_frame, is_from, materialised
from fastgru.forecasting._panel import LONG_COLUMNS
from fastgru.forecasting.forecaster import GRUForecaster

__all__ = ["NixtlaGRUForecaster"]

_Self = TypeVar("_Self", bound="NixtlaGRUForecaster")


class NixtlaGRUForecaster:
    """`fastgru.GRUForecaster` for those who know statsforecast, mlforecast or neuralforecast.

    Data are long frames of pandas or polars with a row for each series and time; forecasts come in frames
    of the same library. One network learns from all series. Nothing of Nixtla needs to be installed.

    Parameters
    ----------
    forecaster : GRUForecaster or None, default=None
        What to fit, a copy of it: its parameters hold the horizon, the season and so on. None: the defaults.
    alias : str, default="GRU"
        The name of the forecasts' columns.

    Attributes
    ----------
    forecaster_ : GRUForecaster
        The fitted forecaster.

    See Also
    --------
    fastgru.GRUForecaster : The forecaster itself; it reads such frames, too.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from fastgru import GRUForecaster
    >>> from fastgru.adapters import NixtlaGRUForecaster
    >>> days = pd.date_range("2024-01-01", periods=100, freq="D")
    >>> df = pd.DataFrame({"unique_id": "shop", "ds": days, "y": np.sin(np.arange(100) * 2 * np.pi / 7)})
    >>> model = NixtlaGRUForecaster(GRUForecaster(horizon=7, season=7, max_iter=10, random_state=0)).fit(df)
    >>> list(model.predict(level=[80]).columns)
    ['unique_id', 'ds', 'GRU', 'GRU-lo-80', 'GRU-hi-80']
    """

    forecaster_: GRUForecaster
    _names: tuple[str, str, str]  # of the columns of series, time and target
    _covariates: list[Hashable]
    _id_dtype: Any

    def __init__(self, forecaster: GRUForecaster | None = None, *, alias: str = "GRU") -> None:
        self.forecaster = forecaster
        self.alias = alias

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.forecaster!r}, alias={self.alias!r})"

    def fit(
        self: _Self,
        df: Any,
        static_df: Any = None,
        *,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> _Self:
        """Learn from all series of a frame.

        Parameters
        ----------
        df : frame of pandas or polars
            A row for each series and time, in any order, in even steps of dates or integers. Columns besides
            the three are covariates: known in advance, but for those in `past_columns` of the forecaster.
        static_df : frame with the column `id_col`, default=None
            Numbers that belong to each series.
        id_col, time_col, target_col : str
            The columns of the series' name, the time and the value.

        Returns
        -------
        self : NixtlaGRUForecaster
            The fitted forecaster.

        Raises
        ------
        TypeError, ValueError
            As `GRUForecaster.fit`; or a column is not there.
        """
        from sklearn.base import clone

        names = (id_col, time_col, target_col)
        df = _checked(df, "df", names, [])
        covariates = [label for label in df.columns if label not in names]
        static = (
            None if static_df is None else _renamed(_checked(static_df, "static_df", names[:1], []), names)
        )
        long = _renamed(df, names)
        forecaster = GRUForecaster() if self.forecaster is None else clone(self.forecaster)
        forecaster.fit(long, long if covariates else None, static=static)
        self.forecaster_, self._names, self._covariates = forecaster, names, covariates
        self._id_dtype = df[id_col].dtype
        return self

    def predict(self, h: int | None = None, X_df: Any = None, level: Sequence[float] | None = None) -> Any:
        """Forecast the next steps of every series.

        Parameters
        ----------
        h : int, default=None
            Steps; None: the horizon of the forecaster.
        X_df : frame, default=None
            The covariates known in advance of the steps to come (all of the forecaster's horizon), with the
            columns of series and time.
        level : sequence of numbers in (0, 100), default=None
            The shares of values, in percent, that intervals are to hold; None: no intervals.

        Returns
        -------
        forecasts : frame
            Columns: series, time, the median (`alias`), then ``alias-lo-80`` of each level and
            ``alias-hi-80``, as statsforecast names and orders them. Series in the order of `df`.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As `GRUForecaster.predict`; or a level is no percentage, or a column is not there.
        """
        model = self._fitted()
        levels = _checked_levels(level)
        if X_df is not None:
            past = set(model.past_columns or ())
            wanted = [label for label in self._covariates if label not in past]
            X_df = _renamed(_checked(X_df, "X_df", self._names[:2], wanted), self._names, wanted)
        bounds = [(50.0 + sign * each / 2) / 100.0 for sign in (-1, 1) for each in levels]
        found = model.predict_quantiles([0.5, *bounds], h, X_df)
        sides = [f"{side}-{each}" for side in ("lo", "hi") for each in levels]
        found.columns = [*self._names[:2], self.alias, *(f"{self.alias}-{side}" for side in sides)]
        return _with_dtype(found, self._names[0], self._id_dtype)

    def update(self: _Self, df: Any, *, refit: bool = False) -> _Self:
        """Take the values that came after, without learning from them: forecasts go on from there.

        Parameters
        ----------
        df : frame with the columns of ``fit``
            The next steps of the series, or of some of them, without a gap.
        refit : bool, default=False
            Train some more, as in `GRUForecaster.update`.

        Returns
        -------
        self : NixtlaGRUForecaster
            The forecaster, some steps on.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            The steps do not follow, or a column is not there. The forecaster stays as it was.
        """
        model = self._fitted()
        long = _renamed(_checked(df, "df", self._names, self._covariates), self._names, self._covariates)
        model.update(long, long if self._covariates else None, refit=refit)
        return self

    def _fitted(self) -> GRUForecaster:
        if not hasattr(self, "forecaster_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("this NixtlaGRUForecaster is not fitted yet: call fit(df) before")
        return self.forecaster_


def _checked(df: Any, name: str, names: Sequence[str], covariates: Sequence[Hashable]) -> Any:
    """Return a frame that has these columns, with times that can be reckoned with."""
    df = materialised(df, name)
    if not is_frame(df):
        raise TypeError(f"{name} must be a frame of pandas or polars, got {type(df).__name__}")
    labels = list(df.columns)
    for label in (*names, *covariates):
        if labels.count(label) != 1:
            count = labels.count(label) or "no"
            raise ValueError(f"{name} has {count} columns {label!r}; it has {labels[:20]!r}")
    for own, label in zip(LONG_COLUMNS, names, strict=False):
        if own != label and own in labels and own not in names:
            raise ValueError(
                f"{name} has a column {own!r} besides {label!r}, which takes its place: rename it"
            )
    if len(names) > 1 and not _is_time(df[names[1]]):
        raise TypeError(
            f"{name}: column {names[1]!r} has dtype {df[names[1]].dtype}, and times are dates or integers: "
            "turn it into dates (pandas.to_datetime, polars' str.to_datetime)"
        )
    return df


def _is_time(column: Any) -> bool:
    dtype = column.dtype
    if is_from("polars", "Series", column):
        return bool(dtype.is_temporal() or dtype.is_integer())
    if has_numbers(column):
        return str(dtype).lower().startswith(("int", "uint"))
    return str(dtype).startswith(("datetime64", "timedelta64", "period"))


def _renamed(df: Any, names: Sequence[str], covariates: Sequence[Hashable] | None = None) -> Any:
    """Return a frame with `GRUForecaster`'s names of these columns; of the others, those in `covariates`."""
    if covariates is not None:
        df = df[[*(label for label in names if label in list(df.columns)), *covariates]]
    new = {old: own for old, own in zip(names, LONG_COLUMNS, strict=True) if old in list(df.columns)}
    return df.rename(new) if is_from("polars", "DataFrame", df) else df.rename(columns=new)


def _checked_levels(level: Sequence[float] | None) -> list[float]:
    levels = [] if level is None else list(level)
    for each in levels:
        if isinstance(each, bool) or not isinstance(each, Real) or not 0 < each < 100:
            raise ValueError(f"level must hold percentages between 0 and 100, without both, got {each!r}")
    return sorted(set(levels))


def _with_dtype(frame: Any, label: str, dtype: Any) -> Any:
    """Return a frame whose column `label` has the dtype that it had in `fit`."""
    if is_from("polars", "DataFrame", frame):
        return frame.with_columns(frame[label].cast(dtype))
    return frame.astype({label: dtype})
