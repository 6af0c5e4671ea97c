"""`GRUForecaster` as a forecaster of sktime."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastgru.adapters._sktime_steps import answers_at, last_times, later_rows, steps_ahead
from fastgru.forecasting.forecaster import GRUForecaster

try:
    from sktime.forecasting.base import BaseForecaster
except ImportError as error:
    raise ImportError(
        f"SktimeGRUForecaster needs the package sktime, which cannot be imported ({error}): "
        "pip install sktime"
    ) from error

__all__ = ["SktimeGRUForecaster"]


class SktimeGRUForecaster(BaseForecaster):  # type: ignore[misc]  # sktime has no types
    """`fastgru.GRUForecaster` behind sktime's interface.

    One network learns from all series of a panel; the variables of a multivariate series, and the panels of a
    hierarchy, get one each, as sktime arranges it. The forecaster learns to look as far ahead as the largest
    step of `fh`, which therefore goes to ``fit``; steps within the sample are not forecast. The ``update`` of
    sktime trains some more (``update_params=True``, its default) or only reads the new values (False).

    Parameters
    ----------
    season, differencing, window, scaling, calendar, past_columns, strategy, n_paths
        As in `fastgru.GRUForecaster`.
    missing : {"error", "mask"}, default="error"
        "mask" takes series with missing values; the tag "capability:missing_values" says so.
    calibrate, validation_fraction, hidden_size, num_layers, dropout, learning_rate_init, batch_size, max_iter
        As in `fastgru.GRUForecaster`.
    random_state, verbose, n_jobs
        As in `fastgru.GRUForecaster`.

    Attributes
    ----------
    forecaster_ : GRUForecaster
        The fitted forecaster.

    See Also
    --------
    fastgru.GRUForecaster : The forecaster itself.

    Examples
    --------
    >>> from fastgru.adapters import SktimeGRUForecaster
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> model = SktimeGRUForecaster(season=12, max_iter=10, random_state=0).fit(y, fh=[1, 2, 12])
    >>> model.predict().index[-1]
    Period('1961-12', 'M')
    >>> model.predict_interval(coverage=0.8).shape
    (3, 2)
    """

    _tags = {  # noqa: RUF012  # as all of sktime's classes have it
        "authors": ["fastgru"],
        "maintainers": ["fastgru"],
        "capability:multivariate": False,  # sktime gives each variable a forecaster
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": False,
        "capability:update": True,
        "capability:random_state": True,
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": True,
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
    }

    def __init__(
        self,
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
        super().__init__()
        if missing == "mask":
            self.set_tags(**{"capability:missing_values": True})

    def _fit(self, y: Any, X: Any, fh: Any) -> SktimeGRUForecaster:
        steps = steps_ahead(fh, last_times(y))
        forecaster = GRUForecaster(horizon=max(int(each.max()) for each in steps), **self.get_params())
        self.forecaster_ = forecaster.fit(y, X)
        self._last = last_times(y)
        return self

    def _predict(self, fh: Any, X: Any) -> Any:
        steps = steps_ahead(fh, self._last)
        found = self.forecaster_.predict(self._horizon(steps), self._covariates(X))
        return answers_at(found, steps, self._last, fh)

    def _predict_quantiles(self, fh: Any, X: Any, alpha: Sequence[float]) -> Any:
        steps = steps_ahead(fh, self._last)
        found = self.forecaster_.predict_quantiles(alpha, self._horizon(steps), self._covariates(X))
        found.columns = self._get_columns(method="predict_quantiles", alpha=alpha)
        return answers_at(found, steps, self._last, fh)

    def _update(self, y: Any, X: Any = None, update_params: bool = True) -> SktimeGRUForecaster:
        y, X = later_rows(y, X, self._last)
        if len(y):
            self.forecaster_.update(y, X, refit=update_params)
            self._last = {**self._last, **last_times(y)}
        return self

    def _horizon(self, steps: Sequence[Any]) -> int:
        return max(int(each.max()) for each in steps)

    def _covariates(self, X: Any) -> Any:
        """Return what ``predict`` of `GRUForecaster` takes: nothing where it learnt from no X."""
        return X if self.forecaster_._data.waiting(self.forecaster_._form) else None

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters for sktime's tests: networks that are trained in no time.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is one set of them alone.

        Returns
        -------
        params : list of dict
            Arguments of the constructor.
        """
        del parameter_set
        tiny = {"hidden_size": 2, "max_iter": 1, "differencing": "first", "window": 4, "random_state": 0}
        return [
            {**tiny, "season": None},
            {
                **tiny,
                "season": None,
                "strategy": "recursive",
                "n_paths": 8,
                "missing": "mask",
                "calendar": None,
            },
        ]
