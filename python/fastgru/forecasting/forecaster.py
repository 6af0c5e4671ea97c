"""The GRU as a forecaster of time series."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context

from fastgru.forecasting._forecaster import ForecasterBase

__all__ = ["GRUForecaster"]

_Self = TypeVar("_Self", bound="GRUForecaster")


class GRUForecaster(ForecasterBase):
    """Forecasts of time series with intervals, by a gated recurrent unit (GRU).

    One network learns from all series that ``fit`` is given. At every step it reads the change of the
    series, the calendar and covariates, and answers with quantiles of the next `horizon` values at once.
    They cannot cross. What "auto" leaves open (season, differencing, window) is chosen on the end of the
    series, which is held out once and then learnt from, too; so are the number of epochs and the width of
    the intervals. A series that has never changed is forecast to stay as it is.

    Parameters
    ----------
    horizon : int, default=12
        Steps ahead to forecast.
    season : int, None or "auto", default="auto"
        Steps of a season: 12 for months. auto: found in the series. None: there is none.
    differencing : {"auto", "none", "first", "seasonal"}, default="auto"
        What forecasts are counted from: nothing, the last value, or the value one season before. auto: the
        best on the held-out end.
    window : int or "auto", default="auto"
        Steps through which gradients go back. auto: two seasons, but 24 to 96, or twice as many if that is
        better on the held-out end. Forecasts read the whole series, whatever the window.
    scaling : {"series", "window", "none"}, default="series"
        The unit of each series: its own level and spread; or the mean magnitude of its last `window` values,
        for series whose level moves far (sales that grow tenfold); or none.
    calendar : "auto", None or list of {"minute", "hour", "weekday", "yearday"}, default="auto"
        Cycles of the calendar that the network reads, as sines and cosines: of the hour, the day, the week
        and the year. auto: those that the dates pass through at least twice, and in several steps.
    past_columns : sequence of labels or None, default=None
        The columns of X (labels, or places from 0) that are not known in advance, such as a measured
        temperature. All others must be given to ``predict`` for the future.
    strategy : {"direct", "recursive"}, default="direct"
        direct: all steps of the horizon at once. recursive: one step, fed back: `n_paths` paths are drawn,
        whose quantiles are the forecast; `horizon` may then be any number in ``predict``, and paths keep
        what belongs together (the sum of a week).
    n_paths : int, default=200
        Paths drawn for ``strategy="recursive"``.
    missing : {"error", "mask"}, default="error"
        A missing value or a gap in the index is an error that names the first; or the network reads that the
        value is missing.
    calibrate : bool, default=True
        Widen the intervals so that the 80 % interval holds 80 % of the values of the held-out end (split
        conformal prediction).
    validation_fraction : float in (0, 0.5], default=0.2
        The share of each series that is held out for these choices; at least a horizon.
    hidden_size, num_layers, dropout, learning_rate_init, batch_size, max_iter
        As in `GRURegressor`; `max_iter` is the largest number of epochs.
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of windows and drawn paths. An int gives the same bits at every
        fit, at any number of threads and in any order of the series.
    verbose : bool, default=False
        Print a line for each choice that is tried.
    n_jobs : int or None, default=None
        Threads, as in `GRURegressor`.

    Attributes
    ----------
    season_ : int or None
        The season.
    differencing_, window_ : str, int
        What was chosen.
    calendar_ : tuple of str
        The cycles that the network reads.
    n_iter_ : int
        Epochs of the last training.
    validation_ : list of dict
        What was tried on the held-out end: `differencing`, `window`, `pinball`, `mae` (both in units of the
        naive forecast's error within the series), `epochs`; the best first.
    naive_mae_ : dict
        The same `mae` for persistence and seasonal naive forecasts.
    beats_naive_ : bool or None
        Whether the best `mae` is below all of these; None where there was nothing to hold out.
    widening_ : float
        The factor of the intervals' widths.

    See Also
    --------
    fastgru.backtest : How good such forecasts are, beside naive ones.
    fastgru.GRURegressor : The network, for samples of your own.

    References
    ----------
    R. Wen et al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017. J. Lei et al., "Distribution-Free
    Predictive Inference for Regression", 2018.

    Examples
    --------
    >>> from fastgru import GRUForecaster
    >>> from fastgru.datasets import load_co2
    >>> co2 = load_co2().values
    >>> model = GRUForecaster(horizon=12, season=12, max_iter=20, random_state=0).fit(co2[:-12])
    >>> float(abs(model.predict() - co2[-12:]).mean()) < 1.0  # ppm
    True
    >>> model.predict_quantiles([0.1, 0.9]).shape
    (12, 2)

    A year later:

    >>> model.update(co2[-12:]).predict().shape
    (12,)
    """

    def __init__(
        self,
        horizon: int = 12,
        *,
        season: int | str | None = "auto",
        differencing: str = "auto",
        window: int | str = "auto",
        scaling: str = "series",
        calendar: str | Sequence[str] | None = "auto",
        past_columns: Sequence[Hashable] | None = None,
        strategy: str = "direct",
        n_paths: int = 200,
        missing: str = "error",
        calibrate: bool = True,
        validation_fraction: float = 0.2,
        hidden_size: int = 32,
        num_layers: int = 1,
        dropout: float = 0.0,
        learning_rate_init: float = 5e-3,
        batch_size: int = 32,
        max_iter: int = 100,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.differencing = differencing
        self.window = window
        self.scaling = scaling
        self.calendar = calendar
        self.past_columns = past_columns
        self.strategy = strategy
        self.n_paths = n_paths
        self.missing = missing
        self.calibrate = calibrate
        self.validation_fraction = validation_fraction
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, y: Any, X: Any = None, *, static: Any = None) -> _Self:
        """Learn from one series or several.

        Parameters
        ----------
        y : array-like or Series (n_timesteps,); frame (n_timesteps, n_series); list of series; long frame
            The series, oldest value first, in even steps. One model learns from all of them. A list may hold
            series of unlike length. A long frame has an index (series, time), or the columns `unique_id`,
            `ds` and `y`. An index of dates (with a time zone or not), periods, time differences or integers
            is kept in forecasts, as are names. The index of a polars frame is its column of dates or
            durations, if there is one.
        X : array-like of shape (n_timesteps, n_columns), frame, or as many as y has series, default=None
            Covariates of the same steps; rows after the end of y may be there. One table serves all series.
        static : array-like of shape (n_series, n_numbers), or frame, default=None
            Numbers that belong to each series: a frame has the series as index or in a column `unique_id`.

        Returns
        -------
        self : GRUForecaster
            The fitted forecaster.

        Raises
        ------
        TypeError, ValueError
            Bad parameters or data: the message names the series and the row.
        KeyboardInterrupt
            Ctrl-C. The forecaster stays as it was.
        """
        self._fit(y, X, static)
        return self

    def predict(self, horizon: int | None = None, X: Any = None) -> Any:
        """Forecast the median of the next steps.

        Parameters
        ----------
        horizon : int, default=None
            Steps; None: those of the constructor, which ``strategy="direct"`` cannot exceed.
        X : array-like or frame, default=None
            The covariates known in advance, of the next steps: with ``strategy="direct"`` of the
            constructor's `horizon`, with "recursive" of `horizon`. Columns in `past_columns` may be left out.
            A frame's columns are found by their labels and its rows by their dates; it may have more rows.

        Returns
        -------
        y : as y of ``fit``
            The forecasts: an array (horizon,), a Series with the next dates, a frame, a list or a long frame.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            `horizon` is too large, or X does not fit.
        """
        return self._predict(horizon, X)

    def predict_quantiles(
        self, levels: float | Sequence[float] = (0.1, 0.5, 0.9), horizon: int | None = None, X: Any = None
    ) -> Any:
        """Forecast quantiles of the next steps.

        Parameters
        ----------
        levels : float or sequence of float in (0, 1), default=(0.1, 0.5, 0.9)
            The quantiles.
        horizon : int, default=None
            As in :meth:`predict`.
        X : array-like or frame, default=None
            As in :meth:`predict`.

        Returns
        -------
        quantiles : ndarray of shape (horizon, n_levels) or frame
            For y with an index a frame in sktime's form, with columns (name, level). For an array of several
            series (horizon, n_series, n_levels). For polars a frame with columns "0.1" (of a table of series:
            "name-0.1"). They do not cross.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`; or a level is no quantile.
        """
        return self._predict_quantiles(levels, horizon, X)

    def predict_interval(
        self, coverage: float | Sequence[float] = 0.9, horizon: int | None = None, X: Any = None
    ) -> Any:
        """Forecast central intervals of the next steps.

        Parameters
        ----------
        coverage : float or sequence of float in (0, 1), default=0.9
            The share of values that an interval is to hold.
        horizon : int, default=None
            As in :meth:`predict`.
        X : array-like or frame, default=None
            As in :meth:`predict`.

        Returns
        -------
        intervals : ndarray of shape (horizon, 2 * n_coverages) or frame
            Lower and upper bound of each coverage; for y with an index a frame in sktime's form, with columns
            (name, coverage, "lower" or "upper"). For polars as in :meth:`predict_quantiles`.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`; or a coverage lies outside (0, 1).
        """
        return self._predict_interval(coverage, horizon, X)

    def sample_paths(self, n_paths: int | None = None, horizon: int | None = None, X: Any = None) -> Any:
        """Draw whole paths of the next steps; with ``strategy="recursive"``.

        Parameters
        ----------
        n_paths : int, default=None
            How many; None: the constructor's.
        horizon : int, default=None
            Steps of a path, any number.
        X : array-like or frame, default=None
            As in :meth:`predict`.

        Returns
        -------
        paths : ndarray of shape (n_paths, horizon), or (n_series, n_paths, horizon) of several series
            Values in the unit of y. The same `random_state` gives the same paths.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`; or ``strategy="direct"``.
        """
        return self._sample_paths(n_paths, horizon, X)

    def update(self: _Self, y: Any, X: Any = None, *, refit: bool = False) -> _Self:
        """Take the values that came after, without learning from them: forecasts go on from there.

        The network reads the new steps alone. The forecast is that of the same network for the whole series.

        Parameters
        ----------
        y : as in :meth:`fit`
            The next steps of the series of ``fit``, without a gap; a scalar or an array (n_steps,) will do
            for one series. Several series may bring unlike numbers of steps, by a list or a long frame.
        X : array-like or frame, default=None
            The covariates of these steps, all columns of ``fit``, found as in :meth:`predict`; rows after
            them are kept.
        refit : bool, default=False
            Train some more on the lengthened series, from the weights there are: a fifth of the epochs of
            ``fit``, at least one.

        Returns
        -------
        self : GRUForecaster
            The forecaster, some steps on.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            The steps do not follow, or as in :meth:`fit`. The forecaster stays as it was.
        """
        self._update(y, X, refit=refit)
        return self
